/**
 * The children of a scope that differs little from an older one: the older map, and what is different.
 *
 * The one rule: it reads like the whole map, the order included (what stays, in its place, then what is new), and making it costs what
 * changed, not what there is: with 20,000 scopes a copy blocks a loop for 10 to 20 ms at every `config set`.
 * Bound: when more than a part in COPY_AT of the older map is different, a whole map is made again.
 */
import type { ScopeNode } from './scope-node.ts';

type Children = ReadonlyMap<string, ScopeNode>;

/** Below this many children a copy is as cheap. */
const SMALL = 64;
const COPY_AT = 8;

/** What is different from the base: a key that was taken out and put in again is in both of the last two. */
interface Difference {
  readonly replaced: Map<string, ScopeNode>;
  readonly removed: Set<string>;
  readonly added: Map<string, ScopeNode>;
}

export class ChildMap implements Children {
  readonly base: Children;
  readonly difference: Difference;

  constructor(base: Children, difference: Difference) {
    this.base = base;
    this.difference = difference;
  }

  get size(): number {
    return this.base.size - this.difference.removed.size + this.difference.added.size;
  }

  get(key: string): ScopeNode | undefined {
    const { replaced, removed, added } = this.difference;
    return replaced.get(key) ?? (removed.has(key) ? added.get(key) : (this.base.get(key) ?? added.get(key)));
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  *entries(): MapIterator<[string, ScopeNode]> {
    const { replaced, removed, added } = this.difference;
    for (const [key, node] of this.base) if (!removed.has(key)) yield [key, replaced.get(key) ?? node];
    yield* added;
  }

  *keys(): MapIterator<string> {
    const { removed, added } = this.difference;
    for (const key of this.base.keys()) if (!removed.has(key)) yield key;
    yield* added.keys();
  }

  *values(): MapIterator<ScopeNode> {
    for (const [, node] of this.entries()) yield node;
  }

  [Symbol.iterator](): MapIterator<[string, ScopeNode]> {
    return this.entries();
  }

  forEach(look: (value: ScopeNode, key: string, map: Children) => void): void {
    for (const [key, node] of this.entries()) look(node, key, this);
  }
}

/** `children` with some set (in their place, or behind all others) and some taken out; `children` itself stays as it is. */
export function withChildren(children: Children, set: ReadonlyMap<string, ScopeNode>, gone: ReadonlySet<string>): Children {
  if (children.size < SMALL) return copied(children, set, gone);
  const [base, old] = children instanceof ChildMap ? [children.base, children.difference] : [children, undefined];
  const difference: Difference = {
    replaced: new Map(old?.replaced),
    removed: new Set(old?.removed),
    added: new Map(old?.added),
  };
  for (const key of gone) takeOut(base, difference, key);
  for (const [key, node] of set) {
    const isInPlace = base.has(key) && !difference.removed.has(key);
    (isInPlace ? difference.replaced : difference.added).set(key, node);
  }
  const { replaced, removed, added } = difference;
  const made = new ChildMap(base, difference);
  return (replaced.size + removed.size + added.size) * COPY_AT > base.size ? new Map(made) : made;
}

function takeOut(base: Children, { replaced, removed, added }: Difference, key: string): void {
  replaced.delete(key);
  added.delete(key);
  if (base.has(key)) removed.add(key);
}

function copied(children: Children, set: ReadonlyMap<string, ScopeNode>, gone: ReadonlySet<string>): Children {
  const made = new Map(children);
  for (const key of gone) made.delete(key);
  for (const [key, node] of set) made.set(key, node);
  return made;
}

/**
 * The children of a scope by the name of their scope: asked dozens of times for every change of a configuration.
 *
 * The one rule: an answer costs what it holds, not what the scope holds: a map of children is sorted by names once, when it is first asked, and what
 * differs little from it (child-map.ts) is answered from it. The same children give the same array, so that holders may compare it by identity.
 * Frozen maps only: they are remembered for as long as they are.
 */
import { ChildMap } from './child-map.ts';
import type { ScopeNode } from './scope-node.ts';

type Children = ReadonlyMap<string, ScopeNode>;

interface Named {
  readonly keys: string[];
  readonly nodes: ScopeNode[];
}

const NONE: readonly ScopeNode[] = Object.freeze([]);
const known = new WeakMap<Children, Map<string, Named>>();

/** In the order of the text. `scope` is folded; `scope` + `PATTERNS` are those of that name whose instance begins with a slash. */
export function namedChildren(children: Children, scope: string): readonly ScopeNode[] {
  if (children.size === 0) return NONE;
  return (children instanceof ChildMap ? namedInChanged(children, scope) : sorted(children).get(scope))?.nodes ?? NONE;
}

export const PATTERNS = '\0/';

function sorted(children: Children): Map<string, Named> {
  let names = known.get(children);
  if (names !== undefined) return names;
  names = new Map();
  for (const [key, node] of children) for (const name of namesOf(key)) put(names, name, key, node);
  known.set(children, names);
  return names;
}

function put(names: Map<string, Named>, name: string, key: string, node: ScopeNode): void {
  const named = names.get(name);
  if (named === undefined) names.set(name, { keys: [key], nodes: [node] });
  else {
    named.keys.push(key);
    named.nodes.push(node);
  }
}

/** `domain\0a.test` is a `domain`, `domain\0/x/` also one of its patterns. */
function namesOf(key: string): string[] {
  const end = key.indexOf('\0');
  if (end < 0) return [key];
  const scope = key.slice(0, end);
  return key.startsWith('/', end + 1) ? [scope, scope + PATTERNS] : [scope];
}

function namedInChanged(children: ChildMap, scope: string): Named | undefined {
  const base = sorted(children.base).get(scope);
  const { replaced, removed, added } = children.difference;
  const concerns = (key: string): boolean => namesOf(key).includes(scope);
  if (![replaced, removed, added].some((keys) => [...keys.keys()].some(concerns))) return base;
  let own = known.get(children);
  if (own === undefined) known.set(children, (own = new Map()));
  const made = own.get(scope);
  if (made !== undefined) return made;
  const named: Named = { keys: [], nodes: [] };
  base?.keys.forEach((key, index) => {
    const node = removed.has(key) ? undefined : (replaced.get(key) ?? base.nodes[index]);
    if (node !== undefined) named.nodes.push(node);
  });
  for (const [key, node] of added) if (concerns(key)) named.nodes.push(node);
  own.set(scope, named);
  return named;
}

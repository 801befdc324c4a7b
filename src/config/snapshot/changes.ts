/**
 * What is different between two snapshots, as plain data that travels between threads, and a snapshot made from it.
 *
 * The one rule: applying the changes between a and b to a gives a tree equal to b, the order of children included, and shares with a
 * every node that did not change. What travels are paths and own options, never the whole tree, unless the receiver has nothing yet.
 * Places alone are no change: the lines that a loop knows may be older than the file; who explains to people asks the main thread.
 * Truth: ARCHITECTURE.md, "What may never break" 3.
 */
import { emptyRoot, scopeNode, type Origin, type OwnOption, type ScopeNode, type Snapshot } from './scope-node.ts';
import type { OptionValue } from '../values.ts';
import { withChildren } from './child-map.ts';

/** Keys from the top, as in `ScopeNode.children`. */
type KeyPath = readonly string[];

export type ScopeChange =
  | {
      readonly kind: 'set';
      readonly path: KeyPath;
      readonly scope: string;
      readonly instance: string | undefined;
      /** All own options, packed; undefined when only the order of the children is new. */
      readonly options: readonly PackedItem[] | undefined;
      /** File (an index into `words`), line, column. */
      readonly at: readonly [number, number, number];
      /** The keys of all children in order; only where removing and appending would not give that order. */
      readonly order: readonly string[] | undefined;
    }
  /** The scope and everything in it is gone. */
  | { readonly kind: 'removed'; readonly path: KeyPath };

export interface SnapshotChanges {
  /** The version these changes are made for, and the one they lead to. */
  readonly from: number;
  readonly to: number;
  /** Names, keys and files, once each. */
  readonly words: readonly string[];
  readonly changes: readonly ScopeChange[];
}

/** Six for each option: name, key and file (indexes into `words`), line, column, value. Copying objects would take ten times as long. */
type PackedItem = OptionValue;

/** Plain data for `postMessage`. Parents come before their children. */
export function changesBetween(before: Snapshot | undefined, after: Snapshot): SnapshotChanges {
  const packer = new Packer();
  compare(before?.root ?? emptyRoot, after.root, [], packer);
  return { from: before?.version ?? 0, to: after.version, words: packer.words, changes: packer.changes };
}

/** The snapshot after the changes. `undefined` is the snapshot of a thread that has none yet. Throws when the changes are for another version. */
export function applyChanges(before: Snapshot | undefined, changes: SnapshotChanges): Snapshot {
  const version = before?.version ?? 0;
  if (version !== changes.from) throw new RangeError(`changes from snapshot ${changes.from} do not fit snapshot ${version}`);
  const draft = new DraftNode(before?.root ?? emptyRoot);
  for (const change of changes.changes) applyOne(draft, change, changes.words);
  return Object.freeze({ version: changes.to, root: draft.finish() });
}

/** `after` with every part of `before` that is equal, places included, put in its place: what did not change is held once. */
export function sharing(before: ScopeNode, after: ScopeNode): ScopeNode {
  if (before === after) return before;
  const isOwnSame = isSamePlace(before.at, after.at) && before.scope === after.scope && areWrittenAlike(before, after);
  // Nearly all of many thousand scopes hold no others and are the same: nothing is made for them.
  if (after.children.size === 0 && before.children.size === 0) return isOwnSame ? before : after;
  let isSame = isOwnSame && before.children.size === after.children.size && haveSameOrder(before, after);
  const children = new Map<string, ScopeNode>();
  for (const [key, child] of after.children) {
    const old = before.children.get(key);
    const shared = old === undefined ? child : sharing(old, child);
    if (shared !== old) isSame = false;
    children.set(key, shared);
  }
  return isSame ? before : scopeNode({ ...after, options: isOwnSame ? before.options : after.options, children });
}

function compare(before: ScopeNode, after: ScopeNode, path: KeyPath, packer: Packer): void {
  if (before === after) return;
  const isOwnNew = !haveEqualOwn(before, after);
  const order = orderAfter(before, after);
  if (isOwnNew || order !== undefined) packer.set(after, path, isOwnNew, order);
  for (const key of before.children.keys()) if (!after.children.has(key)) packer.changes.push({ kind: 'removed', path: [...path, key] });
  for (const [key, child] of after.children) {
    const old = before.children.get(key);
    // Nearly all of many thousand scopes are the same object: nothing is made for them.
    if (old === child) continue;
    if (old !== undefined) compare(old, child, [...path, key], packer);
    else addAll(child, [...path, key], packer);
  }
}

function addAll(node: ScopeNode, path: KeyPath, packer: Packer): void {
  packer.set(node, path, true, undefined);
  for (const [key, child] of node.children) addAll(child, [...path, key], packer);
}

class Packer {
  readonly changes: ScopeChange[] = [];
  readonly words: string[] = [];
  readonly #indexes = new Map<string, number>();

  set(node: ScopeNode, path: KeyPath, withOptions: boolean, order: readonly string[] | undefined): void {
    const options = withOptions ? this.#pack(node) : undefined;
    const at = [this.#word(node.at.file), node.at.line, node.at.column] as const;
    this.changes.push({ kind: 'set', path, scope: node.scope, instance: node.instance, options, at, order });
  }

  #pack(node: ScopeNode): PackedItem[] {
    const packed: PackedItem[] = [];
    for (const { name, key, value, at } of node.options.values()) {
      packed.push(this.#word(name), this.#word(key), this.#word(at.file), at.line, at.column, value);
    }
    return packed;
  }

  #word(text: string): number {
    const known = this.#indexes.get(text);
    if (known !== undefined) return known;
    this.#indexes.set(text, this.words.length);
    return this.words.push(text) - 1;
  }
}

function unpack(packed: readonly PackedItem[], words: readonly string[]): Map<string, OwnOption> {
  const options = new Map<string, OwnOption>();
  for (let index = 0; index + 5 < packed.length; index += 6) {
    const [name, key, file, line, column] = packed.slice(index, index + 5).map(Number) as [number, number, number, number, number];
    const value = packed[index + 5];
    if (value === undefined) continue;
    const at = { file: words[file] ?? '', line, column };
    const option = { name: words[name] ?? '', key: words[key] ?? '', value, written: undefined, at };
    options.set(option.name.toLowerCase(), option);
  }
  return options;
}

/** The order of the children when it is not "those that stay, then the new ones". */
function orderAfter(before: ScopeNode, after: ScopeNode): readonly string[] | undefined {
  const wanted = after.children.keys();
  for (const key of before.children.keys()) if (after.children.has(key) && wanted.next().value !== key) return [...after.children.keys()];
  return undefined;
}

function haveSameOrder(before: ScopeNode, after: ScopeNode): boolean {
  const keys = before.children.keys();
  for (const key of after.children.keys()) if (keys.next().value !== key) return false;
  return true;
}

function isSamePlace(a: Origin, b: Origin): boolean {
  return a.line === b.line && a.column === b.column && a.file === b.file;
}

/** Own options the same, in the same order, as they were written and where. */
function areWrittenAlike(before: ScopeNode, after: ScopeNode): boolean {
  if (before.instance !== after.instance || before.options.size !== after.options.size) return false;
  const old = before.options.values();
  for (const option of after.options.values()) {
    const other = old.next().value;
    if (other === undefined || other.name !== option.name || other.key !== option.key || !isSamePlace(other.at, option.at)) return false;
    if (!isDeepEqual(other.value, option.value) || !areSameWords(other.written, option.written)) return false;
  }
  return true;
}

function areSameWords(a: OwnOption['written'], b: OwnOption['written']): boolean {
  return a?.kind === 'word' && b?.kind === 'word' ? a.text === b.text && a.quoted === b.quoted : isDeepEqual(a, b);
}

/** Places do not count: a line added on top of a file moves all scopes and changes none. */
function haveEqualOwn(a: ScopeNode, b: ScopeNode): boolean {
  return a.scope === b.scope && a.instance === b.instance && haveEqualOptions(a.options, b.options);
}

function haveEqualOptions(a: ScopeNode['options'], b: ScopeNode['options']): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [name, option] of a) {
    const other = b.get(name);
    if (other === undefined || other.key !== option.key) return false;
    if (!isDeepEqual(option.value, other.value)) return false;
  }
  return true;
}

/** Equality of plain data: numbers, texts, lists, maps and objects of these. Maps are compared with their order. */
export function isDeepEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Map) return b instanceof Map && a.size === b.size && isDeepEqual([...a], [...b]);
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => isDeepEqual(item, b[index]));
  if (b instanceof Map || Array.isArray(b)) return false;
  const left = Object.entries(a);
  const right = b as Readonly<Record<string, unknown>>;
  return left.length === Object.keys(b).length && left.every(([key, value]) => key in right && isDeepEqual(value, right[key]));
}

/** A node that is being changed; children are opened only where a change goes through them. */
class DraftNode {
  readonly base: ScopeNode;
  options: ReadonlyMap<string, OwnOption>;
  /** What was opened: in its place if the base has it, else behind all others. */
  readonly #opened = new Map<string, DraftNode>();
  readonly #gone = new Set<string>();
  order: readonly string[] | undefined;
  header: Pick<ScopeNode, 'scope' | 'instance' | 'at'>;

  constructor(base: ScopeNode) {
    this.base = base;
    this.options = base.options;
    this.header = base;
  }

  open(key: string, header: Pick<ScopeNode, 'scope' | 'instance' | 'at'>): DraftNode {
    const known = this.#opened.get(key);
    if (known !== undefined) return known;
    const old = this.#gone.has(key) ? undefined : this.base.children.get(key);
    const draft = new DraftNode(old ?? scopeNode({ ...header, options: new Map(), children: new Map() }));
    this.#opened.set(key, draft);
    return draft;
  }

  remove(key: string): void {
    this.#opened.delete(key);
    this.#gone.add(key);
  }

  finish(): ScopeNode {
    const opened = new Map([...this.#opened].map(([key, draft]) => [key, draft.finish()]));
    const unordered = opened.size + this.#gone.size === 0 ? this.base.children : withChildren(this.base.children, opened, this.#gone);
    const children = this.order === undefined ? unordered : inOrder(unordered, this.order);
    return scopeNode({ scope: this.header.scope, instance: this.header.instance, at: this.header.at, options: this.options, children });
  }
}

function inOrder(children: ReadonlyMap<string, ScopeNode>, order: readonly string[]): Map<string, ScopeNode> {
  const ordered = new Map<string, ScopeNode>();
  for (const key of order) {
    const child = children.get(key);
    if (child !== undefined) ordered.set(key, child);
  }
  return ordered;
}

function applyOne(root: DraftNode, change: ScopeChange, words: readonly string[]): void {
  const last = change.path.at(-1);
  let node = root;
  for (const key of change.path.slice(0, -1)) node = node.open(key, emptyRoot);
  if (change.kind === 'removed') {
    if (last !== undefined) node.remove(last);
    return;
  }
  const [file, line, column] = change.at;
  const at: Origin = { file: words[file] ?? '', line, column };
  const header = { scope: change.scope, instance: change.instance, at };
  const target = last === undefined ? node : node.open(last, header);
  target.header = header;
  if (change.options !== undefined) target.options = unpack(change.options, words);
  if (change.order !== undefined) target.order = change.order;
}

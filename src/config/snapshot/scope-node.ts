/**
 * The checked configuration as a persistent tree: nodes are frozen and shared between one snapshot and the next.
 *
 * The one rule: a node never changes. Whoever holds one may compare it by identity: the same object means the same own options and
 * the same everything below.
 * A node holds own options only; effective values are the resolver's work. Truth: ARCHITECTURE.md, "What may never break" 2 and 3.
 */
import type { Place } from '#syntax';
import type { OptionValue, Written } from '../values.ts';
import { namedChildren, PATTERNS } from './child-index.ts';

/** File, line and column: all that a running server says about where a value comes from. */
export interface Origin {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface OwnOption {
  /** Canonical spelling. */
  readonly name: string;
  /** The property of resolved records. */
  readonly key: string;
  readonly value: OptionValue;
  /** For listings. Undefined in snapshots that came from another thread: only main prints. */
  readonly written: Written | undefined;
  readonly at: Origin;
}

export interface ScopeNode {
  /** Canonical spelling; 'Global' at the top. */
  readonly scope: string;
  /** As first written; undefined for an anonymous scope. */
  readonly instance: string | undefined;
  /** By folded name. */
  readonly options: ReadonlyMap<string, OwnOption>;
  /** By `scopeKey`, in the order of the text: regex domains are tried in that order. */
  readonly children: ReadonlyMap<string, ScopeNode>;
  /** Where it was opened first. */
  readonly at: Origin;
}

export interface Snapshot {
  /** Grows by one with each configuration that was put into force. */
  readonly version: number;
  readonly root: ScopeNode;
}

const nowhere: Origin = Object.freeze({ file: '', line: 0, column: 0 });

/** The configuration that an empty file gives. */
export const emptyRoot: ScopeNode = scopeNode({
  scope: 'Global',
  instance: undefined,
  options: new Map(),
  children: new Map(),
  at: nowhere,
});

export function scopeNode(node: ScopeNode): ScopeNode {
  return Object.freeze(node);
}

export function originOf(place: Place): Origin {
  return { file: place.file, line: place.line, column: place.column };
}

/** The children that are scopes of this name ('Listen', 'Domain', ...), in the order of the text; the same array while they are the same. */
export function childrenNamed(node: ScopeNode, scope: string): readonly ScopeNode[] {
  return namedChildren(node.children, scope.toLowerCase());
}

/** Those of them whose instance is a pattern: it begins with a slash. */
export function patternChildren(node: ScopeNode, scope: 'domain' | 'host'): readonly ScopeNode[] {
  return namedChildren(node.children, scope + PATTERNS);
}

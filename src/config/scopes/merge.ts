/**
 * Puts the statements of a tree of files together: one `MergedScope` for each scope instance, whatever files it was written in.
 *
 * The one rule: reading order decides. A later statement replaces an earlier one of the same name as a whole; each scope remembers, in
 * that order, every place where it was opened and every file that was included inside it (CFG-10, CFG-30, CFG-45).
 * It gives no meaning: unknown names are merged like any others, the checker speaks about them.
 */
import type { OptionStatement, Place, Statement, Value } from '#syntax';
import type { FileTree, LoadedFile } from '../files/load.ts';
import { scopeKey, type ScopePath } from './scope-path.ts';

export interface MergedOption {
  /** As written. */
  readonly name: string;
  readonly value: Value;
  readonly at: Place;
  readonly file: LoadedFile;
}

interface Occurrence {
  readonly file: LoadedFile;
  readonly at: Place;
}

export interface MergedScope {
  /** As first written. */
  readonly name: string;
  readonly instance: string | undefined;
  readonly parent: MergedScope | undefined;
  /** By folded name, in the order of the last writing. */
  readonly options: Map<string, MergedOption>;
  /** By `scopeKey`, in the order of first appearance. */
  children: ReadonlyMap<string, MergedScope>;
  /** Where it was opened, and what was included into it. */
  readonly occurrences: Occurrence[];
}

export interface MergeState {
  readonly root: MergedScope;
  /** Every opening of a scope at the top in reading order: the order of stanzas matters once (CFG-15). */
  readonly openings: { readonly name: string; readonly at: Place }[];
}

/** Merges the main file with its includes; more trees (the Local_Changes_File) can be merged on top. */
export function mergeTree(tree: FileTree, onto?: MergeState): MergeState {
  const state = onto ?? { root: newScope('Global', undefined, undefined), openings: [] };
  const start: Place = { file: tree.main.path, line: 1, column: 1, offset: 0, end: 0 };
  state.root.occurrences.push({ file: tree.main, at: start });
  mergeStatements(tree.main.conf.statements, { tree, file: tree.main, scope: state.root, state });
  return state;
}

/** The scope at a path, if the files have it. */
export function findMerged(root: MergedScope, path: ScopePath): MergedScope | undefined {
  let scope: MergedScope | undefined = root;
  for (const step of path) scope = scope?.children.get(scopeKey(step.scope, step.instance));
  return scope;
}

interface Position {
  readonly tree: FileTree;
  readonly file: LoadedFile;
  readonly scope: MergedScope;
  readonly state: MergeState;
}

function mergeStatements(statements: readonly Statement[], position: Position): void {
  const { scope, file, tree, state } = position;
  for (const statement of statements) {
    if (statement.kind === 'option') mergeOption(statement, position);
    else if (statement.kind === 'scope') {
      if (scope === state.root) state.openings.push({ name: statement.name, at: statement.at });
      const child = childOf(scope, statement.name, statement.instance);
      child.occurrences.push({ file, at: statement.at });
      mergeStatements(statement.statements, { ...position, scope: child });
    } else {
      for (const included of tree.targets.get(statement) ?? []) {
        scope.occurrences.push({ file: included, at: statement.at });
        mergeStatements(included.conf.statements, { ...position, file: included });
      }
    }
  }
}

/** `Debug_Flags = [ ... ]` is the scope of that name in another dress: both are seen in examples. */
const dictionaryScopes = new Set(['debug_flags']);

function mergeOption(statement: OptionStatement, { scope, file }: Position): void {
  const folded = statement.name.toLowerCase();
  if (statement.value.kind === 'dictionary' && dictionaryScopes.has(folded)) {
    const child = childOf(scope, statement.name, undefined);
    child.occurrences.push({ file, at: statement.at });
    for (const entry of statement.value.entries) setOption(child, { name: entry.key, value: entry.value, at: entry.at, file });
    return;
  }
  setOption(scope, { name: statement.name, value: statement.value, at: statement.at, file });
}

function setOption(scope: MergedScope, option: MergedOption): void {
  const folded = option.name.toLowerCase();
  // Taken out first, so that the order of the map is the order of the last writing.
  if (scope.options.size > 0) scope.options.delete(folded);
  scope.options.set(folded, option);
}

function childOf(scope: MergedScope, name: string, instance: string | undefined): MergedScope {
  const key = scopeKey(name, instance);
  const known = scope.children.get(key);
  if (known !== undefined) return known;
  const child = newScope(name, instance, scope);
  // Most scopes hold no others: those share one map.
  const children = scope.children === noChildren ? new Map<string, MergedScope>() : (scope.children as Map<string, MergedScope>);
  scope.children = children.set(key, child);
  return child;
}

const noChildren: MergedScope['children'] = new Map();

function newScope(name: string, instance: string | undefined, parent: MergedScope | undefined): MergedScope {
  return { name, instance, parent, options: new Map(), children: noChildren, occurrences: [] };
}

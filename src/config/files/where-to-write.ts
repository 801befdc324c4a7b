/**
 * Which file receives a change that was made on the running server.
 *
 * The one rule: in place if the value was last set in a writable file; else the lexically first writable file in which the same scope
 * instance occurs; else the Local_Changes_File; else the main file if writable; else a file that lives in memory only.
 * "Lexically first" is the reading order of the whole tree, going down into includes where the directive stands (CFG-45).
 * It chooses; it writes nothing. Truth: the page ecelerity.conf, CFG-40 to CFG-45, semantics section 29.5.
 */
import { findMerged, type MergedScope } from '../scopes/merge.ts';
import type { ScopePath } from '../scopes/scope-path.ts';
import type { LoadedFile } from './load.ts';
import type { LocalChanges } from './local-changes.ts';

export interface WriteTargets {
  readonly root: MergedScope;
  readonly main: LoadedFile;
  readonly localChanges: LocalChanges;
}

export type WriteTarget =
  /** The statement that set the value is replaced where it stands. */
  | { readonly kind: 'in-place'; readonly file: LoadedFile }
  /** Added to the scope instance in this file. */
  | { readonly kind: 'scope'; readonly file: LoadedFile }
  /** `file` is undefined when it does not exist yet. */
  | { readonly kind: 'local-changes'; readonly path: string; readonly file: LoadedFile | undefined }
  | { readonly kind: 'main'; readonly file: LoadedFile }
  /** CFG-42: held in memory; writeback warns and prints it. */
  | { readonly kind: 'virtual' };

/** @param change the scope instance and the option, without regard to case, that is set or unset there. */
export function whereToWrite(targets: WriteTargets, change: { readonly path: ScopePath; readonly option: string }): WriteTarget {
  const { localChanges, main } = targets;
  if (localChanges.isOnly && localChanges.path !== undefined) return localTarget(localChanges, localChanges.path);
  const scope = findMerged(targets.root, change.path);
  const last = scope?.options.get(change.option.toLowerCase())?.file;
  if (last !== undefined && last.readOnly === undefined) {
    return last === localChanges.file && localChanges.path !== undefined
      ? localTarget(localChanges, localChanges.path)
      : { kind: 'in-place', file: last };
  }
  const first = scope?.occurrences.find((occurrence) => occurrence.file.readOnly === undefined)?.file;
  if (first !== undefined) {
    return first === localChanges.file && localChanges.path !== undefined
      ? localTarget(localChanges, localChanges.path)
      : { kind: 'scope', file: first };
  }
  if (localChanges.path !== undefined) return localTarget(localChanges, localChanges.path);
  return main.readOnly === undefined ? { kind: 'main', file: main } : { kind: 'virtual' };
}

function localTarget(localChanges: LocalChanges, path: string): WriteTarget {
  return { kind: 'local-changes', path, file: localChanges.file };
}

/**
 * The Local_Changes_File: found by its option, checked, and read after everything else.
 *
 * The one rule: its values override all other files wherever the option stands, so it may be neither the main file nor anything that is
 * included, and it must be writable. A file that does not exist yet is fine: writeback makes it.
 * Without the option there is none: the path in the manual's table of defaults is a suggestion, or CFG-41 and CFG-42 could never apply.
 * Truth: the page ecelerity.conf, CFG-40 to CFG-43.
 */
import { dirname, isAbsolute, join } from 'node:path';
import type { ConfigProblem } from '../errors.ts';
import { findMerged, mergeTree, type MergeState, type MergedOption } from '../scopes/merge.ts';
import { parseBoolean } from '../value-types.ts';
import { isFault, type FileSource } from './file-source.ts';
import { loadFiles, type FileTree, type LoadedFile } from './load.ts';

export interface LocalChanges {
  /** Undefined when the option is not set. */
  readonly path: string | undefined;
  /** Undefined when there is no such file yet. */
  readonly file: LoadedFile | undefined;
  /** CFG-43: every change goes there. */
  readonly isOnly: boolean;
  /** The files it was made of, in reading order. */
  readonly files: readonly LoadedFile[];
  readonly problems: readonly ConfigProblem[];
}

const none: LocalChanges = { path: undefined, file: undefined, isOnly: false, files: [], problems: [] };

/** Reads the file on top of `state`; with problems the answer is what could be read. */
export function readLocalChanges(tree: FileTree, state: MergeState, files: FileSource): LocalChanges {
  const option = findMerged(state.root, [])?.options.get('local_changes_file');
  const only = state.root.options.get('local_changes_only');
  const isOnly = only?.value.kind === 'word' && parseBoolean(only.value.text) === true;
  const target = option?.value.kind === 'word' ? option.value.text : undefined;
  if (option === undefined || target === undefined || target === '') {
    if (isOnly && only !== undefined) {
      const hint = 'set Local_Changes_File to the file that takes the changes';
      return { ...none, problems: [problemAt(only, 'Cannot set "Local_Changes_Only" to true: no Local_Changes_File is set', hint)] };
    }
    return none;
  }
  const path = isAbsolute(target) ? target : join(dirname(tree.main.path), target);
  const read = readFile(path, option, tree, files);
  if (read.tree === undefined) return { path, file: undefined, isOnly, files: [], problems: read.problems };
  mergeTree(read.tree, state);
  return { path, file: read.tree.main, isOnly, files: read.tree.files, problems: read.problems };
}

interface ReadFile {
  readonly tree: FileTree | undefined;
  readonly problems: readonly ConfigProblem[];
}

function readFile(path: string, option: MergedOption, tree: FileTree, files: FileSource): ReadFile {
  const refuse = (why: string, hint: string): ReadFile => {
    return { tree: undefined, problems: [problemAt(option, `Cannot set "Local_Changes_File" to "${path}": ${why}`, hint)] };
  };
  const stat = files.stat(path);
  if (isFault(stat)) {
    if (stat.fault !== 'ENOENT') return refuse(stat.words, 'name a file that can be read and written');
    const directory = files.stat(dirname(path));
    if (isFault(directory)) return refuse(`its directory: ${directory.words}`, 'make the directory, or name a file in another one');
    return { tree: undefined, problems: [] };
  }
  if (stat.kind !== 'file') return refuse('it is no regular file', 'name a file');
  if (stat.identity === tree.main.identity) return refuse('it is the main configuration file', 'name a file of its own');
  const included = new Set(tree.files.map((file) => file.identity));
  if (included.has(stat.identity))
    return refuse('the configuration includes it already', 'take the include out: this file is read last by itself');
  if (!stat.isWritable) return refuse('it is not writable', 'change its permissions, or name another file');
  const result = loadFiles(path, { files, searchPath: [] });
  const shared = result.tree?.files.find((file) => included.has(file.identity));
  if (shared === undefined) return result;
  return refuse(`it includes ${shared.path}, which the configuration includes too`, 'include a file in one place only');
}

function problemAt(option: MergedOption, message: string, hint: string): ConfigProblem {
  return { code: 'local-changes', manual: 'Global configuration error.', message, at: option.at, hint };
}

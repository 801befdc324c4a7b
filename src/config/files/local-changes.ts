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
}

/** Reads the file on top of `state`. Problems are added to the list; then the answer is what could be read. */
export function readLocalChanges(tree: FileTree, state: MergeState, files: FileSource, problems: ConfigProblem[]): LocalChanges {
  const option = findMerged(state.root, [])?.options.get('local_changes_file');
  const only = state.root.options.get('local_changes_only');
  const isOnly = only?.value.kind === 'word' && parseBoolean(only.value.text) === true;
  const target = option?.value.kind === 'word' ? option.value.text : undefined;
  if (option === undefined || target === undefined || target === '') {
    if (isOnly && only !== undefined) {
      problems.push(
        problemAt(
          only,
          'Cannot set "Local_Changes_Only" to true: no Local_Changes_File is set',
          'set Local_Changes_File to the file that takes the changes',
        ),
      );
    }
    return { path: undefined, file: undefined, isOnly: false, files: [] };
  }
  const path = isAbsolute(target) ? target : join(dirname(tree.main.path), target);
  const read = readFile(path, option, { tree, files, problems });
  if (read === undefined) return { path, file: undefined, isOnly, files: [] };
  mergeTree(read, state);
  return { path, file: read.main, isOnly, files: read.files };
}

function readFile(
  path: string,
  option: MergedOption,
  from: { tree: FileTree; files: FileSource; problems: ConfigProblem[] },
): FileTree | undefined {
  const { tree, files, problems } = from;
  const refuse = (why: string, hint: string): undefined => {
    problems.push(problemAt(option, `Cannot set "Local_Changes_File" to "${path}": ${why}`, hint));
    return undefined;
  };
  const stat = files.stat(path);
  if (isFault(stat)) {
    if (stat.fault !== 'ENOENT') return refuse(stat.words, 'name a file that can be read and written');
    const directory = files.stat(dirname(path));
    if (isFault(directory)) return refuse(`its directory: ${directory.words}`, 'make the directory, or name a file in another one');
    return undefined;
  }
  if (stat.kind !== 'file') return refuse('it is no regular file', 'name a file');
  if (stat.identity === tree.main.identity) return refuse('it is the main configuration file', 'name a file of its own');
  if (tree.files.some((file) => file.identity === stat.identity)) {
    return refuse('the configuration includes it already', 'take the include out: this file is read last by itself');
  }
  if (!stat.isWritable) return refuse('it is not writable', 'change its permissions, or name another file');
  const result = loadFiles(path, { files, searchPath: [] });
  problems.push(...result.problems);
  const shared = result.tree?.files.find((file) => tree.files.some((other) => other.identity === file.identity));
  if (shared !== undefined)
    return refuse(`it includes ${shared.path}, which the configuration includes too`, 'include a file in one place only');
  return result.tree;
}

function problemAt(option: MergedOption, message: string, hint: string): ConfigProblem {
  return { code: 'local-changes', manual: 'Global configuration error.', message, at: option.at, hint };
}

/**
 * From files to a snapshot: load, merge, check, freeze.
 *
 * The one rule: with any problem there is no snapshot, and whoever asked keeps the one it has (CFG-12); what was read is returned all the
 * same, for reports and for messages that show the line.
 * It starts nothing and changes nothing. Truth: ARCHITECTURE.md "What may never break" 14, CFG-12.
 */
import type { ConfFile, Place } from '#syntax';
import { checkTree, type Use } from './check/check.ts';
import { crossCheck, modulesInUse } from './check/cross-checks.ts';
import { judgeGuards } from './check/guards.ts';
import { inertNotices } from './check/inert.ts';
import { sortProblems, type ConfigNotice, type ConfigProblem } from './errors.ts';
import type { FileSource } from './files/file-source.ts';
import { loadFiles } from './files/load.ts';
import { readLocalChanges } from './files/local-changes.ts';
import type { WriteTargets } from './files/where-to-write.ts';
import { mergeTree } from './scopes/merge.ts';
import { sharing } from './snapshot/changes.ts';
import { emptyRoot, type Snapshot } from './snapshot/scope-node.ts';
import type { CompileRegex } from './resolver/patterns.ts';

export interface ReadOptions {
  /** The main file: a path, or a name that is looked for along the search path. */
  readonly main: string;
  readonly files: FileSource;
  readonly searchPath: readonly string[];
  /** Without it patterns are not checked. */
  readonly compileRegex?: CompileRegex | undefined;
  /** The configuration in force: its version is continued, and equal parts are shared. */
  readonly previous?: Snapshot | undefined;
}

export interface ReadConfiguration {
  /** Undefined when there are problems. */
  readonly snapshot: Snapshot | undefined;
  /** What could be read, without what is wrong: for questions and reports, never to run on. */
  readonly readable: Snapshot | undefined;
  readonly problems: readonly ConfigProblem[];
  readonly notices: readonly ConfigNotice[];
  /** Everything that is used, in the order of the text within each scope. */
  readonly uses: readonly Use[];
  /** CFG-13, folded names. */
  readonly modules: ReadonlySet<string>;
  /** Undefined when the main file could not be read. */
  readonly targets: WriteTargets | undefined;
  /** The text a place is in, for caret lines. */
  fileAt(at: Place | undefined): ConfFile | undefined;
}

/** Never throws for anything a file can hold. */
export function readConfiguration(options: ReadOptions): ReadConfiguration {
  const loaded = loadFiles(options.main, options);
  const { tree } = loaded;
  if (tree === undefined) {
    const none = { snapshot: undefined, readable: undefined, notices: [], uses: [], modules: new Set<string>(), targets: undefined };
    return { ...none, problems: sortProblems(loaded.problems, []), fileAt: () => undefined };
  }
  const state = mergeTree(tree);
  const localChanges = readLocalChanges(tree, state, options.files);
  const checked = checkTree(state.root);
  const guards = judgeGuards(checked.uses);
  const crossed = crossCheck(checked, state, options.compileRegex);
  const problems = [...loaded.problems, ...localChanges.problems, ...checked.problems, ...guards.problems, ...crossed.problems];
  const files = [...tree.files, ...localChanges.files];
  const texts = new Map(files.map((file) => [file.path, file.conf]));
  const version = (options.previous?.version ?? 0) + 1;
  const root = sharing(options.previous?.root ?? emptyRoot, checked.root);
  const readable = Object.freeze({ version, root });
  return {
    snapshot: problems.length > 0 ? undefined : readable,
    readable,
    problems: sortProblems(problems, [...texts.keys()]),
    notices: [...checked.notices, ...guards.notices, ...crossed.notices, ...inertNotices(checked.uses)],
    uses: checked.uses,
    modules: modulesInUse(checked.root, checked.uses),
    targets: { root: state.root, main: tree.main, localChanges },
    fileAt: (at) => (at === undefined ? undefined : texts.get(at.file)),
  };
}

/*
 * Pulling: the newest revision beside the old working copy, with the local changes carried over, then the two change places.
 *
 * The one rule: readers of the folder see the old files or the new ones, never a mixture; until the folders change places nothing has
 * happened, and whatever is refused leaves nothing behind. Modes and owners of files that stay are kept; new ones get the main file's mode,
 * because git keeps no more of a mode than whether a file can be run, and configurations hold secrets.
 * Where a local change and a new revision touch the same lines the pull is refused, unless told whose lines win or to leave both (--manual).
 * Truth: ECC-04 (pull). Not here: telling the server to reload (the command).
 */
import { chmodSync, cpSync, existsSync, lstatSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { exchangePaths } from '#system';
import { VaultError } from './errors.ts';
import { zeroFields } from './git.ts';
import { readTree } from './tree-files.ts';
import { treeProblems } from './validate-tree.ts';
import { BRANCH, UPSTREAM, type WorkingCopy } from './working-copy.ts';

export type Preference = 'mine' | 'theirs' | 'manual';

export interface Pulled {
  readonly revision: number;
  readonly isNew: boolean;
  /** Files with two versions in them. */
  readonly conflicts: readonly string[];
  /** Local changes whose lines were given up or won. */
  readonly mediated: boolean;
}

export async function pull(copy: WorkingCopy, o: { preference?: Preference; isForced?: boolean }): Promise<Pulled> {
  const open = copy.conflicts();
  if (open.length > 0)
    throw new VaultError('conflict', `Conflicts of the last pull stand in ${open.join(', ')}: "eccfg resolve" them first`);
  await copy.fetch();
  const [head, newest] = [await copy.commitOf('HEAD'), await copy.commitOf('upstream')];
  if (head === newest) return { revision: await copy.revision(), isNew: false, conflicts: [], mediated: false };
  const fresh = mkdtempSync(join(dirname(copy.path), `.${basename(copy.path)}.pull-`));
  try {
    const local = await localState(copy, head);
    copyFolder(copy, fresh);
    const merged = await merge({ copy, fresh, local: local.commit, newest, preference: o.preference });
    await restoreMarks(copy, fresh, newest, local.deleted);
    keepModes(copy.path, fresh, await paths(copy, fresh));
    if (merged.conflicts.length === 0 && o.isForced !== true) await judge(copy, fresh);
    exchangePaths(copy.path, fresh);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  const revision = await copy.revision();
  return { revision, isNew: true, conflicts: copy.conflicts(), mediated: o.preference !== undefined };
}

/** Everything as it lies in the folder, as a commit on top of the revision it came from. */
async function localState(copy: WorkingCopy, head: string): Promise<{ commit: string; deleted: string[] }> {
  const { git, path: cwd } = copy;
  const index = join(cwd, '.git', 'eccfg-index');
  try {
    const deleted = (await copy.changes()).filter(({ kind }) => kind === 'deleted').map(({ path }) => path);
    copy.ownEverything((await copy.changes()).map(({ path }) => path));
    await git.bytes({ cwd, index }, 'read-tree', head);
    await git.bytes({ cwd, index }, 'add', '--all', '--force', '--', '.');
    const tree = await git.text({ cwd, index }, 'write-tree');
    return { commit: await git.text({ cwd, input: 'local changes' }, 'commit-tree', '-p', head, '-F', '-', tree), deleted };
  } finally {
    rmSync(index, { force: true });
  }
}

function copyFolder(copy: WorkingCopy, fresh: string): void {
  chmodSync(fresh, statSync(copy.path).mode);
  cpSync(join(copy.path, '.git'), join(fresh, '.git'), { recursive: true, preserveTimestamps: true });
  copy.ownFolder(fresh);
}

interface Merge {
  readonly copy: WorkingCopy;
  readonly fresh: string;
  readonly local: string;
  readonly newest: string;
  readonly preference: Preference | undefined;
}

/** The files of `fresh` become the newest revision with the local changes in it; its HEAD becomes the newest revision. */
async function merge({ copy, fresh, local, newest, preference }: Merge): Promise<{ conflicts: readonly string[] }> {
  const { git } = copy;
  const cwd = fresh;
  await git.bytes({ cwd }, 'checkout', '--quiet', '--force', '--detach', local);
  const option = preference === 'mine' ? ['-X', 'ours'] : preference === 'theirs' ? ['-X', 'theirs'] : [];
  const { code, stderr } = await git.run({ cwd }, 'merge', '--quiet', '--no-commit', '--no-ff', ...option, newest);
  let conflicts = [...new Set(zeroFields(await git.bytes({ cwd }, 'diff', '--name-only', '-z', '--diff-filter=U')))];
  if (code !== 0 && conflicts.length === 0)
    throw new VaultError('git-failed', `The revisions could not be brought together: ${stderr.trim()}`);
  if (conflicts.length > 0 && preference === undefined)
    throw new VaultError(
      'conflict',
      `Changed here and in the repository: ${conflicts.join(', ')}\nNothing was pulled. --mine keeps the lines of this copy, --theirs those of the repository, --manual leaves both for you to mend`,
    );
  if (preference === 'mine' || preference === 'theirs') {
    await settle(copy, fresh, conflicts, preference === 'mine' ? local : newest);
    conflicts = [];
  }
  await git.bytes({ cwd }, 'symbolic-ref', 'HEAD', `refs/heads/${BRANCH}`);
  await git.bytes({ cwd }, 'update-ref', `refs/heads/${BRANCH}`, newest);
  await git.bytes({ cwd }, 'update-ref', UPSTREAM, newest);
  rmSync(join(fresh, '.git', 'MERGE_HEAD'), { force: true });
  rmSync(join(fresh, '.git', 'MERGE_MSG'), { force: true });
  rmSync(join(fresh, '.git', 'MERGE_MODE'), { force: true });
  await git.bytes({ cwd }, 'read-tree', newest);
  await git.run({ cwd }, 'update-index', '-q', '--refresh');
  // The list travels with the folder.
  copy.setConflicts(conflicts, fresh);
  return { conflicts };
}

/** Files of which one side took everything away: what the winning side has is there, or the file is gone. */
async function settle(copy: WorkingCopy, fresh: string, files: readonly string[], winner: string): Promise<void> {
  for (const file of files) {
    const has = await copy.git.run({ cwd: fresh }, 'cat-file', '-e', `${winner}:${file}`);
    if (has.code === 0) await copy.git.bytes({ cwd: fresh }, 'checkout', '--quiet', winner, '--', file);
    else rmSync(join(fresh, file), { force: true });
  }
}

/** Files that were marked for deletion here, and still exist in the repository, stay marked. */
async function restoreMarks(copy: WorkingCopy, fresh: string, newest: string, deleted: readonly string[]): Promise<void> {
  for (const file of deleted) {
    const has = await copy.git.run({ cwd: fresh }, 'cat-file', '-e', `${newest}:${file}`);
    if (has.code === 0 && !existsSync(join(fresh, file))) await copy.git.bytes({ cwd: fresh }, 'rm', '--cached', '--quiet', '--', file);
  }
}

async function paths(copy: WorkingCopy, fresh: string): Promise<string[]> {
  return zeroFields(await copy.git.bytes({ cwd: fresh }, 'ls-files', '-z', '--cached', '--others'));
}

function keepModes(old: string, fresh: string, files: readonly string[]): void {
  const model = files.find((file) => basename(file) === 'ecelerity.conf' && existsSync(join(old, file)));
  const usual = model === undefined ? undefined : statSync(join(old, model)).mode & 0o666;
  for (const file of files) {
    const at = join(fresh, file);
    if (!existsSync(at) || lstatSync(at).isSymbolicLink()) continue;
    const before = existsSync(join(old, file)) ? statSync(join(old, file)).mode & 0o7777 : undefined;
    const mode = before ?? (usual === undefined ? undefined : usual | (statSync(at).mode & 0o111));
    if (mode !== undefined) chmodSync(at, mode);
  }
}

async function judge(copy: WorkingCopy, fresh: string): Promise<void> {
  const { git } = copy;
  const index = join(fresh, '.git', 'eccfg-index');
  try {
    await git.bytes({ cwd: fresh, index }, 'read-tree', 'HEAD');
    await git.bytes({ cwd: fresh, index }, 'add', '--all', '--force', '--', '.');
    const tree = await git.text({ cwd: fresh, index }, 'write-tree');
    const problems = treeProblems(copy.path, await readTree(git, fresh, tree));
    if (problems.length > 0)
      throw new VaultError(
        'invalid',
        `${problems.join('\n')}\nNothing was pulled: what came of it would not load (--force takes it all the same)`,
      );
  } finally {
    rmSync(index, { force: true });
  }
}

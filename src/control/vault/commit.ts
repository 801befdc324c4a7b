/*
 * Committing: local changes become the next revision of the repository.
 *
 * The one rule: the new revision is judged as a whole before it exists, and it follows the newest one or is refused; there is no moment at
 * which half of a change is in the repository. Everything is prepared in an index of its own, which replaces the real one only at the end.
 * A tree that would not load is refused; `isForced` commits it all the same and writes the number of its problems into the message.
 * Truth: ECC-04, ECC-07. Not here: asking a person about unknown files (the command does, and says which are wanted).
 */
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { VaultError } from './errors.ts';
import { zeroFields, type Git } from './git.ts';
import { readTree } from './tree-files.ts';
import { treeProblems } from './validate-tree.ts';
import { BRANCH, UPSTREAM, type WorkingCopy } from './working-copy.ts';

export interface CommitRequest {
  readonly username: string;
  readonly message: string;
  /** Unknown files to be added, and vanished ones to be taken out. */
  readonly add: readonly string[];
  readonly remove: readonly string[];
  /** Only these of the changed files; all when undefined. */
  readonly only?: readonly string[];
  readonly isForced?: boolean;
}

/** Undefined: there was nothing to commit. */
export interface Committed {
  readonly revision: number;
  readonly sent: readonly { readonly path: string; readonly kind: 'Sending' | 'Adding' | 'Deleting' }[];
}

export async function commit(copy: WorkingCopy, request: CommitRequest): Promise<Committed | undefined> {
  const { git, path: cwd } = copy;
  const open = copy.conflicts();
  if (open.length > 0)
    throw new VaultError('conflict', `Conflicts stand in ${open.join(', ')}: mend them, then "eccfg resolve ${open.join(' ')}"`);
  await copy.fetch();
  const [head, newest] = [await copy.commitOf('HEAD'), await copy.commitOf('upstream')];
  if (head !== newest) throw outOfDate(await copy.revision(newest), await copy.revision(head));
  const index = join(cwd, '.git', 'eccfg-index');
  try {
    await stage(copy, index, request);
    const tree = await git.text({ cwd, index }, 'write-tree');
    const sent = await listSent(git, cwd, head, tree);
    if (sent.length === 0) return undefined;
    const message = await judged(git, cwd, { tree, message: request.message, isForced: request.isForced === true });
    const made = await publish(git, cwd, { tree, parent: head, message, username: request.username });
    await git.text({ cwd }, 'update-ref', `refs/heads/${BRANCH}`, made, head);
    await git.text({ cwd }, 'update-ref', UPSTREAM, made);
    await git.text({ cwd }, 'read-tree', made);
    await git.run({ cwd }, 'update-index', '-q', '--refresh');
    return { revision: await copy.revision(), sent };
  } finally {
    rmSync(index, { force: true });
    rmSync(`${index}.lock`, { force: true });
  }
}

async function stage(copy: WorkingCopy, index: string, request: CommitRequest): Promise<void> {
  const { git, path: cwd } = copy;
  const real = join(cwd, '.git', 'index');
  if (existsSync(real)) copyFileSync(real, index);
  copy.ownEverything([join('.git', 'eccfg-index')]);
  const changes = await copy.changes();
  const isMeant = (path: string) => request.only === undefined || request.only.includes(path);
  // What was marked before and is not meant now goes back to how it was.
  const unmeant = changes.filter(({ kind, path }) => (kind === 'deleted' || kind === 'added') && !isMeant(path)).map(({ path }) => path);
  if (unmeant.length > 0) await git.bytes({ cwd, index, input: zeroed(unmeant) }, 'reset', '--quiet', ...fromInput);
  const changed = changes.filter(({ kind, path }) => (kind === 'modified' || kind === 'added') && isMeant(path)).map(({ path }) => path);
  const added = [...changed, ...request.add];
  copy.ownEverything(added);
  if (added.length > 0) await git.bytes({ cwd, index, input: zeroed(added) }, 'add', '--force', ...fromInput);
  if (request.remove.length > 0)
    await git.bytes({ cwd, index, input: zeroed(request.remove) }, 'rm', '--cached', '--quiet', '--ignore-unmatch', ...fromInput);
}

const fromInput = ['--pathspec-from-file=-', '--pathspec-file-nul'];

function zeroed(paths: readonly string[]): string {
  return `${paths.join('\0')}\0`;
}

async function listSent(git: Git, cwd: string, from: string, tree: string): Promise<Committed['sent']> {
  const fields = zeroFields(await git.bytes({ cwd }, 'diff-tree', '-r', '-z', '--name-status', '--no-renames', from, tree));
  const sent: { path: string; kind: 'Sending' | 'Adding' | 'Deleting' }[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2)
    sent.push({ path: fields[i + 1] ?? '', kind: fields[i] === 'A' ? 'Adding' : fields[i] === 'D' ? 'Deleting' : 'Sending' });
  return sent;
}

/** The message, with a line about problems when it was forced. Throws when the tree would not load. */
export async function judged(git: Git, cwd: string, o: { tree: string; message: string; isForced: boolean }): Promise<string> {
  const problems = treeProblems(cwd, await readTree(git, cwd, o.tree));
  if (problems.length === 0) return o.message;
  if (!o.isForced)
    throw new VaultError(
      'invalid',
      `${problems.join('\n')}\nNothing was committed: this tree would not load (--force commits it all the same)`,
    );
  return `${o.message}\n\nForced: ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}; the first: ${(problems[0] ?? '').split('\n')[0] ?? ''}`;
}

/** Makes the commit and puts it into the repository as the newest. */
export async function publish(
  git: Git,
  cwd: string,
  o: { tree: string; parent: string | undefined; message: string; username: string },
): Promise<string> {
  const author = { name: o.username, email: `${o.username}@${hostname()}` };
  const parent = o.parent === undefined ? [] : ['-p', o.parent];
  const made = await git.text({ cwd, author, input: o.message }, 'commit-tree', ...parent, '-F', '-', o.tree);
  const { code, stderr } = await git.run({ cwd }, 'push', '--quiet', 'origin', `${made}:refs/heads/${BRANCH}`);
  if (code === 0) return made;
  if (/rejected|non-fast-forward|fetch first|stale info|failed to update ref|cannot lock ref/.test(stderr))
    throw new VaultError('out-of-date', 'Somebody else committed at the same moment: "eccfg pull", then commit again');
  throw new VaultError('git-failed', `The repository did not take the revision: ${stderr.trim()}`);
}

function outOfDate(newest: number, own: number): VaultError {
  return new VaultError('out-of-date', `The repository is at revision ${newest}, this working copy at ${own}: "eccfg pull" first`);
}

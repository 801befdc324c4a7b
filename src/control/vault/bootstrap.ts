/*
 * The first checkout: makes a folder of configuration files the working copy of a repository, and the repository if there is none.
 *
 * The one rule: what lies in the folder is never overwritten. An empty repository gets the folder's files as its first revision; a repository
 * with revisions is checked out into a folder that is empty or does not exist; with both, nothing is done and it is said why.
 * Truth: ECC-01 (where repositories live), ECC-02, ECC-04 (bootstrap, once only).
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { judged, publish } from './commit.ts';
import { VaultError } from './errors.ts';
import { Git, type GitSetup } from './git.ts';
import { asOwnerOf, BRANCH, UPSTREAM, WorkingCopy } from './working-copy.ts';

/** Where repositories live when none is named: one per (sub)cluster (ECC-01, ECC-02). */
export const REPOSITORY_FOLDER = '/var/ecconfigd/repo';

export interface Bootstrap {
  readonly path: string;
  /** A folder, or any address git understands. */
  readonly repository: string;
  readonly username: string;
  readonly isForced?: boolean;
}

export async function bootstrap(o: Bootstrap, setup: Omit<GitSetup, 'as'>): Promise<{ revision: number; isImported: boolean }> {
  if (existsSync(join(o.path, '.git')))
    throw new VaultError('in-the-way', `${o.path} is a working copy already; bootstrap is done once ("eccfg pull" brings it up to date)`);
  const holds = existsSync(o.path) ? readdirSync(o.path).length : 0;
  mkdirSync(o.path, { recursive: true });
  const git = new Git(asOwnerOf(o.path, setup));
  const isLocal = isAbsolute(o.repository);
  const madeRepository = isLocal && !existsSync(o.repository) ? await makeRepository(o, setup) : false;
  try {
    await git.bytes({ cwd: o.path }, 'init', '--quiet', '--initial-branch', BRANCH, '.');
    await git.bytes({ cwd: o.path }, 'remote', 'add', 'origin', o.repository);
    const copy = WorkingCopy.open(o.path, setup);
    const { code, stderr } = await git.run({ cwd: o.path }, 'fetch', '--quiet', '--no-tags', 'origin', `+refs/heads/${BRANCH}:${UPSTREAM}`);
    const isEmpty = code !== 0 && /couldn't find remote ref|could not find remote ref/i.test(stderr);
    if (code !== 0 && !isEmpty) throw new VaultError('git-failed', `The repository ${o.repository} cannot be read: ${stderr.trim()}`);
    if (isEmpty) await importFolder(copy, o);
    else if (holds > 0)
      throw new VaultError(
        'in-the-way',
        `${o.path} holds files and ${o.repository} has revisions: move the files away, bootstrap, and bring back what is worth it`,
      );
    else await git.bytes({ cwd: o.path }, 'reset', '--quiet', '--hard', UPSTREAM);
    return { revision: await copy.revision(), isImported: isEmpty };
  } catch (error) {
    rmSync(join(o.path, '.git'), { recursive: true, force: true });
    if (madeRepository) rmSync(o.repository, { recursive: true, force: true });
    throw error;
  }
}

/** A bare repository that belongs to the owner of the working copy; it stands under its name only when it is whole. */
async function makeRepository(o: Bootstrap, setup: Omit<GitSetup, 'as'>): Promise<boolean> {
  const parent = dirname(o.repository);
  mkdirSync(parent, { recursive: true });
  const own = new Git(setup);
  const fresh = `${o.repository}.new-${process.pid}`;
  await own.bytes({ cwd: parent }, 'init', '--quiet', '--bare', '--initial-branch', BRANCH, fresh);
  // Revisions are never taken back, and nobody outside the owner's group reads what may hold secrets.
  await own.bytes({ cwd: fresh }, 'config', 'receive.denyNonFastForwards', 'true');
  await own.bytes({ cwd: fresh }, 'config', 'receive.denyDeletes', 'true');
  await own.bytes({ cwd: fresh }, 'config', 'core.sharedRepository', '0660');
  giveTo(fresh, o.path);
  renameSync(fresh, o.repository);
  return true;
}

async function importFolder(copy: WorkingCopy, o: Bootstrap): Promise<void> {
  const { git, path: cwd } = copy;
  await git.bytes({ cwd }, 'add', '--all', '--force', '--', '.');
  const tree = await git.text({ cwd }, 'write-tree');
  const message = await judged(git, cwd, { tree, message: 'The configuration as it was found', isForced: o.isForced === true });
  const made = await publish(git, cwd, { tree, parent: undefined, message, username: o.username });
  await git.bytes({ cwd }, 'update-ref', `refs/heads/${BRANCH}`, made);
  await git.bytes({ cwd }, 'update-ref', UPSTREAM, made);
}

function giveTo(folder: string, like: string): void {
  WorkingCopy.own(folder, statSync(like));
}

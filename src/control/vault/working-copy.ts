/*
 * A working copy: the folder of configuration files on this machine, checked out of the repository.
 *
 * The one rule: HEAD is always the revision that was last pulled or committed, and local changes are what differs from it; whatever is
 * refused leaves files and repository as they were. Files stay the property of whoever owns the folder (ECC-03).
 * One eccfg at a time works on a copy (`exclusively`); a second one is refused and told of the first.
 * Not here: committing (commit.ts), pulling (pull.ts), changes made in the repository alone (repository-edit.ts).
 */
import { existsSync, lchownSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { lockFile } from '#system';
import { VaultError } from './errors.ts';
import { Git, zeroFields, type GitSetup } from './git.ts';

/** What became of one file since the revision of the working copy. */
export interface LocalChange {
  readonly path: string;
  readonly kind: 'modified' | 'added' | 'deleted' | 'vanished' | 'unknown' | 'conflict';
}

export const BRANCH = 'main';
export const UPSTREAM = `refs/remotes/origin/${BRANCH}`;

export class WorkingCopy {
  readonly path: string;
  readonly git: Git;

  private constructor(path: string, git: Git) {
    this.path = path;
    this.git = git;
  }

  /** Rejects when `path` is no working copy of its own (a folder inside another repository is none). */
  static open(path: string, setup: Omit<GitSetup, 'as'>): WorkingCopy {
    const at = resolve(path);
    if (!existsSync(join(at, '.git')))
      throw new VaultError(
        'no-working-copy',
        `${at} is no working copy: "eccfg bootstrap --singlenode" makes one, --wc names another folder`,
      );
    return new WorkingCopy(at, new Git(asOwnerOf(at, setup)));
  }

  get #conflictFile(): string {
    return join(this.path, '.git', 'eccfg-conflicts');
  }

  /** Runs `work` while nobody else changes this working copy. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    const lock = lockFile(join(this.path, '.git', 'eccfg-lock'));
    if (lock.kind === 'held') throw new VaultError('busy', `Another eccfg works on ${this.path}: try again when it is done`);
    try {
      this.ownEverything([join('.git', 'eccfg-lock')]);
      return await work();
    } finally {
      lock.release();
    }
  }

  /** Files that `pull --manual` left with two versions in them. */
  conflicts(): string[] {
    return existsSync(this.#conflictFile) ? readFileSync(this.#conflictFile, 'utf8').split('\n').filter(Boolean) : [];
  }

  /** `at`: the folder in which the list belongs, when it is about to become the working copy. */
  setConflicts(files: readonly string[], at = this.path): void {
    const list = join(at, '.git', 'eccfg-conflicts');
    if (files.length === 0) rmSync(list, { force: true });
    else writeFileSync(list, `${files.join('\n')}\n`);
  }

  /** Number of the revision that was pulled or committed last, from 1. */
  async revision(commit = 'HEAD'): Promise<number> {
    return Number(await this.git.text({ cwd: this.path }, 'rev-list', '--count', '--first-parent', commit));
  }

  /** Gets what the repository has; the working copy stays as it is. */
  async fetch(): Promise<void> {
    const { code, stderr } = await this.git.run(
      { cwd: this.path },
      'fetch',
      '--quiet',
      '--no-tags',
      'origin',
      `+refs/heads/${BRANCH}:${UPSTREAM}`,
    );
    if (code !== 0) throw new VaultError('git-failed', `The repository cannot be read: ${stderr.trim()}`);
  }

  /** The commit of a revision: a number, or HEAD, or the newest of the repository as last fetched. */
  async commitOf(revision: number | 'HEAD' | 'upstream'): Promise<string> {
    if (revision === 'HEAD') return this.git.text({ cwd: this.path }, 'rev-parse', 'HEAD');
    if (revision === 'upstream') return this.git.text({ cwd: this.path }, 'rev-parse', UPSTREAM);
    const all = (await this.git.text({ cwd: this.path }, 'rev-list', '--first-parent', '--reverse', UPSTREAM)).split('\n');
    const found = all[revision - 1];
    if (found === undefined) throw new VaultError('argument', `There is no revision ${revision}: the newest is ${all.length}`);
    return found;
  }

  async changes(): Promise<LocalChange[]> {
    const conflicts = new Set(this.conflicts());
    const answer = await this.git.bytes(
      { cwd: this.path },
      'status',
      '--porcelain',
      '-z',
      '--untracked-files=all',
      '--ignored=no',
      '--no-renames',
    );
    return zeroFields(answer).map((line) => {
      const path = line.slice(3);
      return { path, kind: conflicts.has(path) ? 'conflict' : kindOf(line.slice(0, 2)) };
    });
  }

  /** Names as they were typed, relative to the working copy. A file outside of it is refused. */
  inside(files: readonly string[], cwd: string): string[] {
    return files.map((file) => {
      const direct = relative(this.path, isAbsolute(file) ? file : resolve(cwd, file));
      if (!direct.startsWith('..') && !isAbsolute(direct)) return direct === '' ? '.' : direct;
      // eccfg acts on the working copy wherever it is called from: names may be given relative to it (ECC-03).
      const within = relative(this.path, resolve(this.path, file));
      if (isAbsolute(file) || within.startsWith('..')) throw new VaultError('argument', `${file} is not in the working copy ${this.path}`);
      return within;
    });
  }

  /** Unified differences between a revision and another one, or the files as they are. */
  async diff(files: readonly string[], from: string, to: string | undefined): Promise<string> {
    return this.git.text(
      { cwd: this.path },
      'diff',
      '--no-ext-diff',
      '--no-textconv',
      from,
      ...(to === undefined ? [] : [to]),
      '--',
      ...files,
    );
  }

  /** Undoes local changes, deletions too; files that are not under revision control stay. */
  async revert(files: readonly string[]): Promise<string[]> {
    const isWanted = (path: string) => files.some((file) => file === '.' || path === file || path.startsWith(`${file}/`));
    const changes = (await this.changes()).filter(({ path, kind }) => isWanted(path) && kind !== 'unknown');
    const paths = changes.map(({ path }) => path);
    if (paths.length === 0) return [];
    const input = `${paths.join('\0')}\0`;
    await this.git.bytes({ cwd: this.path, input }, 'reset', '--quiet', '--pathspec-from-file=-', '--pathspec-file-nul', 'HEAD');
    const known = new Set(zeroFields(await this.git.bytes({ cwd: this.path }, 'ls-files', '-z')));
    const back = paths.filter((path) => known.has(path));
    if (back.length > 0)
      await this.git.bytes(
        { cwd: this.path, input: `${back.join('\0')}\0` },
        'checkout',
        '--quiet',
        '--pathspec-from-file=-',
        '--pathspec-file-nul',
        'HEAD',
      );
    this.setConflicts(this.conflicts().filter((path) => !paths.includes(path)));
    return paths;
  }

  /** Takes files away, and notes that the next commit takes them out of the repository. */
  async delete(files: readonly string[]): Promise<string[]> {
    const { code, stderr } = await this.git.run({ cwd: this.path }, 'rm', '-r', '--quiet', '--', ...files);
    if (code !== 0) throw new VaultError('argument', `Nothing was deleted: ${stderr.trim().replace(/^(error|fatal): /, '')}`);
    return (await this.changes()).filter(({ kind }) => kind === 'deleted').map(({ path }) => path);
  }

  /** Gives a copy of the folder, with all in it, to the owner of this one. */
  ownFolder(folder: string): void {
    WorkingCopy.own(folder, statSync(this.path));
  }

  /** When root works: a folder and all in it becomes the property of somebody. */
  static own(folder: string, { uid, gid }: { uid: number; gid: number }): void {
    if (userInfo().uid !== 0) return;
    lchownSync(folder, uid, gid);
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
      lchownSync(join(entry.parentPath, entry.name), uid, gid);
  }

  /** When root works here, files become the property of the folder's owner, as everything in it is (ECC-03). */
  ownEverything(files: readonly string[]): void {
    if (userInfo().uid !== 0) return;
    const { uid, gid } = statSync(this.path);
    for (const file of files) {
      const at = join(this.path, file);
      if (existsSync(at)) lchownSync(at, uid, gid);
    }
  }
}

/** Root does not run git on somebody else's repository as root. */
export function asOwnerOf(path: string, setup: Omit<GitSetup, 'as'>): GitSetup {
  if (userInfo().uid !== 0) return setup;
  const { uid, gid } = statSync(path);
  return uid === 0 ? setup : { ...setup, as: { uid, gid } };
}

function kindOf(letters: string): LocalChange['kind'] {
  if (letters === '??') return 'unknown';
  if (letters.startsWith('D')) return 'deleted';
  if (letters.endsWith('D')) return 'vanished';
  return letters.startsWith('A') ? 'added' : 'modified';
}

/*
 * Files that `config writeback` has saved become a revision of the working copy they are in, in the name of whoever typed it.
 *
 * The one rule: only these files are committed, never what somebody else has changed beside them; what cannot be committed stays saved, and the
 * reason is told. Files of several working copies become a revision of each. Truth: ECC-04, ECC-08, CFG-48. Not here: saving (config).
 */
import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { commit } from './commit.ts';
import { VaultError } from './errors.ts';
import type { GitSetup } from './git.ts';
import { WorkingCopy } from './working-copy.ts';

interface SavedFiles {
  /** Absolute. */
  readonly paths: readonly string[];
  readonly username: string;
  readonly message: string;
}

/** A sentence for each working copy, or file outside of one. */
export async function commitSaved(o: SavedFiles, setup: Omit<GitSetup, 'as'>): Promise<{ ok: boolean; lines: string[] }> {
  const byCopy = new Map<string, string[]>();
  const lines: string[] = [];
  for (const path of o.paths) {
    const home = workingCopyOf(path);
    if (home === undefined) lines.push(`Not committed: ${path} is in no working copy ("eccfg bootstrap" makes one)`);
    else byCopy.set(home, [...(byCopy.get(home) ?? []), path]);
  }
  let ok = lines.length === 0;
  for (const [home, paths] of byCopy) {
    try {
      lines.push(await commitIn(home, paths, o, setup));
    } catch (error) {
      if (!(error instanceof VaultError)) throw error;
      ok = false;
      lines.push(`Not committed, though saved: ${error.message}`);
    }
  }
  return { ok, lines };
}

async function commitIn(home: string, paths: readonly string[], o: SavedFiles, setup: Omit<GitSetup, 'as'>): Promise<string> {
  const copy = WorkingCopy.open(home, setup);
  const only = paths.map((path) => relative(home, path));
  const done = await copy.exclusively(async () => {
    const add = (await copy.changes()).filter(({ kind, path }) => kind === 'unknown' && only.includes(path)).map(({ path }) => path);
    return commit(copy, { username: o.username, message: o.message, add, remove: [], only });
  });
  return done === undefined ? `Nothing to commit in ${home}.` : `Committed revision ${done.revision} of ${home}.`;
}

/** The nearest folder above a file that eccfg made a working copy. */
function workingCopyOf(path: string): string | undefined {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (existsSync(join(folder, '.git'))) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

/**
 * Takes policies that are over out of MTA_STS_Policy_Store, while a server may be using it.
 *
 * The one rule: only what was read as a policy of ours and is over goes, and what somebody began to write a day ago and never put in its place; every
 * other file is somebody else's and stays. A file that was written anew meanwhile stays, too.
 * Not here: how files are written (sts-files.ts). Truth: the manual's page of ec_mta_sts_purge.
 */
import { readdirSync, readFileSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { toAsciiDomain } from '#base';
import { FILE_MAX, keptOf } from './sts-files.ts';
import { parseStsPolicy } from './sts-policy.ts';
import { isInForce } from './sts-store.ts';

/** Milliseconds after which a file that was begun belongs to nobody. */
const BEGUN_MS = 86_400_000;

interface Purged {
  /** Names of files that went, or would go. */
  readonly over: readonly string[];
  readonly inForce: readonly string[];
  /** Nothing that we know. */
  readonly strange: readonly string[];
  readonly problems: readonly string[];
}

/** Throws when the folder cannot be read. `now` is of the clock on the wall. */
export function purgePolicies(folder: string, { now, isDryRun }: { readonly now: number; readonly isDryRun: boolean }): Purged {
  const found = { over: [] as string[], inForce: [] as string[], strange: [] as string[], problems: [] as string[] };
  for (const name of readdirSync(folder).sort()) {
    const place = join(folder, name);
    try {
      const before = statSync(place);
      const kind = before.isFile() && before.size <= FILE_MAX ? kindOf({ place, name, writtenAt: before.mtimeMs, now }) : 'strange';
      found[kind].push(name);
      if (kind === 'over' && !isDryRun && statSync(place).mtimeMs === before.mtimeMs) unlinkSync(place);
    } catch (error) {
      // A server that purges or writes at the same time.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') found.problems.push(`${place}: ${(error as Error).message}`);
    }
  }
  return found;
}

function kindOf(o: {
  readonly place: string;
  readonly name: string;
  readonly writtenAt: number;
  readonly now: number;
}): 'over' | 'inForce' | 'strange' {
  const [, begun] = /^(.+)\.\d+-\d+\.new$/.exec(o.name) ?? [];
  if (begun !== undefined && toAsciiDomain(begun) === begun) return o.now - o.writtenAt > BEGUN_MS ? 'over' : 'inForce';
  const kept = toAsciiDomain(o.name) === o.name ? keptOf(readFileSync(o.place, 'utf8')) : undefined;
  const policy = kept === undefined ? undefined : parseStsPolicy(kept.text);
  if (kept === undefined || typeof policy !== 'object') return 'strange';
  return isInForce(kept, policy, o.now) ? 'inForce' : 'over';
}

// How many descriptors the process may have (server_max_file_descriptors): asked from the system at start.
//
// The rule to know: the soft limit is raised as far as the hard limit allows; the hard limit is raised only when the process may
// (root, before it gives that up). Nothing is ever lowered. Truth: getrlimit(2) RLIMIT_NOFILE, /proc/self/limits.

import { readFileSync } from 'node:fs';
import { libc } from './ffi.ts';

const rlimitNofile = 7;
const unlimited = 0xffff_ffff_ffff_ffffn;

export interface FileLimit {
  /** Descriptors the process may open now; Infinity when the system sets no limit. */
  readonly soft: number;
  readonly hard: number;
}

/** The limits now; undefined where the system does not tell. */
export function fileLimit(): FileLimit | undefined {
  try {
    const match = /^Max open files\s+(\S+)\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
    const numberOf = (text: string | undefined): number => (text === 'unlimited' ? Infinity : Number(text));
    return match === null ? undefined : { soft: numberOf(match[1]), hard: numberOf(match[2]) };
  } catch {
    return undefined;
  }
}

/** Raises the limit to `wanted` descriptors, or as far as it goes; `reason` says what stood in the way. */
export function raiseFileLimit(wanted: number): { limit: FileLimit | undefined; reason?: string } {
  const before = fileLimit();
  if (before !== undefined && before.soft >= wanted) return { limit: before };
  const c = libc();
  if (c === undefined) return { limit: before, reason: 'native calls are not available' };
  const now = new BigUint64Array(2);
  if (c.getrlimit(rlimitNofile, now) !== 0) return { limit: before, reason: `getrlimit failed with error ${c.errno()}` };
  const goal = BigInt(Math.max(1, Math.floor(wanted)));
  const [, hard = unlimited] = now;
  let reason: string | undefined;
  if (goal > hard && c.setrlimit(rlimitNofile, new BigUint64Array([goal, goal])) !== 0) {
    reason = `the hard limit is ${hard} and cannot be raised (error ${c.errno()})`;
    c.setrlimit(rlimitNofile, new BigUint64Array([hard, hard]));
  } else if (goal <= hard && c.setrlimit(rlimitNofile, new BigUint64Array([goal, hard])) !== 0) {
    reason = `setrlimit failed with error ${c.errno()}`;
  }
  const limit = fileLimit();
  return reason === undefined ? { limit } : { limit, reason };
}

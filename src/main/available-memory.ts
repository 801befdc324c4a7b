/*
 * How much memory this process may use: the machine's, or the limit of its control group when that is less.
 *
 * The one rule: a limit that cannot be read does not count. Both versions of control groups are asked.
 */
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';

const limits = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'];

/** Bytes. */
export function availableMemory(): number {
  return Math.min(totalmem(), ...limits.map(limitIn));
}

function limitIn(path: string): number {
  try {
    const value = Number(readFileSync(path, 'utf8').trim());
    return value > 0 ? value : Infinity;
  } catch {
    return Infinity;
  }
}

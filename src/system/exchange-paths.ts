// Two names change places in one step: whoever looks finds one of the two states, never a gap.
//
// The rule to know: where the kernel or the C library cannot do it, the three renames that stand in leave a moment in which `a` is
// missing; the answer says so. Both paths are on one file system. Truth: renameat2(2), RENAME_EXCHANGE.

import { renameSync } from 'node:fs';
import { SystemError } from './errors.ts';
import { libc } from './ffi.ts';

const atCwd = -100;
const exchange = 2;

/** True when it was one step. Throws SystemError when it could not be done; then both are where they were. */
export function exchangePaths(a: string, b: string): boolean {
  if (libc()?.renameat2?.(atCwd, a, atCwd, b, exchange) === 0) return true;
  const aside = `${a}.aside-${process.pid}`;
  try {
    renameSync(a, aside);
    try {
      renameSync(b, a);
    } catch (error) {
      renameSync(aside, a);
      throw error;
    }
    renameSync(aside, b);
  } catch (error) {
    throw new SystemError(
      'exchange_failed',
      `Cannot exchange "${a}" and "${b}": ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  return false;
}

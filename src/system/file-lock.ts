// One process per spool, per pidfile: an advisory lock on a file, held by the kernel for as long as we live.
//
// The rule to know: with flock(2) the lock vanishes with the process, whatever its end, so there are no stale locks; the file itself
// stays, and holds the holder's pid for people. Without native calls the pid in the file must do: it counts while that process
// lives and is as old as the file says. The file is never followed through a symbolic link and never truncated before the lock is ours.

import { closeSync, constants, fstatSync, ftruncateSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { SystemError } from './errors.ts';
import { libc } from './ffi.ts';

const lockExclusive = 2;
const lockNonBlocking = 4;
const eintr = 4;
const longestContent = 64;

export interface FileLock {
  readonly kind: 'locked';
  /** 'pid' where native calls are missing: weaker, two starts at the same instant may both succeed. */
  readonly by: 'flock' | 'pid';
  release(): void;
}

export interface HeldLock {
  readonly kind: 'held';
  /** The pid the file names, when it names one. */
  readonly heldBy: number | undefined;
}

/** Locks the file (created with mode 0600 when missing) or says who has it. Throws SystemError when the file cannot be used. */
export function lockFile(path: string): FileLock | HeldLock {
  const fd = open(path);
  try {
    const c = libc();
    if (c !== undefined) {
      let result = c.flock(fd, lockExclusive | lockNonBlocking);
      while (result !== 0 && c.errno() === eintr) result = c.flock(fd, lockExclusive | lockNonBlocking);
      if (result !== 0) return heldBy(fd);
    } else {
      const [pid, start] = contentOf(fd);
      if (pid !== undefined && pid !== process.pid && startOf(pid) === start) return heldBy(fd);
    }
    writeContent(fd, `${process.pid} ${startOf(process.pid) ?? ''}\n`);
    return { kind: 'locked', by: c === undefined ? 'pid' : 'flock', release: () => release(fd) };
  } catch (error) {
    closeSync(fd);
    throw new SystemError('lock_unusable', `Cannot write lock file "${path}": ${error instanceof Error ? error.message : String(error)}`);
  }
}

function open(path: string): number {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600);
  } catch (error) {
    throw new SystemError('lock_unusable', `Cannot open lock file "${path}": ${error instanceof Error ? error.message : String(error)}`);
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new SystemError('lock_unusable', `Cannot lock "${path}": expected an ordinary file`);
}

function heldBy(fd: number): HeldLock {
  const [pid] = contentOf(fd);
  closeSync(fd);
  return { kind: 'held', heldBy: pid };
}

function release(fd: number): void {
  try {
    ftruncateSync(fd, 0);
  } finally {
    closeSync(fd);
  }
}

/** The pid and the start time of its process, as the holder wrote them. */
function contentOf(fd: number): [number | undefined, string | undefined] {
  const buffer = Buffer.alloc(longestContent);
  const text = buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0));
  const match = /^(\d{1,10}) (\d*)\n$/.exec(text);
  return match === null ? [undefined, undefined] : [Number(match[1]), match[2]];
}

function writeContent(fd: number, text: string): void {
  ftruncateSync(fd, 0);
  writeSync(fd, text, 0, 'latin1');
}

/** When a process began, in ticks since boot (field 22 of /proc/PID/stat), so that a reused pid is not taken for its former owner. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

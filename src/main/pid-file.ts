/*
 * The pidfile: written when the server runs, removed by the process that wrote it (RT-10).
 *
 * The one rule: only a pidfile is ever replaced, and only one whose process is gone. A file with other content, a link or
 * another running server is refused in words. Not here: locks (the spool's lock is what keeps two servers apart).
 */
import {
  closeSync,
  fchownSync,
  lstatSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
  constants,
  mkdirSync,
  truncateSync,
} from 'node:fs';
import { dirname } from 'node:path';

export class PidFileError extends Error {}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  // A number of the same value may have been given to another program since: ours shows its name.
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('ecelerity');
  } catch {
    return true;
  }
}

/** The process id in the file, undefined when there is no such file. Throws PidFileError when the file is something else. */
function readPidFile(path: string): number | undefined {
  let isPlain: boolean;
  try {
    isPlain = lstatSync(path).isFile();
  } catch {
    return undefined;
  }
  if (!isPlain) throw new PidFileError(`Cannot use "${path}" as PidFile: it is not a plain file; remove it or name another`);
  const text = readFileSync(path, 'latin1');
  if (text.trim() === '') return undefined;
  const pid = /^\s*(\d{1,10})\s*$/.exec(text)?.[1];
  if (pid === undefined)
    throw new PidFileError(`Cannot use "${path}" as PidFile: it holds something else than a process id; it is left as it is`);
  return Number(pid);
}

/** The running server that the file names, if any. */
export function runningPid(path: string): number | undefined {
  const pid = readPidFile(path);
  return pid !== undefined && isAlive(pid) ? pid : undefined;
}

export class PidFile {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Throws PidFileError with what to do. The file is given to `owner`, whom the process is going to become. */
  static write(path: string, owner?: { readonly uid: number; readonly gid: number }): PidFile {
    const other = runningPid(path);
    if (other !== undefined && other !== process.pid)
      throw new PidFileError(
        `Cannot start: "${path}" names process ${other}, which is running; stop it first (ec_ctl stop), or give this server its own PidFile`,
      );
    try {
      mkdirSync(dirname(path), { recursive: true });
      removeQuietly(path);
      const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o644);
      writeSync(fd, `${process.pid}\n`);
      if (owner) fchownSync(fd, owner.uid, owner.gid);
      closeSync(fd);
    } catch (error) {
      throw new PidFileError(`Cannot write PidFile "${path}": ${(error as Error).message}`);
    }
    return new PidFile(path);
  }

  /** Removes the file if it still names this process; where only root may remove it, it is emptied. */
  remove(): void {
    try {
      if (readPidFile(this.#path) !== process.pid || removeQuietly(this.#path)) return;
      truncateSync(this.#path);
    } catch {
      // not ours any more
    }
  }
}

function removeQuietly(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch {
    return false;
  }
}

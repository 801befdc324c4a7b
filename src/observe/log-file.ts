/*
 * One log file: whole lines appended (O_APPEND), one write a turn, reopened on command, patient with a full disk.
 *
 * Refuses what is not theirs to write: a symbolic link, a directory, a fifo, a socket, a device (but /dev/null); nothing is
 * replaced, truncated or removed, and a file that exists keeps its mode. When a write or an open fails, lines are kept, up
 * to 16 MiB; beyond that the oldest are dropped and counted. Trouble is told once, recovery once, with the count.
 * A write that stored half a line is continued where it stopped. The disk is handed in; nothing here waits or syncs.
 */
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '#base';

/** What a log needs of a file system. */
export interface LogFs {
  openSync(path: string, flags: number, mode: number): number;
  fstatSync(fd: number): { isFile(): boolean; isCharacterDevice(): boolean; rdev: number };
  fchmodSync(fd: number, mode: number): void;
  writeSync(fd: number, bytes: Uint8Array, offset: number, length: number): number;
  closeSync(fd: number): void;
  mkdirSync(path: string, o: { recursive: true }): unknown;
}

export const systemLogFs: LogFs = fs;

/** Bytes of lines that wait while the file cannot be written. */
export const backlogBytesMax = 16 * 1024 * 1024;
/** Bytes gathered in one turn that are written without waiting for its end. */
const turnBytesMax = 1024 * 1024;
const retryMs = 1_000;
const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
const existing = O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK;
const devNull = (1 << 8) | 3;

export interface LogFileOptions {
  path: string;
  /** Of a file that is created, e.g. 0o644. */
  mode: number;
  fs: LogFs;
  clock: Clock;
  /** Told when writing stops working and when it works again, not for each line. */
  trouble: (text: string) => void;
  /** There is something to flush. */
  dirty: () => void;
  backlogBytesMax?: number;
}

interface Chunk {
  bytes: Buffer;
  offset: number;
  lines: number;
}

export class LogFile {
  readonly path: string;
  /** Lines dropped since the start. */
  lost = 0;
  #o: LogFileOptions;
  #fd: number | undefined;
  #pending = '';
  #pendingLines = 0;
  #backlog: Chunk[] = [];
  #backlogBytes = 0;
  #problem: string | undefined;
  #lostBefore = 0;
  #retryAt = -Infinity;

  constructor(o: LogFileOptions) {
    this.#o = o;
    this.path = o.path;
    const problem = this.#open();
    if (problem !== undefined) this.#fail(problem);
  }

  /** Why it cannot be written at present. */
  get problem(): string | undefined {
    return this.#problem;
  }

  get isClean(): boolean {
    return this.#pending === '' && this.#backlog.length === 0;
  }

  /** `line` holds no line break; it gets one. */
  add(line: string): void {
    if (this.#pending === '') this.#o.dirty();
    this.#pending += `${line}\n`;
    this.#pendingLines++;
    if (this.#pending.length >= turnBytesMax) this.flush();
  }

  /** Writes what waits. While there is trouble it tries again at most once a second. True when nothing waits any more. */
  flush(): boolean {
    if (this.#pending !== '') {
      const bytes = Buffer.from(this.#pending, 'utf8');
      this.#backlog.push({ bytes, offset: 0, lines: this.#pendingLines });
      this.#backlogBytes += bytes.length;
      this.#pending = '';
      this.#pendingLines = 0;
    }
    if (this.#backlog.length === 0) return true;
    if (this.#o.clock.mono() < this.#retryAt) return this.#keep();
    const problem = this.#fd === undefined ? this.#open() : undefined;
    if (problem !== undefined) return this.#fail(problem);
    try {
      this.#writeAll(this.#fd as number);
    } catch (error) {
      return this.#fail(`cannot write ${this.path}: ${(error as Error).message}`);
    }
    this.#recover();
    return true;
  }

  /** For rotation: what waits goes to the old file; if the new one cannot be opened, the old one stays in use. Returns the problem. */
  reopen(): string | undefined {
    this.#retryAt = -Infinity;
    this.flush();
    const old = this.#fd;
    const problem = this.#open();
    if (problem === undefined) {
      if (old !== undefined) this.#close(old);
      this.flush();
      this.#recover();
    } else if (old === undefined) this.#fail(problem);
    else this.#o.trouble(`${problem}; the file that was open stays in use`);
    return problem;
  }

  close(): void {
    this.#retryAt = -Infinity;
    this.flush();
    if (this.#fd !== undefined) this.#close(this.#fd);
    this.#fd = undefined;
  }

  #writeAll(fd: number): void {
    for (let chunk = this.#backlog[0]; chunk !== undefined; chunk = this.#backlog[0]) {
      while (chunk.offset < chunk.bytes.length) {
        chunk.offset += this.#o.fs.writeSync(fd, chunk.bytes, chunk.offset, chunk.bytes.length - chunk.offset);
      }
      this.#backlog.shift();
      this.#backlogBytes -= chunk.bytes.length;
    }
  }

  /** Sets the descriptor, or returns why not. */
  #open(): string | undefined {
    try {
      const fd = this.#openExisting() ?? this.#create();
      const stat = this.#o.fs.fstatSync(fd);
      if (!stat.isFile() && !(stat.isCharacterDevice() && stat.rdev === devNull)) {
        this.#close(fd);
        return `cannot open ${this.path}: it is not a regular file`;
      }
      this.#fd = fd;
      return undefined;
    } catch (error) {
      return `cannot open ${this.path}: ${reason(error as NodeJS.ErrnoException)}`;
    }
  }

  #openExisting(): number | undefined {
    try {
      return this.#o.fs.openSync(this.path, existing, 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** The directory is made too: a first start has none. The mode is set past the umask, because the operator chose it. */
  #create(): number {
    this.#o.fs.mkdirSync(dirname(this.path), { recursive: true });
    const fd = this.#o.fs.openSync(this.path, existing | O_CREAT | O_EXCL, this.#o.mode);
    this.#o.fs.fchmodSync(fd, this.#o.mode);
    return fd;
  }

  #close(fd: number): void {
    try {
      this.#o.fs.closeSync(fd);
    } catch {
      // the number is free again in any case
    }
  }

  #fail(problem: string): false {
    this.#retryAt = this.#o.clock.mono() + retryMs;
    this.#tell(problem);
    return this.#keep();
  }

  /** Drops the oldest whole chunks beyond the bound, never one that is half written. */
  #keep(): false {
    const max = this.#o.backlogBytesMax ?? backlogBytesMax;
    while (this.#backlogBytes > max) {
      const at = (this.#backlog[0]?.offset ?? 0) > 0 ? 1 : 0;
      const [dropped] = this.#backlog.splice(at, 1);
      if (dropped === undefined) break;
      this.#backlogBytes -= dropped.bytes.length;
      this.lost += dropped.lines;
    }
    return false;
  }

  #tell(problem: string): void {
    if (this.#problem === problem) return;
    this.#problem = problem;
    this.#o.trouble(`${problem}; lines are kept meanwhile, at most ${(this.#o.backlogBytesMax ?? backlogBytesMax) >> 10} KiB`);
  }

  #recover(): void {
    this.#retryAt = -Infinity;
    if (this.#problem === undefined || this.#backlog.length > 0) return;
    this.#problem = undefined;
    const lost = this.lost - this.#lostBefore;
    this.#lostBefore = this.lost;
    this.#o.trouble(`${this.path} is written again; ${lost === 0 ? 'no line was lost' : `${lost} lines were lost`}`);
  }
}

function reason(error: NodeJS.ErrnoException): string {
  if (error.code === 'ELOOP') return 'it is a symbolic link, and links are not followed';
  if (error.code === 'EISDIR') return 'it is a directory';
  if (error.code === 'ENXIO') return 'it is a fifo or a socket';
  return error.message;
}

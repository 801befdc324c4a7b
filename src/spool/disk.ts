// The disk as the spool sees it: the few operations it needs, handed in, so that tests can fail any of them or cut the power.
//
// The rule to know: what happens for every batch (write, sync, read) takes a callback, what happens now and then (open, rename,
// list) returns a promise, and nothing but `readSync` on fresh bytes and the lease's small write runs on the event loop.
// It knows nothing of records. Truth: open(2) O_DSYNC, fdatasync(2), rename(2); directories are synced by name.

import fs from 'node:fs';
import { dirname } from 'node:path';

export type Fault = NodeJS.ErrnoException | null;

export interface DirectoryEntry {
  name: string;
  kind: 'file' | 'directory' | 'other';
}

interface OpenOptions {
  /** 'read': existing, read only; 'write': existing, read and write; 'create': must not exist yet, read and write. */
  access: 'read' | 'write' | 'create';
  /** Permission bits of a created file, exactly (the umask does not apply). */
  mode?: number;
  /** Every write is durable when its callback comes (O_DSYNC). */
  isSynchronous?: boolean;
}

export interface SpoolFs {
  write(fd: number, buffer: Buffer, offset: number, length: number, position: number, done: (error: Fault, written: number) => void): void;
  fdatasync(fd: number, done: (error: Fault) => void): void;
  read(fd: number, buffer: Buffer, offset: number, length: number, position: number, done: (error: Fault, read: number) => void): void;
  readSync(fd: number, buffer: Buffer, offset: number, length: number, position: number): number;
  writeSync(fd: number, buffer: Buffer, position: number): number;
  fdatasyncSync(fd: number): void;
  open(path: string, o: OpenOptions): Promise<number>;
  close(fd: number): Promise<void>;
  size(fd: number): Promise<number>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Makes one directory; false when it is there already. Throws when something else has the name. */
  makeDirectory(path: string, mode: number): Promise<boolean>;
  removeDirectory(path: string): Promise<void>;
  /** Undefined when the directory is not there. Throws when the path is no directory. */
  list(path: string): Promise<DirectoryEntry[] | undefined>;
  /** Makes creations, renames and removals in the directory durable. */
  syncDirectory(path: string): Promise<void>;
}

const flagsOf = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
} as const;

const p = fs.promises;

function promised<T>(start: (done: (error: Fault, value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error) reject(error);
      else resolve(value);
    });
  });
}

/** The machine's own disk. */
export const nodeDisk: SpoolFs = {
  write: (fd, buffer, offset, length, position, done) => fs.write(fd, buffer, offset, length, position, done),
  fdatasync: (fd, done) => fs.fdatasync(fd, done),
  read: (fd, buffer, offset, length, position, done) => fs.read(fd, buffer, offset, length, position, done),
  readSync: (fd, buffer, offset, length, position) => fs.readSync(fd, buffer, offset, length, position),
  writeSync: (fd, buffer, position) => fs.writeSync(fd, buffer, 0, buffer.length, position),
  fdatasyncSync: (fd) => fs.fdatasyncSync(fd),
  async open(path, o) {
    const flags = flagsOf[o.access] | (o.isSynchronous === true ? fs.constants.O_DSYNC : 0);
    const fd = await promised<number>((done) => fs.open(path, flags, o.mode ?? 0o640, done));
    if (o.access !== 'create' || o.mode === undefined) return fd;
    const mode = o.mode;
    await promised<void>((done) => fs.fchmod(fd, mode, (error) => done(error, undefined)));
    return fd;
  },
  close: (fd) => promised<void>((done) => fs.close(fd, (error) => done(error ?? null, undefined))),
  size: async (fd) => (await promised<fs.Stats>((done) => fs.fstat(fd, done))).size,
  rename: (from, to) => p.rename(from, to),
  unlink: (path) => p.unlink(path),
  async makeDirectory(path, mode) {
    try {
      await p.mkdir(path, { mode });
      await p.chmod(path, mode);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !(await p.stat(path)).isDirectory()) throw error;
      return false;
    }
  },
  removeDirectory: (path) => p.rmdir(path),
  async list(path) {
    try {
      const entries = await p.readdir(path, { withFileTypes: true });
      return entries.map((e) => ({ name: e.name, kind: e.isFile() ? 'file' : e.isDirectory() ? 'directory' : 'other' }));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  },
  async syncDirectory(path) {
    const handle = await p.open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};

/** Makes a directory with its parents; each new one is durable in the one above it. */
export async function makeDirectories(disk: SpoolFs, path: string, mode: number): Promise<void> {
  try {
    if (await disk.makeDirectory(path, mode)) await disk.syncDirectory(dirname(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeDirectories(disk, dirname(path), mode);
    if (await disk.makeDirectory(path, mode)) await disk.syncDirectory(dirname(path));
  }
}

/** Writes all of `buffer`, going on after short writes; a write of nothing is an I/O error. */
export function writeAll(disk: SpoolFs, fd: number, buffer: Buffer, length: number, position: number, done: (error: Fault) => void): void {
  let at = 0;
  const step = (error: Fault, written: number): void => {
    if (error) return done(error);
    at += written;
    if (at >= length) return done(null);
    if (written === 0) return done(Object.assign(new Error('EIO: the disk wrote nothing'), { code: 'EIO' }));
    disk.write(fd, buffer, at, length - at, position + at, step);
  };
  disk.write(fd, buffer, 0, length, position, step);
}

/** The same as a promise. */
export function writeAllAsync(disk: SpoolFs, fd: number, buffer: Buffer, position: number): Promise<void> {
  return promised<void>((done) => writeAll(disk, fd, buffer, buffer.length, position, (error) => done(error, undefined)));
}

export function syncAsync(disk: SpoolFs, fd: number): Promise<void> {
  return promised<void>((done) => disk.fdatasync(fd, (error) => done(error, undefined)));
}

/** Reads until `length` bytes or the end of the file; answers the number read. */
export async function readAllAsync(
  disk: SpoolFs,
  fd: number,
  buffer: Buffer,
  offset: number,
  length: number,
  position: number,
): Promise<number> {
  let at = 0;
  while (at < length) {
    const start = at;
    const read = await promised<number>((done) => disk.read(fd, buffer, offset + start, length - start, position + start, done));
    if (read === 0) break;
    at += read;
  }
  return at;
}

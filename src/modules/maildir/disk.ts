/**
 * What the maildir module asks of a file system, and the two steps that make a name durable.
 *
 * The one rule: a name is only safe when its directory was synced after the name was made. Tests hand in a failing disk.
 * Not here: what is written (delivery.ts).
 */
import { chmod, copyFile, mkdir, open, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface MaildirFile {
  writev(buffers: Buffer[]): Promise<{ bytesWritten: number }>;
  sync(): Promise<void>;
  chmod(mode: number): Promise<void>;
  close(): Promise<void>;
}

export interface MaildirDisk {
  open(path: string, flags: string, mode?: number): Promise<MaildirFile>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  copyFile(from: string, to: string): Promise<void>;
  mkdir(path: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  stat(path: string): Promise<{ isDirectory(): boolean }>;
}

export const realDisk: MaildirDisk = {
  open: (path, flags, mode) => open(path, flags, mode),
  rename,
  unlink,
  copyFile: (from, to) => copyFile(from, to),
  mkdir: async (path) => {
    await mkdir(path);
  },
  chmod,
  stat: (path) => stat(path),
};

/** Syncs what a file or a directory holds to the disk. */
export async function syncPath(disk: MaildirDisk, path: string): Promise<void> {
  const handle = await disk.open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes `path` and its missing parents, each with exactly `mode`, each durable in its parent. */
export async function makeDirectory(disk: MaildirDisk, path: string, mode: number): Promise<void> {
  try {
    await disk.mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT') throw error;
    await makeDirectory(disk, dirname(path), mode);
    await makeDirectory(disk, path, mode);
    return;
  }
  // The process's umask would take bits away; the option gives the mode as it shall be.
  await disk.chmod(path, mode);
  await syncPath(disk, dirname(path));
}

export async function isDirectory(disk: MaildirDisk, path: string): Promise<boolean> {
  try {
    return (await disk.stat(path)).isDirectory();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return false;
    throw error;
  }
}

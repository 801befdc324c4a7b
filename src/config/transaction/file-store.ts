/**
 * Puts a whole new text in the place of a file, so that after any interruption there is the old one or the new one, never a part.
 *
 * The one rule: a new file in the same directory, fsync, rename over the old one, fsync of the directory; owner and mode are those of the
 * old file, and where they cannot be kept the file stays as it is. A link is followed: what it points to is replaced.
 * The new file has a hidden, fixed name: an include of the directory does not see it, and what a crash left behind is replaced next time.
 * It decides nothing about what is written (write-back.ts). The operations are handed in, so that a test can stop at each of them.
 */
import * as fs from 'node:fs';
import type { Buffer } from 'node:buffer';
import { basename, dirname, join } from 'node:path';

/** The calls it makes, in the order it makes them. */
export type FileOperations = Pick<
  typeof fs,
  | 'realpathSync'
  | 'lstatSync'
  | 'rmSync'
  | 'openSync'
  | 'fstatSync'
  | 'fchownSync'
  | 'fchmodSync'
  | 'writeFileSync'
  | 'fsyncSync'
  | 'closeSync'
  | 'renameSync'
>;

export interface FileStore {
  /** A sentence when it could not be done, and then the old file is there. `modeOf`: whose mode a file gets that is not there yet. */
  replace(path: string, bytes: Buffer, modeOf: string): string | undefined;
}

export function fileStore(operations: FileOperations = fs): FileStore {
  return {
    replace(path, bytes, modeOf) {
      try {
        replace(operations, { path, bytes, modeOf });
        return undefined;
      } catch (error) {
        return `Cannot save ${path}: ${(error as Error).message}`;
      }
    },
  };
}

function replace(o: FileOperations, file: { path: string; bytes: Buffer; modeOf: string }): void {
  const old = o.lstatSync(file.path, { throwIfNoEntry: false });
  const real = old === undefined ? file.path : o.realpathSync(file.path);
  const like = o.lstatSync(old === undefined ? o.realpathSync(file.modeOf) : real);
  if (old !== undefined && !like.isFile()) throw new Error('it is no regular file');
  const fresh = join(dirname(real), `.${basename(real)}.impetus-new`);
  o.rmSync(fresh, { force: true });
  const descriptor = o.openSync(fresh, 'wx', 0o600);
  try {
    const made = o.fstatSync(descriptor);
    if (old !== undefined && (made.uid !== like.uid || made.gid !== like.gid)) o.fchownSync(descriptor, like.uid, like.gid);
    // After the owner: a change of owner takes set-id bits away.
    o.fchmodSync(descriptor, like.mode & 0o7777);
    o.writeFileSync(descriptor, file.bytes);
    o.fsyncSync(descriptor);
  } catch (error) {
    o.closeSync(descriptor);
    o.rmSync(fresh, { force: true });
    throw error;
  }
  o.closeSync(descriptor);
  try {
    o.renameSync(fresh, real);
  } catch (error) {
    o.rmSync(fresh, { force: true });
    throw error;
  }
  syncDirectory(o, dirname(real));
}

function syncDirectory(o: FileOperations, directory: string): void {
  const descriptor = o.openSync(directory, 'r');
  try {
    o.fsyncSync(descriptor);
  } finally {
    o.closeSync(descriptor);
  }
}

/**
 * The real disk as a `FileSource`.
 *
 * The one rule: what is read is what was opened. The file is opened once, without waiting on FIFOs, and its kind, size and identity are
 * asked of the open descriptor, so that a link changed meanwhile cannot put another file in its place.
 * Synchronous on purpose: the configuration is read at start and at reload, by the main thread, which carries no mail.
 */
import { accessSync, closeSync, constants, fstatSync, openSync, readdirSync, readSync, realpathSync, statSync } from 'node:fs';
import { faultOf, type FileContent, type FileFault, type FileSource, type FileStat } from './file-source.ts';

export const systemFiles: FileSource = { stat, list, read };

function stat(path: string): FileStat | FileFault {
  return guarded(() => {
    const found = statSync(path);
    const kind = found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other';
    return { kind, identity: `${found.dev}:${found.ino}`, realPath: realpathSync(path), isWritable: isWritable(path) };
  });
}

function list(directory: string): readonly string[] | FileFault {
  return guarded(() => readdirSync(directory));
}

function read(path: string, maxBytes: number): FileContent | FileFault {
  return guarded(() => {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    try {
      const found = fstatSync(descriptor);
      if (found.isDirectory()) return faultOf('EISDIR');
      if (!found.isFile()) return { fault: 'EINVAL', words: 'Not a regular file' };
      if (found.size > maxBytes) return faultOf('EFBIG');
      return { bytes: readAll(descriptor, found.size), identity: `${found.dev}:${found.ino}` };
    } finally {
      closeSync(descriptor);
    }
  });
}

/** At most the size the file had when it was opened: one that grows meanwhile is cut there. */
function readAll(descriptor: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let filled = 0;
  while (filled < size) {
    const count = readSync(descriptor, bytes, filled, size - filled, filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function guarded<T>(action: () => T | FileFault): T | FileFault {
  try {
    return action();
  } catch (error) {
    return faultOf((error as NodeJS.ErrnoException).code ?? String(error));
  }
}

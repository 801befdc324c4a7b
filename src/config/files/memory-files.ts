/**
 * Files that live in memory, as a `FileSource`: for tests, and to check a text that is not on disk yet.
 *
 * The one rule: paths are absolute and plain; directories exist because a file stands in them.
 * It knows permissions only as far as the configuration asks: readable, writable, and links.
 */
import { faultOf, type FileContent, type FileFault, type FileSource, type FileStat } from './file-source.ts';

/** A text, or what is special about the file. */
export type MemoryFile =
  string | Buffer | { readonly text?: string; readonly isReadOnly?: boolean; readonly isUnreadable?: boolean; readonly linkTo?: string };

export function memoryFiles(files: Readonly<Record<string, MemoryFile>>, schemes: readonly string[] = []): FileSource {
  const follow = (path: string, depth = 0): string | undefined => {
    const file = files[path];
    if (typeof file !== 'object' || Buffer.isBuffer(file) || file.linkTo === undefined) return path;
    return depth > 40 ? undefined : follow(file.linkTo, depth + 1);
  };
  const isDirectory = (path: string): boolean => Object.keys(files).some((name) => name.startsWith(path === '/' ? '/' : `${path}/`));
  const find = (path: string): { readonly path: string; readonly file: MemoryFile | undefined } | FileFault => {
    const real = follow(path);
    if (real === undefined) return faultOf('ELOOP');
    const file = files[real];
    if (file === undefined && !isDirectory(real)) return faultOf('ENOENT');
    return { path: real, file };
  };
  return {
    stat(path: string): FileStat | FileFault {
      const found = find(path);
      if ('fault' in found) return found;
      if (found.file === undefined) return { kind: 'directory', identity: found.path, realPath: found.path, isWritable: true };
      if (special(found.file).isUnreadable === true) return faultOf('EACCES');
      return { kind: 'file', identity: found.path, realPath: found.path, isWritable: special(found.file).isReadOnly !== true };
    },
    list(directory: string): readonly string[] | FileFault {
      if (!isDirectory(directory)) return faultOf('ENOENT');
      const inside = Object.keys(files).filter((name) => name.startsWith(`${directory}/`));
      return [...new Set(inside.map((name) => name.slice(directory.length + 1).split('/')[0] ?? ''))];
    },
    read(path: string, maxBytes: number): FileContent | FileFault {
      const found = find(path);
      if ('fault' in found) return found;
      if (found.file === undefined) return faultOf('EISDIR');
      const bytes = bytesOf(found.file);
      return bytes.length > maxBytes ? faultOf('EFBIG') : { bytes, identity: found.path };
    },
    readsScheme: (scheme: string) => schemes.includes(scheme),
  };
}

function special(file: MemoryFile): { readonly isReadOnly?: boolean; readonly isUnreadable?: boolean } {
  return typeof file === 'string' || Buffer.isBuffer(file) ? {} : file;
}

function bytesOf(file: MemoryFile): Buffer {
  if (Buffer.isBuffer(file)) return file;
  return Buffer.from(typeof file === 'string' ? file : (file.text ?? ''));
}

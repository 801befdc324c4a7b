/**
 * The disk as the configuration sees it: a narrow port, so that reading a tree of files can run in memory.
 *
 * The one rule: nothing throws. What went wrong is a `FileFault` with the system's own words, because messages quote them (CFG-32).
 * A file's identity is its device and inode: two names of one file are one file (CFG-34, symbolic links).
 * It reads only; writing configuration back is another port.
 */

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'other';
  /** Equal for all names of one file. */
  readonly identity: string;
  readonly realPath: string;
  /** Whether the permissions let this process write it. */
  readonly isWritable: boolean;
}

export interface FileContent {
  readonly bytes: Buffer;
  readonly identity: string;
}

export interface FileFault {
  /** 'ENOENT', 'EACCES', 'EFBIG', ... */
  readonly fault: string;
  /** The system's words: "No such file or directory". */
  readonly words: string;
}

export interface FileSource {
  stat(path: string): FileStat | FileFault;
  /** Names, in any order, hidden ones included. */
  list(directory: string): readonly string[] | FileFault;
  /** A regular file of at most `maxBytes`; more is the fault EFBIG. */
  read(path: string, maxBytes: number): FileContent | FileFault;
  /** True when addresses of this scheme can be read by `stat` and `read`, the whole address being the path. Absent: plain files only. */
  readsScheme?(scheme: string): boolean;
}

export function isFault(result: object): result is FileFault {
  return 'fault' in result;
}

const words: Readonly<Record<string, string>> = {
  ENOENT: 'No such file or directory',
  EACCES: 'Permission denied',
  EPERM: 'Operation not permitted',
  ENOTDIR: 'Not a directory',
  EISDIR: 'Is a directory',
  ELOOP: 'Too many levels of symbolic links',
  ENAMETOOLONG: 'File name too long',
  EMFILE: 'Too many open files',
  ENFILE: 'Too many open files in system',
  EIO: 'Input/output error',
  EFBIG: 'File too large',
  EINVAL: 'Invalid argument',
  ESTALE: 'Stale file handle',
};

export function faultOf(code: string): FileFault {
  return { fault: code, words: words[code] ?? code };
}

/*
 * The files of one git tree as the configuration reads them, each at the place where it will stand; everything else comes from the disk.
 *
 * The one rule: what is judged is exactly what is committed. A file that somebody forgot to add is missing here although it lies on the disk.
 * Bounds: BYTES_MAX of content; a tree beyond it is refused. Not here: judging (validate-tree.ts).
 */
import { dirname, join, resolve } from 'node:path';
import { systemFiles, type FileContent, type FileFault, type FileSource, type FileStat } from '#config';
import { VaultError } from './errors.ts';
import { zeroFields, type Git } from './git.ts';

const BYTES_MAX = 128 * 1024 * 1024;
const LINKS_MAX = 40;

interface TreeFile {
  readonly isLink: boolean;
  readonly bytes: Buffer;
}

export type TreeContent = ReadonlyMap<string, TreeFile>;

/** All files of a tree by their path in it. */
export async function readTree(git: Git, cwd: string, tree: string): Promise<TreeContent> {
  const entries = zeroFields(await git.bytes({ cwd }, 'ls-tree', '-r', '-l', '-z', tree)).flatMap((line) => {
    const [, mode = '', kind = '', oid = '', size = '', path = ''] = /^(\d+) (\w+) ([0-9a-f]+) +(\d+|-)\t(.*)$/s.exec(line) ?? [];
    return kind === 'blob' ? [{ mode, oid, size: Number(size), path }] : [];
  });
  if (entries.reduce((sum, { size }) => sum + size, 0) > BYTES_MAX)
    throw new VaultError('invalid', `The tree holds more than ${BYTES_MAX / 1_048_576} MB: that is no configuration`);
  const all = await git.bytes({ cwd, input: entries.map(({ oid }) => `${oid}\n`).join('') }, 'cat-file', '--batch');
  const files = new Map<string, TreeFile>();
  let at = 0;
  for (const { mode, path, size } of entries) {
    const start = all.indexOf(10, at) + 1;
    files.set(path, { isLink: mode === '120000', bytes: all.subarray(start, start + size) });
    at = start + size + 1;
  }
  return files;
}

/** `root`: where the tree stands, or will stand, on the disk. */
export function treeFiles(root: string, files: TreeContent): FileSource {
  const directories = new Set<string>(['']);
  for (const path of files.keys()) for (let dir = dirname(path); dir !== '.'; dir = dirname(dir)) directories.add(dir);
  const inside = (path: string): string | undefined =>
    path === root ? '' : path.startsWith(`${root}/`) ? path.slice(root.length + 1) : undefined;
  /** Where links lead: a place in the tree, or a path outside of it. */
  const follow = (path: string, depth = 0): string => {
    const name = inside(resolve(path));
    const file = name === undefined ? undefined : files.get(name);
    if (file === undefined || !file.isLink || depth > LINKS_MAX) return resolve(path);
    return follow(join(dirname(resolve(path)), file.bytes.toString('utf8')), depth + 1);
  };
  return {
    stat(path: string): FileStat | FileFault {
      const real = follow(path);
      const name = inside(real);
      if (name === undefined) return systemFiles.stat(real);
      const kind = files.has(name) ? 'file' : directories.has(name) ? 'directory' : undefined;
      return kind === undefined ? missing : { kind, identity: real, realPath: real, isWritable: true };
    },
    list(directory: string): readonly string[] | FileFault {
      const name = inside(follow(directory));
      if (name === undefined) return systemFiles.list(directory);
      if (!directories.has(name)) return missing;
      const prefix = name === '' ? '' : `${name}/`;
      const below = [...files.keys()].filter((path) => path.startsWith(prefix));
      return [...new Set(below.map((path) => path.slice(prefix.length).split('/')[0] ?? ''))];
    },
    read(path: string, maxBytes: number): FileContent | FileFault {
      const real = follow(path);
      const name = inside(real);
      if (name === undefined) return systemFiles.read(real, maxBytes);
      const file = files.get(name);
      if (file === undefined) return missing;
      return file.bytes.length > maxBytes ? { fault: 'EFBIG', words: 'File too large' } : { bytes: file.bytes, identity: real };
    },
  };
}

const missing: FileFault = { fault: 'ENOENT', words: 'No such file or directory' };

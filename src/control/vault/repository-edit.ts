/*
 * Changes made in the repository alone, without touching the files on this machine: clone, overlay, put.
 *
 * The one rule: each is one revision on top of the newest, judged like any commit; working copies get it by their next pull.
 * Truth: ECC-04. Not here: local changes (commit.ts).
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { judged, publish } from './commit.ts';
import { VaultError } from './errors.ts';
import { UPSTREAM, type WorkingCopy } from './working-copy.ts';

export interface RepositoryEdit {
  readonly username: string;
  readonly message: string;
  readonly isForced?: boolean;
}

/** One folder over another; `isOverlay` keeps what only the destination has. Gives the revision, undefined when nothing changed. */
export function copyFolders(
  copy: WorkingCopy,
  from: string,
  to: string,
  o: RepositoryEdit & { isOverlay: boolean },
): Promise<number | undefined> {
  const [source, target] = [clean(from), clean(to)];
  if (target === source || target.startsWith(`${source}/`) || source.startsWith(`${target}/`))
    throw new VaultError('argument', `"${from}" and "${to}" lie in each other`);
  return edit(copy, o, async (index, newest) => {
    const { git, path: cwd } = copy;
    const has = await git.run({ cwd }, 'cat-file', '-t', `${newest}:${source}`);
    if (has.code !== 0 || has.stdout.toString().trim() !== 'tree')
      throw new VaultError('argument', `The repository has no folder "${source}"`);
    const lines = await git.bytes({ cwd }, 'ls-tree', '-r', '-z', `${newest}:${source}`);
    if (!o.isOverlay) await git.bytes({ cwd, index }, 'rm', '-r', '--cached', '--quiet', '--ignore-unmatch', '--', target);
    const moved = lines
      .toString('utf8')
      .split('\0')
      .filter(Boolean)
      .map((line) => line.replace('\t', `\t${target}/`));
    await git.bytes({ cwd, index, input: `${moved.join('\0')}\0` }, 'update-index', '-z', '--index-info');
  });
}

/** One file of the repository gets this content. Undefined when it has it already. */
export function putFile(copy: WorkingCopy, content: Buffer, to: string, o: RepositoryEdit): Promise<number | undefined> {
  const target = clean(to);
  return edit(copy, o, async (index) => {
    const { git, path: cwd } = copy;
    const oid = await git.text({ cwd, input: content }, 'hash-object', '-w', '--stdin');
    await git.bytes({ cwd, index }, 'update-index', '--add', '--cacheinfo', `100644,${oid},${target}`);
  });
}

async function edit(
  copy: WorkingCopy,
  o: RepositoryEdit,
  change: (index: string, newest: string) => Promise<void>,
): Promise<number | undefined> {
  const { git, path: cwd } = copy;
  await copy.fetch();
  const newest = await copy.commitOf('upstream');
  const index = join(cwd, '.git', 'eccfg-index');
  try {
    await git.bytes({ cwd, index }, 'read-tree', newest);
    await change(index, newest);
    const tree = await git.text({ cwd, index }, 'write-tree');
    if (tree === (await git.text({ cwd }, 'rev-parse', `${newest}^{tree}`))) return undefined;
    const message = await judged(git, cwd, { tree, message: o.message, isForced: o.isForced === true });
    const made = await publish(git, cwd, { tree, parent: newest, message, username: o.username });
    await git.bytes({ cwd }, 'update-ref', UPSTREAM, made);
    return await copy.revision(made);
  } finally {
    rmSync(index, { force: true });
    rmSync(`${index}.lock`, { force: true });
  }
}

/** A path in the repository: relative, plain, and not git's own folder. */
function clean(path: string): string {
  const parts = path.replace(/^\/+|\/+$/g, '').split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..' || part.toLowerCase() === '.git'))
    throw new VaultError('argument', `"${path}" is no place in the repository: expected a relative path such as default/ecelerity.conf`);
  return parts.join('/');
}

/*
 * `groups:///path`: which groups a user is in, from lines `group:user,user` or `group:ignored:user,user`.
 *
 * The one rule: looked at for every question and read again when it changed; a file that is gone, too large, or writable by everybody is trouble,
 * and trouble allows nothing. `#` begins a comment line. Bound: FILE_MAX_BYTES. Truth: AUTH-22.
 */
import { readFile, stat } from 'node:fs/promises';

const FILE_MAX_BYTES = 16 * 1024 * 1024;

export class GroupsFile {
  readonly #path: string;
  #stamp = '';
  #groups = new Map<string, Set<string>>();

  constructor(path: string) {
    this.#path = path;
  }

  /** The groups of a user. Rejects with a sentence when the file cannot be believed. */
  async of(user: string): Promise<ReadonlySet<string>> {
    await this.#refresh();
    return this.#groups.get(user) ?? new Set();
  }

  async #refresh(): Promise<void> {
    const found = await stat(this.#path).catch((error: NodeJS.ErrnoException) => error.code ?? error.message);
    const trouble =
      typeof found === 'string'
        ? found
        : !found.isFile()
          ? 'it is no file'
          : found.size > FILE_MAX_BYTES
            ? `it is larger than ${FILE_MAX_BYTES} bytes`
            : (found.mode & 0o002) !== 0
              ? 'everybody may write to it'
              : undefined;
    if (trouble !== undefined) throw new Error(`groups file "${this.#path}": ${trouble}`);
    if (typeof found === 'string') return;
    const stamp = `${found.dev}:${found.ino}:${found.size}:${found.mtimeMs}:${found.ctimeMs}`;
    if (stamp === this.#stamp) return;
    this.#groups = groupsOf(await readFile(this.#path, 'utf8'));
    this.#stamp = stamp;
  }
}

/** User to groups. */
function groupsOf(text: string): Map<string, Set<string>> {
  const groups = new Map<string, Set<string>>();
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const fields = line.split(':');
    const group = fields[0]?.trim() ?? '';
    if (fields.length < 2 || group === '') continue;
    for (const name of (fields.at(-1) ?? '').split(',')) {
      const user = name.trim();
      if (user === '') continue;
      const own = groups.get(user) ?? new Set<string>();
      own.add(group);
      groups.set(user, own);
    }
  }
  return groups;
}

/**
 * Passwords in files: `file:///path` holds `user:password` or `user:verifier` (scram-verifier.ts), `digest:///path` holds `user:realm:md5(user:realm:password)`.
 *
 * The one rule: the file is looked at for every question and read again when it changed, so no restart is needed (AUTH-21); a file that
 * is gone, too large, or writable by everybody answers "trouble", never "no such user". `#` begins a comment line.
 * Bound: `FILE_MAX_BYTES`; questions that come while it is being read wait for the one reading.
 * Not here: comparing (plain.ts and its neighbours). Truth: rules AUTH-20, AUTH-21; attack A44.
 */
import { readFile, stat, type Stats } from 'node:fs';
import type { PanicLog } from '#observe';
import { parseVerifier } from './scram-verifier.ts';
import type { Credential, CredentialSource } from '#hooks';

const FILE_MAX_BYTES = 64 * 1024 * 1024;

type Kind = 'file' | 'digest';
type Reading = { readonly entries: ReadonlyMap<string, string> } | { readonly trouble: string };

export class PasswordFile implements CredentialSource {
  readonly #path: string;
  readonly #kind: Kind;
  readonly #panic: Pick<PanicLog, 'log'>;
  #stamp = '';
  #entries: ReadonlyMap<string, string> = new Map();
  #waiting: ((reading: Reading) => void)[] | undefined;

  constructor(o: { readonly path: string; readonly kind: Kind; readonly panic: Pick<PanicLog, 'log'> }) {
    this.#path = o.path;
    this.#kind = o.kind;
    this.#panic = o.panic;
  }

  find(user: string, realm: string, answer: (credential: Credential) => void): void {
    this.#read((reading) => {
      if ('trouble' in reading) {
        answer({ kind: 'trouble', cause: `password file "${this.#path}": ${reading.trouble}` });
        return;
      }
      const found = reading.entries.get(this.#kind === 'file' ? user : `${user}:${realm}`);
      if (found === undefined) answer({ kind: 'none' });
      else if (this.#kind === 'digest') answer({ kind: 'ha1', hex: found, realm });
      else answer(parseVerifier(found) ?? { kind: 'password', text: found });
    });
  }

  #read(then: (reading: Reading) => void): void {
    if (this.#waiting !== undefined) {
      this.#waiting.push(then);
      return;
    }
    this.#waiting = [then];
    stat(this.#path, (error, stats) => {
      const trouble = error === null ? troubleOf(stats) : (error.code ?? error.message);
      if (trouble !== undefined) this.#answer({ trouble });
      else this.#refresh(stats);
    });
  }

  #refresh(stats: Stats): void {
    const stamp = `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeMs}:${stats.ctimeMs}`;
    if (stamp === this.#stamp) {
      this.#answer({ entries: this.#entries });
      return;
    }
    readFile(this.#path, 'utf8', (error, text) => {
      if (error !== null) {
        this.#answer({ trouble: error.code ?? error.message });
        return;
      }
      this.#stamp = stamp;
      this.#entries = entriesOf(text, this.#kind);
      if ((stats.mode & 0o004) !== 0) this.#panic.log('WARNING', 'SMTP', `password file "${this.#path}" may be read by everybody`);
      this.#answer({ entries: this.#entries });
    });
  }

  #answer(reading: Reading): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const then of waiting) then(reading);
  }
}

function troubleOf(stats: Stats): string | undefined {
  if (!stats.isFile()) return 'it is no file';
  if (stats.size > FILE_MAX_BYTES) return `it is larger than ${FILE_MAX_BYTES} bytes`;
  return (stats.mode & 0o002) === 0 ? undefined : 'everybody may write to it';
}

/** User (and realm, for the digest form) to what is stored. The first line of a user counts. */
function entriesOf(text: string, kind: Kind): Map<string, string> {
  const entries = new Map<string, string>();
  for (const raw of text.split('\n')) {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (line === '' || line.startsWith('#')) continue;
    const colon = kind === 'file' ? line.indexOf(':') : line.lastIndexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon);
    if (!entries.has(name)) entries.set(name, line.slice(colon + 1));
  }
  return entries;
}

/*
 * Names of the operating system's users, for people: what `id` would say of a number.
 *
 * The one rule: a number without a name is still somebody ("uid 1234"). Read from /etc/passwd, again when that changed; directories beyond it (LDAP)
 * are not asked. Truth: passwd(5), AUTH-09.
 */
import { readFileSync, statSync } from 'node:fs';

const passwd = '/etc/passwd';
let stamp = '';
let names = new Map<number, string>();

export function userName(uid: number): string {
  try {
    const { mtimeMs, size, ino } = statSync(passwd);
    const now = `${ino}:${size}:${mtimeMs}`;
    if (now !== stamp) {
      names = new Map();
      for (const line of readFileSync(passwd, 'utf8').split('\n')) {
        const [name = '', , id = ''] = line.split(':');
        if (name !== '' && /^\d+$/.test(id) && !names.has(Number(id))) names.set(Number(id), name);
      }
      stamp = now;
    }
  } catch {
    // Without the file numbers must do.
  }
  return names.get(uid) ?? `uid ${uid}`;
}

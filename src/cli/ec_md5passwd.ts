/*
 * ec_md5passwd: lines for the files of users: hashes for digest://, and (ours) verifiers for file:// that hold no clear text.
 *
 * Without -f the line is printed; with -f it takes the user's place in that file, or is added; other lines and comments stay. The file is
 * replaced in one step and is only its owner's. Exit status: 0 done, 1 refused with a reason, 64 wrong words. Truth: CLI-04, AUTH-04, AUTH-21.
 */
import { createHash, randomBytes } from 'node:crypto';
import { chownSync, closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { verifierOf } from '#auth';
import { askTwice } from './console/password.ts';
import { wrongWords } from './wrong-words.ts';

const DEFAULT_REALM = 'Momentum Console';

const usage = `usage: ec_md5passwd [-f FILE] [-r REALM] [--scram | --delete] [USER [PASSWORD]]
  -f FILE    put the line into this file in the place of the user's, instead of printing it
  -r REALM   default: $EC_DIGEST_REALM, else "${DEFAULT_REALM}"; the listener's realm must be the same
  --scram    a line for file:// that serves SCRAM-SHA-256, PLAIN and LOGIN and holds no password (ours)
  --delete   take the user out of FILE (ours)
  Without PASSWORD it is asked for, or read as one line from standard input. A password on the command line is seen by
  everybody who lists processes.
Exit status: 0 done, 1 refused with a reason, 64 wrong words.`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      file: { type: 'string', short: 'f' },
      realm: { type: 'string', short: 'r' },
      scram: { type: 'boolean' },
      delete: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    console.log(usage);
    return 0;
  }
  const [user = process.env['USER'] ?? '', given, ...more] = positionals;
  if (user === '') return complain(64, `ec_md5passwd: no user is named, and USER is not in the environment\n${usage}`);
  const realm = values.realm ?? process.env['EC_DIGEST_REALM'] ?? DEFAULT_REALM;
  if (more.length > 0 || (values.delete === true && (values.file === undefined || given !== undefined))) return complain(64, usage);
  if (!/^[^:\p{Cc}]{1,255}$/u.test(user)) return complain(1, `"${user}" can be no name: expected 1 to 255 characters without a colon`);
  if (/[:\p{Cc}]/u.test(realm)) return complain(1, `"${realm}" can be no realm: it holds a colon or a control character`);
  const key = values.scram === true ? `${user}:` : `${user}:${realm}:`;
  if (values.delete === true)
    return replaceLine(values.file ?? '', key, undefined) ? 0 : complain(1, `${user} does not stand in ${values.file}`);
  const password = given ?? (await askTwice(user));
  if (password === '') return complain(1, 'an empty password lets nobody in: nothing was done');
  const line =
    key +
    (values.scram === true
      ? verifierOf(password, randomBytes(16))
      : createHash('md5').update(`${user}:${realm}:${password}`).digest('hex'));
  if (values.file === undefined) console.log(line);
  else replaceLine(values.file, key, line);
  return 0;
}

/** False when there was no line to be taken out. */
function replaceLine(file: string, key: string, line: string | undefined): boolean {
  const old = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  if (old.at(-1) === '') old.pop();
  const at = old.findIndex((one) => one.startsWith(key));
  if (at < 0 && line === undefined) return false;
  const lines = old.filter((one, i) => i === at || !one.startsWith(key));
  const place = lines.findIndex((one) => one.startsWith(key));
  if (line === undefined) lines.splice(place, 1);
  else if (place < 0) lines.push(line);
  else lines[place] = line;
  const fresh = `${file}.new-${process.pid}`;
  const fd = openSync(fresh, 'wx', 0o600);
  try {
    if (existsSync(file)) {
      const { uid, gid } = statSync(file);
      if (process.getuid?.() === 0) chownSync(fresh, uid, gid);
    }
    writeSync(fd, lines.map((one) => `${one}\n`).join(''));
    fsyncSync(fd);
    renameSync(fresh, file);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  return true;
}

function complain(status: number, text: string): number {
  console.error(status === 64 ? text : `ec_md5passwd: ${text}`);
  return status;
}

try {
  process.exitCode = await main();
} catch (error) {
  const isWords = (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true;
  process.exitCode = complain(isWords ? 64 : 1, isWords ? `ec_md5passwd: ${wrongWords(error)}\n${usage}` : (error as Error).message);
}

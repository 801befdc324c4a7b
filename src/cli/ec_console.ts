/*
 * ec_console: says commands to a running server and prints its answers (CON-01 to CON-06).
 *
 * Words after the endpoint are one command; without them commands are read from standard input, with a line editor when it is a terminal. The exit
 * status is 0 when every command succeeded. A server that says nothing for a minute is given up (CON-08).
 * Not here: line editing, history, pager (console/), what commands do (the server).
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ConsoleClient, type ClientIdentity } from '#control';
import { DEFAULT_ENDPOINT, isEndpoint, parseConsoleEndpoint, type Endpoint } from './console/endpoint.ts';
import { Link } from './console/link.ts';
import { passwordOf } from './console/password.ts';
import { talk } from './console/prompt.ts';
import { sshTunnel } from './console/tunnel.ts';
import { visible } from './console/visible.ts';
import { within } from './console/within.ts';

const usage = `usage: ec_console [ENDPOINT] [COMMAND ...]
  ENDPOINT  /path, host:port, [v6]:port, user@host:port, a port of this machine,
            or ssh://sshuser@host/console_user@host:port (* for the host that ssh reaches); default: ${DEFAULT_ENDPOINT}
  COMMAND   one command, for example: summary; without one, commands are read from standard input ("help" lists them)
At the prompt: Tab completes, arrows and emacs keys edit, \\pager switches paging, quit ends.
Environment: PAGER, EC_CONSOLE_HISTORY (a file; empty: none), EC_CONSOLE_PASSWORD_FILE (its first line is the password).
Exit status: 0 every command succeeded, 1 one was refused or nobody answered, 64 wrong words.`;

/** A word that the shell gave whole is typed with the marks it took away; a whole line in one word is a line. */
function typed(word: string, _index: number, words: readonly string[]): string {
  const isBroken = words.length > 1 && /\s/.test(word) && !/^["'([]/.test(word);
  return isBroken ? `"${word.replace(/[\\"]/g, '\\$&')}"` : word;
}

/** A person may take a minute over a password: only the server's own silence counts. */
async function opener(endpoint: Endpoint): Promise<() => Promise<ConsoleClient>> {
  const { address, shown, ssh, user } = endpoint;
  const password = user === undefined ? '' : await passwordOf(user);
  const identity: ClientIdentity | undefined = user === undefined ? undefined : { user, password: () => Promise.resolve(password) };
  return () =>
    within(ssh === undefined ? ConsoleClient.open(address, identity) : ConsoleClient.over(sshTunnel(endpoint), address, identity), shown);
}

async function main(): Promise<number> {
  const words = process.argv.slice(2);
  if (words[0] === '-h' || words[0] === '--help') {
    console.log(usage);
    return 0;
  }
  if (words[0]?.startsWith('-')) {
    console.error(`ec_console: "${words[0]}" is no option\n${usage}`);
    return 64;
  }
  const endpoint = parseConsoleEndpoint(isEndpoint(words[0]) ? words.shift()! : DEFAULT_ENDPOINT);
  const open = await opener(endpoint);
  const link = new Link({ first: await open(), open, within: (work) => within(work, endpoint.shown) });
  try {
    if (words.length === 0) {
      const historyFile = process.env['EC_CONSOLE_HISTORY'] ?? join(homedir(), '.ec_console_history');
      return (await talk({ link, endpoint, historyFile: historyFile || undefined, pager: process.env['PAGER'] })) ? 0 : 1;
    }
    const { ok, text } = await link.run(words.map(typed).join(' '));
    (ok ? process.stdout : process.stderr).write(visible(text));
    return ok ? 0 : 1;
  } finally {
    link.close();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`ec_console: ${visible((error as Error).message)}`);
  process.exitCode = 1;
}

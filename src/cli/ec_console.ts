/*
 * ec_console: says commands to a running server and prints its answers (CON-01 to CON-05).
 *
 * Endpoint: none (/tmp/2025), /path, host:port, [v6]:port. Words after it are one command; without them commands are read
 * from standard input, with a prompt when it is a terminal. The exit status is 0 when every command succeeded.
 * Escape codes in answers are shown, never obeyed. A server that says nothing for a minute is given up (CON-08).
 * Not here yet: completion, history files, the pager (a later issue).
 */
import { createInterface } from 'node:readline/promises';
import { resolve } from 'node:path';
import { ConsoleClient } from '#control';

const usage = `usage: ec_console [ENDPOINT] [COMMAND ...]
  ENDPOINT  /path, host:port or [v6]:port; default: /tmp/2025
  COMMAND   one command, for example: summary; without one, commands are read from standard input ("help" lists them)`;

const clientTimeoutMs = 60_000;

/** Control characters of an answer become visible, those that turn text around too, so that data cannot steer the terminal (A74). */
function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (c) => {
    const code = c.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/** Rejects with a sentence when the server takes too long. */
function within<T>(work: Promise<T>, endpoint: string): Promise<T> {
  return new Promise((done, fail) => {
    const timer = setTimeout(
      () => fail(new Error(`the console at ${endpoint} has not answered for ${clientTimeoutMs / 1000} s`)),
      clientTimeoutMs,
    );
    work.finally(() => clearTimeout(timer)).then(done, fail);
  });
}

/** A word that the shell gave whole is typed with the marks it took away; a whole line in one word is a line. */
function typed(word: string, _index: number, words: readonly string[]): string {
  const isBroken = words.length > 1 && /\s/.test(word) && !/^["'([]/.test(word);
  return isBroken ? `"${word.replace(/[\\"]/g, '\\$&')}"` : word;
}

function isEndpoint(word: string | undefined): word is string {
  return word !== undefined && (/[/:]/.test(word) || /^\d+$/.test(word));
}

async function interact(client: ConsoleClient, endpoint: string): Promise<boolean> {
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  if (isTerminal) process.stdout.write(visible((await within(client.run('version'), endpoint)).text));
  const lines = createInterface({ input: process.stdin, output: process.stdout, terminal: isTerminal, historySize: 1000 });
  const prompt = () => {
    if (!isTerminal) return;
    lines.setPrompt(`${new Date().toTimeString().slice(0, 8)} ${endpoint}> `);
    lines.prompt();
  };
  let isGood = true;
  prompt();
  for await (const line of lines) {
    if (line.trim() === 'quit') break;
    if (line.trim() !== '') {
      const { ok, text } = await within(client.run(line), endpoint);
      isGood &&= ok;
      process.stdout.write(visible(text));
    }
    prompt();
  }
  lines.close();
  return isGood;
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
  const first = isEndpoint(words[0]) ? words.shift()! : '/tmp/2025';
  const endpoint = /^\d+$/.test(first) ? `127.0.0.1:${first}` : first.includes(':') ? first : resolve(first);
  const client = await within(ConsoleClient.open(endpoint), endpoint);
  try {
    if (words.length === 0) return (await interact(client, first)) ? 0 : 1;
    const { ok, text } = await within(client.run(words.map(typed).join(' ')), endpoint);
    (ok ? process.stdout : process.stderr).write(visible(text));
    return ok ? 0 : 1;
  } finally {
    client.close();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`ec_console: ${visible((error as Error).message)}`);
  process.exitCode = 1;
}

/*
 * ec_console: says commands to a running server and prints its answers (CON-01 to CON-05).
 *
 * Endpoint: none (/tmp/2025), /path, host:port, [v6]:port. Words after it are one command; without them commands are read
 * from standard input, with a prompt when it is a terminal. The exit status is 0 when every command succeeded.
 * Escape codes in answers are shown, never obeyed. Not here yet: completion, history files, the pager (a later issue).
 */
import { createInterface } from 'node:readline/promises';
import { ConsoleClient } from '#control';

/** Control characters of an answer become visible, so that data cannot steer the terminal (A74). */
function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function isEndpoint(word: string | undefined): word is string {
  return word !== undefined && (/[/:]/.test(word) || /^\d+$/.test(word));
}

async function interact(client: ConsoleClient, endpoint: string): Promise<boolean> {
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  if (isTerminal) process.stdout.write(visible((await client.run('version')).text));
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
      const { ok, text } = await client.run(line);
      isGood &&= ok;
      process.stdout.write(visible(text));
    }
    prompt();
  }
  lines.close();
  return isGood;
}

async function main(): Promise<boolean> {
  const words = process.argv.slice(2);
  if (words[0] === '-h' || words[0] === '--help') {
    console.log('usage: ec_console [/path | host:port | [v6]:port] [command ...]');
    return true;
  }
  const first = isEndpoint(words[0]) ? words.shift()! : '/tmp/2025';
  const endpoint = /^\d+$/.test(first)
    ? `127.0.0.1:${first}`
    : first.includes(':') || first.startsWith('/')
      ? first
      : `${process.cwd()}/${first}`;
  const client = await ConsoleClient.open(endpoint);
  try {
    if (words.length === 0) return await interact(client, first);
    const { ok, text } = await client.run(words.join(' '));
    (ok ? process.stdout : process.stderr).write(visible(text));
    return ok;
  } finally {
    client.close();
  }
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error(`ec_console: ${(error as Error).message}`);
  process.exitCode = 1;
}

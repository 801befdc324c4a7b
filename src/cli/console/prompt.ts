/*
 * The prompt: a line editor with history and completion on a terminal, or plain lines from a pipe.
 *
 * The one rule: one command at a time; its answer is printed before the next line is read. Keys are those of emacs (Node's readline), the
 * tabulator asks the server. Truth: CON-02 to CON-05. Not here: what commands are (the server).
 */
import { createInterface, type Interface } from 'node:readline';
import type { Endpoint } from './endpoint.ts';
import { History } from './history.ts';
import type { Link } from './link.ts';
import { Pager } from './pager.ts';
import { visible } from './visible.ts';

interface PromptOptions {
  readonly link: Link;
  readonly endpoint: Endpoint;
  readonly historyFile: string | undefined;
  readonly pager: string | undefined;
}

/** Words that the client itself understands. */
const ownCommands = ['\\pager', 'exit', 'quit'];

/** True when every command succeeded. */
export async function talk(o: PromptOptions): Promise<boolean> {
  return process.stdin.isTTY === true && process.stdout.isTTY === true ? atTerminal(o) : fromPipe(o);
}

async function fromPipe({ link }: PromptOptions): Promise<boolean> {
  const lines = createInterface({ input: process.stdin });
  let isGood = true;
  for await (const line of lines) {
    if (line.trim() === 'quit' || line.trim() === 'exit') break;
    if (line.trim() === '') continue;
    const { ok, text } = await link.run(line);
    isGood &&= ok;
    process.stdout.write(visible(text));
  }
  lines.close();
  return isGood;
}

async function atTerminal(o: PromptOptions): Promise<boolean> {
  process.stdout.write(visible((await o.link.run('version')).text));
  const history = new History(o.historyFile);
  const pager = new Pager(o.pager);
  const past = history.load();
  let isGood = true;
  // Each command has a line editor of its own: between two, the keys belong to nobody but the pager.
  for (;;) {
    const line = await question(o, past);
    if (line === undefined) {
      process.stdout.write('\n');
      return isGood;
    }
    const command = line.trim();
    if (command === '') continue;
    if (past[0] !== command) {
      past.unshift(command);
      past.length = Math.min(past.length, 1000);
      history.add(command);
    }
    if (command === 'quit' || command === 'exit') return isGood;
    if (command === '\\pager') process.stdout.write(`${pager.toggle()}\n`);
    else {
      try {
        const { ok, text } = await o.link.run(command);
        isGood &&= ok;
        await pager.show(visible(text));
      } catch (error) {
        // The server is gone or hangs: the person may try again.
        isGood = false;
        process.stderr.write(`ec_console: ${visible((error as Error).message)}\n`);
      }
    }
  }
}

/** One line; undefined at the end of the input. */
function question({ link, endpoint }: PromptOptions, past: readonly string[]): Promise<string | undefined> {
  return new Promise((done) => {
    const lines: Interface = createInterface({
      input: process.stdin,
      output: process.stdout,
      terminal: true,
      history: [...past],
      historySize: 1000,
      removeHistoryDuplicates: true,
      completer: (line: string, answer: (error: null, result: [string[], string]) => void) => {
        const partial = /\S*$/.exec(line)?.[0] ?? '';
        const own = line === partial ? ownCommands.filter((word) => word.startsWith(partial)) : [];
        link.complete(line).then(
          (words) => answer(null, [[...words.map(visible), ...own].map((word) => (word.endsWith(' ') ? word : `${word} `)), partial]),
          () => answer(null, [[], partial]),
        );
      },
    });
    let isAnswered = false;
    const end = (line: string | undefined) => {
      if (isAnswered) return;
      isAnswered = true;
      lines.close();
      done(line);
    };
    lines.on('line', end);
    lines.on('close', () => end(undefined));
    // Ctrl-C drops what was typed, as shells do.
    lines.on('SIGINT', () => {
      process.stdout.write('^C\n');
      end('');
    });
    lines.setPrompt(`${new Date().toTimeString().slice(0, 8)} ${endpoint.shown}> `);
    lines.prompt();
  });
}

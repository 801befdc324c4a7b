/*
 * Long answers a page at a time: through $PAGER when it is set, else by a small pager of our own.
 *
 * The one rule: paging is a wish (`\pager` switches it) and only for answers with more lines than the terminal. A pager that cannot be started costs
 * nothing: the answer is printed. Truth: CON-05.
 */
import { spawn } from 'node:child_process';

export class Pager {
  isOn = false;
  readonly #command: string | undefined;

  constructor(command: string | undefined) {
    this.#command = command === '' ? undefined : command;
  }

  /** Says what it is now. */
  toggle(): string {
    this.isOn = !this.isOn;
    return this.isOn ? `Pager is on: ${this.#command ?? 'built in; PAGER names another'}` : 'Pager is off';
  }

  async show(text: string): Promise<void> {
    const lines = text.split('\n');
    const rows = process.stdout.rows || 24;
    if (!this.isOn || lines.length <= rows) {
      process.stdout.write(text);
      return;
    }
    if (this.#command === undefined) await pages(lines, rows);
    else await through(this.#command, text);
  }
}

function through(command: string, text: string): Promise<void> {
  return new Promise((done) => {
    const child = spawn('/bin/sh', ['-c', command], { stdio: ['pipe', 'inherit', 'inherit'], env: { LESS: 'FRX', ...process.env } });
    child.on('error', () => {
      process.stdout.write(text);
      done();
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(text);
    child.on('close', () => done());
  });
}

/** A page, then a key: space the next page, Return a line, q the end. */
async function pages(lines: readonly string[], rows: number): Promise<void> {
  let at = 0;
  let count = rows - 1;
  while (at < lines.length) {
    process.stdout.write(lines.slice(at, at + count).join('\n'));
    at += count;
    if (at >= lines.length) return;
    process.stdout.write(`\n--More--(${Math.round((at / lines.length) * 100)}%)`);
    const key = await oneKey();
    process.stdout.write('\r\x1b[K');
    if (key === 'q' || key === 'Q' || key === '\x03') return;
    count = key === '\r' || key === '\n' ? 1 : rows - 1;
  }
}

function oneKey(): Promise<string> {
  return new Promise((done) => {
    const { stdin } = process;
    const wasRaw = stdin.isRaw;
    stdin.setRawMode(true);
    stdin.resume();
    stdin.once('data', (bytes: Buffer | string) => {
      stdin.setRawMode(wasRaw);
      done(bytes.toString().charAt(0));
    });
  });
}

/**
 * The load and the next hop: Postfix's smtp-source and smtp-sink, and the processor time of a process tree.
 *
 * The one rule: everything stays on 127.0.0.1 and ends by itself; what is started here is ended here, by pid.
 * smtp-sink -c tells its count on standard output, which goes to a file whose tail is read.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync, readSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

export const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const sbin = (name: string) => `/usr/sbin/${name}`;

/** Waits until something on `port` greets as SMTP. */
export async function banner(port: number, seconds = 30): Promise<void> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const text = await new Promise<string>((done) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('data', (chunk: Buffer) => {
        socket.end('QUIT\r\n');
        done(chunk.toString());
      });
      socket.once('error', () => done(''));
      socket.once('close', () => done(''));
    });
    if (text.startsWith('220')) return;
    if (performance.now() > end) throw new Error(`nothing greeted on port ${port} within ${seconds} s`);
    await sleep(20);
  }
}

export interface Load {
  readonly sessions: number;
  readonly count: number;
  readonly bytes: number;
  /** Many messages per connection (smtp-source -d). */
  readonly keep: boolean;
  /** The sender, where it is not from@bench.test. */
  readonly from?: string;
}

/** Sends the load and resolves when smtp-source is done. */
export async function send(port: number, load: Load): Promise<void> {
  const args = ['-s', load.sessions, '-m', load.count, '-l', load.bytes, '-f', load.from ?? 'from@bench.test', '-t', 'to@sink.test'].map(
    String,
  );
  if (load.keep) args.push('-d');
  const child = spawn(sbin('smtp-source'), [...args, `127.0.0.1:${port}`], { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const code = await new Promise<number | null>((done) => child.on('exit', done));
  if (code !== 0) throw new Error(`smtp-source ended with ${code}: ${errors.slice(0, 300)}`);
}

export class Sink {
  readonly #child: ChildProcess;
  readonly #file: string;
  readonly #fd: number;

  constructor(port: number, dir: string) {
    this.#file = join(dir, `sink.${port}.out`);
    const out = openSync(this.#file, 'w');
    this.#child = spawn(sbin('smtp-sink'), ['-c', '-u', 'postfix', '-m', '20000', `127.0.0.1:${port}`, '4096'], {
      stdio: ['ignore', out, 'ignore'],
    });
    closeSync(out);
    this.#fd = openSync(this.#file, 'r');
  }

  /** Messages taken so far. */
  count(): number {
    const size = fstatSync(this.#fd).size;
    const tail = Buffer.alloc(Math.min(size, 256));
    readSync(this.#fd, tail, 0, tail.length, size - tail.length);
    return Number([...tail.toString('latin1').matchAll(/mesg=(\d+)\s/g)].at(-1)?.[1] ?? 0);
  }

  async stop(): Promise<void> {
    const gone = new Promise((done) => this.#child.once('exit', done));
    this.#child.kill('SIGTERM');
    await gone;
    closeSync(this.#fd);
  }
}

function stat(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** The process and everything below it. */
export function tree(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = Number(stat(Number(name))[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found: number[] = [];
  const open = [pid];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    found.push(next);
    open.push(...(children.get(next) ?? []));
  }
  return found;
}

/** Seconds of processor time that the tree and its ended children used. */
export function cpuSeconds(pid: number): number {
  return tree(pid).reduce((sum, one) => {
    const fields = stat(one);
    return fields.length === 0 ? sum : sum + [11, 12, 13, 14].reduce((ticks, i) => ticks + Number(fields[i]), 0) / 100;
  }, 0);
}

/** Megabytes of resident memory of the process and everything below it; what they share is counted once for each. */
export function residentMb(pid: number): number {
  const pages = tree(pid).reduce((sum, one) => sum + Number(stat(one)[21] ?? 0), 0);
  return Math.round((pages * 4096) / 1e6);
}

/** Ends the tree: politely, then not. */
export async function endTree(pid: number): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const alive = tree(pid).filter((one) => stat(one).length > 0 && stat(one)[0] !== 'Z');
    if (alive.length === 0) return;
    for (const one of alive) {
      try {
        process.kill(one, i < 40 ? 'SIGTERM' : 'SIGKILL');
      } catch {
        // gone already
      }
    }
    await sleep(50);
  }
}

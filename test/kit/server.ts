/**
 * Starts the real server (bin/ecelerity, the built one) on a configuration literal, in a folder of its own, on free ports.
 *
 * The one rule: a scenario talks to it as a user would, over sockets, files and signals; nothing reaches inside. Every process
 * that is started here is ended here, by pid. `{port:name}` in the configuration becomes a free port of 127.0.0.1, `{dir}` the folder.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'node:test';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** `count` ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', done))));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/** What every scenario's configuration needs; a literal adds the rest. */
export const basics = `
SpoolBase = "{dir}/spool"
PidFile = "{dir}/ecelerity.pid"
Hostname = "mx.impetus.test"
Control_Listener { Listen "{dir}/control" { File_Mode = 0600 } }
ec_logger {
  mainlog = "{dir}/mainlog.ec"
  paniclog = "{dir}/paniclog.ec"
  rejectlog = "{dir}/rejectlog.ec"
}
`;

export interface ServerOptions {
  /** The text of ecelerity.conf; `basics` is put before it unless `bare`. */
  readonly conf: string;
  readonly bare?: boolean;
  /** More files of the folder, by name; `{dir}` and `{port:x}` are replaced in them too. */
  readonly files?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Ports that exist already (a sink's, a DNS server's), by name. */
  readonly ports?: Readonly<Record<string, number>>;
  /** An existing folder, e.g. with a spool prepared by the test. */
  readonly dir?: string;
  /** A limit of the operating system as prlimit(1) has it, e.g. `nofile=160:160`. */
  readonly limits?: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

export class Server {
  readonly dir: string;
  readonly ports: Record<string, number>;
  output = '';
  child: ChildProcess | undefined;
  exited: Promise<Exit> = Promise.resolve({ code: null, signal: null });
  readonly options: ServerOptions;

  constructor(options: ServerOptions, dir: string, ports: Record<string, number>) {
    this.options = options;
    this.dir = dir;
    this.ports = ports;
  }

  get pid(): number {
    return this.child!.pid!;
  }

  fill(text: string): string {
    return text.replaceAll('{dir}', this.dir).replace(/\{port:(\w+)\}/g, (_, name: string) => String(this.ports[name]));
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  read(name: string): string {
    return existsSync(this.path(name)) ? readFileSync(this.path(name), 'utf8') : '';
  }

  /** Rewrites ecelerity.conf; a reload is the caller's to ask for. */
  configure(conf: string): void {
    writeFileSync(this.path('ecelerity.conf'), this.fill(this.options.bare ? conf : basics + conf));
  }

  /** Starts the process without waiting. */
  launch(): void {
    const args = ['-c', this.path('ecelerity.conf'), '--foreground', '--allow-root', ...(this.options.args ?? [])];
    const program = join(root, 'bin/ecelerity');
    const { limits } = this.options;
    const child = spawn(limits === undefined ? program : 'prlimit', limits === undefined ? args : [`--${limits}`, program, ...args], {
      cwd: this.dir,
      env: { ...process.env, ...this.options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.child = child;
    this.exited = new Promise((done) => child.on('exit', (code, signal) => done({ code, signal })));
  }

  /** Starts and waits until the server says that it is ready; a process that ends first is an error with what it printed. */
  async start(): Promise<this> {
    this.output = '';
    this.launch();
    let isOver = false;
    void this.exited.then(() => (isOver = true));
    await until(
      () => isOver || /^impetus: ready/m.test(this.output),
      () => `the server to be ready; it printed:\n${this.output}`,
      180,
    );
    if (isOver) throw new Error(`the server ended at start:\n${this.output}`);
    return this;
  }

  signal(name: NodeJS.Signals): void {
    this.child?.kill(name);
  }

  async stop(): Promise<Exit> {
    this.signal('SIGTERM');
    return this.exited;
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }

  async end(): Promise<void> {
    if (this.child && this.child.exitCode === null && this.child.signalCode === null) await this.kill();
    if (!this.options.dir) rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A folder with the configuration in it, not started yet. */
export async function prepareServer(options: ServerOptions): Promise<Server> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'impetus-'));
  mkdirSync(dir, { recursive: true });
  const all = [options.conf, ...Object.values(options.files ?? {}), ...(options.args ?? [])].join('\n');
  const names = [...new Set([...all.matchAll(/\{port:(\w+)\}/g)].map((m) => m[1]!))].filter((name) => options.ports?.[name] === undefined);
  const free = await freePorts(names.length);
  const server = new Server(options, dir, { ...options.ports, ...Object.fromEntries(names.map((name, i) => [name, free[i]!])) });
  for (const [name, text] of Object.entries(options.files ?? {})) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), server.fill(text));
  }
  server.configure(options.conf);
  return server;
}

/** A running server that ends with its test. */
export async function startServer(t: TestContext, options: ServerOptions): Promise<Server> {
  const server = await prepareServer(options);
  t.after(() => server.end());
  return server.start();
}

/** Waits until `check` holds; gives up after a long while with a sentence that says what was waited for. */
export async function until(check: () => boolean | Promise<boolean>, what: string | (() => string), seconds = 60): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!(await check())) {
    if (performance.now() > end) throw new Error(`waited ${seconds} s for ${typeof what === 'string' ? what : what()}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a program to its end. */
export function run(
  program: string,
  args: readonly string[],
  o: { input?: string | Buffer; cwd?: string; env?: Record<string, string> } = {},
): Promise<Ran> {
  return new Promise((done, fail) => {
    const child = spawn(program, [...args], { cwd: o.cwd ?? root, env: { ...process.env, ...o.env }, stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('latin1')));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('latin1')));
    child.on('error', fail);
    child.on('close', (code) => done({ code, out, err }));
    child.stdin.on('error', () => undefined);
    child.stdin.end(o.input ?? '');
  });
}

/** One of our own commands. */
export function command(name: string, args: readonly string[], o: Parameters<typeof run>[2] = {}): Promise<Ran> {
  return run(join(root, 'bin', name), args, o);
}

/** True where the program is on this machine; scenarios that need it skip loudly without it (and CI counts a skip as failure). */
export function hasProgram(name: string): boolean {
  return (process.env['PATH'] ?? '')
    .split(':')
    .concat('/usr/sbin', '/sbin')
    .some((dir) => existsSync(join(dir, name)));
}

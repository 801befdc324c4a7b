/**
 * The sink of pipe://: a program that is started once for a log and reads its lines from standard input.
 *
 * The one rule: a slow or dead program never holds anybody up. Lines wait, up to 16 MiB, then the oldest go and are counted; a program
 * that ended is started again at once the first time, then once a second. With reinvoke=0 it stays ended and its lines are dropped.
 * The server is never shut down because of a reader, whatever shutdown_on_failure says. Truth: LOG-22 and the page of pipe_io.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { backlogBytesMax, type LogScheme, type LogSink, type SinkPorts } from '#observe';

export interface PipeIoSettings {
  readonly errorFile: string | undefined;
  readonly errorMode: number;
  readonly outputFile: string | undefined;
  readonly outputMode: number;
  /** Milliseconds that a program has to end by itself. */
  readonly timeoutMs: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

interface Target {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly clearEnv: boolean;
  readonly reinvoke: boolean;
}

const restartMs = 1000;
const chunkBytes = 64 * 1024;

class PipeSink implements LogSink {
  readonly path: string;
  lost = 0;
  problem: string | undefined;
  readonly #target: Target;
  readonly #settings: PipeIoSettings;
  readonly #environment: Environment;
  readonly #ports: SinkPorts;
  #child: ChildProcess | undefined;
  #isFull = false;
  #lines: string[] = [];
  #bytes = 0;
  #restarts = 0;
  #retryAt = -Infinity;
  #isClosed = false;
  #isDropping = false;

  constructor(path: string, o: { target: Target; settings: PipeIoSettings; environment: Environment; ports: SinkPorts }) {
    this.path = path;
    this.#target = o.target;
    this.#settings = o.settings;
    this.#environment = o.environment;
    this.#ports = o.ports;
    this.#start();
  }

  add(line: string): void {
    if (this.#child === undefined && !this.#target.reinvoke && this.#restarts > 0) {
      this.lost += 1;
      return;
    }
    if (this.#lines.length === 0) this.#ports.dirty();
    this.#lines.push(line);
    this.#bytes += line.length + 1;
    if (this.#bytes > backlogBytesMax) this.#dropOldest();
  }

  flush(): boolean {
    if (this.#lines.length === 0) return true;
    if (this.#child === undefined && !this.#startAgain()) return false;
    while (this.#lines.length > 0 && !this.#isFull) this.#write();
    return this.#lines.length === 0;
  }

  reopen(): string | undefined {
    const old = this.#child;
    this.flush();
    this.#child = undefined;
    if (old !== undefined) this.#end(old);
    this.#start();
    return this.problem;
  }

  close(): void {
    // All that is left is handed over: what the pipe cannot take at once Node keeps until the program has read it.
    this.#isFull = false;
    while (this.#child !== undefined && this.#lines.length > 0) this.#write();
    this.#isClosed = true;
    const old = this.#child;
    this.#child = undefined;
    if (old !== undefined) this.#end(old);
  }

  #write(): void {
    let taken = 0;
    let size = 0;
    while (taken < this.#lines.length && size < chunkBytes) size += (this.#lines[taken++] as string).length + 1;
    const lines = this.#lines.splice(0, taken);
    this.#bytes -= size;
    this.#isFull = this.#child?.stdin?.write(`${lines.join('\n')}\n`) === false;
    if (this.#isDropping && this.#bytes * 2 < backlogBytesMax) {
      this.#isDropping = false;
      this.#ports.trouble(`${this.path} keeps up again; ${this.lost} lines were lost so far`);
    }
  }

  #start(): void {
    const { program, args, env, clearEnv } = this.#target;
    const files: number[] = [];
    const target = (path: string | undefined, mode: number): number | 'ignore' => {
      if (path === undefined) return 'ignore';
      const fd = openSync(path, 'a', mode);
      files.push(fd);
      return fd;
    };
    try {
      const { outputFile, outputMode, errorFile, errorMode } = this.#settings;
      const child = spawn(program, args, {
        env: clearEnv ? env : { ...this.#environment, ...env },
        stdio: ['pipe', target(outputFile, outputMode), target(errorFile, errorMode)],
      });
      this.#child = child;
      this.#isFull = false;
      child.on('error', (error) => this.#ended(child, error.message));
      child.on('exit', (code, signal) => this.#ended(child, `it ended with ${signal ?? `status ${code}`}`));
      child.stdin?.on('error', () => undefined);
      child.stdin?.on('drain', () => {
        this.#isFull = false;
        this.#ports.dirty();
      });
      this.problem = undefined;
    } catch (error) {
      this.#tell((error as Error).message);
    } finally {
      for (const fd of files) closeSync(fd);
    }
  }

  /** True when there is a program to write to. */
  #startAgain(): boolean {
    if (this.#isClosed || !this.#target.reinvoke || this.#ports.clock.mono() < this.#retryAt) return false;
    this.#retryAt = this.#ports.clock.mono() + restartMs;
    this.#start();
    return this.#child !== undefined;
  }

  #ended(child: ChildProcess, why: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#restarts += 1;
    if (!this.#target.reinvoke) {
      this.lost += this.#lines.length;
      this.#lines = [];
      this.#bytes = 0;
    }
    this.#tell(why);
    if (this.#restarts > 1) this.#retryAt = this.#ports.clock.mono() + restartMs;
    this.#ports.dirty();
  }

  #tell(why: string): void {
    this.problem = `${this.path}: ${why}`;
    const then = this.#target.reinvoke ? 'it is started again, lines are kept meanwhile' : 'its lines are dropped from now on';
    this.#ports.trouble(`${this.problem}; ${then}`);
  }

  #end(child: ChildProcess): void {
    child.removeAllListeners('exit');
    child.stdin?.end();
    this.#ports.timers.schedule(this.#settings.timeoutMs, () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    });
    child.unref();
  }

  #dropOldest(): void {
    let dropped = 0;
    while (this.#bytes > backlogBytesMax && dropped < this.#lines.length) this.#bytes -= (this.#lines[dropped++] as string).length + 1;
    this.#lines.splice(0, dropped);
    this.lost += dropped;
    if (this.#isDropping) return;
    this.#isDropping = true;
    this.#ports.trouble(`${this.path} does not keep up: ${backlogBytesMax >> 20} MiB of lines wait, the oldest are dropped`);
  }
}

/** `/program?arg1=a&env1=NAME=value&clear_env=1&reinvoke=0`. */
function parse(rest: string): Target {
  const question = rest.indexOf('?');
  const program = question < 0 ? rest : rest.slice(0, question);
  if (!program.startsWith('/')) throw new Error(`pipe://${rest}: expected the whole path of a program, as in pipe:///usr/bin/program`);
  const args: [number, string][] = [];
  const env: Record<string, string> = {};
  const switches = new Map<string, string>();
  for (const [key, value] of new URLSearchParams(question < 0 ? '' : rest.slice(question + 1))) {
    const arg = /^arg(\d{1,3})$/.exec(key);
    const equals = value.indexOf('=');
    if (arg !== null) args.push([Number(arg[1]), value]);
    else if (/^env\d{0,3}$/.test(key) && equals > 0) env[value.slice(0, equals)] = value.slice(equals + 1);
    else if (['clear_env', 'reinvoke', 'shutdown_on_failure'].includes(key)) switches.set(key, value);
    else throw new Error(`pipe://${rest}: "${key}" is none of argN, envN=NAME=value, clear_env, reinvoke, shutdown_on_failure`);
  }
  const isOff = (key: string): boolean => ['0', 'false', 'no'].includes(switches.get(key) ?? '');
  return {
    program,
    args: args.sort(([a], [b]) => a - b).map(([, value]) => value),
    env,
    clearEnv: switches.has('clear_env') && !isOff('clear_env'),
    reinvoke: !isOff('reinvoke'),
  };
}

export function pipeIoSettings(options: Readonly<Record<string, unknown>>): PipeIoSettings {
  const text = (key: string): string | undefined => (typeof options[key] === 'string' && options[key] !== '' ? options[key] : undefined);
  const mode = (key: string): number => (typeof options[key] === 'number' ? options[key] : 0o666);
  const timeout = options['timeout'];
  return {
    errorFile: text('errorFile'),
    errorMode: mode('errorMode'),
    outputFile: text('outputFile'),
    outputMode: mode('outputMode'),
    timeoutMs: (typeof timeout === 'number' ? timeout : 5) * 1000,
  };
}

/** @param environment what programs inherit, unless clear_env says otherwise */
export function pipeIoScheme(settings: PipeIoSettings, environment: Environment): LogScheme {
  return {
    schemes: ['pipe'],
    open: (rest, _mode, ports) => new PipeSink(`pipe://${rest}`, { target: parse(rest), settings, environment, ports }),
  };
}

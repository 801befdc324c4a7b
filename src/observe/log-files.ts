/*
 * The open logs of a thread: one sink a path or URI, however many loggers write there, flushed once a turn.
 *
 * Several loggers on the same path (Momentum's defaults make that easy, LOG-20) share the file, so their lines never cut
 * into each other. While a file is in trouble, all are tried again each second. Bounds: see log-file.ts.
 */
import { resolve } from 'node:path';
import type { Clock } from '#base';
import { LogFile, type LogFs } from './log-file.ts';
import type { LogScheme, LogSink } from './log-sink.ts';
import { parseLogTarget } from './log-target.ts';

interface Timers {
  schedule(delayMs: number, fn: () => void): number;
  cancel(id: number): unknown;
}

const retryMs = 1_000;

/** What of a reopening failed. */
export interface Reopened {
  /** Of files: those that were open before stay in use, so a file that was moved away is still written to. */
  readonly problems: readonly string[];
  /** Of what is no file (syslog, pipes, jlogs): a rotation moved nothing of it. */
  readonly others: readonly string[];
}

interface LogFilesOptions {
  readonly fs: LogFs;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly trouble: (text: string) => void;
}

export class LogFiles {
  #o: LogFilesOptions;
  #schemes: readonly LogScheme[] = [];
  #open = new Map<string, { file: LogSink; isFile: boolean; users: number }>();
  #isScheduled = false;
  #retry: number | undefined;

  constructor(o: LogFilesOptions) {
    this.#o = o;
  }

  /** What modules offer beside files; targets that are open already stay as they are. */
  useSchemes(schemes: readonly LogScheme[]): void {
    this.#schemes = schemes;
  }

  /** The sink that a logger's option names: undefined when it is empty, a text that says why when there is none. */
  openTarget(value: string, mode: number): LogSink | string | undefined {
    const target = parseLogTarget(value);
    if (target.kind === 'off') return undefined;
    if (target.kind === 'file') return this.open(target.path, mode);
    const offered = this.#schemes.find(({ schemes }) => schemes.includes(target.scheme));
    if (offered === undefined) return `${target.scheme}:// does not work here`;
    const { fs, clock, timers, trouble } = this.#o;
    try {
      return this.#shared(value.trim(), false, () =>
        offered.open(target.rest, mode, { fs, clock, timers, trouble, dirty: this.#schedule }),
      );
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** The file of this path; each open needs its release. The mode of the first one counts. */
  open(path: string, mode: number): LogSink {
    const { fs, clock, trouble } = this.#o;
    return this.#shared(resolve(path), true, () => new LogFile({ path, mode, fs, clock, trouble, dirty: this.#schedule }));
  }

  #shared(key: string, isFile: boolean, make: () => LogSink): LogSink {
    let entry = this.#open.get(key);
    if (entry === undefined) {
      entry = { file: make(), isFile, users: 0 };
      this.#open.set(key, entry);
    }
    entry.users++;
    return entry.file;
  }

  release(file: LogSink): void {
    for (const [key, entry] of this.#open) {
      if (entry.file !== file || --entry.users > 0) continue;
      this.#open.delete(key);
      file.close();
    }
  }

  flush(): void {
    let isClean = true;
    for (const { file } of this.#open.values()) isClean = file.flush() && isClean;
    if (!isClean) this.#retryLater();
  }

  /** Closes and opens everything (rotation), whatever fails between. */
  reopen(): Reopened {
    const problems: string[] = [];
    const others: string[] = [];
    for (const { file, isFile } of this.#open.values()) {
      const problem = file.reopen();
      if (problem === undefined) continue;
      if (isFile) problems.push(problem);
      else others.push(problem.includes(file.path) ? problem : `${file.path}: ${problem}`);
    }
    return { problems, others };
  }

  /** Why files cannot be written at present. */
  problems(): string[] {
    return [...this.#open.values()].map(({ file }) => file.problem).filter((problem) => problem !== undefined);
  }

  /** Last flush; all files are closed whoever uses them. */
  close(): void {
    if (this.#retry !== undefined) this.#o.timers.cancel(this.#retry);
    this.#retry = undefined;
    for (const { file } of this.#open.values()) file.close();
    this.#open.clear();
  }

  #schedule = (): void => {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.flush();
    });
  };

  #retryLater(): void {
    this.#retry ??= this.#o.timers.schedule(retryMs, () => {
      this.#retry = undefined;
      this.flush();
    });
  }
}

/*
 * The open log files of a thread: one LogFile a path, however many loggers write there, flushed once a turn.
 *
 * Several loggers on the same path (Momentum's defaults make that easy, LOG-20) share the file, so their lines never cut
 * into each other. While a file is in trouble, all are tried again each second. Bounds: see log-file.ts.
 */
import { resolve } from 'node:path';
import type { Clock } from '#base';
import { LogFile, type LogFs } from './log-file.ts';

interface Timers {
  schedule(delayMs: number, fn: () => void): number;
  cancel(id: number): unknown;
}

const retryMs = 1_000;

export class LogFiles {
  #o: { fs: LogFs; clock: Clock; timers: Timers; trouble: (text: string) => void };
  #open = new Map<string, { file: LogFile; users: number }>();
  #isScheduled = false;
  #retry: number | undefined;

  constructor(o: { fs: LogFs; clock: Clock; timers: Timers; trouble: (text: string) => void }) {
    this.#o = o;
  }

  /** The file of this path; each open needs its release. The mode of the first one counts. */
  open(path: string, mode: number): LogFile {
    const key = resolve(path);
    let entry = this.#open.get(key);
    if (entry === undefined) {
      const { fs, clock, trouble } = this.#o;
      entry = { file: new LogFile({ path, mode, fs, clock, trouble, dirty: this.#schedule }), users: 0 };
      this.#open.set(key, entry);
    }
    entry.users++;
    return entry.file;
  }

  release(file: LogFile): void {
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

  /** Closes and opens every file (rotation). Returns the problems. */
  reopen(): string[] {
    const problems: string[] = [];
    for (const { file } of this.#open.values()) {
      const problem = file.reopen();
      if (problem !== undefined) problems.push(problem);
    }
    return problems;
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

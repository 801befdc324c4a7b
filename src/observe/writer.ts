/*
 * The writer thread's work: batches and panic lines come in, every logger sees them, files are flushed once a turn.
 *
 * Loggers run only here. A logger that throws loses that batch, is named in the paniclog, and the others go on.
 * Panic lines of all threads are kept here for the console (ten a level) and may be shown on stderr too.
 * Not here: formats (logger modules), transport (loops), the thread itself (main's entry).
 */
import type { Clock } from '#base';
import type { AccountingRecord } from './accounting.ts';
import { rank, type Level } from './debug-flags.ts';
import type { LogFs } from './log-file.ts';
import { LogFiles, type Reopened } from './log-files.ts';
import { formatPanic, PanicHistory } from './panic-history.ts';
import { PanicLog } from './panic-log.ts';
import { unflatten, type FlatRecords, type MailRecord } from './records.ts';
import type { PanicLine } from './repeat-gate.ts';

/** What main and the loops send to the writer: a flat batch of records, one panic line, or what somebody did at the console. */
export type WriterMessage = FlatRecords | PanicLine | AccountingRecord;

/** The room name under which the writer hears WriterMessages. */
export const writerRoom = 'observe';

/** What a logger offers to the writer. */
export interface LogTaker {
  readonly name: string;
  record(batch: readonly MailRecord[]): void;
  panic(line: PanicLine): void;
  /** Whether it writes such records down. */
  account?(record: AccountingRecord): boolean;
  close(): void;
}

/** What a logger is given: disk, time and diagnostics of the writer thread. */
export interface LoggerPorts {
  readonly files: LogFiles;
  readonly clock: Clock;
  readonly timers: WriterTimers;
  readonly panic: PanicLog;
  /** The class of a reply that refused mail, as bounce logs carry it. */
  readonly classify: Classify;
}

/** @param domain where the reply came from */
export type Classify = (reply: string, domain: string) => { readonly code: number; readonly name: string };

export interface WriterTimers {
  schedule(delayMs: number, fn: () => void): number;
  cancel(id: number): unknown;
}

export interface WriterOptions {
  clock: Clock;
  timers: WriterTimers;
  fs: LogFs;
  /** Makes the loggers of the configuration. */
  loggers: (ports: LoggerPorts) => LogTaker[];
  /** Without one, every bounce is of an unknown class. */
  classify?: Classify;
  /** Panic lines of at least this level are written there too. */
  stderr?: { write: (text: string) => void; timestampFormat: string; lowest: Level };
}

export class Writer {
  readonly ports: LoggerPorts;
  #o: WriterOptions;
  #loggers: readonly LogTaker[] = [];
  #history = new PanicHistory();

  constructor(o: WriterOptions) {
    this.#o = o;
    const { clock, timers, fs } = o;
    const panic = new PanicLog({ clock, timers, write: (line) => this.panic(line) });
    const files = new LogFiles({ fs, clock, timers, trouble: (text) => panic.announce('CRITICAL', 'LOG1', text) });
    const classify = o.classify ?? (() => ({ code: 1, name: 'Undetermined' }));
    this.ports = { files, clock, timers, panic, classify };
    this.#loggers = o.loggers(this.ports);
    for (const line of this.#history.lines()) this.#tellLoggers((logger) => logger.panic(line));
  }

  /** What arrived under `writerRoom`. */
  handle(message: unknown): void {
    if (Array.isArray(message)) this.record(unflatten(message as FlatRecords));
    else if ('event' in (message as object)) this.#account(message as AccountingRecord);
    else this.panic(message as PanicLine);
  }

  record(batch: readonly MailRecord[]): void {
    this.#tellLoggers((logger) => logger.record(batch));
  }

  panic(line: PanicLine): void {
    this.#history.add(line);
    const { stderr } = this.#o;
    if (stderr !== undefined && rank(line.level) >= rank(stderr.lowest)) stderr.write(`${formatPanic(line, stderr.timestampFormat)}\n`);
    this.#tellLoggers((logger) => logger.panic(line));
  }

  /** The last 10 panic lines of each level over all threads, oldest first. */
  lastPanics(): PanicLine[] {
    return this.#history.lines();
  }

  /** Closes and opens the files (`reopen logs`, SIGHUP). */
  reopen(): Reopened {
    return this.ports.files.reopen();
  }

  /** New loggers after a reload; the old ones are closed after the new ones are open, so shared files stay open. */
  replaceLoggers(make: (ports: LoggerPorts) => LogTaker[]): void {
    const old = this.#loggers;
    this.#loggers = make(this.ports);
    for (const logger of old) logger.close();
  }

  /** Everything is in its file when this returns, or was told to be in trouble. */
  close(): void {
    this.ports.panic.close();
    this.ports.files.flush();
    for (const logger of this.#loggers) logger.close();
    this.#loggers = [];
    this.ports.files.close();
  }

  /** What cannot be undone is written down in any case: without an acctlog it is a line of the paniclog. */
  #account(record: AccountingRecord): void {
    let isKept = false;
    this.#tellLoggers((logger) => {
      isKept = logger.account?.(record) === true || isKept;
    });
    const { isDeed, user, peer, listener, command = '' } = record;
    if (isKept || isDeed !== true) return;
    const whence = peer === '' ? listener : peer;
    this.ports.panic.announce('NOTICE', 'LOG1', `console: ${user} (${whence}) did: ${command}`);
  }

  #tellLoggers(tell: (logger: LogTaker) => void): void {
    for (const logger of this.#loggers) {
      try {
        tell(logger);
      } catch (error) {
        this.#o.stderr?.write(`logger ${logger.name} failed: ${(error as Error).message}\n`);
        this.#history.add({
          at: this.#o.clock.now(),
          level: 'CRITICAL',
          source: logger.name,
          isModule: true,
          text: `failed: ${(error as Error).message}`,
        });
      }
    }
  }
}

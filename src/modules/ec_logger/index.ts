/**
 * One ec_logger instance at work: records, panic lines and accounting become lines in its files.
 *
 * The one rule: it formats and adds; files, time and threads belong to the writer. A target whose scheme does not work yet
 * is named in one warning at the start, gets nothing, and no file of that name is made (LOG-22).
 * Not here: importlog, which is accepted and not written yet; rotation (an operator's tool renames, then reopens).
 */
import type { LoggerModule, LoggerScope } from '#hooks';
import { parseLogTarget, type AccountingRecord, type LogFile, type LoggerPorts, type MailRecord, type PanicLine } from '#observe';
import { accountLine, mainHeartbeat, mainLine, panicLine, rejectHeartbeat, rejectLine } from './formats.ts';
import { readSettings, type EcLoggerSettings } from './settings.ts';

class EcLogger implements LoggerModule {
  readonly name = 'ec_logger';
  readonly instance: string;
  #settings: EcLoggerSettings;
  #ports: LoggerPorts;
  #main: LogFile | undefined;
  #reject: LogFile | undefined;
  #panic: LogFile | undefined;
  #account: LogFile | undefined;
  #heartbeat: number | undefined;

  constructor(scope: LoggerScope, ports: LoggerPorts) {
    this.instance = scope.instance;
    this.#settings = readSettings(scope.options);
    this.#ports = ports;
    if (!this.#settings.isEnabled) return;
    this.#openFiles();
    this.#scheduleHeartbeat();
  }

  record(batch: readonly MailRecord[]): void {
    for (const r of batch) {
      if (r.kind === 'J') {
        if (this.#settings.logRejections) this.#reject?.add(rejectLine(r));
      } else if (this.#main !== undefined && this.#wants(r.kind)) this.#main.add(mainLine(r));
    }
  }

  panic(line: PanicLine): void {
    if (this.#settings.logErrors) this.#panic?.add(panicLine(line));
  }

  account(r: AccountingRecord): void {
    this.#account?.add(accountLine(r));
  }

  close(): void {
    if (this.#heartbeat !== undefined) this.#ports.timers.cancel(this.#heartbeat);
    for (const file of [this.#main, this.#reject, this.#panic, this.#account]) if (file !== undefined) this.#ports.files.release(file);
    this.#main = this.#reject = this.#panic = this.#account = undefined;
  }

  #wants(kind: Exclude<MailRecord['kind'], 'J'>): boolean {
    switch (kind) {
      case 'R':
        return this.#settings.logReceptions;
      case 'D':
      case 'X':
        return this.#settings.logDeliveries;
      case 'T':
        return this.#settings.logTransientFailures;
      case 'P':
        return this.#settings.logPermanentFailures;
    }
  }

  #openFiles(): void {
    const unavailable: string[] = [];
    const log = this.#ports.panic.module(this.name, this.#settings.debugLevel);
    const open = (name: 'acctlog' | 'mainlog' | 'rejectlog' | 'paniclog'): LogFile | undefined => {
      const settings = this.#settings[name];
      if (settings === undefined) return undefined;
      const { target, mode } = settings;
      const parsed = parseLogTarget(target);
      if (parsed.kind === 'file') {
        log.log('INFO', `${name} is ${parsed.path}`);
        return this.#ports.files.open(parsed.path, mode);
      }
      if (parsed.kind === 'unavailable') unavailable.push(`${name} (${parsed.scheme}://)`);
      return undefined;
    };
    this.#main = open('mainlog');
    this.#reject = open('rejectlog');
    this.#panic = open('paniclog');
    this.#account = open('acctlog');
    unavailable.push(...this.#settings.unwritten);
    if (unavailable.length > 0) {
      const who = this.instance === '' ? this.name : `${this.name} "${this.instance}"`;
      this.#ports.panic.announce('WARNING', 'LOG1', `${who}: not written, because this does not work yet: ${unavailable.join(', ')}`);
    }
  }

  #scheduleHeartbeat(): void {
    const { heartbeat } = this.#settings;
    if (heartbeat <= 0) return;
    this.#heartbeat = this.#ports.timers.schedule(heartbeat * 1000, () => {
      const now = this.#ports.clock.now();
      this.#main?.add(mainHeartbeat(now));
      this.#reject?.add(rejectHeartbeat(now));
      this.#scheduleHeartbeat();
    });
  }
}

/** Opens the files of one instance; what cannot be opened is told in the paniclog and tried again. */
export function openEcLogger(scope: LoggerScope, ports: LoggerPorts): LoggerModule {
  return new EcLogger(scope, ports);
}

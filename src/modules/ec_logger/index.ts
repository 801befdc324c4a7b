/**
 * One ec_logger instance at work: records, panic lines and accounting become lines in its files.
 *
 * The one rule: it formats and adds; files, time and threads belong to the writer. A target that cannot be written is named in
 * one warning at the start, gets nothing, and no file of that name is made (LOG-22).
 * Not here: rotation (ec_rotate renames, then reopens).
 */
import type { LoggerModule, LoggerScope } from '#hooks';
import {
  LoggerSinks,
  type AccountingRecord,
  type FlowRecord,
  type LoggerPorts,
  type LogSink,
  type MailRecord,
  type PanicLine,
} from '#observe';
import { accountLine, importLine, mainHeartbeat, mainLine, panicLine, rejectHeartbeat, rejectLine } from './formats.ts';
import { readSettings, type EcLoggerSettings } from './settings.ts';

class EcLogger implements LoggerModule {
  readonly name = 'ec_logger';
  readonly instance: string;
  #settings: EcLoggerSettings;
  #main: LogSink | undefined;
  #reject: LogSink | undefined;
  #panic: LogSink | undefined;
  #account: LogSink | undefined;
  #import: LogSink | undefined;
  readonly #sinks: LoggerSinks;

  constructor(scope: LoggerScope, ports: LoggerPorts) {
    this.instance = scope.instance;
    this.#settings = readSettings(scope.options);
    const log = ports.panic.module(this.name, this.#settings.debugLevel);
    this.#sinks = new LoggerSinks(ports, this, (text) => log.log('INFO', text));
    if (!this.#settings.isEnabled) return;
    this.#openFiles();
    this.#sinks.every(this.#settings.heartbeat, (now) => {
      this.#main?.add(mainHeartbeat(now));
      this.#reject?.add(rejectHeartbeat(now));
    });
  }

  record(batch: readonly MailRecord[]): void {
    for (const r of batch) {
      if (r.kind === 'J') {
        if (this.#settings.logRejections) this.#reject?.add(rejectLine(r));
      } else if (r.kind === 'I') this.#import?.add(importLine(r));
      else if (r.kind !== 'B' && r.kind !== 'F' && r.kind !== 'C' && this.#main !== undefined && this.#wants(r.kind))
        this.#main.add(mainLine(r));
    }
  }

  panic(line: PanicLine): void {
    if (this.#settings.logErrors) this.#panic?.add(panicLine(line));
  }

  account(r: AccountingRecord): boolean {
    this.#account?.add(accountLine(r));
    return this.#account !== undefined;
  }

  close(): void {
    this.#sinks.close();
    this.#main = this.#reject = this.#panic = this.#account = this.#import = undefined;
  }

  #wants(kind: FlowRecord['kind']): boolean {
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
    const open = (name: 'acctlog' | 'importlog' | 'mainlog' | 'rejectlog' | 'paniclog'): LogSink | undefined => {
      const settings = this.#settings[name];
      return settings && this.#sinks.open(name, settings.target, settings.mode);
    };
    this.#main = open('mainlog');
    this.#reject = open('rejectlog');
    this.#panic = open('paniclog');
    this.#account = open('acctlog');
    this.#import = open('importlog');
    this.#sinks.tellUnavailable();
  }
}

/** Opens the files of one instance; what cannot be opened is told in the paniclog and tried again. */
export function openEcLogger(scope: LoggerScope, ports: LoggerPorts): LoggerModule {
  return new EcLogger(scope, ports);
}

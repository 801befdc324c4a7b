/**
 * One sendmail_logger instance at work: records become lines in the form of Sendmail's main log.
 *
 * The one rule: it formats and adds; files, time and threads belong to the writer. Diagnostics go to its paniclog, when there is one.
 * Not here: the lines themselves (lines.ts). Truth: section 15.4 of the rules.
 */
import type { LoggerModule, LoggerScope } from '#hooks';
import { escapeText, LoggerSinks, type LoggerPorts, type LogSink, type MailRecord, type PanicLine } from '#observe';
import { sendmailLines } from './lines.ts';

class SendmailLogger implements LoggerModule {
  readonly name = 'sendmail_logger';
  readonly instance: string;
  readonly #sinks: LoggerSinks;
  #main: LogSink | undefined;
  #panic: LogSink | undefined;

  constructor({ instance, options }: LoggerScope, ports: LoggerPorts) {
    this.instance = instance;
    this.#sinks = new LoggerSinks(ports, this);
    if (options['enabled'] === false) return;
    const { mainlog, paniclog } = options;
    this.#main = this.#sinks.open('mainlog', typeof mainlog === 'string' ? mainlog : undefined, 0o644);
    this.#panic = this.#sinks.open('paniclog', typeof paniclog === 'string' ? paniclog : undefined, 0o644);
    this.#sinks.tellUnavailable();
  }

  record(batch: readonly MailRecord[]): void {
    if (this.#main === undefined) return;
    for (const r of batch) {
      for (const line of sendmailLines(r)) this.#main.add(line);
    }
  }

  panic(line: PanicLine): void {
    this.#panic?.add(`${Math.floor(line.at / 1000)}:${escapeText(line.source)}: ${escapeText(line.text)}`);
  }

  close(): void {
    this.#sinks.close();
    this.#main = this.#panic = undefined;
  }
}

/** Opens the logs of one instance; what cannot be opened is told in the paniclog and tried again. */
export function openSendmailLogger(scope: LoggerScope, ports: LoggerPorts): LoggerModule {
  return new SendmailLogger(scope, ports);
}

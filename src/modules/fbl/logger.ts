/**
 * The fbllog: one line a complaint, byte for byte as the manual's sample.
 *
 * The one rule: ten fields whatever a reporter sent; times are whole epoch seconds. Only with Auto_Log is there a log.
 * Truth: rule BNC-13, section 15.4, LOG-01.
 */
import type { LoggerModule, LoggerScope } from '#hooks';
import { escapeField, LoggerSinks, type FeedbackRecord, type LoggerPorts, type LogSink, type MailRecord } from '#observe';
import { fblSettings } from './settings.ts';

export function feedbackLine(r: FeedbackRecord): string {
  const fields = [r.messageId, 'F', r.recipientLocal, r.recipientDomain, r.binding, r.bindingGroup, r.feedbackType, r.reportDomain];
  return [String(Math.floor(r.at / 1000)), ...fields, r.userString].map(escapeField).join('@');
}

class FblLogger implements LoggerModule {
  readonly name = 'fbl';
  readonly instance = '';
  readonly #sinks: LoggerSinks;
  readonly #log: LogSink | undefined;

  constructor({ options }: LoggerScope, ports: LoggerPorts) {
    this.#sinks = new LoggerSinks(ports, this);
    const { autoLog, logPath } = fblSettings({ options });
    if (!autoLog || options['enabled'] === false) return;
    this.#log = this.#sinks.open('Log_Path', logPath, 0o644);
    this.#sinks.tellUnavailable();
  }

  record(batch: readonly MailRecord[]): void {
    for (const r of batch) if (r.kind === 'F') this.#log?.add(feedbackLine(r));
  }

  panic(): void {
    // Diagnostics belong to ec_logger.
  }

  close(): void {
    this.#sinks.close();
  }
}

/** Opens the log; what cannot be opened is told in the paniclog and tried again. */
export function openFblLogger(scope: LoggerScope, ports: LoggerPorts): LoggerModule {
  return new FblLogger(scope, ports);
}

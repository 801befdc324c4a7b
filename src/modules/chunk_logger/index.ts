/**
 * One chunk_logger instance at work: what a policy says with chunkLog(), behind the time.
 *
 * The one rule: with `add_newline` (the default) each text is one line, whatever stands in it; without it a line ends where the text says so, the
 * time stands at its beginning, and a line that nobody ends is ended at LINE_MAX characters or when the log is closed.
 * Not here: how a text comes from the policy's thread (policy, observe). Truth: section 15.4 of the rules and the page of chunk_logger.
 */
import type { LoggerModule, LoggerScope } from '#hooks';
import { escapeControls, LoggerSinks, strftime, type LoggerPorts, type LogSink, type MailRecord } from '#observe';

const LINE_MAX = 16_384;

class ChunkLogger implements LoggerModule {
  readonly name = 'chunk_logger';
  readonly instance: string;
  readonly #sinks: LoggerSinks;
  readonly #form: string | undefined;
  readonly #addsNewline: boolean;
  #log: LogSink | undefined;
  /** A line that is not over yet. */
  #begun = '';

  constructor({ instance, options }: LoggerScope, ports: LoggerPorts) {
    this.instance = instance;
    const { enabled, destination, timestampFormat, addNewline } = options;
    this.#form = typeof timestampFormat === 'string' && timestampFormat !== '' ? timestampFormat : undefined;
    this.#addsNewline = addNewline !== false;
    this.#sinks = new LoggerSinks(ports, this);
    if (enabled === false) return;
    this.#log = this.#sinks.open('destination', typeof destination === 'string' ? destination : undefined, 0o644);
    this.#sinks.tellUnavailable();
  }

  record(batch: readonly MailRecord[]): void {
    for (const r of batch) {
      if (r.kind !== 'C') continue;
      if (this.#addsNewline) this.#log?.add(`${this.#time(r.at)}: ${escapeControls(r.text)}`);
      else this.#continue(r.text, r.at);
    }
  }

  #continue(text: string, at: number): void {
    const [first = '', ...rest] = text.split('\n');
    this.#append(first, at);
    for (const part of rest) {
      this.#end();
      this.#append(part, at);
    }
    if (this.#begun.length >= LINE_MAX) this.#end();
  }

  #append(text: string, at: number): void {
    if (text === '') return;
    this.#begun += `${this.#begun === '' ? `${this.#time(at)}: ` : ''}${escapeControls(text)}`;
  }

  #end(): void {
    if (this.#begun !== '') this.#log?.add(this.#begun);
    this.#begun = '';
  }

  #time(at: number): string {
    return this.#form === undefined ? String(Math.floor(at / 1000)) : strftime(this.#form, at);
  }

  panic(): void {
    // Diagnostics belong to ec_logger.
  }

  close(): void {
    this.#end();
    this.#sinks.close();
    this.#log = undefined;
  }
}

/** Opens the log of one instance; what cannot be opened is told in the paniclog and tried again. */
export function openChunkLogger(scope: LoggerScope, ports: LoggerPorts): LoggerModule {
  return new ChunkLogger(scope, ports);
}

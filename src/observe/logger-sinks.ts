/*
 * The logs of one logger instance: opened by the names of its options, released together; and the markers of its heartbeat.
 *
 * The one rule: what cannot be opened is told once, with the logger's name, and gets nothing; the logger works on (LOG-22).
 * Not here: lines (the logger), files and schemes (LogFiles).
 */
import type { LogSink } from './log-sink.ts';
import type { LoggerPorts } from './writer.ts';

export class LoggerSinks {
  readonly #ports: LoggerPorts;
  readonly #who: string;
  readonly #tell: (text: string) => void;
  readonly #sinks = new Set<LogSink>();
  readonly #unavailable: string[] = [];
  #heartbeat: number | undefined;

  /** @param tell the logger's own diagnostics at level INFO */
  constructor(
    ports: LoggerPorts,
    logger: { readonly name: string; readonly instance: string },
    tell: (text: string) => void = () => undefined,
  ) {
    this.#ports = ports;
    this.#who = logger.instance === '' ? logger.name : `${logger.name} "${logger.instance}"`;
    this.#tell = tell;
  }

  open(option: string, target: string | undefined, mode: number): LogSink | undefined {
    const opened = this.#ports.files.openTarget(target ?? '', mode);
    if (typeof opened === 'string') this.#unavailable.push(`${option} (${opened})`);
    if (opened === undefined || typeof opened === 'string') return undefined;
    this.#tell(`${option} is ${opened.path}`);
    // One logger may name a log twice; it is released as often as it was opened.
    if (this.#sinks.has(opened)) this.#ports.files.release(opened);
    this.#sinks.add(opened);
    return opened;
  }

  /** Says what could not be opened, in one line. */
  tellUnavailable(): void {
    if (this.#unavailable.length === 0) return;
    this.#ports.panic.announce('WARNING', 'LOG1', `${this.#who}: not written: ${this.#unavailable.join(', ')}`);
  }

  /** `beat` is called every so many seconds, until the end; 0 never. */
  every(seconds: number, beat: (nowMs: number) => void): void {
    if (seconds <= 0) return;
    this.#heartbeat = this.#ports.timers.schedule(seconds * 1000, () => {
      beat(this.#ports.clock.now());
      this.every(seconds, beat);
    });
  }

  close(): void {
    if (this.#heartbeat !== undefined) this.#ports.timers.cancel(this.#heartbeat);
    this.#heartbeat = undefined;
    for (const sink of this.#sinks) this.#ports.files.release(sink);
    this.#sinks.clear();
  }
}

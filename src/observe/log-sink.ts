/*
 * Where lines go: a log file, or what a module offers for a scheme such as jlog:// (LOG-22).
 *
 * The one rule: `add` never waits and never throws; a sink keeps lines for a while when it cannot write, has a bound for that,
 * and says when lines were lost. Not here: any sink.
 */
import type { Clock } from '#base';
import type { LogFs } from './log-file.ts';

export interface LogSink {
  /** Its name for people: a path or a URI. */
  readonly path: string;
  /** Lines that were lost since the start. */
  readonly lost: number;
  /** Why it cannot be written at present. */
  readonly problem: string | undefined;
  /** `line` holds no line break. */
  add(line: string): void;
  /** Writes what waits. True when nothing waits any more. */
  flush(): boolean;
  /** For rotation; returns the problem, if any. */
  reopen(): string | undefined;
  /** The last lines are written; nothing is added afterwards. */
  close(): void;
}

export interface SinkPorts {
  readonly fs: LogFs;
  readonly clock: Clock;
  readonly timers: { schedule(delayMs: number, fn: () => void): number; cancel(id: number): unknown };
  /** Told when writing stops working, when it works again, and of lines that were lost. */
  readonly trouble: (text: string) => void;
  /** There is something to flush. */
  readonly dirty: () => void;
}

/** What a module offers for its schemes. `rest` is what follows "scheme://". Throws an Error with words for a person. */
export interface LogScheme {
  readonly schemes: readonly string[];
  open(rest: string, mode: number, ports: SinkPorts): LogSink;
}

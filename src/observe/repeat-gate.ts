/*
 * Keeps a flood of panic lines from becoming a flood of log: the same line again is counted, not written.
 *
 * A line that came within the last 10 s is counted; at the end of that time one line says how often it came. At most
 * 2,000 different lines a level are written in 10 s; how many more there were is said at the end. At most 512 lines are
 * remembered; the oldest is forgotten first, and its count is said then. Nothing is dropped without a line that counts it.
 */
import type { Clock } from '#base';
import { levels, rank, type Level } from './debug-flags.ts';

/** What happened: told to whoever looks into the paniclog. */
export interface PanicLine {
  /** Epoch milliseconds. */
  at: number;
  level: Level;
  /** A subsystem, or the name of a module. */
  source: string;
  isModule: boolean;
  text: string;
}

interface Timers {
  schedule(delayMs: number, fn: () => void): number;
  cancel(id: number): unknown;
}

interface Known {
  line: PanicLine;
  since: number;
  again: number;
}

export const repeatWindowMs = 10_000;
export const linesPerWindowMax = 2_000;
export const linesKnownMax = 512;

export class RepeatGate {
  #clock: Clock;
  #timers: Timers | undefined;
  #write: (line: PanicLine) => void;
  #known = new Map<string, Known>();
  #windowStart = -Infinity;
  #written = levels.map(() => 0);
  #timer: number | undefined;

  constructor(o: { clock: Clock; timers: Timers | undefined; write: (line: PanicLine) => void }) {
    this.#clock = o.clock;
    this.#timers = o.timers;
    this.#write = o.write;
  }

  pass(line: PanicLine): void {
    const now = this.#clock.mono();
    if (now - this.#windowStart >= repeatWindowMs) this.#nextWindow(now);
    const key = `${line.level} ${line.source} ${line.text}`;
    const known = this.#known.get(key);
    if (known !== undefined && now - known.since < repeatWindowMs) {
      known.again++;
      this.#wake();
      return;
    }
    if (known !== undefined) this.#forget(key, known);
    else if (this.#known.size >= linesKnownMax) this.#forgetOldest();
    this.#known.set(key, { line, since: now, again: 0 });
    const i = rank(line.level);
    this.#written[i] = (this.#written[i] as number) + 1;
    if ((this.#written[i] as number) <= linesPerWindowMax) this.#write(line);
    else this.#wake();
  }

  /** Says all counts now. */
  close(): void {
    if (this.#timer !== undefined) this.#timers?.cancel(this.#timer);
    this.#timer = undefined;
    for (const [key, known] of this.#known) this.#forget(key, known);
    this.#nextWindow(this.#clock.mono());
  }

  #wake(): void {
    if (this.#timer !== undefined || this.#timers === undefined) return;
    this.#timer = this.#timers.schedule(repeatWindowMs, () => {
      this.#timer = undefined;
      const now = this.#clock.mono();
      for (const [key, known] of this.#known) if (now - known.since >= repeatWindowMs) this.#forget(key, known);
      this.#nextWindow(now);
      if ([...this.#known.values()].some((known) => known.again > 0)) this.#wake();
    });
  }

  #forgetOldest(): void {
    for (const [key, known] of this.#known) {
      this.#forget(key, known);
      return;
    }
  }

  #forget(key: string, known: Known): void {
    this.#known.delete(key);
    if (known.again === 0) return;
    const times = known.again === 1 ? 'once' : `${known.again} times`;
    this.#write({ ...known.line, at: this.#clock.now(), text: `${known.line.text} (repeated ${times})` });
  }

  #nextWindow(now: number): void {
    this.#windowStart = now;
    for (const [i, level] of levels.entries()) {
      const tooMany = (this.#written[i] as number) - linesPerWindowMax;
      this.#written[i] = 0;
      if (tooMany <= 0) continue;
      const text = `${tooMany} more lines of level ${level} were not written`;
      this.#write({ at: this.#clock.now(), level, source: 'LOG1', isModule: false, text });
    }
  }
}

// Time, handed in. Every room asks a Clock; none asks the machine, so that a test can let a day pass in a line.
//
// The rule to know: `now` is for what people read and what is stored (it jumps when the machine's clock is set),
// `mono` is for waiting and measuring (it never goes back). Waiting itself is the timer wheel's work.

import { performance } from 'node:perf_hooks';

export interface Clock {
  /** Milliseconds since 1970-01-01 UTC, whole. May jump either way. */
  now(): number;
  /** Milliseconds since an arbitrary start, with a fraction. Never decreases. The system clock's is one for all threads. */
  mono(): number;
}

/** `performance.now` starts anew in every thread; the machine's own monotonic clock does not, and threads share limits by it. */
const threadStartMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

export const systemClock: Clock = {
  now: () => Date.now(),
  mono: () => threadStartMs + performance.now(),
};

/** A clock that moves when told: `advance` moves both hands, `set` moves the wall clock alone (as an operator would). */
export class ManualClock implements Clock {
  #now: number;
  #mono = 0;

  /** @param startMs epoch milliseconds at the beginning; the monotonic hand starts at 0. */
  constructor(startMs = 1_700_000_000_000) {
    this.#now = startMs;
  }

  now(): number {
    return Math.floor(this.#now);
  }

  mono(): number {
    return this.#mono;
  }

  /** Lets `ms` (0 or more) pass. */
  advance(ms: number): void {
    this.#now += ms;
    this.#mono += ms;
  }

  /** Sets the wall clock, back or forth; waiting is not affected. */
  set(epochMs: number): void {
    this.#now = epochMs;
  }
}

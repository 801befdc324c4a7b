// "At most N in S seconds", agreed by all event loops on one word of shared memory (GCRA by compare-and-swap).
//
// The rule to know: the word holds the time at which the bucket is full again. Over any stretch of time no more than
// stretch * N/S + burst are let through, whatever the number of loops; the burst is one second's worth (N/S, at least 1): "60/3" lets 20 through
// at once, then one every 50 ms; "3/60" one every 20 s. The rate comes with each call; a new one takes effect at once. A count of 0 means
// no limit (SHP-05). One word per definition, not per scope that inherits it (FB-14), is the caller's choice of name.

import type { Clock } from '#base';

export interface RateLimit {
  /** How many; 0 or less means no limit. */
  readonly count: number;
  /** In how many seconds, more than 0. */
  readonly periodSeconds: number;
}

export class SharedRate {
  readonly #words: BigInt64Array;
  readonly #at: number;
  readonly #clock: Clock;

  /** @param clock its monotonic hand must be one for all loops, as the system clock's is. */
  constructor(place: { words: BigInt64Array; at: number }, clock: Clock) {
    this.#words = place.words;
    this.#at = place.at;
    this.#clock = clock;
  }

  /** A rate on memory of its own: give the buffer to the other loops and attach there. */
  static create(): SharedArrayBuffer {
    return new SharedArrayBuffer(8);
  }

  static attach(buffer: SharedArrayBuffer, clock: Clock): SharedRate {
    return new SharedRate({ words: new BigInt64Array(buffer), at: 0 }, clock);
  }

  /** Takes one: 0 when it may go now, otherwise the milliseconds (more than 0) after which asking again makes sense. */
  take(rate: RateLimit): number {
    if (rate.count <= 0) return 0;
    const spacing = spacingOf(rate);
    const room = spacing * burstOf(rate);
    const now = this.#now();
    let seen = Atomics.load(this.#words, this.#at);
    for (;;) {
      const near = bounded(seen, now, room);
      const fullAt = near + spacing;
      if (fullAt > now + room) {
        // Brought near for good: else every question would find the far time again and wait anew.
        if (near !== seen) Atomics.compareExchange(this.#words, this.#at, seen, near);
        return Math.max(0.001, Number(fullAt - now - room) / 1e6);
      }
      const before = Atomics.compareExchange(this.#words, this.#at, seen, fullAt);
      if (before === seen) return 0;
      seen = before;
    }
  }

  /** Gives one back that was taken and not used. */
  putBack(rate: RateLimit): void {
    if (rate.count > 0) Atomics.sub(this.#words, this.#at, spacingOf(rate));
  }

  #now(): bigint {
    return BigInt(Math.round(this.#clock.mono() * 1e6));
  }
}

/** Nanoseconds between two, at least 1. */
function spacingOf(rate: RateLimit): bigint {
  return BigInt(Math.max(1, Math.round((rate.periodSeconds * 1e9) / rate.count)));
}

/** How many may go at once. */
function burstOf(rate: RateLimit): bigint {
  return BigInt(Math.max(1, Math.floor(rate.count / Math.max(1, rate.periodSeconds))));
}

/** The past counts as now; what lies further ahead than this rate could have put it comes from a slower rate and is brought near. */
function bounded(seen: bigint, now: bigint, room: bigint): bigint {
  if (seen < now) return now;
  return seen > now + room ? now + room : seen;
}

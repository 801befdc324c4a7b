// "At most N in S seconds", agreed by all event loops in shared memory, exact for every window of S seconds wherever it begins.
//
// The rule to know: it remembers when what was let through in the last S seconds went, and lets the next one go when fewer than N are left.
// A window of a second may be used at once ("3": three at a time); a longer one is spread ("3/60": one every 20 s; "120/60": two a second), so that
// an hour's mail does not leave in one burst. When asked at the time it names, all of N is used, less what the asker is late (and 0.4% where N is more
// than it can remember one by one). Above `slots` marks several share one, with the time of the last. A count of 0 means no limit (SHP-05). The
// rate comes with each call; a new one takes effect at once. A short lock guards it, and the lock of a dead loop is taken back.
// One for each definition, not for each scope that inherits it (FB-14), is the caller's choice of name.

import type { Clock } from '#base';

export interface RateLimit {
  /** How many; 0 or less means no limit. */
  readonly count: number;
  /** In how many seconds, more than 0. */
  readonly periodSeconds: number;
}

/** Marks that are remembered. */
const slots = 256;
// Numbers behind the lock: the time from which the even flow counts, how many the marks stand for, the oldest mark, how many marks, how many takes.
const flowAt = 1;
const sumAt = 2;
const oldestAt = 3;
const liveAt = 4;
const takesAt = 5;
const stampsAt = 6;
const countsAt = stampsAt + slots;
const numbers = countsAt + slots;

/** 32-bit words that one rate takes, on a multiple of 8 bytes. */
export const rateWords = numbers * 2;

/** Tries for the lock, about a millisecond; whoever does not get it asks again. */
const spins = 50_000;
const busyMs = 1;

export class SharedRate {
  readonly #lock: Int32Array;
  readonly #n: Float64Array;
  readonly #self: number;
  readonly #clock: Clock;
  /** The number of takes behind our last one: what was taken can be put back while nobody else took. */
  #lastTake = -1;

  /** @param clock its monotonic hand must be one for all loops, as the system clock's is. */
  constructor(place: { buffer: SharedArrayBuffer; /** bytes */ at: number; loop: number }, clock: Clock) {
    this.#lock = new Int32Array(place.buffer, place.at, 1);
    this.#n = new Float64Array(place.buffer, place.at, numbers);
    this.#self = place.loop + 1;
    this.#clock = clock;
  }

  /** A rate on memory of its own: give the buffer to the other loops and attach there. */
  static create(): SharedArrayBuffer {
    return new SharedArrayBuffer(numbers * 8);
  }

  static attach(buffer: SharedArrayBuffer, clock: Clock, loop = 0): SharedRate {
    return new SharedRate({ buffer, at: 0, loop }, clock);
  }

  /** Takes the lock from a loop that died. `at` is the first word of the rate. */
  static unlock(words: Int32Array, at: number, loop: number): void {
    Atomics.compareExchange(words, at, loop + 1, 0);
  }

  /** Takes one: 0 when it may go now, otherwise the milliseconds (more than 0) after which asking again makes sense. */
  take(rate: RateLimit): number {
    const answer = this.takeUpTo(rate, 1);
    return answer > 0 ? 0 : -answer;
  }

  /** Takes as many as may go now, at most `most` (from 1 up): their number, or less than 0, the milliseconds to wait for the next one. */
  takeUpTo(rate: RateLimit, most: number): number {
    if (rate.count <= 0) return most;
    if (!this.#acquire()) return -busyMs;
    const now = this.#clock.mono();
    const free = this.#free(rate, now);
    const taken = free > 0 ? Math.min(free, most) : free;
    if (taken > 0) this.#mark(rate, now, taken);
    this.#release();
    return taken;
  }

  /** How many may go now, or less than 0, the milliseconds to wait; nothing is taken, and somebody else may take it. */
  look(rate: RateLimit): number {
    if (rate.count <= 0) return Infinity;
    if (!this.#acquire()) return -busyMs;
    const free = this.#free(rate, this.#clock.mono());
    this.#release();
    return free;
  }

  /** Gives back what was taken last and not used; nothing when somebody else has taken since: less is sent then, never more. */
  putBack(rate: RateLimit, count = 1): void {
    if (rate.count <= 0 || !this.#acquire()) return;
    const n = this.#n;
    if (n[takesAt] === this.#lastTake && (n[liveAt] as number) > 0) {
      const last = this.#newest();
      const back = Math.min(count, n[countsAt + last] as number);
      n[countsAt + last] = (n[countsAt + last] as number) - back;
      n[sumAt] = (n[sumAt] as number) - back;
      n[flowAt] = (n[flowAt] as number) - back * spacingOf(rate);
      if (n[countsAt + last] === 0) n[liveAt] = (n[liveAt] as number) - 1;
    }
    this.#release();
  }

  /** With the lock held: how many may go, or less than 0, the time to wait. */
  #free(rate: RateLimit, now: number): number {
    const n = this.#n;
    const windowMs = rate.periodSeconds * 1000;
    let live = n[liveAt] as number;
    let oldest = n[oldestAt] as number;
    while (live > 0 && now - (n[stampsAt + oldest] as number) >= windowMs) {
      n[sumAt] = (n[sumAt] as number) - (n[countsAt + oldest] as number);
      oldest = (oldest + 1) % slots;
      live -= 1;
    }
    n[liveAt] = live;
    n[oldestAt] = oldest;
    const left = Math.floor(rate.count) - (n[sumAt] as number);
    if (left <= 0) return -Math.max(0.001, (n[stampsAt + oldest] as number) + windowMs - now);
    if (windowMs <= 1000) return left;
    const spacing = spacingOf(rate);
    const slack = slackOf(spacing);
    // What lies further ahead than this rate could have put it comes from a slower rate and is brought near.
    n[flowAt] = Math.min(Math.max(n[flowAt] as number, now), now + slack + spacing);
    const ahead = (n[flowAt] as number) - now;
    if (ahead > slack) return -Math.max(0.001, ahead - slack);
    return Math.min(left, Math.floor((slack - ahead) / spacing) + 1);
  }

  #mark(rate: RateLimit, now: number, taken: number): void {
    const n = this.#n;
    const most = Math.ceil(rate.count / (slots - 2));
    n[takesAt] = this.#lastTake = (n[takesAt] as number) + 1;
    n[sumAt] = (n[sumAt] as number) + taken;
    n[flowAt] = Math.max(n[flowAt] as number, now) + taken * spacingOf(rate);
    const live = n[liveAt] as number;
    const last = this.#newest();
    const isSame = live > 0 && n[stampsAt + last] === now;
    // A mark that stands for several has the time of the last of them: less may go, never more.
    if (isSame || live === slots || (live > 0 && (n[countsAt + last] as number) < most)) {
      n[stampsAt + last] = now;
      n[countsAt + last] = (n[countsAt + last] as number) + taken;
      return;
    }
    const next = live === 0 ? (n[oldestAt] as number) : (last + 1) % slots;
    n[stampsAt + next] = now;
    n[countsAt + next] = taken;
    n[liveAt] = live + 1;
  }

  #newest(): number {
    return ((this.#n[oldestAt] as number) + (this.#n[liveAt] as number) - 1 + slots) % slots;
  }

  #acquire(): boolean {
    for (let i = 0; i < spins; i += 1) if (Atomics.compareExchange(this.#lock, 0, 0, this.#self) === 0) return true;
    return false;
  }

  #release(): void {
    Atomics.store(this.#lock, 0, 0);
  }
}

/** Milliseconds between two in an even flow. */
function spacingOf(rate: RateLimit): number {
  return (rate.periodSeconds * 1000) / rate.count;
}

/** How far ahead of the even flow one may be: a second's worth; of slow rates at most a second, for those who come late. */
function slackOf(spacing: number): number {
  return Math.max(1000 - spacing, Math.min(1000, spacing / 10));
}

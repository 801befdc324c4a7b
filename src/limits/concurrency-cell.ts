// "At most N at once", counted by all event loops together in shared memory.
//
// The rule to know: every loop counts in its own word and the sum is compared with the limit, so that the share of a loop that died
// can be given back by clearing one word. The sum never passes the limit; two loops reaching for the last place at
// the same instant may both be refused, and try again when somebody releases. The limit comes with each call: it may change.
// Names, and where the words live, are the limit table's business.

import { assert } from '#base';

/** How often a lost race is tried again before it counts as refused. */
const raceRetries = 4;

const epochWord = 0;
const interestWord = 1;
/** Words before the counts of the loops. */
export const cellHeaderWords = 2;

interface ConcurrencyPlace {
  /** Shared words. */
  words: Int32Array;
  /** The first of `cellHeaderWords + loops` words. */
  at: number;
  loops: number;
  /** Which loop we are, 0 to loops-1. */
  loop: number;
}

export class ConcurrencyCell {
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #loops: number;
  readonly #own: number;
  readonly #share: number;
  #held = 0;

  /** @param share 1 for a shared cell; n when the cell is private and stands for one of n loops: limits are divided by it. */
  constructor(place: ConcurrencyPlace, share = 1) {
    assert(place.loop >= 0 && place.loop < place.loops, `loop ${place.loop} of ${place.loops}`);
    this.#words = place.words;
    this.#at = place.at;
    this.#loops = place.loops;
    this.#own = place.at + cellHeaderWords + place.loop;
    this.#share = share;
  }

  /** A cell on memory of its own: give `buffer` to the other loops and attach there. */
  static create(loops: number): SharedArrayBuffer {
    return new SharedArrayBuffer((cellHeaderWords + loops) * 4);
  }

  static attach(buffer: SharedArrayBuffer, loop: number, share = 1): ConcurrencyCell {
    const words = new Int32Array(buffer);
    return new ConcurrencyCell({ words, at: 0, loops: words.length - cellHeaderWords, loop }, share);
  }

  /** Taken by all loops now. */
  get total(): number {
    let sum = 0;
    const first = this.#at + cellHeaderWords;
    for (let i = 0; i < this.#loops; i += 1) sum += Atomics.load(this.#words, first + i);
    return sum;
  }

  /** Taken through this object and not released. */
  get held(): number {
    return this.#held;
  }

  /** Takes a place; false when all loops together hold `limit` already. Infinity counts without refusing, 0 always refuses. */
  acquire(limit: number): boolean {
    const most = this.#share === 1 || limit <= 0 ? limit : Math.max(1, Math.floor(limit / this.#share));
    for (let attempt = 0; attempt < raceRetries; attempt += 1) {
      if (this.total >= most) return false;
      Atomics.add(this.#words, this.#own, 1);
      if (this.total <= most) {
        this.#held += 1;
        return true;
      }
      this.#subtract();
    }
    return false;
  }

  /**
   * As `acquire`, but a refusal promises one call of `wake`, in a later turn, when some loop has released a place
   * (or has nearly got one: waking is no promise of a place).
   */
  acquireOrWake(limit: number, wake: () => void): boolean {
    // The flag first, then the epoch, then the attempt: whoever releases after the attempt sees the flag and moves the epoch on.
    Atomics.store(this.#words, this.#at + interestWord, 1);
    const epoch = Atomics.load(this.#words, this.#at + epochWord);
    if (this.acquire(limit)) return true;
    const waiting = Atomics.waitAsync(this.#words, this.#at + epochWord, epoch);
    if (waiting.async) void waiting.value.then(wake);
    else queueMicrotask(wake);
    return false;
  }

  /** Gives a place back. Releasing more than was taken is a defect. */
  release(): void {
    assert(this.#held > 0, 'release without acquire');
    this.#held -= 1;
    this.#subtract();
  }

  /** Releases all that this object holds. */
  releaseHeld(): void {
    while (this.#held > 0) this.release();
  }

  /** Gives back the share of a loop that died; for the thread that saw it die, before it starts the loop again. */
  releaseAllOf(loop: number): void {
    assert(loop >= 0 && loop < this.#loops, `loop ${loop} of ${this.#loops}`);
    Atomics.store(this.#words, this.#at + cellHeaderWords + loop, 0);
    this.#announce();
  }

  #subtract(): void {
    Atomics.sub(this.#words, this.#own, 1);
    this.#announce();
  }

  #announce(): void {
    if (Atomics.load(this.#words, this.#at + interestWord) === 0) return;
    Atomics.store(this.#words, this.#at + interestWord, 0);
    Atomics.add(this.#words, this.#at + epochWord, 1);
    Atomics.notify(this.#words, this.#at + epochWord);
  }
}

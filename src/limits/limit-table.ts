// Names for shared limits: all loops that open the same name meet in the same words of one shared buffer.
//
// The rule to know: the table is bounded. A name takes a slot while some loop has it open; a slot nobody has open keeps its name (and a
// rate its memory) until another name needs it. Where a name finds no slot, the loop gets a private one and its limits are divided by
// the number of loops: never above the limit (from one per loop up), only less even; `overflows` counts that.
// Concurrency and rates have slots of their own, since a rate remembers much more. A dead loop's part is taken back by `releaseAllOf`.

import { randomBytes } from 'node:crypto';
import { assert } from '#base';
import type { Clock } from '#base';
import { cellHeaderWords, ConcurrencyCell } from './concurrency-cell.ts';
import { rateWords, SharedRate } from './shared-rate.ts';
import type { RateLimit } from './shared-rate.ts';
import { SlotRegion, slotsPerBucket } from './slot-region.ts';

const defaultSlots = 32_768;
const defaultRates = 4_096;

/** What is handed to each loop at its start; plain data around one shared buffer. */
export interface SharedLimits {
  readonly buffer: SharedArrayBuffer;
  readonly loops: number;
  readonly buckets: number;
  readonly rateBuckets: number;
  readonly key: string;
}

/** A concurrency limit by name; closed by who opened it, which releases what it still holds. */
export interface NamedConcurrency {
  readonly cell: ConcurrencyCell;
  /** False when the table had no slot and the limit is divided among the loops. */
  readonly isShared: boolean;
  close(): void;
}

/** A rate limit by name. */
export interface NamedRate {
  readonly isShared: boolean;
  take(rate: RateLimit): number;
  takeUpTo(rate: RateLimit, most: number): number;
  look(rate: RateLimit): number;
  putBack(rate: RateLimit, count?: number): void;
  close(): void;
}

export class LimitTable {
  readonly shared: SharedLimits;
  readonly #loop: number;
  readonly #clock: Clock;
  readonly #words: Int32Array;
  readonly #cells: SlotRegion;
  readonly #rates: SlotRegion;
  #overflows = 0;

  private constructor(shared: SharedLimits, o: { loop: number; clock: Clock }) {
    const { loops, buckets, rateBuckets, key } = shared;
    assert(o.loop >= 0 && o.loop < loops, `loop ${o.loop} of ${loops}`);
    this.shared = shared;
    this.#loop = o.loop;
    this.#clock = o.clock;
    const words = new Int32Array(shared.buffer);
    this.#words = words;
    const place = { words, loops, loop: o.loop, key };
    const contentWords = cellHeaderWords + loops;
    // The epoch moves on instead of starting anew: a waiter of the former name must not sleep for ever.
    const emptyCell = (at: number): void => {
      for (let i = 1; i < contentWords; i += 1) Atomics.store(words, at + i, 0);
      Atomics.add(words, at, 1);
      Atomics.notify(words, at);
    };
    this.#cells = new SlotRegion({ ...place, at: 0, buckets, contentWords, reset: emptyCell });
    this.#rates = new SlotRegion({
      ...place,
      at: SlotRegion.size({ buckets, loops, contentWords }),
      buckets: rateBuckets,
      contentWords: rateWords,
      reset: (at) => void words.fill(0, at, at + rateWords),
    });
  }

  /** Memory for `loops` threads (main counts as one if it takes part) and about `slots` and `rates` names open at once. */
  static create(o: { loops: number; slots?: number; rates?: number }): SharedLimits {
    const { loops } = o;
    assert(Number.isInteger(loops) && loops >= 1, `limits for ${loops} loops`);
    const buckets = Math.max(1, Math.ceil((o.slots ?? defaultSlots) / slotsPerBucket));
    const rateBuckets = Math.max(1, Math.ceil((o.rates ?? defaultRates) / slotsPerBucket));
    const words =
      SlotRegion.size({ buckets, loops, contentWords: cellHeaderWords + loops }) +
      SlotRegion.size({ buckets: rateBuckets, loops, contentWords: rateWords });
    return { buffer: new SharedArrayBuffer(words * 4), loops, buckets, rateBuckets, key: randomBytes(16).toString('hex') };
  }

  static attach(shared: SharedLimits, o: { loop: number; clock: Clock }): LimitTable {
    return new LimitTable(shared, o);
  }

  /** How often a name found no slot in this loop. */
  get overflows(): number {
    return this.#overflows;
  }

  /** Names that some loop has open. Cost: a look at every slot. */
  get size(): number {
    return this.#cells.size + this.#rates.size;
  }

  concurrency(name: string): NamedConcurrency {
    const { loops } = this.shared;
    const at = this.#cells.open(name);
    if (at === undefined) {
      this.#overflows += 1;
      const cell = ConcurrencyCell.attach(ConcurrencyCell.create(1), 0, loops);
      return { cell, isShared: false, close: () => cell.releaseHeld() };
    }
    const cell = new ConcurrencyCell({ words: this.#words, at, loops, loop: this.#loop });
    return { cell, isShared: true, close: once(() => (cell.releaseHeld(), this.#cells.close(at))) };
  }

  rate(name: string): NamedRate {
    const { loops } = this.shared;
    const at = this.#rates.open(name);
    if (at === undefined) {
      this.#overflows += 1;
      const own = SharedRate.attach(SharedRate.create(), this.#clock);
      const part = (rate: RateLimit): RateLimit => ({ count: rate.count, periodSeconds: rate.periodSeconds * loops });
      return {
        isShared: false,
        take: (r) => own.take(part(r)),
        takeUpTo: (r, most) => own.takeUpTo(part(r), most),
        look: (r) => own.look(part(r)),
        putBack: (r, count) => own.putBack(part(r), count),
        close: () => {},
      };
    }
    const rate = new SharedRate({ buffer: this.shared.buffer, at: at * 4, loop: this.#loop }, this.#clock);
    return {
      isShared: true,
      take: (r) => rate.take(r),
      takeUpTo: (r, most) => rate.takeUpTo(r, most),
      look: (r) => rate.look(r),
      putBack: (r, count) => rate.putBack(r, count),
      close: once(() => this.#rates.close(at)),
    };
  }

  /** Takes back all places, references and locks of a loop that died; called once, before that loop is started again. */
  releaseAllOf(loop: number): void {
    const { loops } = this.shared;
    assert(loop >= 0 && loop < loops, `loop ${loop} of ${loops}`);
    this.#cells.releaseAllOf(loop, (at) => new ConcurrencyCell({ words: this.#words, at, loops, loop }).releaseAllOf(loop));
    this.#rates.releaseAllOf(loop, (at) => SharedRate.unlock(this.#words, at, loop));
  }
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    work();
  };
}

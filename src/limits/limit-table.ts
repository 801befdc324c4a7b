// Names for shared limits: all loops that open the same name meet in the same words of one shared buffer.
//
// The rule to know: the table is bounded. A name takes a slot while some loop has it open; a slot nobody has open keeps its name (and a
// rate its memory) until another name needs it. Where a name finds no slot, the loop gets a private one and its limits are divided by
// the number of loops: never above the limit (from one per loop up), only less even; `overflows` counts that.
// Slots are found by a keyed hash, so that a sender of mail cannot choose names that meet. A dead loop's part is taken back by `releaseAllOf`.

import { createHash, randomBytes } from 'node:crypto';
import { assert } from '#base';
import type { Clock } from '#base';
import { cellHeaderWords, ConcurrencyCell } from './concurrency-cell.ts';
import { SharedRate } from './shared-rate.ts';
import type { RateLimit } from './shared-rate.ts';

const slotsPerBucket = 32;
const defaultSlots = 32_768;
/** Spins for a bucket's lock before we believe its holder died; about a millisecond. */
const spinsForLock = 50_000;

/** What is handed to each loop at its start; plain data around one shared buffer. */
export interface SharedLimits {
  readonly buffer: SharedArrayBuffer;
  readonly loops: number;
  readonly buckets: number;
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
  putBack(rate: RateLimit): void;
  close(): void;
}

// A slot: key (2 words), rate (2 words, on a multiple of 8 bytes), cell header and counts, references of each loop.
const keyWords = 2;
const rateWords = 2;
const cellOffset = keyWords + rateWords;

function slotWords(loops: number): number {
  return (cellOffset + cellHeaderWords + loops * 2 + 1) & ~1;
}

export class LimitTable {
  readonly shared: SharedLimits;
  readonly #loop: number;
  readonly #clock: Clock;
  readonly #words: Int32Array;
  readonly #rates: BigInt64Array;
  readonly #slotWords: number;
  readonly #firstSlot: number;
  #overflows = 0;

  private constructor(shared: SharedLimits, o: { loop: number; clock: Clock }) {
    assert(o.loop >= 0 && o.loop < shared.loops, `loop ${o.loop} of ${shared.loops}`);
    this.shared = shared;
    this.#loop = o.loop;
    this.#clock = o.clock;
    this.#words = new Int32Array(shared.buffer);
    this.#rates = new BigInt64Array(shared.buffer);
    this.#slotWords = slotWords(shared.loops);
    this.#firstSlot = lockWords(shared.buckets);
  }

  /** Memory for `loops` threads (main counts as one if it takes part) and about `slots` names open at once. */
  static create(o: { loops: number; slots?: number }): SharedLimits {
    assert(Number.isInteger(o.loops) && o.loops >= 1, `limits for ${o.loops} loops`);
    const buckets = Math.max(1, Math.ceil((o.slots ?? defaultSlots) / slotsPerBucket));
    const words = lockWords(buckets) + buckets * slotsPerBucket * slotWords(o.loops);
    return { buffer: new SharedArrayBuffer(words * 4), loops: o.loops, buckets, key: randomBytes(16).toString('hex') };
  }

  static attach(shared: SharedLimits, o: { loop: number; clock: Clock }): LimitTable {
    return new LimitTable(shared, o);
  }

  /** How often a name found no slot in this loop. */
  get overflows(): number {
    return this.#overflows;
  }

  /** Slots that some loop has open. Cost: a look at every slot. */
  get size(): number {
    let open = 0;
    const slots = this.shared.buckets * slotsPerBucket;
    for (let i = 0; i < slots; i += 1) if (this.#isOpen(this.#firstSlot + i * this.#slotWords)) open += 1;
    return open;
  }

  concurrency(name: string): NamedConcurrency {
    const { loops } = this.shared;
    const slot = this.#open(`c ${name}`);
    if (slot === undefined) {
      const cell = ConcurrencyCell.attach(ConcurrencyCell.create(1), 0, loops);
      return { cell, isShared: false, close: () => cell.releaseHeld() };
    }
    const cell = new ConcurrencyCell({ words: this.#words, at: slot + cellOffset, loops, loop: this.#loop });
    return { cell, isShared: true, close: once(() => (cell.releaseHeld(), this.#close(slot))) };
  }

  rate(name: string): NamedRate {
    const { loops } = this.shared;
    const slot = this.#open(`r ${name}`);
    if (slot === undefined) {
      const own = SharedRate.attach(SharedRate.create(), this.#clock);
      const part = (rate: RateLimit): RateLimit => ({ count: rate.count, periodSeconds: rate.periodSeconds * loops });
      return { isShared: false, take: (r) => own.take(part(r)), putBack: (r) => own.putBack(part(r)), close: () => {} };
    }
    const rate = new SharedRate({ words: this.#rates, at: (slot + keyWords) / 2 }, this.#clock);
    return { isShared: true, take: (r) => rate.take(r), putBack: (r) => rate.putBack(r), close: once(() => this.#close(slot)) };
  }

  /** Takes back all places, references and locks of a loop that died; called once, before that loop is started again. */
  releaseAllOf(loop: number): void {
    const { loops, buckets } = this.shared;
    assert(loop >= 0 && loop < loops, `loop ${loop} of ${loops}`);
    for (let bucket = 0; bucket < buckets; bucket += 1) Atomics.compareExchange(this.#words, bucket, loop + 1, 0);
    const slots = buckets * slotsPerBucket;
    for (let i = 0; i < slots; i += 1) {
      const slot = this.#firstSlot + i * this.#slotWords;
      const references = this.#references(slot) + loop;
      if (Atomics.load(this.#words, references) === 0) continue;
      new ConcurrencyCell({ words: this.#words, at: slot + cellOffset, loops, loop }).releaseAllOf(loop);
      Atomics.store(this.#words, references, 0);
    }
  }

  #references(slot: number): number {
    return slot + cellOffset + cellHeaderWords + this.shared.loops;
  }

  #isOpen(slot: number): boolean {
    const first = this.#references(slot);
    for (let i = 0; i < this.shared.loops; i += 1) if (Atomics.load(this.#words, first + i) !== 0) return true;
    return false;
  }

  #close(slot: number): void {
    Atomics.sub(this.#words, this.#references(slot) + this.#loop, 1);
  }

  #open(name: string): number | undefined {
    const digest = createHash('sha1').update(this.shared.key).update(name).digest();
    const bucket = digest.readUInt32LE(0) % this.shared.buckets;
    const slot = this.#lock(bucket) ? this.#claim(bucket, digest.readInt32LE(4) | 1, digest.readInt32LE(8)) : undefined;
    if (slot === undefined) this.#overflows += 1;
    return slot;
  }

  #lock(bucket: number): boolean {
    for (let spins = 0; spins < spinsForLock; spins += 1) {
      if (Atomics.compareExchange(this.#words, bucket, 0, this.#loop + 1) === 0) return true;
    }
    return false;
  }

  /** With the bucket's lock held: the slot of this key, an unused one, or one nobody has open, in this order. Unlocks. */
  #claim(bucket: number, high: number, low: number): number | undefined {
    let free: number | undefined;
    let isFreeUnused = false;
    let found: number | undefined;
    for (let i = 0; i < slotsPerBucket; i += 1) {
      const slot = this.#firstSlot + (bucket * slotsPerBucket + i) * this.#slotWords;
      const key = Atomics.load(this.#words, slot);
      if (key === high && Atomics.load(this.#words, slot + 1) === low) {
        found = slot;
        break;
      }
      if (isFreeUnused || this.#isOpen(slot)) continue;
      if (key === 0 || free === undefined) free = slot;
      isFreeUnused = key === 0;
    }
    if (found === undefined && free !== undefined) {
      found = free;
      // The epoch moves on instead of starting anew: a waiter of the former name must not sleep for ever.
      const epoch = found + cellOffset;
      for (let i = 0; i < this.#slotWords; i += 1) if (found + i !== epoch) Atomics.store(this.#words, found + i, 0);
      Atomics.add(this.#words, epoch, 1);
      Atomics.notify(this.#words, epoch);
      Atomics.store(this.#words, found + 1, low);
      Atomics.store(this.#words, found, high);
    }
    if (found !== undefined) Atomics.add(this.#words, this.#references(found) + this.#loop, 1);
    Atomics.compareExchange(this.#words, bucket, this.#loop + 1, 0);
    return found;
  }
}

/** Lock words, rounded so that slots begin on a multiple of 8 bytes. */
function lockWords(buckets: number): number {
  return (buckets + 1) & ~1;
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    work();
  };
}

// Slots of one size in shared memory, found by name: the loops that open the same name get the same slot.
//
// The rule to know: a slot is taken while some loop has it open, and keeps its name and content until another name needs it. The word
// `references + loop` of a slot counts how often that loop has it open, so that the share of a dead loop can be taken back. Names are
// hashed with a key, so that a sender of mail cannot choose names that meet. Bound: slotsPerBucket names that fall into one bucket; the next one
// finds no slot. What a slot holds, and how it is emptied for a new name, is the owner's (limit-table.ts).

import { createHash } from 'node:crypto';

export const slotsPerBucket = 32;
/** Spins for a bucket's lock before we believe its holder died; about a millisecond. */
const spinsForLock = 50_000;
const keyWords = 2;

interface RegionPlace {
  readonly words: Int32Array;
  /** The first word; even, so that slots begin on a multiple of 8 bytes. */
  readonly at: number;
  readonly buckets: number;
  readonly loops: number;
  readonly loop: number;
  readonly key: string;
  /** Words that the owner has in each slot. */
  readonly contentWords: number;
  /** Empties the content for a new name; `content` is its first word. */
  readonly reset: (content: number) => void;
}

export class SlotRegion {
  readonly #o: RegionPlace;
  readonly #words: Int32Array;
  readonly #slotWords: number;
  readonly #firstSlot: number;

  constructor(o: RegionPlace) {
    this.#o = o;
    this.#words = o.words;
    this.#slotWords = slotWords(o.contentWords, o.loops);
    this.#firstSlot = o.at + even(o.buckets);
  }

  /** Words of a whole region. */
  static size(o: { buckets: number; loops: number; contentWords: number }): number {
    return even(o.buckets) + o.buckets * slotsPerBucket * slotWords(o.contentWords, o.loops);
  }

  /** Slots that some loop has open. Cost: a look at every slot. */
  get size(): number {
    let open = 0;
    for (let i = 0; i < this.#count; i += 1) if (this.#isOpen(this.#slot(i))) open += 1;
    return open;
  }

  /** The first word of the content; undefined when there is no slot for this name. */
  open(name: string): number | undefined {
    const digest = createHash('sha1').update(this.#o.key).update(name).digest();
    const bucket = digest.readUInt32LE(0) % this.#o.buckets;
    return this.#lock(bucket) ? this.#claim(bucket, digest.readInt32LE(4) | 1, digest.readInt32LE(8)) : undefined;
  }

  close(content: number): void {
    Atomics.sub(this.#words, this.#references(content - keyWords) + this.#o.loop, 1);
  }

  /** Takes back the references and locks of a loop that died; `each` hears of every slot that it had open. */
  releaseAllOf(loop: number, each: (content: number) => void): void {
    for (let bucket = 0; bucket < this.#o.buckets; bucket += 1) Atomics.compareExchange(this.#words, this.#o.at + bucket, loop + 1, 0);
    for (let i = 0; i < this.#count; i += 1) {
      const slot = this.#slot(i);
      const references = this.#references(slot) + loop;
      if (Atomics.load(this.#words, references) === 0) continue;
      each(slot + keyWords);
      Atomics.store(this.#words, references, 0);
    }
  }

  get #count(): number {
    return this.#o.buckets * slotsPerBucket;
  }

  #slot(index: number): number {
    return this.#firstSlot + index * this.#slotWords;
  }

  #references(slot: number): number {
    return slot + keyWords + this.#o.contentWords;
  }

  #isOpen(slot: number): boolean {
    const first = this.#references(slot);
    for (let i = 0; i < this.#o.loops; i += 1) if (Atomics.load(this.#words, first + i) !== 0) return true;
    return false;
  }

  #lock(bucket: number): boolean {
    for (let spins = 0; spins < spinsForLock; spins += 1) {
      if (Atomics.compareExchange(this.#words, this.#o.at + bucket, 0, this.#o.loop + 1) === 0) return true;
    }
    return false;
  }

  /** With the bucket's lock held: the slot of this key, an unused one, or one nobody has open, in this order. Unlocks. */
  #claim(bucket: number, high: number, low: number): number | undefined {
    let free: number | undefined;
    let isFreeUnused = false;
    let found: number | undefined;
    for (let i = 0; i < slotsPerBucket; i += 1) {
      const slot = this.#slot(bucket * slotsPerBucket + i);
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
      const first = this.#references(found);
      for (let i = 0; i < this.#o.loops; i += 1) Atomics.store(this.#words, first + i, 0);
      this.#o.reset(found + keyWords);
      Atomics.store(this.#words, found + 1, low);
      Atomics.store(this.#words, found, high);
    }
    if (found !== undefined) Atomics.add(this.#words, this.#references(found) + this.#o.loop, 1);
    Atomics.compareExchange(this.#words, this.#o.at + bucket, this.#o.loop + 1, 0);
    return found === undefined ? undefined : found + keyWords;
  }
}

function slotWords(contentWords: number, loops: number): number {
  return even(keyWords + contentWords + loops);
}

function even(words: number): number {
  return (words + 1) & ~1;
}

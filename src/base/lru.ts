// A cache with a bound: the least recently used entry goes when a new one needs its place, an expired one is never answered.
//
// The rule to know: `max` is a hard bound; a life (`ttlMs`) is optional, may be given per entry, and is counted on the
// clock's monotonic hand. Expired entries leave when they are asked for, when `purge` is called, or when they are the oldest.
// It does not load, coalesce or write back: that belongs to who owns the cache.

import { assert } from './assert.ts';
import type { Clock } from './clock.ts';

interface Entry<K, V> {
  key: K;
  value: V;
  expiresAt: number;
  newer: Entry<K, V> | undefined;
  older: Entry<K, V> | undefined;
}

export class Lru<K, V> {
  readonly max: number;
  readonly #ttlMs: number;
  readonly #clock: Clock | undefined;
  readonly #entries = new Map<K, Entry<K, V>>();
  /** Questions that were answered, and that were not: since the cache was made. */
  hits = 0;
  misses = 0;
  #newest: Entry<K, V> | undefined;
  #oldest: Entry<K, V> | undefined;

  /** @param o `max` entries (1 or more); `ttlMs` default life in ms (absent: for ever); `clock` is needed as soon as lives are used. */
  constructor(o: { max: number; ttlMs?: number; clock?: Clock }) {
    assert(Number.isInteger(o.max) && o.max >= 1, `lru max ${o.max}`);
    assert(o.ttlMs === undefined || o.clock !== undefined, 'an lru with a life needs a clock');
    this.max = o.max;
    this.#ttlMs = o.ttlMs ?? Infinity;
    this.#clock = o.clock;
  }

  /** Entries held, expired ones that nobody asked for included. */
  get size(): number {
    return this.#entries.size;
  }

  /** The value, which becomes the most recently used; undefined when absent or expired. */
  get(key: K): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || (entry.expiresAt !== Infinity && this.#isExpired(entry))) {
      this.misses += 1;
      if (entry !== undefined) this.#remove(entry);
      return undefined;
    }
    this.hits += 1;
    if (entry !== this.#newest) {
      this.#unlink(entry);
      this.#linkNewest(entry);
    }
    return entry.value;
  }

  has(key: K): boolean {
    const entry = this.#entries.get(key);
    return entry !== undefined && !this.#isExpired(entry);
  }

  /** Stores; `ttlMs` overrides the default life of this entry. The least recently used entry leaves when the cache was full. */
  set(key: K, value: V, ttlMs: number = this.#ttlMs): void {
    assert(ttlMs === Infinity || this.#clock !== undefined, 'an lru with a life needs a clock');
    const expiresAt = ttlMs === Infinity || this.#clock === undefined ? Infinity : this.#clock.mono() + ttlMs;
    const known = this.#entries.get(key);
    if (known !== undefined) {
      known.value = value;
      known.expiresAt = expiresAt;
      this.#unlink(known);
      this.#linkNewest(known);
      return;
    }
    if (this.#entries.size >= this.max && this.#oldest !== undefined) this.#remove(this.#oldest);
    const entry: Entry<K, V> = { key, value, expiresAt, newer: undefined, older: undefined };
    this.#entries.set(key, entry);
    this.#linkNewest(entry);
  }

  delete(key: K): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#remove(entry);
    return true;
  }

  clear(): void {
    this.#entries.clear();
    this.#newest = undefined;
    this.#oldest = undefined;
  }

  /** Drops what `isUnwanted` says of its value. Cost: one look at every entry. */
  deleteWhere(isUnwanted: (value: V) => boolean): void {
    for (const entry of this.#entries.values()) if (isUnwanted(entry.value)) this.#remove(entry);
  }

  /** Drops expired entries; returns how many. Cost: one look at every entry. */
  purge(): number {
    let dropped = 0;
    for (const entry of this.#entries.values()) {
      if (this.#isExpired(entry)) {
        this.#remove(entry);
        dropped += 1;
      }
    }
    return dropped;
  }

  /** Living entries, in no particular order, without touching who was used last. */
  *entries(): IterableIterator<[K, V]> {
    for (const entry of this.#entries.values()) {
      if (!this.#isExpired(entry)) yield [entry.key, entry.value];
    }
  }

  #isExpired(entry: Entry<K, V>): boolean {
    return entry.expiresAt !== Infinity && this.#clock !== undefined && this.#clock.mono() >= entry.expiresAt;
  }

  #remove(entry: Entry<K, V>): void {
    this.#entries.delete(entry.key);
    this.#unlink(entry);
  }

  #unlink(entry: Entry<K, V>): void {
    if (entry.newer === undefined) this.#newest = entry.older;
    else entry.newer.older = entry.older;
    if (entry.older === undefined) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
    entry.newer = undefined;
    entry.older = undefined;
  }

  #linkNewest(entry: Entry<K, V>): void {
    entry.older = this.#newest;
    if (this.#newest !== undefined) this.#newest.newer = entry;
    this.#newest = entry;
    this.#oldest ??= entry;
  }
}

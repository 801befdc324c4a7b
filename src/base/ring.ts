// A bounded first-in first-out queue on one array.
//
// The rule to know: `push` answers false when the ring is full and changes nothing; what then happens (refuse, slow
// the reader, drop the oldest by `shift` first) is the owner's written decision. Memory grows with use up to the capacity.

import { assert } from './assert.ts';

const firstSlots = 16;

export class Ring<T> {
  readonly capacity: number;
  #slots: (T | undefined)[];
  #head = 0;
  #size = 0;

  /** @param capacity 1 or more entries. */
  constructor(capacity: number) {
    assert(Number.isInteger(capacity) && capacity >= 1, `ring capacity ${capacity}`);
    this.capacity = capacity;
    this.#slots = Array.from({ length: Math.min(firstSlots, capacity) });
  }

  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size === this.capacity;
  }

  /** Adds at the end; false (and nothing done) when full. */
  push(item: T): boolean {
    if (this.#size === this.capacity) return false;
    if (this.#size === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#size) % this.#slots.length] = item;
    this.#size += 1;
    return true;
  }

  /** Takes the oldest, undefined when empty. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#slots.length;
    this.#size -= 1;
    return item;
  }

  /** Looks at the oldest without taking it. */
  peek(): T | undefined {
    return this.#size === 0 ? undefined : this.#slots[this.#head];
  }

  clear(): void {
    this.#slots = Array.from({ length: Math.min(firstSlots, this.capacity) });
    this.#head = 0;
    this.#size = 0;
  }

  #grow(): void {
    const bigger: (T | undefined)[] = Array.from({ length: Math.min(this.capacity, this.#slots.length * 2) });
    for (let i = 0; i < this.#size; i += 1) bigger[i] = this.#slots[(this.#head + i) % this.#slots.length];
    this.#slots = bigger;
    this.#head = 0;
  }
}

/**
 * Which of the delayed entries is due next: a heap of row numbers, four octets an entry, in pages.
 *
 * The one rule: entries leave in the order of their times, whatever else happens; adding a later one than most costs next to nothing, taking
 * one out a few dozen steps at ten million. It compares times that its owner keeps, and tells the owner where each row is.
 * Not here: the clock, and what becomes of a row that is due (waiting.ts).
 */
import { Slabs, type Block } from '#base';

const PAGE = 16_384;
/** Children of a node: wide, so that few cache lines are touched. */
const WIDTH = 4;

export interface HeapRows {
  dueOf(row: number): number;
  /** Where a row is in the heap, -1 when it is not. */
  heapPlaceOf(row: number): number;
  setHeapPlace(row: number, place: number): void;
}

export class RetryHeap {
  readonly #rows: HeapRows;
  readonly #pages: Int32Array[] = [];
  readonly #blocks: Block[] = [];
  readonly #slabs = new Slabs(PAGE * Int32Array.BYTES_PER_ELEMENT);
  #size = 0;

  constructor(rows: HeapRows) {
    this.#rows = rows;
  }

  get size(): number {
    return this.#size;
  }

  /** Octets of its pages. */
  get bytes(): number {
    return this.#slabs.bytes;
  }

  /** The row that is due next, -1 when there is none. */
  get first(): number {
    return this.#size === 0 ? -1 : this.#at(0);
  }

  add(row: number): void {
    if (this.#size === this.#pages.length * PAGE) this.#grow();
    this.#size += 1;
    this.#up(row, this.#size - 1);
  }

  remove(row: number): void {
    const place = this.#rows.heapPlaceOf(row);
    if (place < 0) return;
    this.#rows.setHeapPlace(row, -1);
    this.#size -= 1;
    const last = this.#at(this.#size);
    // One page is kept, so that a heap that breathes does not make them anew.
    if (this.#size + 2 * PAGE < this.#pages.length * PAGE) this.#shrink();
    if (place === this.#size) return;
    const parent = Math.floor((place - 1) / WIDTH);
    if (place > 0 && this.#rows.dueOf(last) < this.#rows.dueOf(this.#at(parent))) this.#up(last, place);
    else this.#down(last, place);
  }

  #grow(): void {
    const block = this.#slabs.take();
    this.#blocks.push(block);
    this.#pages.push(new Int32Array(block.buffer, block.offset, PAGE));
  }

  #shrink(): void {
    this.#pages.pop();
    const block = this.#blocks.pop();
    if (block !== undefined) this.#slabs.give(block);
  }

  #at(place: number): number {
    return (this.#pages[Math.floor(place / PAGE)] as Int32Array)[place % PAGE] as number;
  }

  #put(row: number, place: number): void {
    (this.#pages[Math.floor(place / PAGE)] as Int32Array)[place % PAGE] = row;
    this.#rows.setHeapPlace(row, place);
  }

  #up(row: number, from: number): void {
    const due = this.#rows.dueOf(row);
    let place = from;
    while (place > 0) {
      const parent = Math.floor((place - 1) / WIDTH);
      const above = this.#at(parent);
      if (this.#rows.dueOf(above) <= due) break;
      this.#put(above, place);
      place = parent;
    }
    this.#put(row, place);
  }

  #down(row: number, from: number): void {
    const due = this.#rows.dueOf(row);
    let place = from;
    for (;;) {
      const first = place * WIDTH + 1;
      if (first >= this.#size) break;
      const end = Math.min(first + WIDTH, this.#size);
      let least = first;
      let leastRow = this.#at(first);
      let leastDue = this.#rows.dueOf(leastRow);
      for (let child = first + 1; child < end; child += 1) {
        const childRow = this.#at(child);
        const childDue = this.#rows.dueOf(childRow);
        if (childDue >= leastDue) continue;
        least = child;
        leastRow = childRow;
        leastDue = childDue;
      }
      if (leastDue >= due) break;
      this.#put(leastRow, place);
      place = least;
    }
    this.#put(row, place);
  }
}

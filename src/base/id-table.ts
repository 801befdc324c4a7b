// Finds rows by message id (SMTP-17): an open-addressing hash of row numbers, four octets a cell; the ids themselves are the store's.
//
// The rule to know: it is divided into parts that grow one by one, so that no single step takes long however many rows there are (a part of
// a million rows' table moves in a fraction of a millisecond), by a quarter each time: two thirds to five sixths of the cells are in use.
// A part that outgrows one chunk of cells is made of blocks of slabs (slabs.ts), so that growing leaves no holes in the heap of malloc.
// Removal shifts back: no tombstones, so probes stay short whatever has come and gone. Two rows must not have the same id.

import { Slabs, type Block } from './slabs.ts';

/** An id as two numbers: `slot * 65536 + counter` (48 bits) and the instance (17 bits). */
export interface IdRows {
  ordinalOf(row: number): number;
  instanceOf(row: number): number;
}

const partBits = 8;
const parts = 2 ** partBits;
const firstCells = 16;
const chunkBits = 10;
/** Cells of a chunk: 4 KiB. */
const chunkCells = 2 ** chunkBits;
const inChunk = chunkCells - 1;
/** Bits of a hash beyond those that choose the part. */
const homeSpan = 2 ** (32 - partBits);

/** Where an id belongs in a part of so many cells: any number of cells, not powers of two alone. */
function homeOf(hash: number, cells: number): number {
  return Math.floor(((hash >>> partBits) * cells) / homeSpan);
}

function hashOf(ordinal: number, instance: number): number {
  const low = ordinal | 0;
  const high = (ordinal / 0x1_0000_0000) | 0;
  let h = Math.imul(low ^ (low >>> 15), 0x85ebca6b) ^ Math.imul(high + Math.imul(instance, 0x9e3779b1), 0xc2b2ae35);
  h ^= h >>> 13;
  h = Math.imul(h, 0x27d4eb2f);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The cells of one part: row + 1, 0 for empty. Up to a chunk they are an array of their own, beyond it whole blocks. */
class Cells {
  readonly length: number;
  readonly #chunks: Int32Array[] = [];
  readonly #blocks: Block[] = [];

  constructor(length: number, slabs: Slabs) {
    if (length <= chunkCells) {
      this.length = length;
      this.#chunks.push(new Int32Array(length));
      return;
    }
    const chunks = Math.ceil(length / chunkCells);
    this.length = chunks * chunkCells;
    for (let n = 0; n < chunks; n += 1) {
      const block = slabs.take();
      this.#blocks.push(block);
      this.#chunks.push(new Int32Array(block.buffer, block.offset, chunkCells));
    }
  }

  get bytes(): number {
    return this.length * Int32Array.BYTES_PER_ELEMENT;
  }

  get(cell: number): number {
    return (this.#chunks[cell >>> chunkBits] as Int32Array)[cell & inChunk] as number;
  }

  set(cell: number, value: number): void {
    (this.#chunks[cell >>> chunkBits] as Int32Array)[cell & inChunk] = value;
  }

  place(hash: number, row: number): void {
    const { length } = this;
    let cell = homeOf(hash, length);
    while (this.get(cell) !== 0) cell = cell + 1 === length ? 0 : cell + 1;
    this.set(cell, row + 1);
  }

  release(slabs: Slabs): void {
    for (const block of this.#blocks) slabs.give(block);
  }
}

export class IdTable {
  readonly #rows: IdRows;
  readonly #cells: (Cells | undefined)[] = Array.from({ length: parts }, () => undefined);
  readonly #slabs = new Slabs(chunkCells * Int32Array.BYTES_PER_ELEMENT);
  readonly #counts = new Int32Array(parts);

  #size = 0;

  constructor(rows: IdRows) {
    this.#rows = rows;
  }

  get size(): number {
    return this.#size;
  }

  /** Octets of its cells. */
  get bytes(): number {
    return this.#cells.reduce((sum, cells) => sum + (cells?.bytes ?? 0), 0);
  }

  /** The row with this id, or -1. */
  find(ordinal: number, instance: number): number {
    const hash = hashOf(ordinal, instance);
    const cells = this.#cells[hash & (parts - 1)];
    if (cells === undefined) return -1;
    const { length } = cells;
    for (let cell = homeOf(hash, length); ; cell = cell + 1 === length ? 0 : cell + 1) {
      const row = cells.get(cell) - 1;
      if (row < 0) return -1;
      if (this.#rows.ordinalOf(row) === ordinal && this.#rows.instanceOf(row) === instance) return row;
    }
  }

  /** Adds a row whose id is not there yet. */
  add(row: number, ordinal: number, instance: number): void {
    const hash = hashOf(ordinal, instance);
    const part = hash & (parts - 1);
    const count = (this.#counts[part] as number) + 1;
    let cells = this.#cells[part];
    if (cells === undefined) this.#cells[part] = cells = new Cells(firstCells, this.#slabs);
    else if (count * 6 > cells.length * 5) cells = this.#resize(part, cells, Math.ceil(cells.length * 1.25));
    cells.place(hash, row);
    this.#counts[part] = count;
    this.#size += 1;
  }

  /** Forgets a row that is there, by the id with which it was added. */
  remove(row: number, ordinal: number, instance: number): void {
    const hash = hashOf(ordinal, instance);
    const part = hash & (parts - 1);
    const cells = this.#cells[part];
    if (cells === undefined) return;
    const { length } = cells;
    const after = (cell: number): number => (cell + 1 === length ? 0 : cell + 1);
    /** Steps from one cell on to another. */
    const steps = (from: number, to: number): number => (to >= from ? to - from : to - from + length);
    let hole = homeOf(hash, length);
    while (cells.get(hole) !== row + 1) hole = after(hole);
    for (let cell = after(hole); cells.get(cell) !== 0; cell = after(cell)) {
      const home = homeOf(this.#hashOfRow(cells.get(cell) - 1), length);
      if (steps(home, cell) < steps(hole, cell)) continue;
      cells.set(hole, cells.get(cell));
      hole = cell;
    }
    cells.set(hole, 0);
    const count = (this.#counts[part] as number) - 1;
    this.#counts[part] = count;
    this.#size -= 1;
    if (count * 3 < cells.length && cells.length > firstCells) this.#resize(part, cells, Math.max(firstCells, Math.ceil(count * 1.5)));
  }

  #hashOfRow(row: number): number {
    return hashOf(this.#rows.ordinalOf(row), this.#rows.instanceOf(row));
  }

  #resize(part: number, from: Cells, length: number): Cells {
    const cells = new Cells(length, this.#slabs);
    for (let cell = 0; cell < from.length; cell += 1) {
      const row = from.get(cell) - 1;
      if (row >= 0) cells.place(this.#hashOfRow(row), row);
    }
    from.release(this.#slabs);
    this.#cells[part] = cells;
    return cells;
  }
}

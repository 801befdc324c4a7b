// Finds rows by message id (SMTP-17): an open-addressing hash of row numbers, four octets a cell; the ids themselves are the store's.
//
// The rule to know: it is divided into parts that grow one by one, so that no single step takes long however many rows there are (a part of
// a million rows' table moves in a fraction of a millisecond), by a quarter each time: two thirds to five sixths of the cells are in use.
// Removal shifts back: no tombstones, so probes stay short whatever has come and gone. Two rows must not have the same id.

/** An id as two numbers: `slot * 65536 + counter` (48 bits) and the instance (17 bits). */
export interface IdRows {
  ordinalOf(row: number): number;
  instanceOf(row: number): number;
}

const partBits = 8;
const parts = 2 ** partBits;
const firstCells = 16;
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

export class IdTable {
  readonly #rows: IdRows;
  /** Row + 1, 0 for empty. */
  readonly #cells: (Int32Array | undefined)[] = Array.from({ length: parts }, () => undefined);
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
    return this.#cells.reduce((sum, cells) => sum + (cells?.byteLength ?? 0), 0);
  }

  /** The row with this id, or -1. */
  find(ordinal: number, instance: number): number {
    const hash = hashOf(ordinal, instance);
    const cells = this.#cells[hash & (parts - 1)];
    if (cells === undefined) return -1;
    const { length } = cells;
    for (let cell = homeOf(hash, length); ; cell = cell + 1 === length ? 0 : cell + 1) {
      const row = (cells[cell] as number) - 1;
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
    if (cells === undefined) this.#cells[part] = cells = new Int32Array(firstCells);
    else if (count * 6 > cells.length * 5) cells = this.#resize(part, cells, Math.ceil(cells.length * 1.25));
    place(cells, hash, row);
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
    while (cells[hole] !== row + 1) hole = after(hole);
    for (let cell = after(hole); cells[cell] !== 0; cell = after(cell)) {
      const home = homeOf(this.#hashOfRow((cells[cell] as number) - 1), length);
      if (steps(home, cell) < steps(hole, cell)) continue;
      cells[hole] = cells[cell] as number;
      hole = cell;
    }
    cells[hole] = 0;
    const count = (this.#counts[part] as number) - 1;
    this.#counts[part] = count;
    this.#size -= 1;
    if (count * 3 < cells.length && cells.length > firstCells) this.#resize(part, cells, Math.max(firstCells, Math.ceil(count * 1.5)));
  }

  #hashOfRow(row: number): number {
    return hashOf(this.#rows.ordinalOf(row), this.#rows.instanceOf(row));
  }

  #resize(part: number, from: Int32Array, length: number): Int32Array {
    const cells = new Int32Array(length);
    for (const cell of from) if (cell !== 0) place(cells, this.#hashOfRow(cell - 1), cell - 1);
    this.#cells[part] = cells;
    return cells;
  }
}

function place(cells: Int32Array, hash: number, row: number): void {
  const { length } = cells;
  let cell = homeOf(hash, length);
  while (cells[cell] !== 0) cell = cell + 1 === length ? 0 : cell + 1;
  cells[cell] = row + 1;
}

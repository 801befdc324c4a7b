// Where each live batch lies: id -> segment, offset, length. 25 octets a batch in pages of typed arrays, and about 8 in a hash.
//
// The rule to know: an id of the form of SMTP-17 is kept as two numbers; any other id (tests, imports) lives in a Map beside it and
// costs more. A row number is good until the batch is removed. Pages come and go with the batches; nothing is kept per dead batch.
// Offsets and lengths are below 2^40. It knows nothing of files. Truth: ARCHITECTURE.md section 5 (typed arrays take a sixth of the memory
// of objects in a Map); docs/decisions/0008-a-million-queued-messages.md.

import { IdTable, MessageIdReader, RowPool, rowsPerPage, Slabs, type Block, type IdRows, type PageOwner } from '#base';

const none = -1;
const usedFlag = 1;
/** The id is in the Map. */
const otherFlag = 2;
const instanceFlag = 4;
const word = 0x1_0000_0000;

const ROW_BYTES = 25;

class Page {
  readonly block: Block;
  readonly slot: Uint32Array;
  /** Counter, and the low half of the instance number; its top bit is in the flags. */
  readonly rest: Uint32Array;
  readonly segment: Int32Array;
  readonly offset: Uint32Array;
  readonly bytes: Uint32Array;
  /** Bits 32 to 39 of the offset, and of the length above them. */
  readonly high: Uint16Array;
  readonly recipients: Uint16Array;
  readonly flags: Uint8Array;

  constructor(block: Block) {
    this.block = block;
    const { buffer, offset } = block;
    const after = (octets: number): number => offset + octets * rowsPerPage;
    this.slot = new Uint32Array(buffer, offset, rowsPerPage);
    this.rest = new Uint32Array(buffer, after(4), rowsPerPage);
    this.segment = new Int32Array(buffer, after(8), rowsPerPage);
    this.offset = new Uint32Array(buffer, after(12), rowsPerPage);
    this.bytes = new Uint32Array(buffer, after(16), rowsPerPage);
    this.high = new Uint16Array(buffer, after(20), rowsPerPage);
    this.recipients = new Uint16Array(buffer, after(22), rowsPerPage);
    this.flags = new Uint8Array(buffer, after(24), rowsPerPage);
  }
}

export class BatchIndex implements IdRows, PageOwner {
  readonly #pages: (Page | undefined)[] = [];
  readonly #slabs = new Slabs(ROW_BYTES * rowsPerPage);
  readonly #rows = new RowPool(this);
  readonly #table = new IdTable(this);
  readonly #others = new Map<string, number>();
  readonly #id = new MessageIdReader();

  get size(): number {
    return this.#rows.size;
  }

  /** Octets of its rows and its hash. */
  get octets(): number {
    return this.#slabs.bytes + this.#table.bytes;
  }

  /** Rows are numbered below this. */
  get rowsEnd(): number {
    return this.#rows.rowsEnd;
  }

  find(id: string): number {
    if (!this.#id.read(id)) return this.#others.get(id) ?? none;
    return this.#table.find(this.#id.ordinal, this.#id.instance);
  }

  /** Adds an id that is not there yet. Answers its row. */
  add(id: string, segment: number, offset: number, bytes: number, recipients: number): number {
    const row = this.#rows.take();
    const page = this.#page(row);
    const at = row % rowsPerPage;
    page.recipients[at] = recipients;
    if (this.#id.read(id)) {
      const { ordinal, instance } = this.#id;
      page.flags[at] = usedFlag | (instance >>> 16 === 0 ? 0 : instanceFlag);
      page.slot[at] = Math.floor(ordinal / 65_536);
      page.rest[at] = ((ordinal % 65_536) * 65_536 + (instance & 0xffff)) >>> 0;
      this.#table.add(row, ordinal, instance);
    } else {
      page.flags[at] = usedFlag | otherFlag;
      this.#others.set(id, row);
    }
    this.move(row, segment, offset, bytes);
    return row;
  }

  move(row: number, segment: number, offset: number, bytes: number): void {
    const page = this.#page(row);
    const at = row % rowsPerPage;
    page.segment[at] = segment;
    page.offset[at] = offset >>> 0;
    page.bytes[at] = bytes >>> 0;
    page.high[at] = Math.floor(offset / word) | (Math.floor(bytes / word) << 8);
  }

  setRecipients(row: number, recipients: number): void {
    this.#page(row).recipients[row % rowsPerPage] = recipients;
  }

  remove(id: string, row: number): void {
    const page = this.#page(row);
    const at = row % rowsPerPage;
    if (((page.flags[at] as number) & otherFlag) !== 0) this.#others.delete(id);
    else this.#table.remove(row, this.ordinalOf(row), this.instanceOf(row));
    page.flags[at] = 0;
    this.#rows.give(row);
  }

  isUsed(row: number): boolean {
    return (this.#pages[Math.floor(row / rowsPerPage)]?.flags[row % rowsPerPage] ?? 0) !== 0;
  }

  segmentOf(row: number): number {
    return this.#page(row).segment[row % rowsPerPage] as number;
  }

  offsetOf(row: number): number {
    const page = this.#page(row);
    const at = row % rowsPerPage;
    return (page.offset[at] as number) + ((page.high[at] as number) & 0xff) * word;
  }

  bytesOf(row: number): number {
    const page = this.#page(row);
    const at = row % rowsPerPage;
    return (page.bytes[at] as number) + ((page.high[at] as number) >>> 8) * word;
  }

  recipientsOf(row: number): number {
    return this.#page(row).recipients[row % rowsPerPage] as number;
  }

  /** Rows that lie in a segment, by offset. A pass over all rows: about 1 ms a million. */
  rowsIn(segment: number): number[] {
    const rows: number[] = [];
    for (const [number, page] of this.#pages.entries()) {
      if (page === undefined) continue;
      for (let at = 0; at < rowsPerPage; at += 1) {
        if (page.segment[at] === segment && page.flags[at] !== 0) rows.push(number * rowsPerPage + at);
      }
    }
    return rows.sort((a, b) => this.offsetOf(a) - this.offsetOf(b));
  }

  ordinalOf(row: number): number {
    const page = this.#page(row);
    const at = row % rowsPerPage;
    return (page.slot[at] as number) * 65_536 + ((page.rest[at] as number) >>> 16);
  }

  instanceOf(row: number): number {
    const page = this.#page(row);
    const at = row % rowsPerPage;
    return ((page.rest[at] as number) & 0xffff) | (((page.flags[at] as number) & instanceFlag) === 0 ? 0 : 0x1_0000);
  }

  pageAdded(page: number): void {
    this.#pages[page] = new Page(this.#slabs.take());
  }

  pageDropped(page: number): void {
    const dropped = this.#pages[page];
    if (dropped !== undefined) this.#slabs.give(dropped.block);
    this.#pages[page] = undefined;
  }

  #page(row: number): Page {
    return this.#pages[Math.floor(row / rowsPerPage)] as Page;
  }
}

// Numbers of rows for stores that keep columns in typed arrays, handed out page by page.
//
// The rule to know: the lowest page with room is used first, so that pages empty out when a store shrinks; an empty page is told to the store,
// which lets its columns go (one is kept, for stores that breathe). A row's number is good until it is given back.
// Row r is place `r % rowsPerPage` of page `r / rowsPerPage`. It holds no data itself beyond two octets for a row that was given back.

export const rowsPerPage = 8192;
const none = 0xffff;

interface Page {
  used: number;
  /** Rows at and above this were never handed out. */
  fresh: number;
  /** First of the rows that were given back; each names the next one in `links`. */
  free: number;
  links: Uint16Array | undefined;
}

export interface PageOwner {
  pageAdded(page: number): void;
  pageDropped(page: number): void;
}

export class RowPool {
  readonly #owner: PageOwner;
  readonly #pages: (Page | undefined)[] = [];
  /** No page below this has room. */
  #lowest = 0;
  #spare = -1;
  #size = 0;

  constructor(owner: PageOwner) {
    this.#owner = owner;
  }

  /** Rows in use. */
  get size(): number {
    return this.#size;
  }

  /** Rows are numbered below this. */
  get rowsEnd(): number {
    return this.#pages.length * rowsPerPage;
  }

  take(): number {
    let number = this.#lowest;
    let page = this.#pages[number];
    while (page !== undefined && page.used === rowsPerPage) {
      number += 1;
      page = this.#pages[number];
    }
    this.#lowest = number;
    if (page === undefined) {
      page = { used: 0, fresh: 0, free: none, links: undefined };
      this.#pages[number] = page;
      this.#owner.pageAdded(number);
    }
    if (this.#spare === number) this.#spare = -1;
    page.used += 1;
    this.#size += 1;
    let at = page.free;
    if (at === none) {
      at = page.fresh;
      page.fresh += 1;
    } else {
      page.free = page.links?.[at] ?? none;
    }
    return number * rowsPerPage + at;
  }

  give(row: number): void {
    const number = Math.floor(row / rowsPerPage);
    const page = this.#pages[number];
    if (page === undefined) return;
    page.links ??= new Uint16Array(rowsPerPage);
    page.links[row % rowsPerPage] = page.free;
    page.free = row % rowsPerPage;
    page.used -= 1;
    this.#size -= 1;
    if (number < this.#lowest) this.#lowest = number;
    if (page.used === 0) this.#emptied(number);
  }

  #emptied(number: number): void {
    if (this.#spare === -1) {
      this.#spare = number;
      return;
    }
    // The lower one stays: it is used first.
    const dropped = Math.max(this.#spare, number);
    this.#spare = Math.min(this.#spare, number);
    this.#pages[dropped] = undefined;
    this.#lowest = Math.min(this.#lowest, dropped);
    while (this.#pages.length > 0 && this.#pages[this.#pages.length - 1] === undefined) this.#pages.pop();
    this.#owner.pageDropped(dropped);
  }
}

/**
 * Where all entries of a loop wait: rows in pages of typed arrays, linked into the lists of their queues, and a heap of those that are delayed.
 *
 * The one rule: a row is in one list at most and leaves any place in one step; `enter` and `leave` are the only ways in and out, and an entry
 * that can be packed has no object between them. A message is found by its ids in every state: packed ones by a hash of their numbers, objects by a
 * Map of their texts. About 33 octets a row, 40 to 70 for a packed entry, 8 for its id: docs/decisions/0008-a-million-queued-messages.md.
 * Bounds: WAKES_PER_TURN entries that fall due at once are made ready in a turn. Not here: what an entry's moves mean (domain-queue.ts).
 */
import {
  IdTable,
  MessageIdReader,
  RowPool,
  rowsPerPage,
  Slabs,
  type Block,
  type Clock,
  type IdRows,
  type PageOwner,
  type TimerWheel,
} from '#base';
import type { DomainQueue } from './domain-queue.ts';
import type { EntryState } from './entry-view.ts';
import type { Entry } from './entry.ts';
import { Packing } from './packing.ts';
import { RetryHeap, type HeapRows } from './retry-heap.ts';

/** Due entries made ready before the loop does other work: under a millisecond. */
const WAKES_PER_TURN = 2048;
const NONE = -1;
/** The place of a row whose entry is an object. */
const OBJECT = 0xffff_ffff;

/** Octets of a row: 8 of its time, five columns of 4, and its list. */
const ROW_BYTES = 29;

class Page {
  readonly block: Block;
  readonly due: Float64Array;
  readonly older: Int32Array;
  readonly newer: Int32Array;
  /** Number of the queue. */
  readonly queue: Int32Array;
  readonly place: Uint32Array;
  readonly heapPlace: Int32Array;
  readonly list: Uint8Array;

  constructor(block: Block) {
    this.block = block;
    const { buffer, offset } = block;
    const after = (octets: number): number => offset + octets * rowsPerPage;
    this.due = new Float64Array(buffer, offset, rowsPerPage);
    this.older = new Int32Array(buffer, after(8), rowsPerPage);
    this.newer = new Int32Array(buffer, after(12), rowsPerPage);
    this.queue = new Int32Array(buffer, after(16), rowsPerPage);
    this.place = new Uint32Array(buffer, after(20), rowsPerPage);
    this.heapPlace = new Int32Array(buffer, after(24), rowsPerPage);
    this.list = new Uint8Array(buffer, after(28), rowsPerPage);
  }
}

/** The lists of a queue, in the order in which they are served. */
export const listNumbers = { urgent: 0, normal: 1, delayed: 2 } as const;

/** Rows in the order in which they came, and how many messages (recipients) they are. */
export class EntryList {
  readonly number: number;
  length = 0;
  messages = 0;
  oldest = NONE;
  newest = NONE;

  constructor(number: number) {
    this.number = number;
  }
}

export class Waiting implements IdRows, HeapRows, PageOwner {
  readonly #clock: Clock;
  readonly #wheel: Pick<TimerWheel, 'schedule' | 'cancel'>;
  readonly #pages: (Page | undefined)[] = [];
  readonly #slabs = new Slabs(ROW_BYTES * rowsPerPage);
  readonly #rows = new RowPool(this);
  readonly #packing: Packing;
  readonly #ids = new IdTable(this);
  readonly #id = new MessageIdReader();
  readonly #heap = new RetryHeap(this);
  /** Entries that wait as objects, by row. */
  readonly #objects = new Map<number, Entry>();
  /** Entries that are objects, waiting or under way, by the ids of message and batch. */
  readonly #byId = new Map<string, Entry>();
  readonly #queues: (DomainQueue | undefined)[] = [];
  readonly #freeNumbers: number[] = [];
  #timer = 0;
  #timerDue = Infinity;

  constructor(o: { clock: Clock; wheel: Pick<TimerWheel, 'schedule' | 'cancel'> }) {
    this.#clock = o.clock;
    this.#wheel = o.wheel;
    this.#packing = new Packing(o.clock);
  }

  /** Entries that wait. */
  get size(): number {
    return this.#rows.size;
  }

  /** Octets of rows, times, packed entries and their hash: what waiting entries take beside objects. */
  get bytes(): number {
    return this.#slabs.bytes + this.#heap.bytes + this.#packing.bytes + this.#ids.bytes;
  }

  /** Entries of them that are objects. */
  get objects(): number {
    return this.#objects.size;
  }

  /** A number for a queue, by which rows name it. */
  register(queue: DomainQueue): number {
    const number = this.#freeNumbers.pop() ?? this.#queues.length;
    this.#queues[number] = queue;
    return number;
  }

  unregister(number: number): void {
    this.#queues[number] = undefined;
    this.#freeNumbers.push(number);
  }

  /** An entry begins to be there, or has other recipients: it is found by their ids while it is an object. */
  know(entry: Entry): void {
    for (const { id } of entry.recipients) this.#byId.set(id, entry);
    this.#byId.set(entry.batch.id, entry);
  }

  /** A message or batch is over. */
  forget(id: string): void {
    this.#byId.delete(id);
  }

  /** The entry of a message or batch. One with a row is a look only: `leave` takes it out. */
  find(id: string): Entry | undefined {
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    if (this.#ids.size === 0 || !this.#id.read(id)) return undefined;
    const { ordinal, instance } = this.#id;
    let row = this.#ids.find(ordinal, instance);
    // The id of a packed entry's recipient follows that of its batch.
    if (row < 0) row = this.#ids.find(ordinal - 1, instance);
    return row < 0 ? undefined : this.look(row);
  }

  /** An entry that is in no list begins to wait, behind all others of the list or before them. */
  enter(entry: Entry, list: EntryList, isFirst = false): void {
    const row = this.#rows.take();
    const page = this.#page(row);
    const at = row % rowsPerPage;
    page.queue[at] = entry.queue.number;
    page.heapPlace[at] = NONE;
    page.due[at] = entry.due;
    const place = this.#packing.pack(entry);
    if (place < 0) {
      page.place[at] = OBJECT;
      entry.row = row;
      this.#objects.set(row, entry);
      this.know(entry);
    } else {
      page.place[at] = place;
      this.#ids.add(row, this.#packing.ordinalAt(place), this.#packing.instanceAt(place));
      for (const { id } of entry.recipients) this.#byId.delete(id);
      this.#byId.delete(entry.batch.id);
    }
    list.messages += entry.recipients.length;
    this.#link(row, list, isFirst);
    if (list.number === listNumbers.delayed) this.#schedule(row, entry.due);
  }

  /** The entry of a row, which waits no longer. */
  leave(row: number): Entry {
    const page = this.#page(row);
    const at = row % rowsPerPage;
    const place = page.place[at] as number;
    const queue = this.queueOf(row);
    const list = queue.lists[page.list[at] as number] as EntryList;
    let entry = this.#objects.get(row);
    if (entry === undefined) {
      this.#ids.remove(row, this.#packing.ordinalAt(place), this.#packing.instanceAt(place));
      entry = this.#packing.takeOut(place, queue);
      entry.due = page.due[at] as number;
      this.know(entry);
    } else {
      this.#objects.delete(row);
    }
    entry.row = NONE;
    list.messages -= entry.recipients.length;
    this.#unlink(row, list);
    this.#heap.remove(row);
    this.#rows.give(row);
    return entry;
  }

  /** A delayed entry goes to another list of its queue without being made. */
  move(row: number, to: EntryList): void {
    const page = this.#page(row);
    const from = this.queueOf(row).lists[page.list[row % rowsPerPage] as number] as EntryList;
    const messages = this.messagesOf(row);
    this.#heap.remove(row);
    this.#unlink(row, from);
    from.messages -= messages;
    this.#link(row, to, false);
    to.messages += messages;
  }

  /** The entry of a row as it is, for a look: it goes on waiting. */
  look(row: number): Entry {
    const object = this.#objects.get(row);
    if (object !== undefined) return object;
    const page = this.#page(row);
    const entry = this.#packing.unpack(page.place[row % rowsPerPage] as number, this.queueOf(row));
    entry.due = this.dueOf(row);
    entry.row = row;
    return entry;
  }

  /** Recipients of the entry in a row. */
  messagesOf(row: number): number {
    return this.#objects.get(row)?.recipients.length ?? 1;
  }

  /** 1 when the entry in a row is taken before others. */
  priorityOf(row: number): 0 | 1 {
    const object = this.#objects.get(row);
    if (object !== undefined) return object.priority;
    return this.#packing.priorityAt(this.#page(row).place[row % rowsPerPage] as number);
  }

  stateOf(row: number): EntryState {
    if (row < 0) return 'underway';
    return this.listOf(row) === listNumbers.delayed ? 'delayed' : 'ready';
  }

  /** The number of the list in which a row is. */
  listOf(row: number): number {
    return this.#page(row).list[row % rowsPerPage] as number;
  }

  /** The row behind this one in its list, -1 at the end. */
  newerOf(row: number): number {
    return this.#page(row).newer[row % rowsPerPage] as number;
  }

  queueOf(row: number): DomainQueue {
    return this.#queues[this.#page(row).queue[row % rowsPerPage] as number] as DomainQueue;
  }

  dueOf(row: number): number {
    return this.#page(row).due[row % rowsPerPage] as number;
  }

  heapPlaceOf(row: number): number {
    return this.#page(row).heapPlace[row % rowsPerPage] as number;
  }

  setHeapPlace(row: number, place: number): void {
    this.#page(row).heapPlace[row % rowsPerPage] = place;
  }

  ordinalOf(row: number): number {
    return this.#packing.ordinalAt(this.#page(row).place[row % rowsPerPage] as number);
  }

  instanceOf(row: number): number {
    return this.#packing.instanceAt(this.#page(row).place[row % rowsPerPage] as number);
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

  #link(row: number, list: EntryList, isFirst: boolean): void {
    const page = this.#page(row);
    const at = row % rowsPerPage;
    page.list[at] = list.number;
    page.older[at] = isFirst ? NONE : list.newest;
    page.newer[at] = isFirst ? list.oldest : NONE;
    if (isFirst) this.#setOlder(list.oldest, row, list);
    else this.#setNewer(list.newest, row, list);
    if (isFirst) list.oldest = row;
    else list.newest = row;
    list.length += 1;
  }

  #unlink(row: number, list: EntryList): void {
    const page = this.#page(row);
    const older = page.older[row % rowsPerPage] as number;
    const newer = page.newer[row % rowsPerPage] as number;
    this.#setNewer(older, newer, list);
    this.#setOlder(newer, older, list);
    list.length -= 1;
  }

  /** What is behind `row`; with -1 the first of the list. */
  #setNewer(row: number, newer: number, list: EntryList): void {
    if (row === NONE) list.oldest = newer;
    else this.#page(row).newer[row % rowsPerPage] = newer;
  }

  #setOlder(row: number, older: number, list: EntryList): void {
    if (row === NONE) list.newest = older;
    else this.#page(row).older[row % rowsPerPage] = older;
  }

  #schedule(row: number, due: number): void {
    this.#heap.add(row);
    if (due < this.#timerDue) this.#arm(due);
  }

  #arm(due: number): void {
    if (this.#timer !== 0) this.#wheel.cancel(this.#timer);
    this.#timerDue = due;
    this.#timer = this.#wheel.schedule(Math.max(0, due - this.#clock.mono()), this.#wake);
  }

  readonly #wake = (): void => {
    this.#timer = 0;
    this.#timerDue = Infinity;
    const now = this.#clock.mono();
    for (let left = WAKES_PER_TURN; left > 0; left -= 1) {
      const row = this.#heap.first;
      if (row < 0 || this.dueOf(row) > now) break;
      this.queueOf(row).due(row);
    }
    const first = this.#heap.first;
    if (first >= 0 && this.dueOf(first) < this.#timerDue) this.#arm(this.dueOf(first));
  };
}

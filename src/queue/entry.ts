/**
 * What waits in a queue: recipients of one batch that are tried together, and the lists they wait in.
 *
 * The one rule: an entry is in one list at most, by links of its own, so that it leaves any place in one step and no list
 * allocates. While it is being delivered it is in none. This file is the whole store: arrays in pages may replace it without
 * anyone else noticing. Not here: when an entry moves (domain-queue.ts).
 */
import type { Batch, Recipient } from './batch.ts';
import type { DomainQueue } from './domain-queue.ts';

/** A transaction to be made: what outbound is given. It must come back by `finish` or `release`. */
export interface Delivery {
  readonly batch: Batch;
  readonly recipients: readonly Recipient[];
  /** Attempts that failed before this one. */
  readonly attempts: number;
  readonly queue: DomainQueue;
}

export class Entry implements Delivery {
  readonly batch: Batch;
  queue: DomainQueue;
  recipients: Recipient[];
  attempts = 0;
  /** The reply to the last attempt. */
  lastReply: string | undefined = undefined;
  /** 1 is taken before 0 (POL-06). */
  readonly priority: 0 | 1;
  /** Epoch milliseconds of the next attempt as told to the spool and to people; waiting itself is the wheel's. */
  nextAt = 0;
  /** The wheel's id while delayed. */
  timer = 0;
  list: EntryList | undefined = undefined;
  older: Entry | undefined = undefined;
  newer: Entry | undefined = undefined;

  constructor(queue: DomainQueue, batch: Batch, recipients: Recipient[], priority: 0 | 1) {
    this.queue = queue;
    this.batch = batch;
    this.recipients = recipients;
    this.priority = priority;
  }
}

export class EntryList {
  /** Entries, and the messages (recipients) in them. */
  length = 0;
  messages = 0;
  #oldest: Entry | undefined;
  #newest: Entry | undefined;

  /** Whether an entry waits here. */
  has(entry: Entry): boolean {
    return entry.list === this;
  }

  get oldest(): Entry | undefined {
    return this.#oldest;
  }

  push(entry: Entry): void {
    entry.list = this;
    entry.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
    this.#count(entry, 1);
  }

  /** Puts an entry in front: it was first before and could not be tried. */
  unshift(entry: Entry): void {
    entry.list = this;
    entry.newer = this.#oldest;
    if (this.#oldest === undefined) this.#newest = entry;
    else this.#oldest.older = entry;
    this.#oldest = entry;
    this.#count(entry, 1);
  }

  shift(): Entry | undefined {
    const entry = this.#oldest;
    if (entry !== undefined) this.remove(entry);
    return entry;
  }

  remove(entry: Entry): void {
    if (entry.older === undefined) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === undefined) this.#newest = entry.older;
    else entry.newer.older = entry.older;
    entry.list = entry.older = entry.newer = undefined;
    this.#count(entry, -1);
  }

  #count(entry: Entry, sign: 1 | -1): void {
    this.length += sign;
    this.messages += sign * entry.recipients.length;
  }
}

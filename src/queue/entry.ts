/**
 * What waits in a queue: recipients of one batch that are tried together, as an object.
 *
 * The one rule: an entry is an object while it is under way, while its body is in memory, or when it is too unusual to be packed; otherwise it is
 * bytes (packing.ts), and the object is made anew when it is needed. So nobody may keep one beyond its delivery.
 * Not here: where entries wait (waiting.ts), when they move (domain-queue.ts).
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
  /** While delayed: when it is due, by the clock that is never set. */
  due = 0;
  /** Its row while it waits, -1 while it is under way: waiting.ts sets it. */
  row = -1;

  constructor(queue: DomainQueue, batch: Batch, recipients: Recipient[], priority: 0 | 1) {
    this.queue = queue;
    this.batch = batch;
    this.recipients = recipients;
    this.priority = priority;
  }
}

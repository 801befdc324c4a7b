/**
 * Which bodies stay in memory between the door and their delivery.
 *
 * The one rule: a body that finds no room is not lost, it is read back from the spool when its turn comes. Bounds, each
 * with that behaviour: RESIDENT_BYTES_MAX bytes and Max_Resident_Messages bodies on this loop, Max_Resident_Active_Queue
 * bodies of one queue (-1 off, 0 none); a body leaves after more than Drop_Body_After_Trans_Fail failures.
 * Truth: rules SPL-09, SPL-10; attack A63 (bodies shrink first).
 */
import type { Counters } from '#observe';
import type { Batch } from './batch.ts';
import type { DomainQueue } from './domain-queue.ts';

/** Bytes of waiting bodies that one loop keeps in memory. */
export const RESIDENT_BYTES_MAX = 24 * 1024 * 1024;
/** Max_Resident_Messages where nobody says otherwise. */
const RESIDENT_MESSAGES_DEFAULT = 32_768;

export class Residency {
  readonly #bytesMax: number;
  readonly #counters: Pick<Counters, 'add'>;
  /** Max_Resident_Messages of the global scope; changed with the configuration. */
  messagesMax: number;
  bytes = 0;
  messages = 0;

  constructor(o: { counters: Pick<Counters, 'add'>; bytesMax?: number; messagesMax?: number }) {
    this.#counters = o.counters;
    this.#bytesMax = o.bytesMax ?? RESIDENT_BYTES_MAX;
    this.messagesMax = o.messagesMax ?? RESIDENT_MESSAGES_DEFAULT;
  }

  /** A quarter of the room is used: what is not due soon should make place. */
  get isTight(): boolean {
    return this.bytes * 4 > this.#bytesMax || this.messages * 4 > this.messagesMax;
  }

  /** Keeps a body on the account of a queue, if there is room and it may be sent soon. */
  keep(batch: Batch, body: Buffer, queue: DomainQueue): void {
    if (queue.options.suspendDelivery) return;
    const { maxResidentActiveQueue, maxResidentActiveQueueSize: most = maxResidentActiveQueue } = queue.options;
    if (batch.body !== undefined || (most >= 0 && queue.resident >= most)) return;
    if (this.messages >= this.messagesMax || this.bytes + body.length > this.#bytesMax) return;
    batch.body = body;
    batch.residentIn = queue;
    this.#account(queue, 1, body.length);
  }

  /** Forgets the body of a batch, if it is kept. */
  drop(batch: Batch): void {
    const { body, residentIn } = batch;
    if (body === undefined || residentIn === undefined) return;
    batch.body = batch.residentIn = undefined;
    this.#account(residentIn, -1, -body.length);
  }

  /** The body from memory at once, or from the spool; not kept then. */
  load(batch: Batch, done: (error: Error | undefined, body?: Buffer) => void): void {
    if (batch.body !== undefined) done(undefined, batch.body);
    else batch.home.loadBody(batch.id, done);
  }

  #account(queue: DomainQueue, messages: number, bytes: number): void {
    queue.resident += messages;
    this.messages += messages;
    this.bytes += bytes;
    this.#counters.add('residentMessages', messages);
    this.#counters.add('residentBytes', bytes);
  }
}

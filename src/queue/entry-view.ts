/**
 * A waiting message as people and commands see it: plain facts, made when somebody looks and good for that moment.
 *
 * The one rule: a view is no handle on the store. What is done to a message by its view finds the message again by its id, and answers
 * false when it has gone, moved or is under way meanwhile. Nothing here is kept. Not here: the words of any command (view/).
 * Truth: rules Q-01, CON queue commands.
 */
import type { DomainQueue } from './domain-queue.ts';
import type { Entry } from './entry.ts';
import type { QueueContext } from './queue-context.ts';

export type EntryState = 'ready' | 'delayed' | 'underway';

export interface EntryView {
  readonly batchId: string;
  readonly queue: DomainQueue;
  readonly state: EntryState;
  /** '' is the null sender. */
  readonly sender: string;
  readonly recipients: readonly { readonly id: string; readonly address: string; readonly index: number }[];
  /** Attempts that failed so far. */
  readonly attempts: number;
  /** Epoch milliseconds of the next attempt; 0 is now. */
  readonly nextAt: number;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
  /** Octets of the stored message. */
  readonly size: number;
  /** The reply to the last attempt, when there was one. */
  readonly lastReply: string | undefined;
}

/** A slice of a queue, and where the next one begins; undefined when that was all. */
export interface EntrySlice {
  readonly entries: EntryView[];
  readonly next: number | undefined;
}

/** An entry as it is now. */
export function viewOf(entry: Entry, { clock, waiting }: Pick<QueueContext, 'clock' | 'waiting'>): EntryView {
  const { batch, queue, recipients, attempts, lastReply } = entry;
  const state = waiting.stateOf(entry.row);
  return {
    batchId: batch.id,
    queue,
    state,
    sender: batch.sender,
    recipients: recipients.map(({ id, address, index }) => ({ id, address, index })),
    attempts,
    nextAt: state === 'delayed' ? Math.round(clock.now() + entry.due - clock.mono()) : 0,
    receivedAt: batch.receivedAt,
    size: batch.size,
    lastReply,
  };
}

/**
 * The room queue: mail waits here in binding::domain queues until outbound takes it, and what becomes of it is decided here.
 *
 * The one rule: nobody above is called. Outbound registers with Queues.onWork, takes deliveries from a DomainQueue and brings
 * each of them back by finish() with a result per recipient, or by release().
 * Not here: connections and routes (outbound), storage (spool), the text of notices (mail). Truth: rules Q-*, OUT-01, OUT-04,
 * OUT-21, BNC-01 to BNC-03.
 */
export type { Batch, Recipient } from './batch.ts';
export { DomainQueue, type QueueStatistics } from './domain-queue.ts';
export type { EntrySlice, EntryState, EntryView } from './entry-view.ts';
export type { Delivery } from './entry.ts';
export type {
  Departure,
  NoticeFacts,
  NoticePort,
  NoticeRecipient,
  OptionsPort,
  QueueNote,
  QueueSpool,
  RecipientProgress,
  RecoveredMessage,
  SendingOptions,
  SendingRate,
} from './ports.ts';
export { EMPTY_QUEUES_MAX, Queues, ROUTES_MAX, type QueuesOptions } from './queues.ts';
export { queueReplies } from './replies.ts';
export { RESIDENT_BYTES_MAX, type Residency } from './residency.ts';
export { internalResult, type RecipientResult } from './results.ts';

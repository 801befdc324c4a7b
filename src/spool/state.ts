// The state of a batch between two attempts, as the queue tells it and as recovery gives it back.
//
// The rule to know: a message record is never rewritten (SPL-03); all that happens to it later is a note. Unlike Momentum, attempts and
// next attempt survive a restart (SD-1199). A recipient with an outcome is never tried again.
// It does not decide anything: retry curves and verdicts are the queue's. Truth: design section 6.

import type { Envelope } from '#mail';

export type StateNote =
  | { kind: 'delivered' | 'failed'; recipient: number }
  | { kind: 'deferred'; recipients: number[]; attempts: number; nextAt: number; reply?: string }
  | { kind: 'rebind'; recipients: number[]; binding: string; bindingGroup: string }
  | { kind: 'reroute'; recipients: number[]; domain: string };

export interface RecipientState {
  /** 'open': still to be delivered. 'dropped': taken out by an operator. */
  outcome: 'open' | 'delivered' | 'failed' | 'dropped';
  attempts: number;
  /** Epoch milliseconds; 0 when it was never deferred. */
  nextAt: number;
  reply?: string;
  binding?: string;
  bindingGroup?: string;
  /** The domain whose queue an operator sent it to. */
  route?: string;
}

/** One live message found on the disk at start. */
export interface RecoveredBatch {
  envelope: Envelope;
  /** One per recipient of the envelope, in its order. */
  states: RecipientState[];
  /** The log that holds it and its segment there, for people. */
  loop: number;
  segment: number;
}

export function openState(): RecipientState {
  return { outcome: 'open', attempts: 0, nextAt: 0 };
}

/**
 * A message while it waits: the little of its envelope that delivery needs, shared by all its recipients on this loop.
 *
 * The one rule: small. A hundred thousand of these are kept at once, so contexts, trace facts and (beyond the budget) the body
 * stay in the spool and are read back by id. `open` counts recipients without an outcome; at zero the batch is settled.
 * Not here: waiting (entry.ts), what may stay in memory (residency.ts). Truth: rules SMTP-03, SPL-09.
 */
import { termsOf, type DeliveryTerms, type Envelope, type EnvelopeBody, type EnvelopeRecipient } from '#mail';
import type { DomainQueue } from './domain-queue.ts';
import type { QueueSpool } from './ports.ts';

export interface Batch {
  readonly id: string;
  readonly connectionId: string;
  /** '' is the null sender. */
  readonly sender: string;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
  /** The monotonic time at which it was received: its age does not change when the machine's clock is set (A65). */
  readonly bornMono: number;
  /** Octets of the stored message. */
  readonly size: number;
  readonly bodyType: EnvelopeBody | undefined;
  readonly smtpUtf8: boolean;
  readonly ret: 'FULL' | 'HDRS' | undefined;
  readonly envid: string | undefined;
  /** What was asked for beyond delivery; undefined for nearly every message. */
  readonly terms: DeliveryTerms | undefined;
  /** From whom we had it; only where XClient tells that to the next hop. */
  origin: Origin | undefined;
  /** What loggers want to know of the message when it leaves; nearly always nothing, and then the same empty list for all. */
  readonly facts: readonly string[];
  readonly home: QueueSpool;
  /** DELIVERBY: the sender was told that the message is late. */
  isToldLate: boolean;
  /** Recipients without an outcome on this loop. */
  open: number;
  body: Buffer | undefined;
  /** The queue on whose account the body is kept. */
  residentIn: DomainQueue | undefined;
}

/** The client that a message came from. */
interface Origin {
  /** '' for a message of our own. */
  readonly ip: string;
  readonly port: number;
  readonly helo: string;
}

/** @see Batch.origin */
export function originOf({ remoteIp, remotePort, helo }: Envelope): Origin {
  return { ip: remoteIp, port: remotePort, helo };
}

export const NO_FACTS: readonly string[] = Object.freeze([]);

/** One recipient is one message to the outside, with an id of its own. */
export interface Recipient {
  /** Its place in the envelope, by which the spool knows it. */
  readonly index: number;
  readonly id: string;
  readonly address: string;
  readonly notify: readonly string[] | undefined;
  readonly orcpt: string | undefined;
}

/** @param ageMs how old the message already is, 0 when it has just come in */
export function batchOf(envelope: Envelope, o: { home: QueueSpool; mono: number; ageMs: number; facts?: readonly string[] }): Batch {
  return {
    id: envelope.batchId,
    connectionId: envelope.connectionId,
    sender: envelope.sender,
    receivedAt: envelope.receivedAt,
    bornMono: o.mono - o.ageMs,
    size: envelope.size,
    bodyType: envelope.body,
    smtpUtf8: envelope.smtpUtf8 === true,
    ret: envelope.ret,
    envid: envelope.envid,
    terms: termsOf(envelope),
    origin: undefined,
    facts: o.facts ?? NO_FACTS,
    home: o.home,
    isToldLate: false,
    open: 0,
    body: undefined,
    residentIn: undefined,
  };
}

/** Milliseconds for which a message is to be held from now on (FUTURERELEASE), and for which it was to be held in all. */
export function holdOf(batch: Batch, now: number): { readonly left: number; readonly whole: number } {
  const notBefore = batch.terms?.notBefore;
  if (notBefore === undefined) return NOT_HELD;
  return { left: Math.max(0, notBefore - now), whole: Math.max(0, notBefore - batch.receivedAt) };
}

const NOT_HELD = Object.freeze({ left: 0, whole: 0 });

export function recipientOf(recipient: EnvelopeRecipient, index: number): Recipient {
  return { index, id: recipient.id, address: recipient.address, notify: recipient.notify, orcpt: recipient.orcpt };
}

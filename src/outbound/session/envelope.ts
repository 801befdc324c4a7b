/**
 * The commands that open a transaction, and the mail that a server cannot be given at all.
 *
 * The one rule: a parameter is asked for when its extension was offered (#smtp sees to that), and what a message needs and the server
 * does not offer is a permanent refusal before anything is sent: SMTPUTF8, BINARYMIME, a size beyond the server's.
 * What becomes of 8-bit text where 8BITMIME is not offered is decided with the body at hand (methods/content.ts).
 * Truth: RFC 2852 section 4, RFC 6710, RFC 8689 section 4.2; RFC 1870 section 6, RFC 3030 section 3, RFC 6531 section 3.4; OUT-46.
 */
import type { DeliveryTerms } from '#mail';
import type { Delivery, SendingOptions } from '#queue';
import { formatMail, formatRcpt, needsSmtpUtf8, type Capabilities, type MailWishes } from '#smtp';
import { replies } from '../replies.ts';

/** What is known of a connection when mail is to go over it. */
interface Road {
  readonly capabilities: Capabilities;
  readonly options: SendingOptions;
  readonly isTls: boolean;
  readonly isProven: boolean;
}

export interface Refusal {
  readonly kind: 'transient' | 'permanent';
  readonly reply: string;
}

/** Why this server cannot take this message, now or ever; undefined when it can be tried. */
export function refusal(delivery: Delivery, road: Road): Refusal | undefined {
  const { batch, recipients } = delivery;
  const { capabilities } = road;
  if (capabilities.size !== undefined && capabilities.size > 0 && batch.size > capabilities.size) return never(replies.tooLarge);
  if (batch.bodyType === 'BINARYMIME' && !(capabilities.binaryMime && capabilities.chunking)) return never(replies.binaryNotOffered);
  if (road.options.xclient === 'required' && capabilities.xclient.length === 0)
    return { kind: 'transient', reply: replies.xclientNotOffered };
  if (batch.terms !== undefined) {
    const broken = brokenPromise(batch.terms, road);
    if (broken !== undefined) return broken;
  }
  if (capabilities.smtpUtf8) return undefined;
  const needsUtf8 = batch.smtpUtf8 || needsSmtpUtf8(batch.sender) || recipients.some(({ address }) => needsSmtpUtf8(address));
  return needsUtf8 ? never(replies.utf8NotOffered) : undefined;
}

function brokenPromise(terms: DeliveryTerms, { capabilities, options, isTls, isProven }: Road): Refusal | undefined {
  if (terms.deliverBy?.mode === 'return' && !capabilities.keywords.has('DELIVERBY')) return never(replies.deliverByNotOffered);
  if (terms.requireTls !== true) return undefined;
  if (!isTls) {
    // A handshake that failed just now may work the next time.
    const mayCome = options.tls !== 'no' && capabilities.startTls;
    return mayCome ? { kind: 'transient', reply: replies.encryptionFailed } : never(replies.encryptionNeeded);
  }
  if (!isProven) return { kind: 'transient', reply: replies.unprovenHost };
  return capabilities.keywords.has('REQUIRETLS') ? undefined : never(replies.requireTlsNotOffered);
}

function never(reply: string): Refusal {
  return { kind: 'permanent', reply };
}

/** MAIL for this delivery, as octets in latin1. */
export function mailCommand(
  delivery: Delivery,
  o: { capabilities: Capabilities; options: SendingOptions; now: number; size?: number },
): string {
  const { batch } = delivery;
  const { capabilities, options } = o;
  const { requireTls, deliverBy, mtPriority } = batch.terms ?? {};
  const wishes: MailWishes = {
    size: o.size ?? batch.size,
    body:
      batch.bodyType === 'BINARYMIME' || (batch.bodyType === '8BITMIME' && options.send8bitmime === 'ifavailable')
        ? batch.bodyType
        : undefined,
    smtpUtf8: usesUtf8(delivery),
    ret: batch.ret,
    envid: batch.envid,
    requireTls,
    mtPriority,
    by: deliverBy === undefined ? undefined : { ...deliverBy, seconds: Math.round((deliverBy.at - o.now) / 1000) },
  };
  return octets(formatMail(batch.sender, wishes, capabilities));
}

/** RCPT for one of its recipients, as octets in latin1. */
export function rcptCommand(delivery: Delivery, index: number, capabilities: Capabilities): string {
  const recipient = delivery.recipients[index];
  if (recipient === undefined) return '';
  const { address, notify, orcpt } = recipient;
  return octets(formatRcpt(address, { notify, orcpt, smtpUtf8: usesUtf8(delivery) }, capabilities));
}

function usesUtf8({ batch, recipients }: Delivery): boolean {
  return batch.smtpUtf8 || needsSmtpUtf8(batch.sender) || recipients.some(({ address }) => needsSmtpUtf8(address));
}

function octets(command: string): string {
  return needsSmtpUtf8(command) ? Buffer.from(command, 'utf8').toString('latin1') : command;
}

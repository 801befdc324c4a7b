/**
 * The commands that open a transaction, and the mail that a server cannot be given at all.
 *
 * The one rule: a parameter is asked for when its extension was offered (#smtp sees to that), and what a message needs and the server
 * does not offer is a permanent refusal before anything is sent: SMTPUTF8, BINARYMIME, a size beyond the server's.
 * A body of 8-bit text goes out as it is where 8BITMIME is not offered (Transform_8bitmime_Content is not applied).
 * Truth: RFC 1870 section 6, RFC 3030 section 3, RFC 6531 section 3.4; OUT-46.
 */
import type { Delivery, SendingOptions } from '#queue';
import { formatMail, formatRcpt, needsSmtpUtf8, type Capabilities, type MailWishes } from '#smtp';
import { replies } from '../replies.ts';

/** Why this server can never take this message; undefined when it can be tried. */
export function refusal(delivery: Delivery, capabilities: Capabilities): string | undefined {
  const { batch, recipients } = delivery;
  if (capabilities.size !== undefined && capabilities.size > 0 && batch.size > capabilities.size) return replies.tooLarge;
  if (batch.bodyType === 'BINARYMIME' && !(capabilities.binaryMime && capabilities.chunking)) return replies.binaryNotOffered;
  if (capabilities.smtpUtf8) return undefined;
  const needsUtf8 = batch.smtpUtf8 || needsSmtpUtf8(batch.sender) || recipients.some(({ address }) => needsSmtpUtf8(address));
  return needsUtf8 ? replies.utf8NotOffered : undefined;
}

/** MAIL for this delivery, as octets in latin1. */
export function mailCommand(delivery: Delivery, capabilities: Capabilities, options: SendingOptions): string {
  const { batch } = delivery;
  const wishes: MailWishes = {
    size: batch.size,
    body:
      batch.bodyType === 'BINARYMIME' || (batch.bodyType === '8BITMIME' && options.send8bitmime === 'ifavailable')
        ? batch.bodyType
        : undefined,
    smtpUtf8: usesUtf8(delivery),
    ret: batch.ret,
    envid: batch.envid,
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

/**
 * The envelope of a message that is there as a file alone: who sends it and who receives it, as its headers say.
 *
 * The one rule: Return-Path, else Sender, else From is the sender; To, Cc and Bcc are the recipients, or their Resent- forms where there are any. An
 * address that is none makes the whole envelope undefined: mail is not sent to a part of those that were meant.
 * Bound: RECIPIENTS_MAX. Truth: RFC 5322 sections 3.6.2, 3.6.3 and 3.6.6.
 */
import type { HeaderBlock } from './header-block.ts';
import { parseMailbox, type Mailbox } from './mailbox.ts';

const RECIPIENTS_MAX = 10_000;

interface HeaderEnvelope {
  /** '' for the null sender. */
  readonly sender: string;
  readonly recipients: readonly Mailbox[];
}

/** Undefined with what is missing or wrong as `problem`. */
export function headerEnvelope(headers: HeaderBlock): HeaderEnvelope | { readonly problem: string } {
  const prefix = ['to', 'cc', 'bcc'].some((name) => headers.has(`resent-${name}`)) ? 'resent-' : '';
  const fields = ['to', 'cc', 'bcc'].flatMap((name) => headers.findAll(`${prefix}${name}`));
  const recipients = new Map<string, Mailbox>();
  for (const address of fields.flatMap(addressesIn)) {
    const mailbox = parseMailbox(address);
    if (mailbox === undefined) return { problem: `"${address}" in To, Cc or Bcc is no address` };
    recipients.set(address, mailbox);
  }
  if (recipients.size === 0) return { problem: 'neither To, Cc nor Bcc names anybody' };
  if (recipients.size > RECIPIENTS_MAX) return { problem: `it has more than ${RECIPIENTS_MAX} recipients` };
  const path = headers.find('return-path');
  if (path !== undefined && /^<\s*>/.test(path)) return { sender: '', recipients: [...recipients.values()] };
  const from = path ?? headers.find(`${prefix}sender`) ?? headers.find(`${prefix}from`) ?? '';
  const [sender = ''] = addressesIn(from);
  if (parseMailbox(sender) === undefined) return { problem: 'neither Return-Path, Sender nor From names its sender' };
  return { sender, recipients: [...recipients.values()] };
}

/** Mailboxes of an address list: names of people, comments and names of groups are left out. */
function addressesIn(value: string): string[] {
  const bare = value.replace(/\((?:[^()\\]|\\.)*\)/g, ' ');
  // A name in quotation marks stands in front of the angle bracket; a local part in quotation marks is followed by its @.
  const unnamed = bare.replace(/"(?:[^"\\]|\\.)*"(?!@)/g, ' ').replace(/(^|[,;])[^,;:<>"@]*:/g, '$1 ');
  return [...unnamed.matchAll(/<\s*([^<>]+?)\s*>|("(?:[^"\\]|\\.)*"@[^\s,;<>]+|[^\s,;<>"]+)/g)].flatMap(([, angle, plain]) => {
    if (angle !== undefined) return [angle];
    return plain?.includes('@') === true ? [plain] : [];
  });
}

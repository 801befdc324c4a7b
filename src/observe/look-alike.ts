/**
 * What the logs of other servers say that ours say in other words: which command was refused, whom it named, and the Message-ID.
 *
 * The one rule: it reads what a record carries and invents nothing; what a client never said is ''. The Message-ID comes with a record only
 * where a logger asked for `messageIdFact`; without one the id of the batch stands in. Not here: the formats, which are the modules'.
 * Truth: section 15.4 of the rules; SMTP-21 for the states of a reception.
 */
import type { ReceptionRecord, RejectionRecord } from './records.ts';

/** The fact that a logger must ask for to know Message-IDs. */
export const messageIdFact = 'head:message-id';

interface Refusal {
  /** The command whose reply it was; DATA for all that came behind it. */
  readonly command: 'CONNECT' | 'EHLO' | 'MAIL' | 'RCPT' | 'DATA';
  /** The name that the client gave itself. */
  readonly helo: string;
  readonly protocol: 'SMTP' | 'ESMTP';
  /** '' also for the null sender. */
  readonly sender: string;
  /** Whether MAIL FROM was understood before it. */
  readonly hasSender: boolean;
  /** The one that was offered last. */
  readonly recipient: string;
}

export function refusalOf({ phase, contextConnection, contextMessage }: RejectionRecord): Refusal {
  const command = commandOf(phase);
  const address = (prefix: string): string => {
    const domain = valueOf(contextMessage, `${prefix}_domain`);
    return `${valueOf(contextMessage, `${prefix}_localpart`)}${domain === '' ? '' : '@'}${domain}`;
  };
  return {
    command,
    helo: valueOf(contextConnection, 'ehlo_domain'),
    protocol: /^helo/i.test(valueOf(contextConnection, 'ehlo_string')) ? 'SMTP' : 'ESMTP',
    sender: address('mailfrom'),
    hasSender: valueOf(contextMessage, 'mailfrom_string') !== '',
    recipient: address('rcptto'),
  };
}

/** Without its angle brackets. */
export function messageIdOf({ facts, batchId }: ReceptionRecord): string {
  const [first = ''] = valueOf(facts, messageIdFact)
    .replace(/^[\s<]+/, '')
    .split(/[>\s]/);
  return first === '' ? batchId : first;
}

function commandOf(phase: string): Refusal['command'] {
  if (/rcptto list/.test(phase)) return 'DATA';
  if (/rcpt|relaying/.test(phase)) return 'RCPT';
  if (/mailfrom/.test(phase)) return 'MAIL';
  if (/ehlo/.test(phase)) return 'EHLO';
  return /data|body|binding/.test(phase) ? 'DATA' : 'CONNECT';
}

function valueOf(pairs: readonly string[], key: string): string {
  for (let at = 0; at < pairs.length; at += 2) if (pairs[at] === key) return pairs[at + 1] ?? '';
  return '';
}

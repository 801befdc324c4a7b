/**
 * The envelope of one reception: who sent, who receives, by which way it came. Plain data, stored as JSON in the spool.
 *
 * The one rule: one reception is one batch; each recipient is one message of its own with its own id (SMTP-03). Every
 * field that a peer chose was checked by the room smtp before it came here.
 * It does not hold the state of delivery: the queue and the spool's notes do.
 */

/** RFC 6152 and RFC 3030 body types as announced by the client. */
export type EnvelopeBody = '7BIT' | '8BITMIME' | 'BINARYMIME';

/** How the sender wants a message delivered, beyond where to; each field is there only when it was asked for. */
export interface DeliveryTerms {
  /** FUTURERELEASE (RFC 4865): no attempt before this time, milliseconds since the epoch. */
  notBefore?: number;
  /** REQUIRETLS (RFC 8689): over verified TLS to a server that offers it too, or not at all. */
  requireTls?: boolean;
  /** DELIVERBY (RFC 2852). */
  deliverBy?: DeliverBy;
  /** MT-PRIORITY (RFC 6710): -9 to 9, never 0. */
  mtPriority?: number;
}

/** RFC 2852 section 4. */
export interface DeliverBy {
  /** Milliseconds since the epoch. */
  at: number;
  /** What becomes of a message that is too late: returned to its sender, or delivered late with a notice that it is delayed. */
  mode: 'return' | 'notify';
  /** The sender wants to hear of every relaying (the T of the parameter). */
  trace: boolean;
}

export interface Envelope extends DeliveryTerms {
  batchId: string;
  connectionId: string;
  /** The sender's mailbox as given; '' is the null sender. */
  sender: string;
  recipients: EnvelopeRecipient[];
  /** Milliseconds since the epoch. */
  receivedAt: number;
  /** Octets of the stored message, trace headers included. */
  size: number;
  /** '' for a Unix socket and for messages of our own. */
  remoteIp: string;
  remotePort: number;
  protocol: 'esmtp' | 'ecstream' | 'xfer' | 'internal';
  helo: string;
  /** RFC 3461 RET. */
  ret?: 'FULL' | 'HDRS';
  /** RFC 3461 ENVID, xtext as given. */
  envid?: string;
  body?: EnvelopeBody;
  /** The message needs SMTPUTF8 at every hop (RFC 6531). */
  smtpUtf8?: boolean;
  contextConnection: Record<string, string>;
  contextMessage: Record<string, string>;
  pathway?: string;
}

export interface EnvelopeRecipient {
  /** Message id, SMTP-17. */
  id: string;
  /** The mailbox as given: what goes into RCPT TO. */
  address: string;
  /** The local part unquoted. */
  local: string;
  /** Where it is routed to: lower-case A-labels, or an address literal in brackets. The address's own, unless policy says otherwise. */
  domain: string;
  binding: string;
  bindingGroup: string;
  /** RFC 3461 NOTIFY words, upper case. */
  notify?: string[];
  /** RFC 3461 ORCPT, `type;value` as given. */
  orcpt?: string;
  /** 1 is taken before 0. */
  priority?: 0 | 1;
  /** Where policy sends this message instead of where its domain's mail goes: a host, with or without `:port`. */
  gateway?: string;
}

/** The terms of an envelope; undefined when it has none, as nearly all have. */
export function termsOf(envelope: DeliveryTerms): DeliveryTerms | undefined {
  const { notBefore, requireTls, deliverBy, mtPriority } = envelope;
  if (notBefore === undefined && requireTls === undefined && deliverBy === undefined && mtPriority === undefined) return undefined;
  return {
    ...(notBefore !== undefined && { notBefore }),
    ...(requireTls !== undefined && { requireTls }),
    ...(deliverBy !== undefined && { deliverBy }),
    ...(mtPriority !== undefined && { mtPriority }),
  };
}

/**
 * How a next hop is spoken to: the protocol that Delivery_Method names, as the differences that a session has to know.
 *
 * The one rule: a method that nobody here speaks has no entry, and mail that meets one waits with a plain word; it is never sent by another
 * method. LMTP is SMTP with LHLO, a port of its own, no HELO, and a reply for each recipient behind the final dot.
 * Not here: what is said (session). Truth: rules OUT-40, OUT-41; RFC 5321, RFC 2033.
 */
import type { SendingOptions } from '#queue';

export interface Method {
  readonly hello: 'EHLO' | 'HELO' | 'LHLO';
  /** Whether each recipient has a reply of its own behind the message. */
  readonly isPerRecipient: boolean;
}

const methods: ReadonlyMap<string, Method> = new Map([
  ['ESMTP', { hello: 'EHLO', isPerRecipient: false }],
  ['SMTP', { hello: 'HELO', isPerRecipient: false }],
  ['LMTP', { hello: 'LHLO', isPerRecipient: true }],
]);

type MethodOptions = Pick<SendingOptions, 'deliveryMethod' | 'remoteSmtpPort' | 'lmtpPort'>;

/** Undefined for a method that is not spoken here: ECSTREAM, APN, GCM, MM7 and the ways between nodes. */
export function methodOf(options: Pick<SendingOptions, 'deliveryMethod'>): Method | undefined {
  return methods.get(options.deliveryMethod.toUpperCase());
}

/** The port where a route names none. */
export function portOf(options: MethodOptions): number {
  return options.deliveryMethod.toUpperCase() === 'LMTP' ? options.lmtpPort : options.remoteSmtpPort;
}

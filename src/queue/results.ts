/**
 * What outbound says about the recipients of a delivery.
 *
 * The one rule: a result is data about one recipient and may be shared by several; what follows from it (another attempt,
 * a notice, an end) is decided by the queue alone. Truth: rules, OUT-44.
 */

export interface RecipientResult {
  readonly kind: 'delivered' | 'transient' | 'permanent';
  /** The reply as one line with its code in front; `[internal]` when we made it up. */
  readonly reply: string;
  /** Connection stage 0 to 22. */
  readonly stage: number;
  /** '' when no peer was reached. */
  readonly remoteIp: string;
  /** Octets of the message that were sent. */
  readonly bytes: number;
  /** Of what was delivered: who took it tells no sender of success (RFC 3461 section 5.2.2), so we do, and what we say. */
  readonly success?: 'relayed' | 'delivered';
  /** Key, value, key, value: what a logger wanted to know of the connection; absent where none did. */
  readonly facts?: readonly string[] | undefined;
}

/** A result for which no peer was needed. */
export function internalResult(kind: 'transient' | 'permanent', reply: string): RecipientResult {
  return { kind, reply, stage: 0, remoteIp: '', bytes: 0 };
}

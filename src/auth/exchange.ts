/**
 * One SASL exchange, from the server's side, whatever the mechanism.
 *
 * The one rule: every call is answered exactly once, now or in a later turn; after an answer that is no challenge the exchange is over.
 * Truth: RFC 4422.
 */
export type SaslStep =
  | { readonly kind: 'challenge'; readonly text: string }
  | { readonly kind: 'pass'; readonly user: string }
  /** Wrong credentials, or an identity that may not be taken. */
  | { readonly kind: 'fail'; readonly user: string }
  /** The back end could not be asked. */
  | { readonly kind: 'trouble'; readonly user: string; readonly cause: string }
  /** What came is not of the mechanism's form. */
  | { readonly kind: 'malformed' };

export type SaslAnswer = (step: SaslStep) => void;

export interface SaslExchange {
  /** Begins; `initial` is the response that came with the command, when one did. */
  begin(initial: Buffer | undefined, answer: SaslAnswer): void;
  /** The client's response to the last challenge. */
  next(response: Buffer, answer: SaslAnswer): void;
}

export const MALFORMED: SaslStep = Object.freeze({ kind: 'malformed' });

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Text of a response; undefined when it is no UTF-8. */
export function textOf(bytes: Buffer): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Octets of a name or password (RFC 4616). */
const FIELD_MAX = 255;

/** A name or password that can be one: not empty, not too long, no control characters. */
export function isField(text: string): boolean {
  return text !== '' && Buffer.byteLength(text) <= FIELD_MAX && !/\p{Cc}/u.test(text);
}

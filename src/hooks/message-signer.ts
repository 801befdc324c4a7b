/**
 * The contract with what puts fields on top of a message that is on its way out: signatures of the whole of it.
 *
 * The one rule: the message is told while it is received, so that a large one need not be read again; the last word is asked when policy has decided
 * about bindings and recipients, and the answer may come in a later turn. A signer that cannot sign answers no field and says so itself; the mail goes on.
 * Not here: when intake asks (intake). Truth: POL-01 (signing is a part of the final validation); MOD-03.
 */
import type { ValidationContext } from './validation-context.ts';

export interface SigningRecipient {
  readonly local: string;
  readonly domain: string;
  readonly binding: string;
  readonly bindingGroup: string;
}

export interface SigningView {
  readonly batchId: string;
  readonly sender: string;
  readonly context: ValidationContext;
  /** Our name, as results of checks bear it. */
  readonly localName: string;
  /** Fields that already stand above what was told. */
  readonly top: Buffer;
  /** Those who are spooled: whoever takes mail on this host needs no signature. */
  readonly recipients: readonly SigningRecipient[];
}

/** One message. */
export interface SigningRun {
  /** Octets as they are stored. */
  append(chunk: Buffer): void;
  /** `done` has the fields to be put on top, with their line ends; empty for none. */
  finish(view: SigningView, done: (fields: Buffer) => void): void;
}

export interface MessageSigner {
  begin(): SigningRun;
}

/**
 * The contract with a module that keeps messages for good, instead of the spool: maildir is the first.
 *
 * The one rule: `commit` answers only when the message is durable, for every recipient given at `open`, and after `abort`
 * nothing of it may be visible. Bytes arrive as they are received, so that a large message costs no memory.
 * Not here: which recipients go to which store (the intake's split by `claims`).
 * Truth: rule OUT-48; ARCHITECTURE.md, "What may never break" 4.
 */
import type { Envelope } from '#mail';
import type { Reply } from '#smtp';
import type { Verdict } from './verdict.ts';

/** Where the bytes of one message go: into the spool, or into a store. */
export interface BodySink {
  /** Takes the bytes. False asks the caller to wait for `onDrain`; the bytes given are kept all the same. */
  append(chunk: Buffer): boolean;
  /** Whether bytes given from now on are copied at once: then they may be lent. */
  readonly isCopying?: boolean;
  /** Called each time there is room again after `append` answered false. */
  onDrain: (() => void) | undefined;
  /** Makes the message durable, then answers; an error means that nothing was kept. */
  commit(envelope: Envelope, done: (error?: Error) => void): void;
  abort(): void;
}

/** What `commit` answers when the store itself decided against the message: the client hears this reply. */
export class StoreRefusal extends Error {
  readonly reply: Reply;

  constructor(reply: Reply) {
    super(`refused with ${reply.code}`);
    this.name = 'StoreRefusal';
    this.reply = reply;
  }
}

export interface StoreRecipient {
  readonly id: string;
  readonly local: string;
  readonly domain: string;
}

export interface MailboxStore {
  readonly name: string;
  /** Whether recipients of this routing domain (lower case, A-label) belong here. */
  claims(domain: string): boolean;
  /** Whether the mailbox exists or may be made: `continue`, or `reject` with the reply for RCPT TO. May answer later. */
  check(local: string, domain: string, answer: (verdict: Verdict) => void): void;
  open(recipients: readonly StoreRecipient[]): BodySink;
}

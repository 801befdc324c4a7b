/**
 * What a validation module looks like to the engine, and what the engine looks like to it.
 *
 * The one rule: a module sees these narrow views and nothing behind them; it changes a reception only by its verdict, by the
 * context, and by the handles that are at hand in the phase. What cannot be done answers false and has changed nothing.
 * Not here: running them (phase-runner.ts); parts of a message beyond its header and bytes, which later modules will need.
 * Truth: section 10 of the rules, POL-05 to POL-07; ARCHITECTURE.md, "What may never break" 6.
 */
import type { AuthenticationService } from './authentication.ts';
import type { Phase } from './phases.ts';
import type { ValidationContext } from './validation-context.ts';
import type { Verdict } from './verdict.ts';

/** The connection as a module sees it. Addresses are text, ports 0 on a Unix socket. */
export interface ConnectionView {
  readonly id: string;
  readonly remoteIp: string;
  readonly remotePort: number;
  readonly localIp: string;
  readonly localPort: number;
  readonly protocol: string;
  readonly helo: string;
  /** What we call ourselves towards this client (Received_Hostname); absent for mail of our own. */
  readonly localName?: string;
  /** Who authenticated; '' or absent when nobody did. */
  readonly authUser?: string;
}

/** The transaction so far. `sender` is '' for the null sender. */
export interface TransactionView {
  readonly sender: string;
  readonly senderDomain: string;
  readonly recipientCount: number;
}

/** The sender, until the body begins. */
export interface SenderHandle {
  /** Another envelope sender, '' for the null sender. False when it is no address. */
  rewrite(address: string): boolean;
}

/** One recipient, with the few things a module may set on it: an address at RCPT TO, all of them from `data_spool_each_rcpt` on. */
export interface RecipientHandle {
  /** The id of its message (SMTP-03), once it has one. */
  readonly id?: string;
  /** Its domain is one of Bounce_Domains where the client came in. */
  readonly takesBounces?: boolean;
  readonly address: string;
  readonly local: string;
  readonly domain: string;
  readonly binding: string;
  readonly bindingGroup: string;
  /** Assigns a binding by name. False, and nothing changed, when no such binding exists (POL-05, POL-27). */
  setBinding(name: string): boolean;
  /** Assigns a binding of the group. False, and nothing changed, when no such group exists. */
  setBindingGroup(name: string): boolean;
  setPriority(priority: 0 | 1): void;
  /** Another mailbox, not asked for relaying again. False when it is no address with a domain. */
  rewrite(address: string): boolean;
  /** Routes this message as if its recipient were of that domain; the address stays (POL-06). */
  setRoutingDomain(domain: string): boolean;
  /** Sends this message to a host, `name`, `address` or either with `:port`, instead of the domain's own (POL-06). */
  setGateway(host: string): boolean;
}

export type HeaderEdit =
  /** In front of all others. */
  | { readonly kind: 'add'; readonly name: string; readonly value: string }
  /** Behind all others. */
  | { readonly kind: 'append'; readonly name: string; readonly value: string }
  /** Every field of that name. */
  | { readonly kind: 'remove'; readonly name: string }
  /** One in the place of all of that name; added where there was none. */
  | { readonly kind: 'replace'; readonly name: string; readonly value: string };

/** Sees the octets of one message while they come; the trace fields that we put on top are left out. */
export interface MessageReader {
  append(chunk: Buffer): void;
}

/** The message as received, trace headers included, with what modules changed. */
export interface MessageView {
  readonly batchId: string;
  readonly size: number;
  /** All of it; absent when it is too large to be held in memory. */
  readonly body: Buffer | undefined;
  /** Its beginning: the header and so many octets behind it. Undefined when not even that is held: memory is short. */
  top(bodyBytes: number): Buffer | undefined;
  /** Changes the header. False when the message is too large to be changed; fields in front of all others can be added even then. Names and values were checked by the module. */
  edit(edits: readonly HeaderEdit[]): boolean;
  /** What a module's `reader` made for this message; undefined when it was not in force when the message began. */
  readBy<T extends MessageReader>(reader: () => T): T | undefined;
}

/** What is at hand in a phase; the later the phase, the more is set. */
export interface HookView {
  readonly phase: Phase;
  readonly context: ValidationContext;
  readonly connection: ConnectionView;
  readonly transaction?: TransactionView | undefined;
  /** In `mailfrom`, `rcptto` and `rcptto_list`. */
  readonly sender?: SenderHandle | undefined;
  readonly recipient?: RecipientHandle | undefined;
  /** In `rcptto_list`: the mailboxes that were accepted. */
  readonly recipients?: readonly string[] | undefined;
  readonly message?: MessageView | undefined;
}

/** Given to a hook that cannot answer now: called once, from any later turn. */
export type LaterAnswer = (verdict: Verdict) => void;

/** A hook answers a verdict, or 'later' and then calls `answer` once, before the deadline of the phase. */
export type PhaseHook = (view: HookView, answer: LaterAnswer) => Verdict | 'later';

export interface ValidationModule {
  /** The scope name, also the name in `__bypass_<name>` and in the M field of a reject line. */
  readonly name: string;
  readonly hooks: Partial<Record<Phase, PhaseHook>>;
  /** Begun with each message; modules that name the same function share what it makes. */
  readonly reader?: () => MessageReader;
  /** Back ends and the judgement of tokens, for AUTH. */
  readonly authentication?: AuthenticationService | undefined;
}

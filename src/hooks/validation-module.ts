/**
 * What a validation module looks like to the engine, and what the engine looks like to it.
 *
 * The one rule: a module sees these narrow views and nothing behind them; it changes a reception only by its verdict, by the
 * context, and, in `set_binding` and the phases of one recipient, by the recipient's handle.
 * Not here: running them (phase-runner.ts); parts of a message beyond its header and bytes, which later modules will need.
 * Truth: section 10 of the rules; ARCHITECTURE.md, "What may never break" 6.
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
}

/** The transaction so far. `sender` is '' for the null sender. */
export interface TransactionView {
  readonly sender: string;
  readonly senderDomain: string;
  readonly recipientCount: number;
}

/** One recipient, with the few things a module may set on it. */
export interface RecipientHandle {
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
}

/** The message as received, trace headers included. `body` is absent when it is too large to be held in memory. */
export interface MessageView {
  readonly batchId: string;
  readonly size: number;
  readonly body: Buffer | undefined;
}

/** What is at hand in a phase; the later the phase, the more is set. */
export interface HookView {
  readonly phase: Phase;
  readonly context: ValidationContext;
  readonly connection: ConnectionView;
  readonly transaction?: TransactionView | undefined;
  readonly recipient?: RecipientHandle | undefined;
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
  /** Back ends and the judgement of tokens, for AUTH. */
  readonly authentication?: AuthenticationService | undefined;
}

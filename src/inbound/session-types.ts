/**
 * A session as the verbs see it.
 *
 * The one rule: a verb speaks through `say` and `refuse`, waits through `later`, and keeps its facts in the transaction and
 * the context; it never touches the connection.
 * Not here: how it works (session.ts).
 */
import type { IpAddress } from '#base';
import type { HookView, Phase, ValidationContext, Verdict } from '#hooks';
import type { CommandFault, Reply } from '#smtp';
import type { BodyIntake } from './body-intake.ts';
import type { ConnectionFacts } from './connection-facts.ts';
import type { SessionPorts } from './ports.ts';
import type { ReceptionState } from './reception-state.ts';
import type { TimedTransaction } from './reception-timing.ts';
import type { SessionRules } from './session-rules.ts';
import type { Transaction } from './transaction.ts';

/** What listings show of a session. */
export interface InboundLine {
  readonly id: string;
  readonly listen: string;
  readonly remoteIp: string;
  readonly remotePort: number;
  readonly helo: string;
  readonly authUser: string;
  readonly messages: number;
  readonly state: string;
  /** Since the connection was taken. */
  readonly seconds: number;
}

export interface RefuseOptions {
  /** The module that decided. */
  readonly module?: string;
  /** Close after the reply. */
  readonly close?: boolean;
  /** The state to write into the record, where it is not the session's. */
  readonly state?: ReceptionState;
  /** The client went away while its message was looked at. */
  readonly isAbandoned?: boolean;
}

/** What is at hand in a phase besides what the session adds by itself. */
export type PhaseView = Pick<HookView, 'sender' | 'recipient' | 'recipients' | 'message'>;

/** Ends the waiting: runs `act`, then goes on with what the client sent meanwhile. */
export type Settle = (act: () => void) => void;

export interface Session {
  readonly ports: SessionPorts;
  readonly rules: SessionRules;
  readonly facts: ConnectionFacts;
  readonly context: ValidationContext;
  readonly transaction: Transaction;
  readonly body: BodyIntake;
  state: ReceptionState;
  /** The reception that is measured, where somebody measures. */
  timed: TimedTransaction | undefined;
  /** Bytes that came behind the command being worked on. */
  readonly unread: number;
  /** The configuration changed since this session began. */
  readonly isStale: boolean;
  readonly hostname: string;
  /** TLS protects the connection. */
  readonly isSecured: boolean;
  say(reply: Reply): void;
  /** Says a refusal and records it. */
  refuse(reply: Reply, o?: RefuseOptions): void;
  /** Says a last word and closes. */
  sayLast(reply: Reply): void;
  /** Answers a client that takes its leave, and closes. */
  part(reply: Reply): void;
  /** Closes without another word: the last one was said. */
  closeNow(): void;
  /** Starts work that may answer in a later turn; commands wait until it settles. */
  later(work: (settle: Settle) => void): void;
  /** Runs the modules of a phase. A verdict that refuses was said and recorded already: `go` then gets false. */
  runPhase(phase: Phase, view: PhaseView, go: (isAccepted: boolean, verdict: Verdict) => void): void;
  /** The reply to a verb that this session does not offer: refused where others may use it, unknown where nobody may (EXT-01). */
  notOffered(word: string): Reply;
  /** Whoever takes the next lines instead of the commands; undefined gives them back. */
  dialogue: ((line: string | CommandFault) => void) | undefined;
  /** The rules of a client at another address on the same listener. */
  rulesFor(ip: IpAddress): SessionRules;
  /** Goes on under other rules. */
  adopt(rules: SessionRules): void;
  /** Asks the modules of accept and connect about the client as it is now; refused, it is closed. */
  introduce(go: () => void): void;
  /** Says the greeting. */
  greet(): void;
  /** Says the word and begins TLS; then the session begins anew without a greeting. */
  secure(word: Reply): void;
  /** Forgets the transaction: RSET, EHLO, the end of a message. */
  resetTransaction(): void;
}

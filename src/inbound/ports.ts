/**
 * What a session needs from the rest of the house, as narrow interfaces; main wires the real things.
 *
 * The one rule: everything here is shared by all sessions of a loop and outlives each of them.
 * Not here: what belongs to one session (session.ts). Truth: ARCHITECTURE.md, section on one message.
 */
import type { Clock, TimerWheel } from '#base';
import type { MailboxStore, PhaseRunner, ReceptionTimer } from '#hooks';
import type { Intake } from '#intake';
import type { Authenticator } from '#auth';
import type { TlsContexts } from '#net';
import type { Counters, PanicLog, RecordSink } from '#observe';
import type { OptionRecord } from './option-record.ts';

/** How much memory is left: all is well, bodies are being let go, or no new mail (SMTP-19). */
export type Pressure = 'ok' | 'shed' | 'refuse';

/** Inbound_Throttle_Messages: one count for each scope that sets it, shared by everybody who inherits it from there (SMTP-18, FB-14). */
export interface InboundThrottle {
  /** Whether a message could be let in now, by the options of a session. */
  hasRoom(options: OptionRecord): boolean;
  /** Counts a message; false when there is no room for it. */
  take(options: OptionRecord): boolean;
}

export interface SessionPorts {
  readonly intake: Pick<Intake, 'open' | 'nextId'>;
  readonly phases: PhaseRunner;
  /** The same stores, in the same order, as the intake has: they are asked about mailboxes at RCPT TO. */
  readonly stores: readonly MailboxStore[];
  readonly records: RecordSink;
  readonly counters: Pick<Counters, 'add'>;
  readonly panic: Pick<PanicLog, 'log'>;
  readonly clock: Clock;
  readonly wheel: Pick<TimerWheel, 'schedule' | 'cancel'>;
  /** Number of the snapshot that is in force now: while it stays, a session need not ask whether its rules do (LSN-10). */
  readonly version: () => number;
  /** How often the whole configuration was read again: that makes every older session stale, whatever it changed (LSN-10). */
  readonly reloads: () => number;
  readonly pressure: () => Pressure;
  /** When a message goes round in circles, and the code to refuse it with; undefined code: it is only noted (OUT-49). */
  readonly mailLoop?: () => { readonly receivedMax: number; readonly code: number | undefined } | undefined;
  readonly throttle: InboundThrottle;
  /** Who measures receptions, where somebody does (SMTP-22). */
  readonly timer?: () => ReceptionTimer | undefined;
  /** Whether mail to this domain is blackholed inline: refused at RCPT TO. */
  readonly isBlackholed: (domain: string) => boolean;
  readonly tls: Pick<TlsContexts, 'for'>;
  /** Whether an extension that a session does not have is listed anywhere in the configuration. */
  readonly isOfferedElsewhere: (word: string) => boolean;
  readonly auth: Pick<Authenticator, 'begin' | 'beginBearer' | 'failed' | 'gate' | 'hasVerifier'>;
  /** This machine's name, where no option gives another. */
  readonly hostname: string;
  /** Product and version, as greeting and Received header show them. */
  readonly product: string;
}

/** Concurrency shared by the loops; #limits implements it. */
export interface SessionCell {
  /** Takes a place, unless `limit` places are taken; 0 = no limit. */
  acquire(limit: number): boolean;
  release(): void;
}

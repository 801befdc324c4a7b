/*
 * What main, the loops and the writer say to each other about running the server: births, orders, answers.
 *
 * The one rule: plain data that can be copied between threads. Mail between loops is in shard-messages.ts.
 * Not here: what rooms say to their own kind (their messages.ts).
 */
import type { LoopPlan } from './event-loops.ts';
import type { SnapshotChanges } from '#config';
import type { SharedLimits } from '#limits';
import type { PanicLine } from '#observe';
import type { BounceSetup } from './bounce-rules.ts';
import type { LoggerStanza, SchemeSetup } from './loggers.ts';

/** Main to the writer: reopen, replace, look. */
export const writerControlRoom = 'main.writer';
/** Main to a loop: prepare, commit, abort a configuration; look; begin. */
export const loopControlRoom = 'main.loop';

/** A loop to main: what its modules added to named counters. */
export const namedCountersRoom = 'main.named-counters';

export type CounterAdditions = readonly (readonly [name: string, by: number])[];

export interface WriterBirth {
  readonly stanzas: readonly LoggerStanza[];
  readonly schemes: SchemeSetup;
  readonly bounces: BounceSetup;
  readonly timestampFormat: string;
  /** Nothing on standard error: the server runs in the background. */
  readonly isQuiet: boolean;
}

export type WriterOrder =
  | { readonly kind: 'reopen' }
  | { readonly kind: 'loggers'; readonly stanzas: readonly LoggerStanza[]; readonly schemes: SchemeSetup; readonly bounces: BounceSetup }
  | { readonly kind: 'last-panics' }
  | { readonly kind: 'bounce-rules' }
  | { readonly kind: 'bounce-class'; readonly reply: string; readonly domain: string };

export interface WriterAnswer {
  readonly problems: readonly string[];
  /** To 'reopen': what failed of targets that are no files. */
  readonly others?: readonly string[];
  readonly lines: readonly PanicLine[];
  /** To 'bounce-class': the class, its name, and the rule. */
  readonly text?: string;
}

/** What a loop is born with; asked anew for a successor, so that it gets the configuration in force. */
export interface LoopBirth {
  readonly configuration: SnapshotChanges;
  readonly counters: SharedArrayBuffer;
  /** The secret of session tickets. */
  readonly tickets: SharedArrayBuffer;
  readonly limits: SharedLimits;
  /** For the named throttles of policies. */
  readonly policyLimits: SharedLimits;
  readonly hostname: string;
  readonly product: string;
  readonly spoolDirectory: string;
  /** Services that are left out (LSN-20): esmtp, ecstream, queue. */
  readonly without: readonly string[];
  /** Highest number of descriptors this process may have open. */
  readonly descriptorsMax: number;
  /** All loops, and the pools they are in. */
  readonly plan: LoopPlan;
}

export type LoopOrder =
  | { readonly kind: 'listen' }
  | { readonly kind: 'prepare'; readonly configuration: SnapshotChanges }
  /** `isReload`: the files were read again, so sessions begin anew (LSN-10). */
  | { readonly kind: 'commit'; readonly isReload: boolean }
  | { readonly kind: 'abort' }
  | { readonly kind: 'ask'; readonly question: string; readonly args: unknown };

export type LoopAnswer =
  | { readonly kind: 'done'; readonly bound?: readonly string[] }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'answer'; readonly value: unknown };

/**
 * What a module may answer in a phase.
 *
 * The one rule: `continue` asks the next module, every other verdict ends the phase. A module that must wait does not
 * answer a verdict: it answers later (phase-runner.ts).
 * `discard` accepts towards the peer and stores nothing. `disconnect` says its reply, if any, and closes. `tarpit` lets the peer
 * wait first, TARPIT_MAX_MS at most, and then counts as what it says.
 * Truth: rules POL-02, POL-07, POL-22.
 */
import type { Reply } from '#smtp';

export type PlainVerdict =
  | { readonly kind: 'continue' }
  | { readonly kind: 'done' }
  | { readonly kind: 'reject'; readonly reply: Reply }
  | { readonly kind: 'discard' }
  | { readonly kind: 'disconnect'; readonly reply?: Reply };

export type Verdict = PlainVerdict | { readonly kind: 'tarpit'; readonly ms: number; readonly verdict: PlainVerdict };

/** A client gives up a command after five minutes (RFC 5321 section 4.5.3.2). */
export const TARPIT_MAX_MS = 240_000;

/** Ask the next module. */
export const CONTINUE: Verdict = Object.freeze({ kind: 'continue' });
/** Nobody else is asked in this phase; go on. */
export const DONE: Verdict = Object.freeze({ kind: 'done' });
/** Accept and throw away. */
export const DISCARD: Verdict = Object.freeze({ kind: 'discard' });

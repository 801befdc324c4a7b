/**
 * What a module may answer in a phase.
 *
 * The one rule: `continue` asks the next module, every other verdict ends the phase. A module that must wait does not
 * answer a verdict: it answers later (phase-runner.ts).
 * `discard` accepts towards the peer and stores nothing. `disconnect` says its reply, if any, and closes.
 * Truth: rules POL-02, POL-07, POL-22.
 */
import type { Reply } from '#smtp';

export type Verdict =
  | { readonly kind: 'continue' }
  | { readonly kind: 'done' }
  | { readonly kind: 'reject'; readonly reply: Reply }
  | { readonly kind: 'discard' }
  | { readonly kind: 'disconnect'; readonly reply?: Reply };

/** Ask the next module. */
export const CONTINUE: Verdict = Object.freeze({ kind: 'continue' });
/** Nobody else is asked in this phase; go on. */
export const DONE: Verdict = Object.freeze({ kind: 'done' });
/** Accept and throw away. */
export const DISCARD: Verdict = Object.freeze({ kind: 'discard' });

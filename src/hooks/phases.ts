/**
 * The phases of a reception in which modules may speak, in the order in which a message meets them.
 *
 * The one rule: `accept` to `ehlo` happen once a connection, `mailfrom` to `data_spool` once a message (one batch),
 * `rcptto` once an offered recipient, `rcptto_list` when all are known (at DATA, or the first BDAT), `data_spool_each_rcpt` and
 * `set_binding` once an accepted recipient. Messages of our own (notices) meet `set_binding` alone.
 * Not here: who runs them (phase-runner.ts), the two halves of each phase that Sieve has (its module's business).
 * Truth: rules POL-01 and SMTP-03.
 */

/** All phases, in order. */
export const PHASES = [
  'accept',
  'connect',
  'ehlo',
  'mailfrom',
  'rcptto',
  'rcptto_list',
  'data',
  'data_spool',
  'data_spool_each_rcpt',
  'set_binding',
] as const;

export type Phase = (typeof PHASES)[number];

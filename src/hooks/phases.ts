/**
 * The phases of a reception in which modules may speak, in the order in which a message meets them.
 *
 * The one rule: `accept` to `ehlo` happen once a connection, `mailfrom` to `data_spool` once a message (one batch),
 * `rcptto` once an offered recipient, `data_spool_each_rcpt` and `set_binding` once an accepted recipient.
 * Not here: who runs them (phase-runner.ts), the two halves of each phase that Sieve has (its module's business).
 * Truth: rules POL-01 and SMTP-03.
 */

export type Phase = 'accept' | 'connect' | 'ehlo' | 'mailfrom' | 'rcptto' | 'data' | 'data_spool' | 'data_spool_each_rcpt' | 'set_binding';

/** All phases, in order. */
export const PHASES: readonly Phase[] = [
  'accept',
  'connect',
  'ehlo',
  'mailfrom',
  'rcptto',
  'data',
  'data_spool',
  'data_spool_each_rcpt',
  'set_binding',
];

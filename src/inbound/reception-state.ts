/**
 * Where a reception stands, in the manual's words: what reject lines and timing records call its phase.
 *
 * The one rule: names and numbers are the manual's (SMTP-21); a session sets one before it does the thing.
 * Not here: the states of a transaction, which are facts of the transaction itself (transaction.ts).
 */
export const RECEPTION_STATES = [
  'just connected',
  'sending banner',
  'awaiting ehlo/helo',
  'sending ehlo/helo response',
  'awaiting mailfrom',
  'sending mailfrom response',
  'awaiting rcptto',
  'sending rcptto response',
  'data phase',
  'reading body',
  'sending body response',
  'async body handler',
  'async body response',
  'relaying denied',
  'extension 1',
  'extension 2',
  'extension 3',
  'extension 4',
  'concurrency limit',
  'rcptto list response',
  'rcptto list final response',
  'esmtp setup phase',
] as const;

export type ReceptionState = (typeof RECEPTION_STATES)[number];

/**
 * The stages of an outbound connection, by the numbers that records carry.
 *
 * The one rule: the numbers and names are the documented ones. A command and its reply are two stages; with pipelining a failure is
 * counted at the reply that told of it. Truth: rule Q-12.
 */
export const stage = {
  notConnected: 0,
  idle: 1,
  afterMail: 3,
  afterRcpt: 5,
  afterData: 7,
  body: 8,
  confirmation: 9,
  afterEhlo: 11,
  banner: 12,
  afterRset: 14,
  afterStartTls: 16,
  handshake: 17,
  afterXclient: 20,
} as const;

const names: Readonly<Record<number, string>> = {
  0: 'while not connected',
  1: 'while idle',
  2: 'during MAIL FROM',
  3: 'after MAIL FROM',
  4: 'during RCPT TO',
  5: 'after RCPT TO',
  6: 'during DATA',
  7: 'after DATA',
  8: 'while sending BODY',
  9: 'reading confirmation',
  10: 'during EHLO',
  11: 'after EHLO',
  12: 'reading BANNER',
  13: 'during RSET',
  14: 'after RSET',
  15: 'during STARTTLS',
  16: 'after STARTTLS',
  17: 'handshaking TLS',
  18: 'renegotiating TLS',
  19: 'during XCLIENT',
  20: 'after XCLIENT',
  21: 'out of band bounce',
  22: 'in unknown state',
};

/** The stage in words, for the console. */
export function stageName(number: number): string {
  return names[number] ?? 'in unknown state';
}

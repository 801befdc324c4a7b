/**
 * The classes of bounces: the codes that logs carry, and their names.
 *
 * The one rule: the codes are Momentum's and never change meaning; a site may add classes of its own below 100.
 * Not here: which reply has which class (bounce-classifier.ts). Truth: rule BNC-09.
 */

export const bounceClasses = {
  undetermined: 1,
  invalidRecipient: 10,
  softBounce: 20,
  dnsFailure: 21,
  mailboxFull: 22,
  tooLarge: 23,
  timeout: 24,
  adminFailure: 25,
  genericNoRecipient: 30,
  generic: 40,
  mailBlock: 50,
  spamBlock: 51,
  spamContent: 52,
  prohibitedAttachment: 53,
  relayDenied: 54,
  autoReply: 60,
  transient: 70,
  subscribe: 80,
  unsubscribe: 90,
  challengeResponse: 100,
} as const;

const names: ReadonlyMap<number, string> = new Map([
  [1, 'Undetermined'],
  [10, 'Invalid Recipient'],
  [20, 'Soft Bounce'],
  [21, 'DNS Failure'],
  [22, 'Mailbox Full'],
  [23, 'Too Large'],
  [24, 'Timeout'],
  [25, 'Admin Failure'],
  [30, 'Generic Bounce: No RCPT'],
  [40, 'Generic Bounce'],
  [50, 'Mail Block'],
  [51, 'Spam Block'],
  [52, 'Spam Content'],
  [53, 'Prohibited Attachment'],
  [54, 'Relay Denied'],
  [60, 'Auto-Reply'],
  [70, 'Transient Failure'],
  [80, 'Subscribe'],
  [90, 'Unsubscribe'],
  [100, 'Challenge-Response'],
]);

/** The name of a class, undefined for a code that is none. */
export function bounceClassName(code: number): string | undefined {
  return names.get(code);
}

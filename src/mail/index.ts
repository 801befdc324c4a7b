/**
 * The room mail: a message as data. Envelope, mailboxes, header blocks, trace headers, dates, delivery status notices.
 *
 * The one rule: pure functions over bytes and text; time, chance and names of hosts are handed in, and nothing a peer
 * chose gets into a header, report or line without being made one safe line first.
 * It does not speak SMTP (room smtp) nor store anything (room spool).
 */
export { formatDate } from './date.ts';
export type { Envelope, EnvelopeBody, EnvelopeRecipient } from './envelope.ts';
export { domainLiteral, formatMailbox, isPrintableAddress, parseMailbox, splitAddress } from './mailbox.ts';
export type { Mailbox } from './mailbox.ts';
export { asciiLine, oneLine, oneLineOfBytes } from './one-line.ts';
export { dateHeader, newMessageIdHeader, receivedHeader, returnPathHeader, traceHeaders } from './trace.ts';
export type { Hop } from './trace.ts';

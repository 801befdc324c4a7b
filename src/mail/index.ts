/**
 * The room mail: a message as data. Envelope, mailboxes, header blocks, trace headers, dates, delivery status notices.
 *
 * The one rule: pure functions over bytes and text; time, chance and names of hosts are handed in, and nothing a peer
 * chose gets into a header, report or line without being made one safe line first.
 * It does not speak SMTP (room smtp) nor store anything (room spool).
 */
export { authorDomains, bareText } from './author.ts';
export { bounceClasses, bounceClassName } from './bounce-classes.ts';
export { BounceClassifier, noOverrides } from './bounce-classifier.ts';
export type { BounceOverrides, BounceVerdict } from './bounce-classifier.ts';
export { parseOverrides, parseRuleTable } from './bounce-rules.ts';
export type { BounceRule, RuleProblem, RuleTable } from './bounce-rules.ts';
export { formatDate } from './date.ts';
export { buildDsn, DSN_HEADERS_MAX, DSN_ORIGINAL_MAX } from './dsn.ts';
export type { DsnInput } from './dsn.ts';
export { deliveryStatus, dsnStatus, wantsNotice } from './dsn-fields.ts';
export type { DsnAction, DsnMessageFields, DsnRecipient } from './dsn-fields.ts';
export { termsOf } from './envelope.ts';
export type { DeliverBy, DeliveryTerms, Envelope, EnvelopeBody, EnvelopeRecipient } from './envelope.ts';
export { headerEnvelope } from './header-envelope.ts';
export { fieldValue, formatHeader, HeaderBlock } from './header-block.ts';
export type { HeaderField } from './header-block.ts';
export { domainLiteral, formatMailbox, isPrintableAddress, parseMailbox, splitAddress } from './mailbox.ts';
export type { Mailbox } from './mailbox.ts';
export { readBounce, SuppressList } from './out-of-band.ts';
export type { BounceMark, ReceivedBounce } from './out-of-band.ts';
export { findInReport, parseReport, REPORT_OCTETS } from './report.ts';
export type { Report } from './report.ts';
export { formatTraceMark, parseTraceMark } from './trace-mark.ts';
export type { TraceMark } from './trace-mark.ts';
export { asciiLine, oneLine, oneLineOfBytes } from './one-line.ts';
export { encodeQuotedPrintable } from './quoted-printable.ts';
export { dateHeader, newMessageIdHeader, receivedHeader, returnPathHeader, traceHeaders } from './trace.ts';
export type { Hop } from './trace.ts';

/**
 * The room smtp: RFC 5321 in both directions, as pure functions and small state machines over bytes.
 *
 * The one rule: no clock, no socket, no configuration look-up; what a peer sent becomes typed data or a typed fault with
 * its reply, and whatever the split of the bytes, the result is the same. The server side reads lines, DATA and BDAT and
 * judges bodies; the client side formats commands, stuffs bodies and reads replies.
 * It does not hold sessions: inbound and outbound do. Messages as data live in the room mail.
 */
export { BdatReader } from './bdat-reader.ts';
export { BodyPolicy, DEFAULT_BODY_RULES, lineRules } from './body-policy.ts';
export type { BodyFacts } from './body-policy.ts';
export { NO_CAPABILITIES, parseEhlo } from './capabilities.ts';
export type { Capabilities } from './capabilities.ts';
export { BDAT_CHUNK_MAX } from './command.ts';
export type {
  ArgumentCommand,
  BareCommand,
  BdatCommand,
  Command,
  CommandFault,
  Foreign,
  HelloCommand,
  MailCommand,
  RcptCommand,
} from './command.ts';
export { DataReader } from './data-reader.ts';
export { formatHello, formatMail, formatRcpt, needsSmtpUtf8 } from './format-command.ts';
export type { MailWishes, RcptWishes } from './format-command.ts';
export type { BodyRules, HeaderFacts, MissingHeaders } from './header-watch.ts';
export { COMMAND_LINE_MAX, DISCARD_MAX, LineReader } from './line-reader.ts';
export { parseCommand, STRICT_RULES } from './parse-command.ts';
export type { CommandRules } from './parse-command.ts';
export { extensionOfParameter } from './delivery-parameters.ts';
export type { BodyType, MailParameters, NotifyWord, OfferedExtensions, RcptParameters } from './parameters.ts';
export { parseAddressLiteral, parseDomain, parsePath } from './path.ts';
export type { Path, PathResult, PathRules } from './path.ts';
export { ehloReply, greeting, heloReply, replies } from './replies.ts';
export type { ReplyName } from './replies.ts';
export { formatReply, replyText } from './reply.ts';
export type { Reply } from './reply.ts';
export {
  REPLY_LINE_KEPT,
  REPLY_LINES_KEPT,
  REPLY_LINES_MAX,
  REPLY_OCTETS_MAX,
  REPLY_TEXT_MAX,
  ReplyReader,
  serverReplyText,
} from './reply-reader.ts';
export type { ReplyClass, ReplyFault, ServerReply } from './reply-reader.ts';
export { NewlineFixer } from './newline-fixer.ts';
export { formatBdat, plainBody, stuffBody, WireBody } from './wire-body.ts';
export { decodeXtext, encodeXtext } from './xtext.ts';

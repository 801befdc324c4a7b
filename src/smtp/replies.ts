/**
 * Every reply our SMTP server gives of its own accord, by name.
 *
 * The one rule: a text documented for Momentum (SMTP-01, SMTP-04) is spelt as there; where the documentation is silent
 * (QUIT, RSET, NOOP, HELP, VRFY, parameters) the text is ours. Limits answer 421, because the ecelerity.conf page says
 * so, with the texts and enhanced codes of the response table (SMTP-05).
 * It does not choose: inbound does. Nothing a peer sent is ever part of a text except through a function's argument.
 */
import type { Reply } from './reply.ts';

function reply(code: number, enhanced: string | undefined, text: string): Reply {
  return Object.freeze(enhanced === undefined ? { code, text } : { code, enhanced, text });
}

export const replies = {
  // success
  mailAccepted: reply(250, '2.1.0', 'MAIL FROM accepted'),
  mailAcceptedAtLowerPriority: reply(250, '2.3.6', 'MAIL FROM accepted, priority lowered to 0'),
  rcptAccepted: reply(250, '2.1.5', 'RCPT TO accepted.'),
  startData: reply(354, undefined, 'continue.  finished with "\\r\\n.\\r\\n"'),
  messageAccepted: reply(250, '2.0.0', 'OK'),
  chunkAccepted: reply(250, '2.0.0', 'chunk received'),
  reset: reply(250, '2.0.0', 'OK'),
  done: reply(250, '2.0.0', 'OK'),
  noop: reply(250, '2.0.0', 'OK'),
  goodbye: reply(221, '2.0.0', 'closing connection'),
  startTlsReady: reply(220, '2.0.0', 'Ready to start TLS'),
  authenticated: reply(235, '2.7.0', 'Authentication successful'),
  help: reply(214, '2.0.0', 'see RFC 5321'),
  cannotVerify: reply(252, '2.5.0', 'send some mail, the address will be checked on delivery'),

  // come back later
  unavailable: reply(421, undefined, "This message is being 421'd"),
  tooLargeForNow: reply(421, '4.3.0', 'message is too large to process at this time'),
  resourcesExceeded: reply(421, '4.3.4', 'allocated resources exceeded'),
  concurrencyLimit: reply(421, '4.4.5', 'Service unavailable, concurrency limit reached'),
  serviceUnavailable: reply(421, '4.4.5', 'Service unavailable'),
  shuttingDown: reply(421, '4.3.2', 'Service shutting down'),
  reconfiguring: reply(421, '4.3.2', 'Reconfiguration in progress'),
  idleTimeout: reply(421, '4.4.2', 'idle for too long'),
  batchLimit: reply(421, '4.5.3', 'Service unavailable, batch limit reached'),
  recipientsPerConnectionLimit: reply(421, '4.5.3', 'Service unavailable, recipients per connection limit reached'),
  recipientsPerMessageLimit: reply(421, '4.5.3', 'Service unavailable, recipients per message limit reached'),
  transactionFailed: reply(451, '4.3.0', 'transaction failed'),
  storageTrouble: reply(452, '4.3.1', 'Insufficient system storage'),
  resourceLimitations: reply(452, '4.3.0', 'Resource limitations, please try later'),
  throttled: reply(452, '4.3.2', 'too many messages for now, please try later'),
  configurationError: reply(451, '4.3.5', 'configuration error, please try later'),
  authTrouble: reply(454, '4.7.0', 'Temporary authentication failure'),
  tooManyAuthFailures: reply(421, '4.7.0', 'too many authentication failures'),
  tlsUnavailable: reply(454, '4.7.0', 'TLS not available for the moment'),
  certificateNotYetValid: reply(454, undefined, 'certificate not yet valid: possible clock skew'),
  certificateExpired: reply(454, undefined, 'certificate expired'),

  // the command is wrong
  unrecognizedCommand: reply(500, '5.5.2', 'unrecognized command'),
  invalidCharacters: reply(500, '5.5.2', 'invalid characters in command'),
  bareNewline: reply(500, '5.5.2', 'lone CR or LF in command'),
  lineTooLong: reply(500, '5.5.2', 'command line too long'),
  foreignProtocol: reply(554, '5.5.1', 'this is an SMTP server'),
  mailAlreadyEstablished: reply(501, '5.5.1', 'MAIL FROM already established'),
  mailSyntax: reply(501, '5.5.2', 'MAIL FROM syntax error'),
  rcptSyntax: reply(501, '5.5.2', 'RCPT TO syntax error'),
  invalidEhlo: reply(501, '5.5.2', 'invalid EHLO'),
  invalidHelo: reply(501, '5.5.2', 'invalid HELO'),
  resetArguments: reply(501, '5.5.4', 'invalid arguments to RSET'),
  dataArgument: reply(501, '5.5.4', 'unexpected argument to DATA'),
  noParametersAllowed: reply(501, '5.5.4', 'Syntax error (no parameters allowed)'),
  unexpectedCommand: reply(501, '5.5.4', 'unexpected command'),
  bdatSyntax: reply(501, '5.5.4', 'BDAT syntax error'),
  argumentMissing: reply(501, '5.5.4', 'Syntax error (argument missing)'),
  authSyntax: reply(501, '5.5.2', 'cannot understand authentication response'),
  authCancelled: reply(501, '5.7.0', 'Authentication cancelled'),
  authLineTooLong: reply(500, '5.5.6', 'authentication exchange line too long'),
  mechanismUnknown: reply(504, '5.5.4', 'authentication mechanism not offered'),
  parameterUnknown: reply(555, '5.5.4', 'parameter not recognized or not offered'),
  parameterSyntax: reply(501, '5.5.4', 'Syntax error in parameters'),
  parameterTwice: reply(501, '5.5.4', 'parameter given twice'),
  parameterContradiction: reply(501, '5.5.4', 'parameters contradict each other'),
  heldTooLong: reply(501, '5.5.4', 'held for longer than this server allows'),
  heldBeyondDeadline: reply(501, '5.5.4', 'held until after the time of delivery'),
  deadlineTooClose: reply(501, '5.5.4', 'less time for delivery than this server needs'),
  binaryNeedsBdat: reply(503, '5.5.1', 'BODY=BINARYMIME needs BDAT'),
  nonAsciiAddress: reply(553, '5.6.7', 'address needs SMTPUTF8'),

  // the order is wrong
  rcptWithoutMail: reply(503, undefined, 'RCPT TO without MAIL FROM'),
  dataWithoutMail: reply(503, '5.5.1', 'DATA without MAIL FROM'),
  dataWithoutRcpt: reply(503, '5.5.1', 'DATA without RCPT TO'),
  badSequence: reply(503, '5.5.1', 'bad sequence of commands'),
  heloNeeded: reply(550, '5.5.1', 'RFC2821 HELO/EHLO needed'),

  // the message is wrong
  loneInHeaders: reply(550, '5.6.0', 'Lone CR or LF in headers (see RFC2822 section 2.2)'),
  loneInBody: reply(550, '5.6.0', 'Lone CR or LF in body (see RFC2822 section 2.3)'),
  missingEnd: reply(550, '5.6.0', 'Missing CR LF . CR LF'),
  headersMissing: reply(550, '5.6.0', 'Required headers not found (see RFC2822 section 3.6)'),
  headerNotTerminated: reply(550, '5.6.0', 'Header not terminated by CR LF (see RFC2822 section 2.2)'),
  headerInvalid: reply(550, '5.6.0', 'Invalid header found (see RFC2822 section 3.6)'),
  dateMissing: reply(550, '5.6.0', 'Missing required RFC2822 Date field (see RFC2822 section 3.6)'),
  headerLineTooLong: reply(550, '5.6.0', 'Header line too long (see RFC2822 section 3.5)'),
  bodyLineTooLong: reply(550, '5.6.0', 'Body line too long (see RFC2822 section 3.5)'),
  messageTooLarge: reply(552, '5.3.4', 'message size limit exceeded'),
  tooManyHops: reply(554, '5.4.6', 'too many hops'),
  bodyReadError: reply(554, '5.5.0', 'error while reading body'),

  // policy
  authRequired: reply(530, '5.7.0', 'Authentication required'),
  authFailed: reply(535, '5.7.8', 'Authentication credentials invalid'),
  authNeedsTls: reply(538, '5.7.11', 'Encryption required for requested authentication mechanism'),
  notForYou: reply(550, '5.7.1', 'not allowed for this client'),
  startTlsInjection: reply(554, '5.5.0', 'data behind STARTTLS'),
  relayingDenied: reply(550, '5.7.1', 'relaying denied'),
  recipientBlackholed: reply(551, '5.7.1', 'recipient blackholed'),
  nullSenderRefused: reply(550, '5.7.1', 'null envelope sender not allowed'),
  addressLiteralRefused: reply(501, '5.1.3', 'address literals not allowed'),
  unqualifiedSender: reply(501, '5.1.7', 'sender address must have a domain'),
  unqualifiedRecipient: reply(501, '5.1.3', 'recipient address must have a domain'),
} as const satisfies Record<string, Reply>;

export type ReplyName = keyof typeof replies;

/** The first line a client sees: `220 <host> ESMTP <product> <version> <date>`, in the form of the ecelerity.conf page's sample. */
export function greeting(o: { host: string; product: string; date: string }): Reply {
  return { code: 220, text: `${o.host} ESMTP ${o.product} ${o.date}` };
}

/** The answer to EHLO (SMTP-01, SMTP-02): the host's line, then one line a keyword in the order given. Never an enhanced code. */
export function ehloReply(host: string, peer: string, keywords: readonly string[]): Reply {
  return { code: 250, text: [`${host} says EHLO to ${peer}`, ...keywords] };
}

/** The answer to HELO: the same first line with HELO, alone. */
export function heloReply(host: string, peer: string): Reply {
  return { code: 250, text: `${host} says HELO to ${peer}` };
}

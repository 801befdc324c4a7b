/**
 * One line of a client becomes one typed command or one typed fault.
 *
 * The one rule: strict, byte by byte, and without state; what the RFC does not allow is a fault unless a switch of
 * CommandRules says otherwise (SMTP-11, SMTP-12). The line is a latin1 string, one character an octet, without its CRLF.
 * It does not know the order of commands (503 is the session's) nor what a listener offers beyond ESMTP parameters.
 * Truth: RFC 5321 section 4.1, RFC 3030 (BDAT), the texts of SMTP-04.
 */
import { BDAT_CHUNK_MAX } from './command.ts';
import type { ArgumentCommand, BareCommand, Command, CommandFault, Foreign } from './command.ts';
import { parseMailParameters, parseRcptParameters } from './parameters.ts';
import type { OfferedExtensions } from './parameters.ts';
import { decodeUtf8, parsePath } from './path.ts';
import type { PathRules } from './path.ts';
import { replies } from './replies.ts';
import type { Reply } from './reply.ts';

export interface CommandRules {
  /** allow_trailing_whitespace_in_commands: blanks between address and brackets (SMTP-11). */
  readonly allowTrailingWhitespace: boolean;
  /** rfc2821_allow_whitespace_in_envelope: blanks before CRLF, and after the colon of MAIL FROM: and RCPT TO: (SMTP-11). */
  readonly allowWhitespaceInEnvelope: boolean;
  /** rfc2821_pedantic_address_rules (SMTP-12). */
  readonly pedanticAddresses: boolean;
  readonly offers: OfferedExtensions;
}

/** Momentum's defaults with the extensions Impetus always has. */
export const STRICT_RULES: CommandRules = Object.freeze({
  allowTrailingWhitespace: false,
  allowWhitespaceInEnvelope: false,
  pedanticAddresses: true,
  offers: Object.freeze({
    size: true,
    eightBitMime: true,
    chunking: true,
    binaryMime: false,
    smtpUtf8: true,
    dsn: true,
    auth: false,
  }),
});

const CONTROL_OR_8BIT = /[^\t\x20-\x7e]/;
const CONTROL = /[^\t\x20-\x7e\u0080-\u00ff]/;
const TRAILING_BLANKS = /[ \t]+$/;
/** What clients call themselves in practice: names with underscores, addresses with and without brackets. */
const HELLO_NAME = /^(?:[A-Za-z0-9._:-]|\[[A-Za-z0-9.:_-]*\])+$/;
const HELLO_MAX = 255;
const BDAT = /^(\d{1,20})( LAST)?$/i;
const HTTP_START = /^(?:GET|POST|PUT|HEAD|OPTIONS|CONNECT|DELETE|PATCH|TRACE|PRI) /i;
const HTTP_HEADER = /^(?:Host|User-Agent|Accept[A-Za-z-]*|Content-[A-Za-z-]+|Connection|Cookie|Origin|Referer|Upgrade):/i;

const BARE: ReadonlyMap<string, { readonly command: BareCommand; readonly fault: Reply }> = new Map([
  ['DATA', { command: { verb: 'DATA' }, fault: replies.dataArgument }],
  ['RSET', { command: { verb: 'RSET' }, fault: replies.resetArguments }],
  ['QUIT', { command: { verb: 'QUIT' }, fault: replies.noParametersAllowed }],
  ['STARTTLS', { command: { verb: 'STARTTLS' }, fault: replies.noParametersAllowed }],
  ['XDUMPCONTEXT', { command: { verb: 'XDUMPCONTEXT' }, fault: replies.noParametersAllowed }],
]);
const WITH_ARGUMENT: ReadonlyMap<string, ArgumentCommand['verb']> = new Map(
  (['NOOP', 'HELP', 'VRFY', 'EXPN', 'AUTH', 'ETRN', 'LHLO', 'XCLIENT', 'XREMOTEIP', 'XSETCONTEXT'] as const).map((verb) => [verb, verb]),
);

function fault(reply: Reply, reason: string, of?: Command['verb'], close = false): CommandFault {
  return of === undefined ? { verb: 'FAULT', reply, reason, close } : { verb: 'FAULT', reply, reason, close, of };
}

function parameterFault(o: { reply: Reply; reason: string; parameter?: string }, of: 'MAIL' | 'RCPT'): CommandFault {
  const found = fault(o.reply, o.reason, of);
  return o.parameter === undefined ? found : { ...found, parameter: o.parameter };
}

/** A fault for a peer that speaks another protocol: one answer, then the end, so that nothing in its stream is executed. */
export function foreignFault(foreign: Foreign): CommandFault {
  return { verb: 'FAULT', reply: replies.foreignProtocol, reason: `peer speaks ${foreign}`, close: true, foreign };
}

const pathRulesOf = new WeakMap<CommandRules, readonly [PathRules, PathRules]>();

/** The path's part of the rules, made once for each rules object. */
function pathRules(rules: CommandRules, utf8: boolean): PathRules {
  let pair = pathRulesOf.get(rules);
  if (pair === undefined) {
    const { allowTrailingWhitespace, pedanticAddresses } = rules;
    pair = [
      { allowTrailingWhitespace, pedanticAddresses, utf8: false },
      { allowTrailingWhitespace, pedanticAddresses, utf8: true },
    ];
    pathRulesOf.set(rules, pair);
  }
  return pair[utf8 ? 1 : 0];
}

/** Index where the path may start: after `FROM:` or `TO:`; -1 when the keyword is not there. */
function afterKeyword(line: string, keyword: 'FROM:' | 'TO:', rules: CommandRules): number {
  let at = 5 + keyword.length;
  if (line.slice(5, at).toUpperCase() !== keyword) return -1;
  if (rules.allowWhitespaceInEnvelope) while (line[at] === ' ' || line[at] === '\t') at++;
  return at;
}

function parseMail(line: string, rules: CommandRules): Command | CommandFault {
  const eightBit = CONTROL_OR_8BIT.test(line);
  const at = afterKeyword(line, 'FROM:', rules);
  if (at < 0) return fault(replies.mailSyntax, 'no FROM:', 'MAIL');
  // Whether 8-bit addresses are allowed stands behind the address: read it as UTF-8 and look afterwards.
  const found = parsePath(line, at, pathRules(rules, eightBit && rules.offers.smtpUtf8));
  if (!found.ok) return fault(replies.mailSyntax, found.reason, 'MAIL');
  const parsed = parseMailParameters(line, found.end, rules.offers);
  if (!parsed.ok) return parameterFault(parsed, 'MAIL');
  if (eightBit && parsed.parameters.smtpUtf8 !== true) {
    return fault(found.path.utf8 ? replies.nonAsciiAddress : replies.mailSyntax, '8-bit without SMTPUTF8', 'MAIL');
  }
  return { verb: 'MAIL', path: found.path, parameters: parsed.parameters, line: eightBit ? (decodeUtf8(line) ?? line) : line };
}

function parseRcpt(line: string, rules: CommandRules, utf8: boolean): Command | CommandFault {
  const at = afterKeyword(line, 'TO:', rules);
  if (at < 0) return fault(replies.rcptSyntax, 'no TO:', 'RCPT');
  const found = parsePath(line, at, pathRules(rules, utf8 && CONTROL_OR_8BIT.test(line)));
  if (!found.ok) return fault(replies.rcptSyntax, found.reason, 'RCPT');
  if (found.path.text === '') return fault(replies.rcptSyntax, 'null path in RCPT', 'RCPT');
  const parsed = parseRcptParameters(line, found.end, rules.offers, utf8);
  if (!parsed.ok) return parameterFault(parsed, 'RCPT');
  return { verb: 'RCPT', path: found.path, parameters: parsed.parameters, line: decodeUtf8(line) ?? line };
}

function parseHello(line: string, verb: 'EHLO' | 'HELO'): Command | CommandFault {
  const domain = line.slice(5);
  if (line[4] === ' ' && domain.length <= HELLO_MAX && HELLO_NAME.test(domain)) return { verb, domain, line };
  return fault(verb === 'EHLO' ? replies.invalidEhlo : replies.invalidHelo, 'name is not a domain or address literal', verb);
}

/** A bad size closes: nobody knows how many octets of what follows are message, and none of them may be run as a command. */
function parseBdat(argument: string): Command | CommandFault {
  const match = BDAT.exec(argument);
  if (match === null) return fault(replies.bdatSyntax, 'BDAT needs a size in digits', 'BDAT', true);
  const size = Number(match[1]);
  if (size > BDAT_CHUNK_MAX) return fault(replies.messageTooLarge, 'BDAT chunk too large', 'BDAT', true);
  return { verb: 'BDAT', size, last: match[2] !== undefined };
}

function parseOther(line: string, verb: string, argument: string, hasArgument: boolean): Command | CommandFault {
  const bare = BARE.get(verb);
  if (bare !== undefined) return hasArgument ? fault(bare.fault, 'argument not expected', bare.command.verb) : bare.command;
  const known = WITH_ARGUMENT.get(verb);
  if (known !== undefined) {
    if (argument === '' && (known === 'VRFY' || known === 'EXPN')) return fault(replies.argumentMissing, 'no argument', known);
    return { verb: known, argument };
  }
  if (HTTP_START.test(line) || HTTP_HEADER.test(line)) return foreignFault('http');
  if (line.startsWith('SSH-')) return foreignFault('ssh');
  return fault(replies.unrecognizedCommand, 'unrecognized command');
}

/**
 * Parses one command line.
 * @param line one character an octet, no CRLF; its length is the LineReader's business
 * @param rules the listener's switches and what it offers
 * @param utf8 true inside a transaction whose MAIL said SMTPUTF8
 */
export function parseCommand(line: string, rules: CommandRules, utf8 = false): Command | CommandFault {
  const text = rules.allowWhitespaceInEnvelope ? line.replace(TRAILING_BLANKS, '') : line;
  const blank = text.indexOf(' ');
  const verb = (blank < 0 ? text : text.slice(0, blank)).toUpperCase();
  if (CONTROL.test(text)) return controlFault(text, verb);
  if (verb === 'MAIL') return parseMail(text, rules);
  if (verb === 'RCPT') return parseRcpt(text, rules, utf8);
  if (verb === 'BDAT') return parseBdat(blank < 0 ? '' : text.slice(5));
  if (CONTROL_OR_8BIT.test(text) && !(utf8 && (verb === 'VRFY' || verb === 'EXPN'))) return fault(replies.invalidCharacters, '8-bit octet');
  const argument = blank < 0 ? '' : text.slice(blank + 1);
  if (verb === 'EHLO' || verb === 'HELO') return parseHello(text, verb);
  return parseOther(text, verb, argument, blank >= 0);
}

function controlFault(text: string, verb: string): CommandFault {
  if (text.startsWith('\x16\x03')) return foreignFault('tls');
  if (verb === 'BDAT') return fault(replies.bdatSyntax, 'control character', 'BDAT', true);
  if (verb === 'MAIL') return fault(replies.mailSyntax, 'control character', 'MAIL');
  if (verb === 'RCPT') return fault(replies.rcptSyntax, 'control character', 'RCPT');
  return fault(replies.invalidCharacters, 'control character');
}

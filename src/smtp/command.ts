/**
 * The commands of SMTP as one tagged union, and the fault that stands for a line which is none of them.
 *
 * The one rule: `verb` tells the whole shape, so that a session is one exhaustive switch. A fault carries the reply to
 * give; `close` says that the peer cannot be understood any more and the connection has to end after that reply.
 * Verbs of extensions are typed even where no listener offers them: whoever does not offer one answers
 * replies.unrecognizedCommand. It does not parse: parse-command.ts does.
 */
import type { MailParameters, RcptParameters } from './parameters.ts';
import type { Path } from './path.ts';
import type { Reply } from './reply.ts';

export interface HelloCommand {
  readonly verb: 'EHLO' | 'HELO';
  /** The name as sent: printable ASCII without blanks, 1 to 255 characters. */
  readonly domain: string;
  /** The whole line as sent, for the context key ehlo_string. */
  readonly line: string;
}
export interface MailCommand {
  readonly verb: 'MAIL';
  readonly path: Path;
  readonly parameters: MailParameters;
  /** The whole line as sent, for the context key mailfrom_string. */
  readonly line: string;
}
export interface RcptCommand {
  readonly verb: 'RCPT';
  readonly path: Path;
  readonly parameters: RcptParameters;
  readonly line: string;
}
export interface BdatCommand {
  readonly verb: 'BDAT';
  /** Octets, 0 to BDAT_CHUNK_MAX. */
  readonly size: number;
  readonly last: boolean;
}
export interface BareCommand {
  readonly verb: 'DATA' | 'RSET' | 'QUIT' | 'STARTTLS' | 'XDUMPCONTEXT';
}
export interface ArgumentCommand {
  readonly verb: 'NOOP' | 'HELP' | 'VRFY' | 'EXPN' | 'AUTH' | 'ETRN' | 'LHLO' | 'XCLIENT' | 'XREMOTEIP' | 'XSETCONTEXT';
  /** What follows the first blank, '' when nothing does; printable ASCII (UTF-8 bytes allowed in VRFY and EXPN after SMTPUTF8). */
  readonly argument: string;
}
export type Foreign = 'http' | 'ssh' | 'tls';
export interface CommandFault {
  readonly verb: 'FAULT';
  readonly reply: Reply;
  /** For logs, in our own words: never a byte of the peer's. */
  readonly reason: string;
  /** True when the connection must end after the reply. */
  readonly close: boolean;
  /** The command the fault was found in, when the verb was known. */
  readonly of?: Command['verb'];
  /** The parameter that is unknown or was not offered, in upper case. */
  readonly parameter?: string;
  /** The protocol the peer seems to speak instead (attack A28). */
  readonly foreign?: Foreign;
}
export type Command = HelloCommand | MailCommand | RcptCommand | BdatCommand | BareCommand | ArgumentCommand;

/** Octets of one BDAT chunk at most: 2^31-1. A larger size is refused and the connection closed, since it cannot be skipped. */
export const BDAT_CHUNK_MAX = 0x7fff_ffff;

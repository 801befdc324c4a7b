/**
 * The commands we send as a client.
 *
 * The one rule: a parameter goes out only when the server offered its extension, and an address that could break the line
 * stops that session: it can only come from a defect of ours, since every address was parsed on its way in.
 * It does not decide what to ask for nor in which order. Truth: RFC 5321 section 4.1.1, RFC 1870, 3461, 6152, 6531.
 */
import { assert } from '#base';
import type { Capabilities } from './capabilities.ts';
import type { ByParameter } from './delivery-parameters.ts';
import type { BodyType } from './parameters.ts';

/** Parameters wanted for MAIL; `envid` is xtext as it was received. */
export interface MailWishes {
  readonly size?: number | undefined;
  readonly body?: BodyType | undefined;
  readonly smtpUtf8?: boolean | undefined;
  readonly ret?: 'FULL' | 'HDRS' | undefined;
  readonly envid?: string | undefined;
  /** RFC 8689. */
  readonly requireTls?: boolean | undefined;
  /** RFC 2852, with the seconds that are left; bounded to the nine digits of the RFC. */
  readonly by?: ByParameter | undefined;
  /** RFC 6710: -9 to 9. */
  readonly mtPriority?: number | undefined;
}

/** Parameters wanted for RCPT; `orcpt` is `type;value` as it was received. */
export interface RcptWishes {
  readonly notify?: readonly string[] | undefined;
  readonly orcpt?: string | undefined;
  /** The transaction said SMTPUTF8. */
  readonly smtpUtf8?: boolean | undefined;
}

const BREAKS_LINE = /[\r\n\0]/;
const NON_ASCII = /[^\0-\x7f]/u;
const NON_ASCII_ALL = /[^\0-\x7f]/gu;

/** True when a mailbox can be sent only to a server that offers SMTPUTF8. */
export function needsSmtpUtf8(mailbox: string): boolean {
  return NON_ASCII.test(mailbox);
}

/** RFC 6533 section 3: a character as `\x{HEX}`, so that a utf-8 address may travel in an ASCII command. */
function asciiOrcpt(orcpt: string): string {
  return orcpt.replace(NON_ASCII_ALL, (char) => `\\x{${char.codePointAt(0)!.toString(16).toUpperCase()}}`);
}

/** `MAIL FROM:<sender>` with what of the wishes the server offers, CRLF included. */
export function formatMail(sender: string, wishes: MailWishes, capabilities: Capabilities): string {
  assert(!BREAKS_LINE.test(sender), 'a sender cannot hold CR, LF or NUL');
  let line = `MAIL FROM:<${sender}>`;
  if (wishes.size !== undefined && capabilities.size !== undefined) line += ` SIZE=${wishes.size}`;
  if (wishes.body !== undefined && capabilities.eightBitMime && (wishes.body !== 'BINARYMIME' || capabilities.binaryMime)) {
    line += ` BODY=${wishes.body}`;
  }
  if (wishes.smtpUtf8 === true && capabilities.smtpUtf8) line += ' SMTPUTF8';
  if (capabilities.dsn) {
    if (wishes.ret !== undefined) line += ` RET=${wishes.ret}`;
    if (wishes.envid !== undefined) line += ` ENVID=${wishes.envid}`;
  }
  const { keywords } = capabilities;
  if (wishes.requireTls === true && keywords.has('REQUIRETLS')) line += ' REQUIRETLS';
  if (wishes.by !== undefined && keywords.has('DELIVERBY')) line += ` BY=${formatBy(wishes.by)}`;
  if (wishes.mtPriority !== undefined && keywords.has('MT-PRIORITY')) line += ` MT-PRIORITY=${wishes.mtPriority}`;
  assert(!BREAKS_LINE.test(line), 'a MAIL parameter cannot hold CR, LF or NUL');
  return `${line}\r\n`;
}

const BY_SECONDS_MAX = 999_999_999;

/** A deadline that must be kept has at least a second: one that is over is for the queue to notice. */
function formatBy(by: ByParameter): string {
  const least = by.mode === 'return' ? 1 : -BY_SECONDS_MAX;
  const seconds = Math.max(least, Math.min(by.seconds, BY_SECONDS_MAX));
  return `${seconds};${by.mode === 'return' ? 'R' : 'N'}${by.trace ? 'T' : ''}`;
}

/** `RCPT TO:<recipient>` with what of the wishes the server offers, CRLF included. */
export function formatRcpt(recipient: string, wishes: RcptWishes, capabilities: Capabilities): string {
  let line = `RCPT TO:<${recipient}>`;
  if (capabilities.dsn) {
    if (wishes.notify !== undefined && wishes.notify.length > 0) line += ` NOTIFY=${wishes.notify.join(',')}`;
    if (wishes.orcpt !== undefined) {
      line += ` ORCPT=${wishes.smtpUtf8 === true && capabilities.smtpUtf8 ? wishes.orcpt : asciiOrcpt(wishes.orcpt)}`;
    }
  }
  assert(!BREAKS_LINE.test(line), 'a recipient or RCPT parameter cannot hold CR, LF or NUL');
  return `${line}\r\n`;
}

/** `EHLO name` or `HELO name`, CRLF included. */
export function formatHello(verb: 'EHLO' | 'HELO' | 'LHLO', name: string): string {
  assert(!BREAKS_LINE.test(name), 'a host name cannot hold CR, LF or NUL');
  return `${verb} ${name}\r\n`;
}

/**
 * The machine-readable part of a delivery status notice: fields for the message, then fields for each recipient.
 *
 * The one rule: every value is one line of ASCII (or of UTF-8 in the global variant), so nothing a peer answered or a
 * sender asked for can add a field of its own (attacks A30, A75).
 * It does not decide who is told what: `wantsNotice` reads the recipient's NOTIFY, the queue decides.
 * Truth: RFC 3464 sections 2.2 and 2.3, RFC 6533 section 4, RFC 3463; rule BNC-12.
 */
import { formatDate } from './date.ts';
import { asciiLine, oneLine } from './one-line.ts';

export type DsnAction = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded';

export interface DsnRecipient {
  /** The address as in RCPT TO. */
  readonly address: string;
  /** ORCPT as received, `type;xtext`. */
  readonly orcpt?: string | undefined;
  readonly action: DsnAction;
  /** Enhanced code; taken from the diagnostic or the action when absent. */
  readonly status?: string | undefined;
  /** The reply that decided, such as `550 5.1.1 no such user`. */
  readonly diagnostic?: string | undefined;
  /** Name of the host that gave it. */
  readonly remoteMta?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly lastAttemptAt?: number | undefined;
  readonly willRetryUntil?: number | undefined;
}

export interface DsnMessageFields {
  readonly reportingMta: string;
  /** ENVID as received (xtext). */
  readonly envid?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly arrivedAt: number;
}

/** Characters of one value; a line stays within 998 with its name. */
const VALUE_MAX = 900;
const STATUS = /^[245]\.\d{1,3}\.\d{1,3}$/;
const STATUS_IN_REPLY = /^([245])\d\d[ -]([245]\.\d{1,3}\.\d{1,3})(?: |$)/;
const XTEXT_ESCAPE = /\+([0-9A-F]{2})/g;
const UTF8_ESCAPE = /\\x\{([0-9A-F]{2,6})\}/g;
const NON_ASCII = /[^ -~]/u;
const NEEDS_ESCAPE = /[^ -~]|[\\]/gu;

/** RFC 3461 section 4.1: may a notice of this kind be sent? Without NOTIFY: failure and delay. */
export function wantsNotice(notify: readonly string[] | undefined, kind: 'failure' | 'delay' | 'success'): boolean {
  if (notify === undefined || notify.length === 0) return kind !== 'success';
  return notify.includes(kind.toUpperCase());
}

/** The enhanced code of a notice for a recipient: given, else in the reply, else the class alone. */
export function dsnStatus(recipient: DsnRecipient): string {
  if (recipient.status !== undefined && STATUS.test(recipient.status)) return recipient.status;
  const wanted = recipient.action === 'failed' ? '5' : recipient.action === 'delayed' ? '4' : '2';
  const found = STATUS_IN_REPLY.exec(recipient.diagnostic ?? '')?.[2];
  // A transient answer that became a failure keeps its detail under the class of failures.
  return found === undefined ? `${wanted}.0.0` : wanted + found.slice(1);
}

function decodeXtext(text: string): string {
  return text.replace(XTEXT_ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function line(text: string, global: boolean): string {
  return global ? oneLine(text, VALUE_MAX) : asciiLine(text, VALUE_MAX);
}

/** `rfc822; a@b`, or `utf-8; ...` for an address outside ASCII, escaped where the report itself is ASCII (RFC 6533 section 3). */
function typedAddress(address: string, global: boolean): string {
  const clean = oneLine(address, VALUE_MAX);
  if (!NON_ASCII.test(clean)) return `rfc822; ${clean}`;
  if (global) return `utf-8; ${clean}`;
  return `utf-8; ${clean.replace(NEEDS_ESCAPE, (char) => `\\x{${(char.codePointAt(0) ?? 0x3f).toString(16).toUpperCase()}}`)}`;
}

function originalRecipient(orcpt: string, global: boolean): string {
  const semicolon = orcpt.indexOf(';');
  const type = semicolon < 1 ? 'rfc822' : orcpt.slice(0, semicolon).toLowerCase();
  const value = orcpt.slice(semicolon + 1);
  if (type !== 'utf-8') return `${asciiLine(type)}; ${asciiLine(decodeXtext(value), VALUE_MAX)}`;
  const text = value.replace(UTF8_ESCAPE, (_, hex: string) => {
    const code = Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : '?';
  });
  return typedAddress(text, global);
}

/** Folds a field at blanks so that lines have at most 78 characters where they can. */
function field(name: string, value: string): string {
  let out = `${name}:`;
  let column = out.length;
  for (const word of value.split(' ')) {
    if (column + 1 + word.length > 78 && column > name.length + 1) {
      out += '\r\n';
      column = 0;
    }
    out += ` ${word}`;
    column += 1 + word.length;
  }
  return `${out.trimEnd()}\r\n`;
}

function recipientFields(recipient: DsnRecipient, global: boolean): string {
  let out = '\r\n';
  if (recipient.orcpt !== undefined) out += field('Original-Recipient', originalRecipient(recipient.orcpt, global));
  out += field('Final-Recipient', typedAddress(recipient.address, global));
  out += field('Action', recipient.action);
  out += field('Status', dsnStatus(recipient));
  if (recipient.remoteMta !== undefined && recipient.remoteMta !== '')
    out += field('Remote-MTA', `dns; ${line(recipient.remoteMta, global)}`);
  if (recipient.diagnostic !== undefined && recipient.diagnostic !== '') {
    out += field('Diagnostic-Code', `smtp; ${line(recipient.diagnostic, global).replace(/ +/g, ' ')}`);
  }
  if (recipient.lastAttemptAt !== undefined) out += field('Last-Attempt-Date', formatDate(recipient.lastAttemptAt));
  if (recipient.willRetryUntil !== undefined && recipient.action === 'delayed') {
    out += field('Will-Retry-Until', formatDate(recipient.willRetryUntil));
  }
  return out;
}

/**
 * The body of message/delivery-status, or of message/global-delivery-status when `global`.
 * Groups are separated by a blank line; every line ends with CRLF.
 */
export function deliveryStatus(message: DsnMessageFields, recipients: readonly DsnRecipient[], global: boolean): string {
  let out = '';
  if (message.envid !== undefined) out += field('Original-Envelope-Id', line(decodeXtext(message.envid), global));
  out += field('Reporting-MTA', `dns; ${line(message.reportingMta, global)}`);
  out += field('Arrival-Date', formatDate(message.arrivedAt));
  return out + recipients.map((recipient) => recipientFields(recipient, global)).join('');
}

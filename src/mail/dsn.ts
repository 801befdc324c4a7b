/**
 * Delivery status notices: one multipart/report for some recipients of one message.
 *
 * The one rule: nothing here answers a null sender; whoever asks for a notice has checked that there is someone to tell
 * (BNC-03) and that NOTIFY allows it. The notice is ASCII unless the original needed SMTPUTF8 or is quoted whole with
 * 8-bit octets; what is quoted of the original is bounded.
 * It does not send nor queue: the bytes enter through intake like any message, with a null sender.
 * Truth: RFC 3464, 3461 section 6, 6522, 6533, 3834; rules BNC-02, BNC-12.
 */
import { isAscii } from 'node:buffer';
import { assert } from '#base';
import type { Random } from '#base';
import { formatDate } from './date.ts';
import { deliveryStatus } from './dsn-fields.ts';
import type { DsnMessageFields, DsnRecipient } from './dsn-fields.ts';
import { formatHeader, HeaderBlock } from './header-block.ts';
import { asciiLine, oneLine } from './one-line.ts';
import { encodeQuotedPrintable } from './quoted-printable.ts';

export interface DsnInput extends DsnMessageFields {
  readonly random: Random;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Whom to tell: the original sender, or the mailbox of mdn_failures_notify. */
  readonly to: string;
  /** The MailerDaemon option; `mailer-daemon@<reportingMta>` when absent. */
  readonly from?: string | undefined;
  /** In angle brackets, as for a Message-ID header. */
  readonly messageId: string;
  readonly recipients: readonly DsnRecipient[];
  /** The original as stored, or as much of it as there is; undefined when it cannot be read. */
  readonly original?: Buffer | undefined;
  /** bounces_inline_original. */
  readonly inline: 'none' | 'headers' | 'all';
  readonly ret?: 'FULL' | 'HDRS' | undefined;
  /** The original needed SMTPUTF8: the notice is of the global kind. */
  readonly smtpUtf8?: boolean | undefined;
}

/** Octets of an original quoted whole; a larger one is quoted by its headers. */
export const DSN_ORIGINAL_MAX = 1_048_576;
/** Octets of quoted headers; what is beyond is left out at the end of a field. */
export const DSN_HEADERS_MAX = 65_536;

type Kind = 'failed' | 'delayed' | 'relayed' | 'delivered';

const SUBJECT: Readonly<Record<Kind, string>> = {
  failed: 'Undeliverable message',
  delayed: 'Delivery of your message is delayed',
  relayed: 'Your message has been passed on',
  delivered: 'Your message has been delivered',
};
const OPENING: Readonly<Record<Kind, string>> = {
  failed: 'Your message could not be delivered to the recipients below. It will not be tried again.',
  delayed: 'Your message could not be delivered yet to the recipients below. You need not send it again: it will be tried further.',
  relayed: 'Your message has been passed on for the recipients below, to a server that will not tell you of its delivery.',
  delivered: 'Your message has been delivered to the recipients below, as you asked to be told.',
};

function kindOf(recipients: readonly DsnRecipient[]): Kind {
  if (recipients.some((recipient) => recipient.action === 'failed')) return 'failed';
  if (recipients.some((recipient) => recipient.action === 'delayed')) return 'delayed';
  return recipients.some((recipient) => recipient.action === 'relayed') ? 'relayed' : 'delivered';
}

/** How much of the original goes along: the option, within it what RET asks for; the whole only when delivery failed. */
function quoting(input: DsnInput, kind: Kind): 'none' | 'headers' | 'all' {
  if (input.inline === 'none' || input.original === undefined) return 'none';
  if (kind !== 'failed' || input.ret === 'HDRS' || input.original.length > DSN_ORIGINAL_MAX) return 'headers';
  return input.ret === 'FULL' ? 'all' : input.inline;
}

function humanText(input: DsnInput, kind: Kind, clean: (text: string) => string): string {
  const lines = [`This is the mail server at ${clean(input.reportingMta)}.`, '', OPENING[kind], ''];
  for (const recipient of input.recipients) {
    lines.push(`  <${clean(recipient.address)}>`);
    if (recipient.diagnostic !== undefined && recipient.diagnostic !== '') lines.push(`    ${clean(recipient.diagnostic)}`);
  }
  return lines.map((line) => `${line}\r\n`).join('');
}

/** The fields of the original that fit, whole ones only. */
function quotedHeaders(block: HeaderBlock): Buffer {
  const parts: Buffer[] = [];
  let octets = 0;
  for (const field of block.fields) {
    octets += field.raw.length;
    if (octets > DSN_HEADERS_MAX) break;
    parts.push(field.raw);
  }
  return Buffer.concat(parts);
}

/** Part three: its MIME headers and bytes. */
function originalPart(input: DsnInput, mode: 'headers' | 'all', block: HeaderBlock): readonly [string, Buffer] {
  const global = input.smtpUtf8 === true;
  if (mode === 'all' && input.original !== undefined) {
    const ascii = isAscii(input.original);
    return [mimeHeaders(global ? 'message/global' : 'message/rfc822', ascii ? '7bit' : '8bit'), input.original];
  }
  const headers = quotedHeaders(block);
  if (isAscii(headers)) return [mimeHeaders(global ? 'message/global-headers' : 'text/rfc822-headers', '7bit'), headers];
  if (global) return [mimeHeaders('message/global-headers', '8bit'), headers];
  return [mimeHeaders('text/rfc822-headers', 'quoted-printable'), Buffer.from(encodeQuotedPrintable(headers))];
}

function mimeHeaders(type: string, encoding: string): string {
  return `Content-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`;
}

/** The From header: the option as it is when it has a display name or brackets, else with a name of ours. */
function fromHeader(input: DsnInput, clean: (text: string) => string): string {
  const from = clean(input.from === undefined || input.from === '' ? `mailer-daemon@${input.reportingMta}` : input.from);
  return formatHeader('From', from.includes('<') ? from : `Mail Delivery Subsystem <${from}>`);
}

function topHeaders(input: DsnInput, kind: Kind, boundary: string, eightBit: boolean, threadOf: string | undefined): string {
  const clean = (text: string): string => (input.smtpUtf8 === true ? oneLine(text, 900) : asciiLine(text, 900));
  return (
    `Date: ${formatDate(input.now)}\r\n` +
    fromHeader(input, clean) +
    formatHeader('To', `<${clean(input.to)}>`) +
    formatHeader('Message-ID', clean(input.messageId)) +
    `Subject: ${SUBJECT[kind]}\r\n` +
    (threadOf === undefined ? '' : `${formatHeader('In-Reply-To', threadOf)}${formatHeader('References', threadOf)}`) +
    'Auto-Submitted: auto-replied\r\n' +
    'MIME-Version: 1.0\r\n' +
    `Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="${boundary}"\r\n` +
    (eightBit ? 'Content-Transfer-Encoding: 8bit\r\n' : '') +
    '\r\n'
  );
}

/** The whole notice, CRLF throughout unless the quoted original has lone CR or LF (the wire repairs those). */
export function buildDsn(input: DsnInput): Buffer {
  assert(input.to !== '', 'a notice is never sent to the null sender');
  assert(input.recipients.length > 0, 'a notice is about at least one recipient');
  const global = input.smtpUtf8 === true;
  const clean = (text: string): string => (global ? oneLine(text, 900) : asciiLine(text, 900));
  const kind = kindOf(input.recipients);
  const mode = quoting(input, kind);
  const block = input.original === undefined ? HeaderBlock.empty() : HeaderBlock.parse(input.original.subarray(0, DSN_HEADERS_MAX + 1));
  const boundary = `=_impetus_${input.random.bytes(16).toString('hex')}`;
  const parts: (readonly [string, Buffer])[] = [
    [
      mimeHeaders(`text/plain; charset=${global ? 'utf-8' : 'us-ascii'}`, global ? '8bit' : '7bit'),
      Buffer.from(humanText(input, kind, clean)),
    ],
    [
      mimeHeaders(global ? 'message/global-delivery-status' : 'message/delivery-status', global ? '8bit' : '7bit'),
      Buffer.from(deliveryStatus(input, input.recipients, global)),
    ],
  ];
  if (mode !== 'none') parts.push(originalPart(input, mode, block));
  const eightBit = global || parts.some(([, body]) => !isAscii(body));
  const id = block.find('Message-ID');
  const threadOf = id !== undefined && /^<[!-;=?-~]{1,900}>$/.test(id) ? id : undefined;
  const out: Buffer[] = [Buffer.from(topHeaders(input, kind, boundary, eightBit, threadOf))];
  for (const [headers, body] of parts) out.push(Buffer.from(`--${boundary}\r\n${headers}`), body, Buffer.from('\r\n'));
  out.push(Buffer.from(`--${boundary}--\r\n`));
  return Buffer.concat(out);
}

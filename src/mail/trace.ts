/**
 * The headers a server adds on the way: Received, Return-Path, and Date or Message-ID where they are missing.
 *
 * The one rule: every value a peer chose is made one printable line and escaped inside comments before it is written, so
 * no name can start a header of its own (attack A75).
 * It does not decide whether to add them: rfc2822_trace_headers, rfc2822_date_header and rfc2822_messageid_header do.
 * Truth: rules SMTP-14, SMTP-16; RFC 5321 section 4.4, RFC 3848 and 6531 for the word after `with`.
 */
import { messageIdHeader } from '#base';
import { formatDate } from './date.ts';
import { oneLine } from './one-line.ts';

export interface Hop {
  /** The peer's address in canonical text, '' for a Unix socket or a message of our own. */
  readonly remoteIp: string;
  readonly remotePort: number;
  readonly helo: string;
  /** received_hostname, else the host's name. */
  readonly by: string;
  /** The envelope sender as given, '' for the null sender. */
  readonly sender: string;
  /** Product and version, such as `impetus 0.1.0`. */
  readonly product: string;
  /** `SMTP`, `ESMTP`, `ESMTPS`, `ESMTPA`, `ESMTPSA`, `UTF8SMTP` ... */
  readonly with: string;
  /** Batch id, SMTP-17. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Minutes east of UTC; UTC when absent. */
  readonly offsetMinutes?: number;
}

/** Octets of one value in a trace header: two of them, escaped, stay within the 998 octets of a line. */
const VALUE_MAX = 320;

const NOT_PLAIN = /[^ -~]/;
const SPECIAL = /[()\\]/;

function value(text: string): string {
  // Printable ASCII within the bound: what nearly every value is, and needs no work.
  if (text.length <= VALUE_MAX && !NOT_PLAIN.test(text)) return text;
  const line = oneLine(text, VALUE_MAX);
  // A character takes up to three octets in UTF-8.
  return Buffer.byteLength(line) <= VALUE_MAX ? line : oneLine(line, Math.floor(VALUE_MAX / 3));
}

function comment(text: string): string {
  const safe = value(text);
  return SPECIAL.test(safe) ? safe.replace(/[()\\]/g, '\\$&') : safe;
}

function origin(hop: Hop): string {
  const helo = `helo=${comment(hop.helo)}`;
  if (hop.remoteIp === '') return `local (${helo})`;
  if (hop.remoteIp.includes(':')) return `[IPv6:${hop.remoteIp}] ([${hop.remoteIp}]:${hop.remotePort} ${helo})`;
  return `[${hop.remoteIp}] ([${hop.remoteIp}:${hop.remotePort}] ${helo})`;
}

/** The Received header of this hop with its folds and final CRLF. */
export function receivedHeader(hop: Hop): string {
  const date = formatDate(hop.at, hop.offsetMinutes);
  return (
    `Received: from ${origin(hop)}\r\n` +
    `\tby ${value(hop.by)} (envelope-from <${comment(hop.sender)}>)\r\n` +
    `\t(${comment(hop.product)}) with ${hop.with}\r\n` +
    `\tid ${hop.id}; ${date}\r\n`
  );
}

/** `Return-Path: <sender>` with CRLF; `<>` for the null sender. */
export function returnPathHeader(sender: string): string {
  return `Return-Path: <${value(sender)}>\r\n`;
}

/** `Date:` with CRLF. */
export function dateHeader(at: number, offsetMinutes = 0): string {
  return `Date: ${formatDate(at, offsetMinutes)}\r\n`;
}

/** `Message-ID:` with CRLF from one of our message ids (SMTP-14, SMTP-17). */
export function newMessageIdHeader(id: string, host: string): string {
  return `Message-ID: ${messageIdHeader(id, value(host))}\r\n`;
}

/** Everything written in front of a message when rfc2822_trace_headers is on: Return-Path, then Received. */
export function traceHeaders(hop: Hop): Buffer {
  return Buffer.from(returnPathHeader(hop.sender) + receivedHeader(hop), 'utf8');
}

/**
 * A reply of an SMTP server as data, and its form on the wire.
 *
 * The one rule: a text never carries a byte outside printable ASCII to the peer, so no caller can break a line or
 * smuggle a second reply. The enhanced code is written only when the listener lists ENHANCEDSTATUSCODES.
 * It does not decide which reply to give: the texts stand in replies.ts.
 * Truth: RFC 5321 section 4.2, RFC 2034 section 4, RFC 3463.
 */

/** One reply: `code` 200-599, `enhanced` as `5.7.1` (absent for greetings, EHLO and 3yz), `text` one line or several. */
export interface Reply {
  readonly code: number;
  readonly enhanced?: string;
  readonly text: string | readonly string[];
}

/** Octets of text in one reply line: RFC 5321 section 4.5.3.1.5 allows 512 with code, separator and CRLF. */
const TEXT_MAX = 480;
const UNSAFE = /[^\t\x20-\x7e]/;
const UNSAFE_ALL = /[^\t\x20-\x7e]+/g;

function pieces(text: string): string[] {
  const out: string[] = [];
  let rest = text;
  while (rest.length > TEXT_MAX) {
    const blank = rest.lastIndexOf(' ', TEXT_MAX);
    const cut = blank > TEXT_MAX / 2 ? blank : TEXT_MAX;
    out.push(rest.slice(0, cut));
    rest = rest.slice(blank === cut ? cut + 1 : cut);
  }
  out.push(rest);
  return out;
}

/**
 * The bytes of a reply as an ASCII string, CRLF included; several lines when the text has several or is too long for one.
 * Characters outside printable ASCII become one space each run.
 */
export function formatReply(reply: Reply, withEnhanced: boolean): string {
  const prefix = withEnhanced && reply.enhanced !== undefined ? `${reply.enhanced} ` : '';
  const { code, text } = reply;
  if (typeof text === 'string' && text.length <= TEXT_MAX && !UNSAFE.test(text)) return `${code} ${prefix}${text}\r\n`;
  const lines = (typeof text === 'string' ? [text] : text).flatMap((line) => pieces(line.replace(UNSAFE_ALL, ' ')));
  if (lines.length === 0) lines.push('');
  const last = lines.length - 1;
  return lines.map((line, index) => `${code}${index === last ? ' ' : '-'}${prefix}${line}\r\n`).join('');
}

/** The text of a reply as one line, for logs and contexts: lines joined by one space, enhanced code in front if it has one. */
export function replyText(reply: Reply): string {
  const text = typeof reply.text === 'string' ? reply.text : reply.text.join(' ');
  const clean = text.replace(UNSAFE_ALL, ' ');
  return reply.enhanced === undefined ? clean : `${reply.enhanced} ${clean}`;
}

/**
 * Quoted-printable, encoding only: text with 8-bit octets made safe for a 7-bit way.
 *
 * The one rule: lines are at most 76 characters, CRLF stays CRLF, and no encoded line is one dot alone.
 * It goes octet by octet, so it is for short texts (headers quoted in a notice), never for bodies on the message path.
 * Truth: RFC 2045 section 6.7.
 */

const LINE_MAX = 76;
const CR = 13;
const LF = 10;

function escape(octet: number): string {
  return `=${octet.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** @param bytes text whose lines end with CRLF; a lone CR or LF is encoded */
export function encodeQuotedPrintable(bytes: Buffer): string {
  const out: string[] = [];
  let column = 0;
  for (let at = 0; at < bytes.length; at++) {
    const octet = bytes[at]!;
    if (octet === CR && bytes[at + 1] === LF) {
      out.push('\r\n');
      column = 0;
      at++;
      continue;
    }
    const beforeEnd = at + 1 === bytes.length || (bytes[at + 1] === CR && bytes[at + 2] === LF);
    const blank = octet === 32 || octet === 9;
    // A blank at the end of a line would be lost on the way, a dot at its start might end DATA.
    const plain = blank ? !beforeEnd : octet > 32 && octet < 127 && octet !== 61 && !(octet === 46 && column === 0);
    const text = plain ? String.fromCharCode(octet) : escape(octet);
    if (column + text.length > LINE_MAX - 1) {
      out.push('=\r\n');
      column = 0;
      if (octet === 46) {
        out.push(escape(octet));
        column = 3;
        continue;
      }
    }
    out.push(text);
    column += text.length;
  }
  return out.join('');
}

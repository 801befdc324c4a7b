/**
 * What a server said it can do in its EHLO reply.
 *
 * The one rule: keywords are compared without regard to case, unknown ones are kept by name only, and a malformed value
 * counts as the keyword without one. The number of lines is bounded by ReplyReader.
 * It does not know what we want to use of it. Truth: RFC 5321 section 4.1.1.1, RFC 1870, 4954.
 */

export interface Capabilities {
  /** The name in the first line, '' when there is none. */
  readonly host: string;
  /** Octets the server takes at most; 0 when it names none. Undefined when SIZE is not offered. */
  readonly size?: number;
  readonly pipelining: boolean;
  readonly chunking: boolean;
  readonly binaryMime: boolean;
  readonly eightBitMime: boolean;
  readonly smtpUtf8: boolean;
  readonly dsn: boolean;
  readonly startTls: boolean;
  readonly enhancedStatusCodes: boolean;
  /** SASL mechanisms in upper case, in the server's order. */
  readonly auth: readonly string[];
  /** Attribute names of XCLIENT, in upper case; empty when not offered. */
  readonly xclient: readonly string[];
  /** Every keyword offered, in upper case. */
  readonly keywords: ReadonlySet<string>;
}

const KEYWORD = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:[ =](.*))?$/s;

function words(text: string): string[] {
  return text
    .toUpperCase()
    .split(' ')
    .filter((word) => word !== '');
}

/** @param lines the texts of the reply, without codes */
export function parseEhlo(lines: readonly string[]): Capabilities {
  const keywords = new Set<string>();
  const auth: string[] = [];
  const xclient: string[] = [];
  let size: number | undefined;
  for (const line of lines.slice(1)) {
    const match = KEYWORD.exec(line);
    if (match?.[1] === undefined) continue;
    const keyword = match[1].toUpperCase();
    const value = match[2] ?? '';
    keywords.add(keyword);
    if (keyword === 'AUTH') for (const name of words(value)) if (!auth.includes(name)) auth.push(name);
    if (keyword === 'XCLIENT') xclient.push(...words(value));
    if (keyword === 'SIZE') {
      const number = /^\d{1,20}$/.test(value) ? Number(value) : 0;
      size = Number.isSafeInteger(number) ? number : 0;
    }
  }
  const capabilities = {
    host: lines[0]?.split(' ', 1)[0] ?? '',
    pipelining: keywords.has('PIPELINING'),
    chunking: keywords.has('CHUNKING'),
    binaryMime: keywords.has('BINARYMIME'),
    eightBitMime: keywords.has('8BITMIME'),
    smtpUtf8: keywords.has('SMTPUTF8'),
    dsn: keywords.has('DSN'),
    startTls: keywords.has('STARTTLS'),
    enhancedStatusCodes: keywords.has('ENHANCEDSTATUSCODES'),
    auth,
    xclient,
    keywords,
  };
  return size === undefined ? capabilities : { ...capabilities, size };
}

/** What is known of a server that answered HELO only. */
export const NO_CAPABILITIES: Capabilities = Object.freeze(parseEhlo([]));

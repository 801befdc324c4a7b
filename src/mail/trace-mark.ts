/**
 * The mark of the feedback loop: a header on mail that leaves, by which a report about it finds its recipient, binding and group again.
 *
 * The one rule: the documented form is base64 of `local@domain@binding@group@user string`; with a key of the site `|` and a token follow, a keyed hash
 * of all before, so that nobody else can make a mark and a report without a good token proves nothing (A53). `@` and `\` inside a field have a
 * backslash before them, as in logs. Not here: who gets a mark (fbl), where it is looked for (report.ts). Truth: rule BNC-13.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export interface TraceMark {
  readonly local: string;
  readonly domain: string;
  readonly binding: string;
  readonly group: string;
  readonly userString: string;
}

/** `forged`: there is a key here, and no token of it. */
type TraceReading = { readonly kind: 'mark'; readonly mark: TraceMark } | { readonly kind: 'forged' | 'malformed' };

/** Characters of a header's value that are read: an address has 320, and the user string is bounded where it is made. */
const MARK_CHARS = 4096;
const TOKEN_OCTETS = 16;

export function formatTraceMark(mark: TraceMark, key: string | undefined): string {
  const { local, domain, binding, group, userString } = mark;
  const packed = Buffer.from([local, domain, binding, group, userString].map(escaped).join('@')).toString('base64');
  return key === undefined ? packed : `${packed}|${tokenOf(packed, key).toString('base64url')}`;
}

/** @param value of the header, as a report sent it back: blanks in it are of folding. */
export function parseTraceMark(value: string, key: string | undefined): TraceReading {
  if (value.length > MARK_CHARS) return { kind: 'malformed' };
  const [packed = '', token = '', ...more] = value.replace(/[ \t\r\n]/g, '').split('|');
  if (packed === '' || more.length > 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(packed)) return { kind: 'malformed' };
  if (key !== undefined) {
    const given = Buffer.from(token, 'base64url');
    if (given.length !== TOKEN_OCTETS || !timingSafeEqual(given, tokenOf(packed, key))) return { kind: 'forged' };
  }
  const fields = fieldsOf(Buffer.from(packed, 'base64').toString('utf8'));
  const [local, domain, binding, group, ...rest] = fields;
  if (local === undefined || domain === undefined || binding === undefined || group === undefined) return { kind: 'malformed' };
  return { kind: 'mark', mark: { local, domain, binding, group, userString: rest.join('@') } };
}

function tokenOf(packed: string, key: string): Buffer {
  return createHmac('sha256', key).update(packed).digest().subarray(0, TOKEN_OCTETS);
}

function escaped(text: string): string {
  return text.replace(/[@\\]/g, '\\$&');
}

function fieldsOf(text: string): string[] {
  const fields: string[] = [];
  let field = '';
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i] as string;
    if (char === '\\' && i + 1 < text.length) {
      i += 1;
      field += text[i] as string;
    } else if (char === '@') {
      fields.push(field);
      field = '';
    } else field += char;
  }
  return [...fields, field];
}

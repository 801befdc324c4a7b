/**
 * The path of MAIL and RCPT: `<local@domain>`, with quoted local parts, address literals, source routes, the null path.
 *
 * The one rule: what comes out is one mailbox or nothing. A source route is recognised and dropped (RFC 5321 appendix C),
 * so relaying is always decided on the last domain; `local` is the meaning (unquoted), `text` the mailbox as given and the
 * only form to put on a wire or in a log. Never build an address from local + '@' + domain.
 * It does not decide whether literals, unqualified or null addresses are welcome: it says that they are such.
 * Truth: RFC 5321 sections 4.1.2, 4.1.3, 4.5.3.1; RFC 6531 section 3.3; rules SMTP-10 to SMTP-13.
 */
import { parseIp, toAsciiDomain } from '#base';
import type { DomainRules, IpAddress } from '#base';

export interface Path {
  /** The mailbox as given, without brackets and source route; '' for the null path. */
  readonly text: string;
  /** The local part unquoted: `"a b"` is `a b`. */
  readonly local: string;
  /** Lower-case A-labels; `[192.0.2.1]` or `[ipv6:2001:db8::1]` for a literal; '' when unqualified. */
  readonly domain: string;
  /** False for `<postmaster>` and every other address without a domain (SMTP-13). */
  readonly qualified: boolean;
  readonly ip?: IpAddress;
  /** True when a source route was dropped, or the local part holds `@`, `%` or `!`, by which older servers route on. */
  readonly routed: boolean;
  /** True when the mailbox needs SMTPUTF8 at the next hop. */
  readonly utf8: boolean;
}

export interface PathRules {
  /** allow_trailing_whitespace_in_commands: blanks between the brackets and the address (SMTP-11). */
  readonly allowTrailingWhitespace: boolean;
  /** rfc2821_pedantic_address_rules; false admits `a..b@x`, `ab.@x` (SMTP-12), underscores in domains, local parts over 64 octets. */
  readonly pedanticAddresses: boolean;
  /** SMTPUTF8 is in force for this transaction. */
  readonly utf8: boolean;
}

export type PathResult = { readonly ok: true; readonly path: Path; readonly end: number } | { readonly ok: false; readonly reason: string };

export const NULL_PATH: Path = Object.freeze({ text: '', local: '', domain: '', qualified: false, routed: false, utf8: false });

/** Octets. RFC 5321 section 4.5.3.1.1 and .2; the second applies when the address rules are relaxed. */
const LOCAL_MAX = 64;
const LOCAL_MAX_RELAXED = 255;
const STRICT_LABELS: DomainRules = {};
const LOOSE_LABELS: DomainRules = { allowUnderscore: true };

/** Character classes of one octet, by table. */
const ATEXT = 1;
const QTEXT = 2;
const CLASS = new Uint8Array(256);
for (let c = 32; c < 127; c++) if (c !== 34 && c !== 92) CLASS[c] = QTEXT;
for (const char of "!#$%&'*+-/=?^_`{|}~") CLASS[char.charCodeAt(0)]! |= ATEXT;
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789') CLASS[char.charCodeAt(0)]! |= ATEXT;

const DOT = 46;
const AT = 64;
const QUOTE = 34;
const BACKSLASH = 92;
const SPACE = 32;
const CLOSE = 62;
const NON_ASCII = /[\u0080-\uffff]/;
const NUMERIC_LAST_LABEL = /(?:^|\.)\d+$/;
const ROUTING = /[@%!]/;
const fatalUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function fail(reason: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason };
}

/** UTF-8 text of a latin1 string of bytes, undefined when the bytes are not UTF-8. */
export function decodeUtf8(bytes: string): string | undefined {
  if (!NON_ASCII.test(bytes)) return bytes;
  try {
    return fatalUtf8.decode(Buffer.from(bytes, 'latin1'));
  } catch {
    return undefined;
  }
}

/** Index after the dot-string that starts at `from`; `from` itself when there is none, -1 when its dots are wrong. */
function endOfDotString(line: string, from: number, rules: PathRules): number {
  let at = from;
  let afterDot = true;
  for (; at < line.length; at++) {
    const c = line.charCodeAt(at);
    if (c === DOT) {
      if (afterDot && (rules.pedanticAddresses || at === from)) return -1;
      afterDot = true;
    } else if ((CLASS[c]! & ATEXT) !== 0 || (c > 127 && rules.utf8)) afterDot = false;
    else break;
  }
  return afterDot && at > from && rules.pedanticAddresses ? -1 : at;
}

/** Index after the closing quote of the quoted string that starts at `from`, or -1. */
function endOfQuoted(line: string, from: number, utf8: boolean): number {
  for (let at = from + 1; at < line.length; at++) {
    const c = line.charCodeAt(at);
    if (c === QUOTE) return at + 1;
    if (c === BACKSLASH) {
      const next = line.charCodeAt(++at);
      if (!(next >= SPACE && next < 127)) return -1;
    } else if ((CLASS[c]! & QTEXT) === 0 && !(c > 127 && utf8)) return -1;
  }
  return -1;
}

/**
 * A domain as written (Unicode or ASCII) in lower-case A-labels, or undefined.
 * `pedantic` refuses the underscore, which RFC 5321 does not know.
 */
export function parseDomain(text: string, pedantic = true): string | undefined {
  const domain = toAsciiDomain(text, pedantic ? STRICT_LABELS : LOOSE_LABELS);
  // A dotted quad without brackets is no domain (RFC 1123 section 2.1): it must never reach an address look-up.
  return domain === undefined || NUMERIC_LAST_LABEL.test(domain) ? undefined : domain;
}

/** `[192.0.2.1]` or `[IPv6:...]` to the address; other literals are not known here. */
export function parseAddressLiteral(text: string): IpAddress | undefined {
  if (!text.startsWith('[') || !text.endsWith(']')) return undefined;
  const inner = text.slice(1, -1);
  const tagged = /^ipv6:/i.test(inner);
  const ip = parseIp(tagged ? inner.slice(5) : inner);
  return ip !== undefined && (ip.family === 6) === tagged ? ip : undefined;
}

function unquote(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/gs, '$1');
}

/** Index of the mailbox after a source route `@a,@b:`, or -1 when what starts with `@` is no route. */
function afterRoute(line: string, from: number, rules: PathRules): number {
  const colon = line.indexOf(':', from);
  if (colon < 0) return -1;
  for (const hop of line.slice(from, colon).split(',')) {
    const name = hop.startsWith('@') ? decodeUtf8(hop.slice(1)) : undefined;
    if (name === undefined || (!rules.utf8 && name !== hop.slice(1)) || parseDomain(name, rules.pedanticAddresses) === undefined) return -1;
  }
  return colon + 1;
}

interface DomainPart {
  readonly domain: string;
  readonly ip?: IpAddress;
  readonly end: number;
}

function parseDomainPart(line: string, from: number, rules: PathRules): DomainPart | undefined {
  if (line[from] === '[') {
    const bracket = line.indexOf(']', from);
    const ip = bracket < 0 ? undefined : parseAddressLiteral(line.slice(from, bracket + 1));
    if (ip === undefined) return undefined;
    return { domain: ip.family === 4 ? `[${ip.text}]` : `[ipv6:${ip.text}]`, ip, end: bracket + 1 };
  }
  let end = from;
  for (let c = line.charCodeAt(end); end < line.length && c !== CLOSE && c !== SPACE; c = line.charCodeAt(++end));
  const name = line.slice(from, end);
  if (NON_ASCII.test(name)) {
    const unicode = rules.utf8 ? decodeUtf8(name) : undefined;
    const domain = unicode === undefined ? undefined : parseDomain(unicode, rules.pedanticAddresses);
    return domain === undefined ? undefined : { domain, end };
  }
  const domain = parseDomain(name, rules.pedanticAddresses);
  return domain === undefined ? undefined : { domain, end };
}

function skipBlanks(line: string, from: number): number {
  let at = from;
  while (line.charCodeAt(at) === SPACE || line.charCodeAt(at) === 9) at++;
  return at;
}

/** Parses the path whose `<` stands at `from`; `end` is the index after `>`. Linear in the length of the line. */
export function parsePath(line: string, from: number, rules: PathRules): PathResult {
  if (line[from] !== '<') return fail('no <');
  let at = rules.allowTrailingWhitespace ? skipBlanks(line, from + 1) : from + 1;
  if (line.charCodeAt(at) === CLOSE) return { ok: true, path: NULL_PATH, end: at + 1 };
  const hasRoute = line.charCodeAt(at) === AT;
  if (hasRoute) at = afterRoute(line, at, rules);
  if (at < 0) return fail('bad source route');
  const start = at;
  const quoted = line.charCodeAt(at) === QUOTE;
  const localEnd = quoted ? endOfQuoted(line, at, rules.utf8) : endOfDotString(line, at, rules);
  if (localEnd <= start) return fail('bad local part');
  if (localEnd - start > (rules.pedanticAddresses ? LOCAL_MAX : LOCAL_MAX_RELAXED)) return fail('local part too long');
  let part: DomainPart = { domain: '', end: localEnd };
  const qualified = line.charCodeAt(localEnd) === AT;
  if (qualified) {
    const found = parseDomainPart(line, localEnd + 1, rules);
    if (found === undefined) return fail('bad domain');
    part = found;
  } else if (hasRoute) return fail('bad source route');
  const close = rules.allowTrailingWhitespace ? skipBlanks(line, part.end) : part.end;
  if (line.charCodeAt(close) !== CLOSE) return fail('no >');
  // Octets above 127 pass the grammar only under rules.utf8.
  const text = rules.utf8 ? decodeUtf8(line.slice(start, part.end)) : line.slice(start, part.end);
  const rawLocal = rules.utf8 ? decodeUtf8(line.slice(start, localEnd)) : line.slice(start, localEnd);
  if (text === undefined || rawLocal === undefined) return fail('invalid UTF-8');
  const local = quoted ? unquote(rawLocal) : rawLocal;
  const { domain, ip } = part;
  const routed = hasRoute || ROUTING.test(local);
  const utf8 = rules.utf8 && NON_ASCII.test(text);
  const path: Path =
    ip === undefined ? { text, local, domain, qualified, routed, utf8 } : { text, local, domain, qualified, ip, routed, utf8 };
  return { ok: true, path, end: close + 1 };
}

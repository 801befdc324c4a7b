/**
 * One mailbox as data, and the way back to text.
 *
 * The one rule: `local` is the meaning, `text` the spelling; an address is put together only by formatMailbox, which
 * quotes what needs quotes. Nothing here is used as a key of an object.
 * It does not parse SMTP paths (brackets, source routes): the room smtp does. It reads addresses of the configuration and
 * addresses already accepted.
 * Truth: RFC 5321 section 4.1.2, RFC 6531 section 3.3.
 */
import { parseIp, toAsciiDomain } from '#base';
import type { IpAddress } from '#base';

export interface Mailbox {
  readonly local: string;
  /** Lower-case A-labels; `[192.0.2.1]` or `[ipv6:2001:db8::1]` for an address literal. */
  readonly domain: string;
  readonly text: string;
}

/** Characters of an address at most; longer ones are refused. */
const ADDRESS_MAX = 1024;
const DOT_STRING = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\uffff-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\uffff-]+)*$/;
const QUOTED = /^"(?:[ !#-[\]-~\u0080-\uffff]|\\[ -~])*"$/;
const UNPRINTABLE = /[^ -~\u00a0-\uffff]/;

/** The address of a literal domain, undefined for a name. */
export function domainLiteral(domain: string): IpAddress | undefined {
  if (!domain.startsWith('[') || !domain.endsWith(']')) return undefined;
  const inner = domain.slice(1, -1);
  const tagged = /^ipv6:/i.test(inner);
  const ip = parseIp(tagged ? inner.slice(5) : inner);
  return ip !== undefined && (ip.family === 6) === tagged ? ip : undefined;
}

function parseDomainPart(text: string): string | undefined {
  if (!text.startsWith('[')) return toAsciiDomain(text, { allowUnderscore: true });
  const ip = domainLiteral(text);
  if (ip === undefined) return undefined;
  return ip.family === 4 ? `[${ip.text}]` : `[ipv6:${ip.text}]`;
}

/** `local@domain` or `"quoted local"@domain` as a mailbox; undefined when it is none. The domain is required. */
export function parseMailbox(text: string): Mailbox | undefined {
  const at = text.lastIndexOf('@');
  if (at < 1 || text.length > ADDRESS_MAX) return undefined;
  const raw = text.slice(0, at);
  const domain = parseDomainPart(text.slice(at + 1));
  if (domain === undefined) return undefined;
  if (DOT_STRING.test(raw)) return { local: raw, domain, text };
  if (!QUOTED.test(raw)) return undefined;
  return { local: raw.slice(1, -1).replace(/\\(.)/gs, '$1'), domain, text };
}

/** The address of a local part in its meaning and a domain; quoted when it is no dot-string. Just the local part when the domain is ''. */
export function formatMailbox(local: string, domain: string): string {
  const plain = DOT_STRING.test(local) ? local : `"${local.replace(/["\\]/g, '\\$&')}"`;
  return domain === '' ? plain : `${plain}@${domain}`;
}

/**
 * Local part and domain of an address that was accepted as a sender or recipient, for logs and contexts; never fails.
 * Without `@` all of it is the local part.
 */
export function splitAddress(text: string): { local: string; domain: string } {
  const at = text.lastIndexOf('@');
  return at < 0 ? { local: text, domain: '' } : { local: text.slice(0, at), domain: text.slice(at + 1) };
}

/** True when the text may stand in a header or a DSN field as an address: printable, no control characters. */
export function isPrintableAddress(text: string): boolean {
  return text.length <= ADDRESS_MAX && !UNPRINTABLE.test(text);
}

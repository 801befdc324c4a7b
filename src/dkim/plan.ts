/**
 * What one signature is to be: algorithm, canonicalisation, whose, and over which header fields. Plain data.
 *
 * The one rule: From is always signed (RFC 6376 section 5.4), and that there is no DKIM-Signature is never asserted: the one in the making would be it.
 * A header list is read once, when a configuration is; signing reads it only.
 * Two forms of lists exist in the manual: `From:Subject?:Received+` with a suffix for each name (dkim_sign), and plain names with
 * a second list of names that are to be signed once more than they are there (opendkim). Both become rules.
 * Truth: RFC 6376 sections 3.5, 5.4; the pages of both modules; MOD-03.
 */
import { toAsciiDomain } from '#base';

export type Canonicalization = 'simple' | 'relaxed';
export type DigestName = 'sha1' | 'sha256';
export type Algorithm = 'rsa-sha256' | 'rsa-sha1' | 'ed25519-sha256';

export interface HeaderRule {
  /** As it is written in h=. */
  readonly name: string;
  /** The same in lower case: a list of rules is looked up for each message. */
  readonly key: string;
  /** Every field of that name that is left, or one. */
  readonly isEvery: boolean;
  /** Named in h= once more when there is none (left): nobody can add one behind us. */
  readonly asserts: 'missing' | 'always' | 'never';
}

export interface SigningPlan {
  /** Of an ARC set: the field is an ARC-Message-Signature then (RFC 8617 section 4.1.2). */
  readonly instance?: number;
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: Algorithm;
  readonly headerCanonicalization: Canonicalization;
  readonly bodyCanonicalization: Canonicalization;
  readonly headers: readonly HeaderRule[];
  /** i=; undefined leaves it out, which means @domain. */
  readonly identity: string | undefined;
  /** Seconds until the signature expires (x=); 0 for never. */
  readonly lifetimeSeconds: number;
  /** l=: what is added behind the signed octets does not break the signature. */
  readonly hasBodyLength: boolean;
  /** z=: the signed fields are told in clear, to find out what was changed on the way. */
  readonly copiesHeaders: boolean;
}

/** Fields that a signature should hold where nobody says which (RFC 6376 section 5.4.1), and MIME's. */
const usual = [
  'From',
  'Reply-To',
  'Subject',
  'Date',
  'To',
  'Cc',
  'Message-ID',
  'In-Reply-To',
  'References',
  'MIME-Version',
  'Content-Type',
  'Content-Transfer-Encoding',
  'Resent-Date',
  'Resent-From',
  'Resent-To',
  'Resent-Cc',
  'List-Id',
  'List-Help',
  'List-Unsubscribe',
  'List-Unsubscribe-Post',
  'List-Subscribe',
  'List-Post',
  'List-Owner',
  'List-Archive',
] as const;

/** A field name; a semicolon would end the tag h=. */
const NAME = /^[!-9<-~]{1,998}$/;

const OWN_FIELD = 'dkim-signature';

/** The list of dkim_sign: names between colons, each with a suffix or none. Undefined when it holds no such name. */
export function suffixedRules(list: string): HeaderRule[] | undefined {
  const rules: HeaderRule[] = [];
  for (const word of list.split(':').map((part) => part.trim())) {
    const suffix = /[?*+]$/.exec(word)?.[0] ?? '';
    const name = word.slice(0, word.length - suffix.length);
    if (!NAME.test(name)) return undefined;
    rules.push({
      name,
      key: name.toLowerCase(),
      isEvery: suffix === '*' || suffix === '+',
      asserts: suffix === '?' || suffix === '+' || name.toLowerCase() === OWN_FIELD ? 'never' : 'missing',
    });
  }
  return withFrom(rules);
}

/** The lists of opendkim: names that are signed as often as they are there, those that are left out, those that are signed once more. */
export function namedRules(o: {
  readonly names: readonly string[] | undefined;
  readonly skipped: readonly string[];
  readonly oversigned: readonly string[];
}): HeaderRule[] | undefined {
  const over = new Set(o.oversigned.map(lower));
  const skipped = new Set(o.skipped.map(lower));
  const names = [...(o.names ?? usual), ...o.oversigned];
  const seen = new Set<string>();
  const rules: HeaderRule[] = [];
  for (const name of names) {
    const key = name.toLowerCase();
    if (!NAME.test(name)) return undefined;
    if (seen.has(key) || (skipped.has(key) && key !== 'from')) continue;
    seen.add(key);
    rules.push({ name, key, isEvery: true, asserts: assertionOf(key, over) });
  }
  return withFrom(rules);
}

/** A list of names of headers as options have it: an array, or one text with commas, blanks or colons between. Undefined for none. */
export function headerNames(value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  const texts = Array.isArray(value) ? value.map(String) : [String(value)];
  const names = texts.flatMap((text) => text.split(/[\s,:]+/)).filter((word) => word !== '');
  return names.length === 0 ? undefined : names;
}

/** A message without From can be sealed, and its signature must name it all the same. */
function assertionOf(key: string, over: ReadonlySet<string>): HeaderRule['asserts'] {
  if (key === OWN_FIELD) return 'never';
  if (over.has(key)) return 'always';
  return key === 'from' ? 'missing' : 'never';
}

function withFrom(rules: HeaderRule[]): HeaderRule[] {
  if (rules.some(({ key }) => key === 'from')) return rules;
  return [{ name: 'From', key: 'from', isEvery: true, asserts: 'missing' }, ...rules];
}

function lower(name: string): string {
  return name.toLowerCase();
}

export function digestOf(algorithm: Algorithm): DigestName {
  return algorithm === 'rsa-sha1' ? 'sha1' : 'sha256';
}

/** In lower case and A-labels; what is no domain stays what it is. */
export function asciiName(domain: string): string {
  return toAsciiDomain(domain, { allowUnderscore: true }) ?? domain.toLowerCase();
}

/** An i= as it may stand beside a d=: of it, or of a name below it (RFC 6376 section 3.5). Undefined for any other, which verifiers refuse. */
export function identityFor(domain: string, identity: string): string | undefined {
  const at = identity.lastIndexOf('@');
  const of = asciiName(identity.slice(at + 1));
  return at >= 0 && (of === domain || of.endsWith(`.${domain}`)) ? `${identity.slice(0, at)}@${of}` : undefined;
}

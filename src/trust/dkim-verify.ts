/**
 * Whether a DKIM signature holds: one field of a message, the digests of its body, and the key that its domain publishes.
 *
 * The one rule: everything a signature says of itself is checked before the DNS is asked. What holds and yet does not count is `policy`, with the
 * reason: a length (l=) that leaves some of the body unsigned, SHA-1, a key of the wrong size (A56). A signature for `d=` never speaks for a name that only
 * ends like it.
 * Not here: how many are looked at (message-scan.ts). Truth: RFC 6376 sections 3.5, 3.7, 6.1; RFC 8301, 8463, 8601.
 */
import { createHash, verify } from 'node:crypto';
import { toAsciiDomain } from '#base';
import { canonicalField, relaxedField, signedFields, SIGNED_FIELDS_MAX, type Canonicalization, type DigestedMessage } from '#dkim';
import type { HeaderField } from '#mail';
import type { Lookup } from './lookup.ts';
import { findKey, type PublishedKey } from './public-key.ts';
import { compact, items, parseTags, type Tags } from './tag-list.ts';

type DkimResult = 'pass' | 'fail' | 'policy' | 'neutral' | 'temperror' | 'permerror';

export interface DkimVerdict {
  readonly result: DkimResult;
  readonly reason: string;
  /** d=, in lower case; '' when it could not be read. */
  readonly domain: string;
  readonly selector: string;
  readonly identity: string;
  readonly algorithm: string;
  /** The beginning of b=, which tells signatures of one domain apart. */
  readonly mark: string;
  readonly isTesting: boolean;
}

/** A signature, understood. */
interface Signature {
  readonly field: HeaderField;
  readonly algorithm: 'rsa-sha256' | 'ed25519-sha256';
  readonly headerCanonicalization: Canonicalization;
  readonly bodyCanonicalization: Canonicalization;
  readonly domain: string;
  readonly selector: string;
  readonly names: readonly string[];
  readonly bodyHash: string;
  readonly octets: Buffer;
  readonly bodyLength: number | undefined;
}

type Judged = { readonly result: DkimResult; readonly reason: string };

const FIELD_OCTETS_MAX = 32_768;
export const SELECTOR = /^[a-z0-9_](?:[a-z0-9._-]{0,200}[a-z0-9_])?$/i;

/** A domain in lower case and A-labels, whichever form the field has (RFC 8616 section 5): its octets, read as latin1, are UTF-8. */
function domainIn(text: string): string | undefined {
  return toAsciiDomain(/[^ -~]/.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text, { allowUnderscore: true });
}

function identityDomain(identity: string): string {
  return domainIn(identity.slice(identity.lastIndexOf('@') + 1)) ?? '';
}

export function fieldText(field: HeaderField): string {
  const raw = field.raw.toString('latin1');
  return raw.slice(raw.indexOf(':') + 1);
}

/** How a signature wants the body; also of one that turns out to be wrong. */
export function canonicalizationsOf(tags: Tags | undefined): readonly [header: Canonicalization, body: Canonicalization] | undefined {
  const [header = 'simple', body = 'simple', ...more] = compact(tags?.get('c') ?? 'simple/simple').split('/');
  const isKnown = (text: string): text is Canonicalization => text === 'simple' || text === 'relaxed';
  return isKnown(header) && isKnown(body) && more.length === 0 ? [header, body] : undefined;
}

interface VerifyPorts {
  readonly message: DigestedMessage | undefined;
  readonly lookup: Lookup;
  readonly now: number;
}

export function verifySignature(field: HeaderField, o: VerifyPorts): Promise<DkimVerdict> {
  return verifyField(field, { ...o, isArc: false });
}

/** An ARC-Message-Signature: without v=, and its i= is a number (RFC 8617 section 4.1.2). */
export function verifyArcMessage(field: HeaderField, o: VerifyPorts): Promise<DkimVerdict> {
  return verifyField(field, { ...o, isArc: true });
}

async function verifyField(field: HeaderField, o: VerifyPorts & { readonly isArc: boolean }): Promise<DkimVerdict> {
  const tags = field.raw.length > FIELD_OCTETS_MAX ? undefined : parseTags(fieldText(field));
  const domain = domainIn(compact(tags?.get('d'))) ?? '';
  const identity = (o.isArc ? '' : compact(tags?.get('i'))) || (domain === '' ? '' : `@${domain}`);
  const about = {
    domain,
    selector: compact(tags?.get('s')),
    identity: /^[ -~]{0,320}$/.test(identity) ? identity : '',
    algorithm: compact(tags?.get('a')).toLowerCase(),
    mark: compact(tags?.get('b')).slice(0, 8),
  };
  const say = ({ result, reason }: Judged, isTesting = false): DkimVerdict => ({ ...about, result, reason, isTesting });
  const signature =
    tags === undefined ? ({ result: 'permerror', reason: 'the field cannot be read' } as const) : readSignature(field, tags, o);
  if ('result' in signature) return say(signature);
  if (o.message === undefined)
    return say({ result: 'permerror', reason: 'the message cannot be checked: its header or its blanks are too long' });
  const key = await findKey(signature.selector, signature.domain, o.lookup);
  if ('result' in key) return say(key);
  if (key.isStrict && identityDomain(identity) !== domain)
    return say({ result: 'permerror', reason: 'the key does not allow i= of another domain' });
  return say(judge(signature, o.message, key), key.isTesting);
}

/** Understands the tags, or says why they are none of a signature that counts. */
function readSignature(field: HeaderField, tags: Tags, o: { readonly now: number; readonly isArc: boolean }): Signature | Judged {
  const bad = (reason: string): Judged => ({ result: 'permerror', reason });
  const algorithm = compact(tags.get('a')).toLowerCase();
  if (!o.isArc && compact(tags.get('v')) !== '1') return bad('v= is not 1');
  if (algorithm === 'rsa-sha1') return { result: 'policy', reason: 'rsa-sha1 does not count (RFC 8301)' };
  if (algorithm !== 'rsa-sha256' && algorithm !== 'ed25519-sha256') return bad('a= is of a kind that nobody knows');
  const domain = domainIn(compact(tags.get('d')));
  const selector = compact(tags.get('s'));
  if (domain === undefined || !SELECTOR.test(selector) || selector.includes('..')) return bad('d= or s= is no name');
  const canonicalizations = canonicalizationsOf(tags);
  if (canonicalizations === undefined) return bad('c= is of a kind that nobody knows');
  const names = items(tags.get('h'));
  if (names.length > SIGNED_FIELDS_MAX || names.includes('')) return bad('h= is no list of fields');
  if (!names.includes('from')) return bad('From is not signed');
  if (o.isArc && names.includes('arc-seal')) return bad('h= names a seal');
  const signed = compact(tags.get('b'));
  if (!/^[a-z0-9+/]+={0,2}$/i.test(signed)) return bad('b= cannot be read');
  const bodyHash = compact(tags.get('bh'));
  if (bodyHash === '') return bad('there is no bh=');
  const limits = limitsProblem(tags, domain, o);
  if (limits !== undefined) return limits;
  const length = tags.has('l') ? Number(compact(tags.get('l'))) : undefined;
  if (length !== undefined && !/^\d{1,15}$/.test(compact(tags.get('l')))) return bad('l= is no number');
  const [headerCanonicalization, bodyCanonicalization] = canonicalizations;
  return {
    field,
    algorithm,
    headerCanonicalization,
    bodyCanonicalization,
    domain,
    selector: selector.toLowerCase(),
    names,
    bodyHash,
    octets: Buffer.from(signed, 'base64'),
    bodyLength: length,
  };
}

/** Whose, for what and until when. */
function limitsProblem(tags: Tags, domain: string, { now, isArc }: { readonly now: number; readonly isArc: boolean }): Judged | undefined {
  const bad = (reason: string): Judged => ({ result: 'permerror', reason });
  if (tags.has('q') && !items(tags.get('q')).includes('dns/txt')) return bad('q= is of a kind that nobody knows');
  if (!isArc && tags.has('i')) {
    const identity = compact(tags.get('i'));
    const of = identityDomain(identity);
    if (!identity.includes('@') || (of !== domain && !of.endsWith(`.${domain}`))) return bad('i= is not of the domain in d=');
  }
  const time = (name: string): number | undefined => {
    const text = compact(tags.get(name));
    return text === '' ? undefined : /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
  };
  const [made, expires] = [time('t'), time('x')];
  if (Number.isNaN(made) || Number.isNaN(expires)) return bad('t= or x= is no time');
  if (expires !== undefined && made !== undefined && expires <= made) return bad('x= is not behind t=');
  return expires !== undefined && expires < now ? { result: 'fail', reason: 'the signature expired' } : undefined;
}

/** Body, then header: what holds, and counts. */
function judge(signature: Signature, message: DigestedMessage, key: PublishedKey): Judged {
  const { algorithm, bodyCanonicalization: canonicalization, bodyLength } = signature;
  if (!algorithm.startsWith(key.kind)) return { result: 'permerror', reason: 'the key is of another kind than the signature' };
  const body = message.hash({ digest: 'sha256', canonicalization });
  if (bodyLength !== undefined && bodyLength > body.length)
    return { result: 'fail', reason: 'the body is shorter than when it was signed' };
  if (bodyLength !== undefined && bodyLength < body.length)
    return { result: 'policy', reason: `l= leaves ${body.length - bodyLength} octets of the body unsigned` };
  if (body.text !== signature.bodyHash) return { result: 'fail', reason: 'the body was changed' };
  const rules = signature.names.map((name) => ({ name, key: name.toLowerCase(), isEvery: false, asserts: 'missing' }) as const);
  const fields = signedFields(message.header.fields, rules);
  const input = fields.map(({ field }) => (field === undefined ? '' : canonicalField(field, signature.headerCanonicalization))).join('');
  return isSignedBy(key, input + ownField(signature), signature.octets)
    ? { result: 'pass', reason: '' }
    : { result: 'fail', reason: 'a signed field was changed, or the key is another one' };
}

/** The field itself, without its signature and its line end. */
function ownField({ field, headerCanonicalization }: Signature): string {
  const raw = withoutSignature(field.raw.toString('latin1')).replace(/\r\n$/, '');
  return headerCanonicalization === 'simple' ? raw : relaxedField(raw);
}

export function withoutSignature(raw: string): string {
  const colon = raw.indexOf(':') + 1;
  return raw.slice(0, colon) + raw.slice(colon).replace(/(^|;)([ \t\r\n]*b[ \t\r\n]*=)[^;]*/, '$1$2');
}

/** @param input octets in latin1 */
export function isSignedBy({ key, kind }: PublishedKey, input: string, signature: Buffer): boolean {
  const octets = Buffer.from(input, 'latin1');
  try {
    if (kind === 'ed25519') return verify(null, createHash('sha256').update(octets).digest(), key, signature);
    return verify('sha256', octets, key, signature);
  } catch {
    return false;
  }
}

/**
 * The key of a signature, from DNS: found, read and judged.
 *
 * The one rule: a key that is too short, too long or odd does not count, whoever published it: RSA from BITS_MIN to BITS_MAX with an exponent of 32
 * bits at most, because an exponent as long as the key makes each check a hundred times dearer. Several keys under one name are none (A56).
 * Truth: RFC 6376 section 3.6, RFC 8301, RFC 8463.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { textsOf, type Lookup } from './lookup.ts';
import { compact, items, parseTags, type Tags } from './tag-list.ts';

const BITS_MIN = 1024;
const BITS_MAX = 8192;
const EXPONENT_MAX = 0xffff_ffffn;
const KEY_CHARACTERS_MAX = 4096;
const ED25519_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

export interface PublishedKey {
  readonly key: KeyObject;
  readonly kind: 'rsa' | 'ed25519';
  readonly isTesting: boolean;
  /** i= must be of the very domain. */
  readonly isStrict: boolean;
}

interface KeyProblem {
  readonly result: 'temperror' | 'permerror' | 'policy';
  readonly reason: string;
}

const permanent = (reason: string): KeyProblem => ({ result: 'permerror', reason });

export async function findKey(selector: string, domain: string, lookup: Lookup): Promise<PublishedKey | KeyProblem> {
  const name = `${selector}._domainkey.${domain}`;
  const answer = await lookup(name, 'TXT');
  if (answer.kind === 'failed') return { result: 'temperror', reason: `${name}: ${answer.reason}` };
  const records = textsOf(answer).flatMap((text) => {
    const tags = /^[ \t]*v[ \t]*=(?![ \t]*DKIM1[ \t]*(?:;|$))/.test(text) ? undefined : parseTags(text);
    return tags?.has('p') === true ? [tags] : [];
  });
  const [tags] = records;
  if (tags === undefined) return permanent(`there is no key at ${name}`);
  return records.length > 1 ? permanent(`there are ${records.length} keys at ${name}`) : readKey(tags);
}

function readKey(tags: Tags): PublishedKey | KeyProblem {
  const kind = compact(tags.get('k') ?? 'rsa').toLowerCase();
  const text = compact(tags.get('p'));
  if (text === '') return permanent('the key was revoked');
  if (kind !== 'rsa' && kind !== 'ed25519') return permanent('the key is of a kind that nobody knows');
  if (tags.has('h') && !items(tags.get('h')).includes('sha256')) return permanent('the key is not for sha256');
  if (tags.has('s') && !items(tags.get('s')).some((service) => service === '*' || service === 'email'))
    return permanent('the key is not for mail');
  const key =
    text.length <= KEY_CHARACTERS_MAX && /^[a-z0-9+/]+={0,2}$/i.test(text) ? decode(kind, Buffer.from(text, 'base64')) : undefined;
  if (key === undefined) return permanent('the key cannot be read');
  if (kind === 'rsa') {
    const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
    if (modulusLength < BITS_MIN || modulusLength > BITS_MAX || publicExponent > EXPONENT_MAX)
      return { result: 'policy', reason: `an RSA key of ${modulusLength} bits does not count` };
  }
  const flags = items(tags.get('t'));
  return { key, kind, isTesting: flags.includes('y'), isStrict: flags.includes('s') };
}

function decode(kind: 'rsa' | 'ed25519', der: Buffer): KeyObject | undefined {
  const attempts =
    kind === 'rsa'
      ? ([
          ['spki', der],
          ['pkcs1', der],
        ] as const)
      : ([['spki', der.length === 32 ? Buffer.concat([ED25519_PREFIX, der]) : der]] as const);
  for (const [type, octets] of attempts) {
    try {
      const key = createPublicKey({ key: octets, format: 'der', type });
      if (key.asymmetricKeyType === kind) return key;
    } catch {
      // The other form, if there is one.
    }
  }
  return undefined;
}

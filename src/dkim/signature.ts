/**
 * The private key's part of a signature: one value from prepared octets, by RSA or Ed25519.
 *
 * The one rule: this is the slow step (RSA 2048: about half a millisecond), so it is a pure function that can run in another thread: text in,
 * text out. RSA keys shorter than 1,024 bits do not sign (RFC 8301 section 3.2); Ed25519 signs the SHA-256 of the input (RFC 8463 section 3).
 */
import { createHash, createPrivateKey, sign, type KeyObject } from 'node:crypto';
import { digestOf, type Algorithm } from './plan.ts';

const RSA_BITS_MIN = 1024;

export interface PrivateKey {
  readonly key: KeyObject;
  readonly kind: 'rsa' | 'ed25519';
}

/** The key of a PEM text, or why it cannot be used. */
export function readPrivateKey(pem: string): PrivateKey | { readonly problem: string } {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    return { problem: 'expected a private key in PEM form' };
  }
  if (key.asymmetricKeyType === 'ed25519') return { key, kind: 'ed25519' };
  if (key.asymmetricKeyType !== 'rsa') return { problem: `expected an RSA or Ed25519 key, not ${key.asymmetricKeyType ?? 'this'}` };
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  return bits < RSA_BITS_MIN
    ? { problem: `the key has ${bits} bits; ${RSA_BITS_MIN} is the least that verifiers accept` }
    : { key, kind: 'rsa' };
}

/** @param input octets in latin1  @returns base64 */
export function signature(input: string, algorithm: Algorithm, key: KeyObject): string {
  const octets = Buffer.from(input, 'latin1');
  if (algorithm === 'ed25519-sha256') return sign(null, createHash('sha256').update(octets).digest(), key).toString('base64');
  return sign(digestOf(algorithm), octets, key).toString('base64');
}

/**
 * TLSA records as data: which of them can be used for SMTP, and whether a certificate is the one that a record means.
 *
 * The one rule: only usages 2 (DANE-TA) and 3 (DANE-EE) count, with a known selector and matching type and data of the right length; the rest is
 * unusable, as if it were not there, and never as if it matched. Of several digests of the same kind only the strongest counts.
 * Not here: how records are found (dane-lookup.ts), chains (dane-proof.ts). Truth: RFC 6698, RFC 7671 sections 4 to 9, RFC 7672 section 3.1.
 */
import { createHash, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import type { DnsRecord } from '#dns';

export interface Tlsa {
  readonly usage: 2 | 3;
  /** 0: the certificate, 1: its public key. */
  readonly selector: 0 | 1;
  /** 0: all of it, 1: SHA-256, 2: SHA-512. */
  readonly matching: 0 | 1 | 2;
  readonly data: Buffer;
}

/** Records considered of one name. */
const TLSA_MAX = 32;

const digestBytes = { 1: 32, 2: 64 } as const;

/** The records that can be used, the weaker of two digests left out. */
export function usableTlsa(records: readonly DnsRecord[]): Tlsa[] {
  const usable: Tlsa[] = [];
  for (const record of records) {
    if (record.type !== 'TLSA' || usable.length >= TLSA_MAX) continue;
    const { usage, selector, matching, data } = record;
    if ((usage !== 2 && usage !== 3) || (selector !== 0 && selector !== 1)) continue;
    if (matching !== 0 && matching !== 1 && matching !== 2) continue;
    const one: Tlsa = { usage, selector, matching, data: Buffer.from(data) };
    if (matching === 0 ? isWhole(one) : data.length === digestBytes[matching]) usable.push(one);
  }
  const hasStronger = (weak: Tlsa): boolean =>
    usable.some(({ usage, selector, matching }) => usage === weak.usage && selector === weak.selector && matching === 2);
  return usable.filter((one) => one.matching !== 1 || !hasStronger(one));
}

export function matchesTlsa(certificate: X509Certificate, record: Tlsa): boolean {
  const whole = record.selector === 0 ? certificate.raw : spkiOf(certificate);
  if (whole === undefined) return false;
  const shown =
    record.matching === 0
      ? whole
      : createHash(record.matching === 1 ? 'sha256' : 'sha512')
          .update(whole)
          .digest();
  return shown.equals(record.data);
}

/** The certificate that a record gives whole. */
export function wholeCertificate({ selector, matching, data }: Tlsa): X509Certificate | undefined {
  if (selector !== 0 || matching !== 0) return undefined;
  try {
    return new X509Certificate(data);
  } catch {
    return undefined;
  }
}

/** The public key that a record gives whole. */
export function wholeKey({ selector, matching, data }: Tlsa): KeyObject | undefined {
  if (selector !== 1 || matching !== 0) return undefined;
  try {
    return createPublicKey({ key: data, format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

function isWhole(record: Tlsa): boolean {
  return (record.selector === 0 ? wholeCertificate(record) : wholeKey(record)) !== undefined;
}

function spkiOf(certificate: X509Certificate): Buffer | undefined {
  try {
    return certificate.publicKey.export({ format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

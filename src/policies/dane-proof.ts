/**
 * Whether the certificates that a server showed are those that its TLSA records mean.
 *
 * The one rule: one record that holds is enough. DANE-EE (3) is about the server's own certificate alone: neither its names nor its dates count.
 * DANE-TA (2) is about an authority above it: every link is signed, in its dates, allowed to sign, and the server's certificate has one of the names.
 * No authority of the system counts for either, and none can make good what a record refuses.
 * Not here: which records there are (dane-lookup.ts), the handshake (outbound). Truth: RFC 7671 section 5, RFC 7672 sections 3.1 and 3.2.
 */
import { X509Certificate, type KeyObject } from 'node:crypto';
import { matchesTlsa, wholeCertificate, wholeKey, type Tlsa } from './tlsa.ts';

export interface ProofFailure {
  /** As in a report (RFC 8460 section 4.3). */
  readonly type: 'certificate-expired' | 'certificate-host-mismatch' | 'validation-failure';
  readonly text: string;
}

/** Certificates looked at of what a server shows. */
const CHAIN_MAX = 10;

/**
 * @param chain DER, the server's own first, each other the issuer of the one before it
 * @param o.names whom the certificate may name, for DANE-TA
 * @param o.now milliseconds
 */
export function daneProof(
  chain: readonly Buffer[],
  o: { readonly records: readonly Tlsa[]; readonly names: readonly string[]; readonly now: number },
): ProofFailure | undefined {
  const certificates = read(chain);
  const [own] = certificates;
  if (own === undefined) return { type: 'validation-failure', text: 'the server showed no certificate that can be read' };
  if (o.records.some((record) => record.usage === 3 && matchesTlsa(own, record))) return undefined;
  let worst: ProofFailure | undefined;
  for (const record of o.records) {
    if (record.usage !== 2) continue;
    const path = pathTo(certificates, record);
    if (path === undefined) continue;
    const failure = faultOf(path, o);
    if (failure === undefined) return undefined;
    worst = failure;
  }
  return worst ?? { type: 'validation-failure', text: 'no TLSA record matches the certificate' };
}

interface Path {
  /** The server's own first; the last one is the anchor, or is signed by it. */
  readonly certificates: readonly X509Certificate[];
  /** Where the anchor is a bare key. */
  readonly key: KeyObject | undefined;
}

/** From the server's certificate to the anchor that a record means; undefined when it is not above it. */
function pathTo(certificates: readonly X509Certificate[], record: Tlsa): Path | undefined {
  for (let i = 1; i < certificates.length; i += 1)
    if (matchesTlsa(certificates[i]!, record)) return { certificates: certificates.slice(0, i + 1), key: undefined };
  const key = wholeKey(record);
  if (key !== undefined) {
    const i = certificates.findIndex((one) => one.verify(key));
    return i < 0 ? undefined : { certificates: certificates.slice(0, i + 1), key };
  }
  const anchor = wholeCertificate(record);
  const i = anchor === undefined ? -1 : certificates.findIndex((one) => isIssuedBy(one, anchor));
  return anchor === undefined || i < 0 ? undefined : { certificates: [...certificates.slice(0, i + 1), anchor], key: undefined };
}

function faultOf({ certificates, key }: Path, o: { readonly names: readonly string[]; readonly now: number }): ProofFailure | undefined {
  const [own] = certificates;
  for (let i = 0; i < certificates.length; i += 1) {
    const one = certificates[i]!;
    const above = certificates[i + 1];
    if (above !== undefined ? !isIssuedBy(one, above) : key !== undefined && !one.verify(key))
      return { type: 'validation-failure', text: 'the certificates are not signed by each other' };
    // Between the server's certificate and this one there are i - 1 others.
    if (i > 0 && (!one.ca || mostBelow(one.raw) < i - 1))
      return { type: 'validation-failure', text: 'a certificate was signed by one that may not sign' };
    if (Date.parse(one.validTo) < o.now || Date.parse(one.validFrom) > o.now)
      return { type: 'certificate-expired', text: `a certificate holds from ${one.validFrom} to ${one.validTo}` };
  }
  const isNamed = o.names.some((name) => own?.checkHost(name, { partialWildcards: false }) !== undefined);
  return isNamed ? undefined : { type: 'certificate-host-mismatch', text: `the certificate names none of ${o.names.join(', ')}` };
}

function isIssuedBy(one: X509Certificate, above: X509Certificate): boolean {
  try {
    return one.checkIssued(above) && one.verify(above.publicKey);
  } catch {
    return false;
  }
}

function read(chain: readonly Buffer[]): X509Certificate[] {
  try {
    return chain.slice(0, CHAIN_MAX).map((der) => new X509Certificate(der));
  } catch {
    return [];
  }
}

/** pathLenConstraint of the basic constraints (RFC 5280 section 4.2.1.9); Infinity where there is none. */
function mostBelow(der: Buffer): number {
  const at = der.indexOf(Buffer.from('0603551d13', 'hex'));
  if (at < 0) return Infinity;
  let i = at + 5;
  if (der[i] === 0x01) i += 3;
  // OCTET STRING with a SEQUENCE of BOOLEAN (cA) and INTEGER, all short.
  if (der[i] !== 0x04 || der[i + 2] !== 0x30) return Infinity;
  const end = i + 4 + (der[i + 3] ?? 0);
  i += 4;
  if (der[i] === 0x01) i += 3;
  return i < end && der[i] === 0x02 && der[i + 1] === 1 ? (der[i + 2] ?? 0) : Infinity;
}

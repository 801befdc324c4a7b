/**
 * What a finished handshake tells about a connection, for contexts and policy.
 *
 * The one rule: a client's certificate counts as verified only when the TLS library says so; where it cannot be asked, it is not.
 * Names of a certificate are the client's words: one printable line, `NAME_MAX` characters at most.
 * Not here: what follows from it (the session). Truth: rules CTX-02, TLSI-02.
 */
import type { PeerCertificate, TLSSocket } from 'node:tls';

const NAME_MAX = 1024;

interface TlsClientCertificate {
  /** One line, `/C=US/O=Example/CN=name`. */
  readonly subject: string;
  readonly subjectCn: string;
  readonly issuer: string;
  readonly issuerCn: string;
  /** Milliseconds since 1970; NaN where it cannot be read. */
  readonly validTo: number;
}

export interface TlsFacts {
  readonly protocol: string;
  readonly cipher: string;
  /** Bits of the key that the algorithm has, and that are secret in fact. */
  readonly algorithmBits: number;
  readonly usedBits: number;
  /** What the client presented, when it was asked and had one. */
  readonly client: TlsClientCertificate | undefined;
  /** When the session began: where one is taken up again, the library repeats itself, and the certificate may be over by now. */
  readonly isClientVerified: boolean;
}

/** The handle of a socket knows the library's verdict; the runtime gives it out only where it owns the server. */
interface Verifier {
  readonly _handle?: { verifyError?: () => Error | null | undefined } | null;
}

/** @param shown the peer's certificate; undefined where it was not asked for one, or had none */
export function tlsFactsOf(socket: TLSSocket, shown: Pick<PeerCertificate, 'subject' | 'issuer' | 'valid_to'> | undefined): TlsFacts {
  const { name, version } = socket.getCipher();
  const client = shown === undefined || Object.keys(shown).length === 0 ? undefined : clientOf(shown);
  const bits = keyBits(name);
  return {
    protocol: version,
    cipher: name,
    algorithmBits: bits,
    usedBits: name.includes('3DES') || name.includes('DES-CBC3') ? 112 : bits,
    client,
    isClientVerified: client !== undefined && isVerified(socket as unknown as Verifier),
  };
}

function isVerified(socket: Verifier): boolean {
  const ask = socket._handle?.verifyError;
  if (ask === undefined) return false;
  const error = ask.call(socket._handle);
  return error === null || error === undefined;
}

function keyBits(cipher: string): number {
  if (/CHACHA20|AES_?256|CAMELLIA_?256|ARIA_?256/.test(cipher)) return 256;
  if (/3DES|DES-CBC3/.test(cipher)) return 168;
  return 128;
}

function clientOf(certificate: Pick<PeerCertificate, 'subject' | 'issuer' | 'valid_to'>): TlsClientCertificate {
  const subject = certificate.subject as unknown as NameParts;
  const issuer = certificate.issuer as unknown as NameParts;
  return {
    subject: lineOf(subject),
    subjectCn: commonName(subject),
    issuer: lineOf(issuer),
    issuerCn: commonName(issuer),
    validTo: Date.parse(certificate.valid_to),
  };
}

type NameParts = Readonly<Record<string, string | readonly string[] | undefined>> | undefined;

function lineOf(name: NameParts): string {
  const parts = Object.entries(name ?? {}).flatMap(([key, value]) =>
    (typeof value === 'string' ? [value] : (value ?? [])).map((one) => `/${key}=${one}`),
  );
  return printable(parts.join(''));
}

function commonName(name: NameParts): string {
  const value = name?.['CN'];
  return printable(typeof value === 'string' ? value : (value?.at(-1) ?? ''));
}

function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').slice(0, NAME_MAX);
}

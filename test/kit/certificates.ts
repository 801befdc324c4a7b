/**
 * An authority and certificates for tests of TLS, made by openssl in a folder of the test's own.
 *
 * The one rule: they protect nothing and end with the folder. Names of files: `ca.pem`, and `NAME.pem` with `NAME.key` beside it.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

function openssl(dir: string, ...args: readonly string[]): void {
  execFileSync('openssl', [...args], { cwd: dir, stdio: 'ignore' });
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'] as const;
const newRsaKey = ['-newkey', 'rsa:2048', '-nodes'] as const;

/** Makes the authority of a folder. */
export function makeAuthority(dir: string): void {
  openssl(dir, 'req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/O=Impetus/CN=Test CA', '-days', '30');
}

interface CertificateWishes {
  /** May be negative for one that is over. */
  readonly days?: number;
  /** For subjectAltName, names of hosts or `IP:address`; the common name is always `NAME.test`. */
  readonly names?: readonly string[];
  readonly key?: 'ec' | 'rsa';
}

/** Makes a certificate signed by the authority of the folder. */
export function makeCertificate(dir: string, name: string, o: CertificateWishes = {}): { cert: string; key: string } {
  const key = o.key === 'rsa' ? newRsaKey : newKey;
  openssl(dir, 'req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/O=Impetus/CN=${name}.test`);
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', String(o.days ?? 30)];
  if (o.names !== undefined) {
    writeFileSync(
      join(dir, `${name}.ext`),
      `subjectAltName = ${o.names.map((name) => (name.startsWith('IP:') ? name : `DNS:${name}`)).join(', ')}\n`,
    );
    signed.push('-extfile', `${name}.ext`);
  }
  openssl(dir, 'x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...signed);
  return { cert: join(dir, `${name}.pem`), key: join(dir, `${name}.key`) };
}

/** A certificate and its key in one file, `NAME.both`; gives the path. */
export function makeWhole(dir: string, name: string, names: readonly string[]): string {
  const { cert, key } = makeCertificate(dir, name, { names });
  const whole = join(dir, `${name}.both`);
  writeFileSync(whole, readFileSync(cert, 'utf8') + readFileSync(key, 'utf8'));
  return whole;
}

/** Parameters for DHE of a well-known group, made at once. */
export function makeDhParams(dir: string): string {
  openssl(dir, 'genpkey', '-genparam', '-algorithm', 'DH', '-pkeyopt', 'group:ffdhe2048', '-out', 'dh.pem');
  return join(dir, 'dh.pem');
}

/** A certificate that only its own key has signed. */
export function makeSelfSigned(dir: string, name: string, kind: 'ec' | 'rsa' = 'ec'): { cert: string; key: string } {
  const to = ['-keyout', `${name}.key`, '-out', `${name}.pem`];
  openssl(dir, 'req', '-x509', ...(kind === 'rsa' ? newRsaKey : newKey), ...to, '-subj', `/CN=${name}.test`, '-days', '30');
  return { cert: join(dir, `${name}.pem`), key: join(dir, `${name}.key`) };
}

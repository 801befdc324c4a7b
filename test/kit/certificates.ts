/**
 * An authority and certificates for tests of TLS, made by openssl in a folder of the test's own.
 *
 * The one rule: they protect nothing and end with the folder. Names of files: `ca.pem`, and `NAME.pem` with `NAME.key` beside it.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

function openssl(dir: string, ...args: readonly string[]): void {
  execFileSync('openssl', [...args], { cwd: dir, stdio: 'ignore' });
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'] as const;

/** Makes the authority of a folder. */
export function makeAuthority(dir: string): void {
  openssl(dir, 'req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/O=Impetus/CN=Test CA', '-days', '30');
}

/** Makes a certificate signed by the authority of the folder; `days` may be negative for one that is over. */
export function makeCertificate(dir: string, name: string, o: { readonly days?: number } = {}): { cert: string; key: string } {
  openssl(dir, 'req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/O=Impetus/CN=${name}.test`);
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', String(o.days ?? 30)];
  openssl(dir, 'x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...signed);
  return { cert: join(dir, `${name}.pem`), key: join(dir, `${name}.key`) };
}

/** A certificate that only its own key has signed. */
export function makeSelfSigned(dir: string, name: string): { cert: string; key: string } {
  const to = ['-keyout', `${name}.key`, '-out', `${name}.pem`];
  openssl(dir, 'req', '-x509', ...newKey, ...to, '-subj', `/CN=${name}.test`, '-days', '30');
  return { cert: join(dir, `${name}.pem`), key: join(dir, `${name}.key`) };
}

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { DnsRecord } from '#dns';
import { makeAuthority, makeCertificate } from '../../test/kit/certificates.ts';
import { daneProof } from './dane-proof.ts';
import { usableTlsa } from './tlsa.ts';

const dir = mkdtempSync(join(tmpdir(), 'impetus-tlsa-'));
after(() => rmSync(dir, { recursive: true, force: true }));
makeAuthority(dir);
const der = (name: string): Buffer => new X509Certificate(readFileSync(join(dir, `${name}.pem`))).raw;
const made = (name: string, o: { days?: number; names: string[] }): Buffer => (makeCertificate(dir, name, o), der(name));
const ca = der('ca');
const good = made('good', { names: ['mx.test', '*.wild.test'] });
const over = made('over', { days: -1, names: ['mx.test'] });
const spki = (certificate: Buffer): Buffer => new X509Certificate(certificate).publicKey.export({ format: 'der', type: 'spki' });
const sha = (kind: 'sha256' | 'sha512', bytes: Buffer): Buffer => createHash(kind).update(bytes).digest();
const tlsa = (usage: number, selector: number, matching: number, data: Buffer): DnsRecord => ({
  type: 'TLSA',
  name: '_25._tcp.mx.test',
  ttl: 1,
  usage,
  selector,
  matching,
  data,
});

function verdict(chain: Buffer[], records: DnsRecord[], names = ['mx.test']): string {
  const failure = daneProof(chain, { records: usableTlsa(records), names, now: Date.now() });
  return failure === undefined ? 'ok' : `${failure.type}: ${failure.text}`;
}

const noMatch = 'validation-failure: no TLSA record matches the certificate';

test('A46: TLSA of unknown usage, selector or matching type, or data of length 0, 3 or 20, is not used; the weaker digest of two neither', () => {
  const bytes = (n: number): Buffer => Buffer.alloc(n, 1);
  const bad = [
    tlsa(0, 1, 1, bytes(32)),
    tlsa(1, 1, 1, bytes(32)),
    tlsa(255, 1, 1, bytes(32)),
    tlsa(3, 2, 1, bytes(32)),
    tlsa(3, 1, 3, bytes(32)),
  ];
  for (const matching of [0, 1, 2]) for (const n of [0, 3, 20]) bad.push(tlsa(3, 1, matching, bytes(n)), tlsa(2, 0, matching, bytes(n)));
  assert.deepEqual(usableTlsa(bad), []);
  const both = [tlsa(3, 1, 1, sha('sha256', spki(good))), tlsa(3, 1, 2, sha('sha512', spki(over))), tlsa(2, 1, 1, bytes(32))];
  assert.deepEqual(
    usableTlsa(both).map(({ usage, matching }) => [usage, matching]),
    [
      [3, 2],
      [2, 1],
    ],
  );
  assert.equal(verdict([good], both.slice(0, 2)), noMatch);
});

test('A46: DANE-EE is about the own certificate alone, in every selector and matching type, and its names and dates do not count', () => {
  for (const certificate of [good, over])
    for (const [selector, whole] of [certificate, spki(certificate)].entries())
      for (const [matching, data] of [whole, sha('sha256', whole), sha('sha512', whole)].entries()) {
        const record = tlsa(3, selector, matching, data);
        assert.equal(verdict([certificate, ca], [record], ['other.test']), 'ok', `3 ${selector} ${matching}`);
        assert.equal(verdict([certificate === good ? over : good, ca], [record]), noMatch);
      }
  assert.equal(verdict([good, ca], [tlsa(3, 1, 1, sha('sha256', spki(ca)))]), noMatch);
  assert.match(verdict([], [tlsa(3, 1, 1, Buffer.alloc(32))]), /no certificate/);
});

test('A46: DANE-TA wants a chain to the authority, its dates and one of the names; a whole certificate or key need not be sent', () => {
  for (const [selector, whole] of [ca, spki(ca)].entries())
    for (const [matching, data] of [whole, sha('sha256', whole), sha('sha512', whole)].entries()) {
      const record = tlsa(2, selector, matching, data);
      assert.equal(verdict([good, ca], [record]), 'ok', `2 ${selector} ${matching}`);
      assert.equal(verdict([good], [record]), matching === 0 ? 'ok' : noMatch, `2 ${selector} ${matching} without the authority`);
      assert.match(verdict([over, ca], [record]), /^certificate-expired/);
      assert.match(verdict([good, ca], [record], ['other.test', 'a.b.wild.test']), /^certificate-host-mismatch/);
      assert.equal(verdict([good, ca], [record], ['other.test', 'a.wild.test']), 'ok');
    }
  // The server's own certificate is no authority above itself.
  assert.equal(verdict([good, ca], [tlsa(2, 1, 1, sha('sha256', spki(good)))]), noMatch);
});

test('A46: DANE-TA does not believe a certificate signed by one that may not sign, nor a chain that only looks like one', () => {
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'under.key', '-out', 'under.csr', '-subj', '/CN=under');
  writeFileSync(join(dir, 'under.ext'), 'subjectAltName = DNS:mx.test\n');
  openssl(
    'x509',
    '-req',
    '-in',
    'under.csr',
    '-CA',
    'good.pem',
    '-CAkey',
    'good.key',
    '-CAcreateserial',
    '-days',
    '5',
    '-extfile',
    'under.ext',
    '-out',
    'under.pem',
  );
  const record = tlsa(2, 0, 1, sha('sha256', ca));
  assert.match(verdict([der('under'), good, ca], [record]), /may not sign/);
  // An authority with the same name and another key.
  const other = mkdtempSync(join(tmpdir(), 'impetus-tlsa-'));
  try {
    makeAuthority(other);
    const forged = new X509Certificate(readFileSync(join(other, 'ca.pem'))).raw;
    assert.match(verdict([good, forged], [tlsa(2, 0, 1, sha('sha256', forged))]), /not signed by each other/);
  } finally {
    rmSync(other, { recursive: true, force: true });
  }
});

test('A46: an authority that may have nothing between it and the server (pathlen:0) is held to it', () => {
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
  const authority = (name: string, length: number, by?: string): void => {
    writeFileSync(join(dir, `${name}.ext`), `basicConstraints = critical,CA:true,pathlen:${length}\n`);
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    const signer = by === undefined ? ['-signkey', `${name}.key`] : ['-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial'];
    openssl('x509', '-req', '-in', `${name}.csr`, ...signer, '-days', '5', '-extfile', `${name}.ext`, '-out', `${name}.pem`);
  };
  for (const length of [0, 1]) {
    authority('top', length);
    authority('middle', 0, 'top');
    writeFileSync(join(dir, 'leaf.ext'), 'subjectAltName = DNS:mx.test\n');
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'leaf.key', '-out', 'leaf.csr', '-subj', '/CN=leaf');
    openssl(
      'x509',
      '-req',
      '-in',
      'leaf.csr',
      '-CA',
      'middle.pem',
      '-CAkey',
      'middle.key',
      '-CAcreateserial',
      '-days',
      '5',
      '-extfile',
      'leaf.ext',
      '-out',
      'leaf.pem',
    );
    const result = verdict([der('leaf'), der('middle'), der('top')], [tlsa(2, 0, 1, sha('sha256', der('top')))]);
    assert.match(result, length === 0 ? /may not sign/ : /^ok$/);
  }
});

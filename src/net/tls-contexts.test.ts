/**
 * TLS contexts from files: what is refused and how, what is renewed when.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeAuthority, makeCertificate } from '../../test/kit/certificates.ts';
import { makeTlsContext, TlsContexts, type TlsSettings } from './tls-contexts.ts';
import { protocolRange } from './tls-protocols.ts';

const dir = mkdtempSync(join(tmpdir(), 'impetus-tls-'));
const at = (name: string): string => join(dir, name);

before(() => {
  makeAuthority(dir);
  makeCertificate(dir, 'mx');
  makeCertificate(dir, 'other');
  writeFileSync(at('junk.pem'), 'no certificate\n');
});
after(() => rmSync(dir, { recursive: true }));

function settings(o: Partial<TlsSettings> = {}): TlsSettings {
  return {
    certificate: at('mx.pem'),
    key: at('mx.key'),
    clientCa: undefined,
    ciphers: undefined,
    protocols: undefined,
    verifyMode: 'none',
    ...o,
  };
}

test('What a stanza names and cannot be had is refused with the option and the file (TLSI-01)', () => {
  const wrong: [Partial<TlsSettings>, RegExp][] = [
    [{ certificate: at('none.pem') }, /^TLS_Certificate ".*none\.pem" cannot be read: there is no such file$/],
    [{ key: at('none.key') }, /^TLS_Key ".*none\.key" cannot be read/],
    [{ certificate: at('junk.pem') }, /^TLS_Certificate ".*junk\.pem" holds no certificate/],
    [{ key: undefined }, /^TLS_Certificate ".*mx\.pem" holds no private key .*TLS_Key$/],
    [{ key: at('other.key') }, /^TLS_Key ".*other\.key" is not the key of TLS_Certificate ".*mx\.pem"$/],
    [{ clientCa: at('junk.pem') }, /^TLS_Client_CA ".*junk\.pem" holds no certificate/],
    [{ ciphers: 'NOSUCHCIPHER' }, /^TLS_Ciphers "NOSUCHCIPHER": no such ciphers$/],
    [{ protocols: '+TLSv9' }, /^TLS_Protocols "\+TLSv9": "\+TLSv9" is no version/],
    [{ protocols: '+ALL:-ALL' }, /^TLS_Protocols .*no version is left$/],
  ];
  for (const [change, message] of wrong) assert.throws(() => makeTlsContext(settings(change)), { name: 'TlsError', message });
  assert.ok(makeTlsContext(settings({ clientCa: at('ca.pem'), ciphers: 'HIGH:!aNULL', protocols: '+ALL:-SSLv3' })));
});

test('TLS_Protocols reads from left to right; a gap takes away what is below it (TLSI-01)', () => {
  assert.deepEqual(protocolRange(undefined), {});
  assert.deepEqual(protocolRange('+ALL:-SSLv2:-SSLv3'), { minVersion: 'TLSv1', maxVersion: 'TLSv1.3' });
  assert.deepEqual(protocolRange('+ALL:-TLSv1.0:-TLSv1.1'), { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' });
  assert.deepEqual(protocolRange('+TLSv1.2'), { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' });
  assert.deepEqual(protocolRange('+ALL:-TLSv1.1'), { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' });
});

test('A context is kept for its listener, renewed when a file changes, and survives a file that went bad (TLSI-01)', () => {
  let now = 0;
  const panics: string[] = [];
  const contexts = new TlsContexts({ mono: () => now, panic: { log: (_level, _part, text) => void panics.push(text) } });
  copyFileSync(at('mx.pem'), at('live.pem'));
  copyFileSync(at('mx.key'), at('live.key'));
  const live = settings({ certificate: at('live.pem'), key: at('live.key') });
  const first = contexts.for(live, ':25');
  assert.equal(contexts.for(live, ':25'), first);
  assert.notEqual(contexts.for(live, ':465'), first, 'listeners share no session tickets');

  copyFileSync(at('other.pem'), at('live.pem'));
  copyFileSync(at('other.key'), at('live.key'));
  assert.equal(contexts.for(live, ':25'), first, 'files are not looked at for each connection');
  now += 60_000;
  const second = contexts.for(live, ':25');
  assert.notEqual(second, first);

  writeFileSync(at('live.pem'), 'broken');
  contexts.recheck();
  assert.equal(contexts.for(live, ':25'), second);
  assert.match(panics.join('\n'), /live\.pem" holds no certificate.*stays in use/);
});

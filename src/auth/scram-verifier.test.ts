import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ManualClock, systemRandom } from '#base';
import { Authenticator } from './authenticator.ts';
import { saslClient } from './client/sasl-client.ts';
import type { SaslStep } from './exchange.ts';
import { parseVerifier, verifierOf } from './scram-verifier.ts';
import type { MechanismName } from './settings.ts';

const dir = mkdtempSync(join(tmpdir(), 'impetus-verifier-'));
after(() => rmSync(dir, { recursive: true }));
const path = join(dir, 'users');
writeFileSync(path, `tom:${verifierOf('p\u00e4ss word', Buffer.alloc(16, 7))}\n`, { mode: 0o600 });
const desk = new Authenticator({
  clock: new ManualClock(),
  random: systemRandom,
  panic: { log: () => undefined },
  hostname: 'mx.test',
  service: 'control',
});

async function attempt(mechanism: MechanismName, password: string): Promise<string> {
  const exchange = desk.begin(mechanism, { uri: `file://${path}`, realm: undefined, storedCleartext: false, logs: false });
  const client = saslClient(mechanism, { user: 'tom', password, service: 'control', host: 'mx.test', nonce: 'abcdefgh' });
  const initial = client.initial();
  let step = await new Promise<SaslStep>((done) => exchange.begin(initial === undefined ? undefined : Buffer.from(initial), done));
  while (step.kind === 'challenge') {
    const answer = await client.answer(step.text);
    step = await new Promise<SaslStep>((done) => exchange.next(Buffer.from(answer), done));
  }
  if (step.kind === 'pass') client.finish();
  return step.kind;
}

test('a file with verifiers holds no password, and lets in by SCRAM, PLAIN and LOGIN whoever knows it (AUTH-20, A41)', async () => {
  for (const mechanism of ['SCRAM-SHA-256', 'PLAIN', 'LOGIN'] as const) {
    assert.equal(await attempt(mechanism, 'p\u00e4ss word'), 'pass', mechanism);
    assert.equal(await attempt(mechanism, 'pass word'), 'fail', mechanism);
    // Whoever reads the file cannot log in with what stands there.
    assert.equal(await attempt(mechanism, verifierOf('p\u00e4ss word', Buffer.alloc(16, 7))), 'fail', mechanism);
  }
});

test('mechanisms that need the clear password refuse a user with a verifier (AUTH-03)', async () => {
  assert.equal(await attempt('CRAM-MD5', 'p\u00e4ss word'), 'fail');
});

test('what only looks like a verifier is a password', () => {
  for (const text of ['SCRAM-SHA-256$0:AA==$x:y', 'SCRAM-SHA-256$4096:AA==$AAAA:AAAA', 'secret', ''])
    assert.equal(parseVerifier(text), undefined);
});

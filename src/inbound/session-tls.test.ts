/**
 * What a session makes of a finished handshake.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#base';
import type { Connection, TlsFacts } from '#net';
import type { Session } from './session-types.ts';
import { beginTls, tlsKeys } from './session-tls.ts';

const clock = new ManualClock(Date.parse('2030-01-01T00:00:00Z'));

/** The facts that the session hears when the library reports these. */
function heard(isClientVerified: boolean, validTo: number): TlsFacts | undefined {
  const client = { subject: '/CN=friend', subjectCn: 'friend', issuer: '/CN=ca', issuerCn: 'ca', validTo };
  const facts: TlsFacts = { protocol: 'TLSv1.3', cipher: 'x', algorithmBits: 128, usedBits: 128, client, isClientVerified };
  const connection = { secure: ({ done }: { done: (facts: TlsFacts) => void }) => done(facts) } as unknown as Connection;
  const ports = { clock, panic: { log: () => undefined }, tls: { for: () => ({}) } };
  const session = { ports, rules: { tls: { settings: {} } } } as unknown as Session;
  let told: TlsFacts | undefined;
  beginTls({ session, connection, listen: ':25', word: undefined }, (given) => (told = given));
  return told;
}

test('TLSI-02, A39: a certificate that is over by now is not verified, though the library says so of a session that is taken up again', () => {
  const now = clock.now();
  assert.equal(heard(true, now + 1)?.isClientVerified, true);
  for (const [isVerified, validTo] of [
    [true, now],
    [true, Number.NaN],
    [false, now + 1],
  ] as const) {
    const facts = heard(isVerified, validTo);
    assert.equal(facts?.isClientVerified, false);
    assert.equal(
      tlsKeys(facts!).some(([key]) => key === 'tls_client_verified'),
      false,
    );
  }
});

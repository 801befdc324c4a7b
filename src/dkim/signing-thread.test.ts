/** The thread in which keys work: answers for the right question, and a successor when it dies. */
import assert from 'node:assert/strict';
import { createHash, createPrivateKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { test } from 'node:test';
import { KEYS_MAX, SigningThread } from './signing-thread.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
const ed25519 = [1, 2, 3].map(() => generateKeyPairSync('ed25519'));

function threadOn(entry = new URL('./signing-entry.ts', import.meta.url)) {
  const deaths: string[] = [];
  const thread = new SigningThread({
    entryBeside: () => entry,
    workerFlags: () => undefined,
    died: (why) => deaths.push(why),
  });
  return { thread, deaths };
}

test('many signatures at once come back each to who asked, and verify', async (t) => {
  const { thread } = threadOn();
  t.after(() => thread.close());
  const inputs = Array.from({ length: 200 }, (_none, i) => `octets ${i} \u00e9`);
  const signatures = await Promise.all(
    inputs.map((input) => new Promise<string>((done) => thread.sign(input, 'rsa-sha256', rsa.privateKey, done))),
  );
  for (const [i, signature] of signatures.entries())
    assert.ok(verify('sha256', Buffer.from(inputs[i]!, 'latin1'), rsa.publicKey, Buffer.from(signature, 'base64')));
  assert.equal(thread.waiting, 0);
});

test('a thread that cannot live is tried twice and then answers nothing, so that mail goes on', async (t) => {
  const { thread, deaths } = threadOn(new URL('data:text/javascript,process.exit(3)'));
  t.after(() => thread.close());
  assert.equal(await new Promise((done) => thread.sign('x', 'rsa-sha256', rsa.privateKey, done)), '');
  assert.equal(deaths.length, 2);
});

test('a key that does not fit the algorithm is no signature, and the thread lives on', async (t) => {
  const { thread, deaths } = threadOn();
  t.after(() => thread.close());
  const ask = (algorithm: 'rsa-sha256' | 'ed25519-sha256', key = rsa.publicKey as typeof rsa.privateKey) =>
    new Promise<string>((done) => thread.sign('x', algorithm, key, done));
  assert.equal(await ask('rsa-sha256'), '');
  assert.notEqual(await ask('rsa-sha256', rsa.privateKey), '');
  assert.deepEqual(deaths, []);
});

test('with more keys at once than the thread remembers each signature is still made with its own', async (t) => {
  const { thread, deaths } = threadOn();
  t.after(() => thread.close());
  const pems = ed25519.map(({ privateKey }) => privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const keys = Array.from({ length: KEYS_MAX + 3 }, (_none, i) => createPrivateKey(pems[i % pems.length]!));
  const signatures = await Promise.all(keys.map((key) => new Promise<string>((done) => thread.sign('x', 'ed25519-sha256', key, done))));
  const own = ed25519.map(({ privateKey }) => sign(null, createHash('sha256').update('x').digest(), privateKey).toString('base64'));
  for (const [i, signature] of signatures.entries()) assert.equal(signature, own[i % own.length]);
  assert.deepEqual(deaths, []);
});

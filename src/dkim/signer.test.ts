/** Where the work of a key is done: in its thread, whatever its kind. */
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, verify, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { ManualClock } from '#base';
import { KeyCache } from './key-cache.ts';
import { namedRules, type Algorithm } from './plan.ts';
import { signature } from './signature.ts';
import { DkimSigner } from './signer.ts';

const keys: Readonly<Record<string, { privateKey: KeyObject; publicKey: KeyObject }>> = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 1024 }),
  ed25519: generateKeyPairSync('ed25519'),
};
const message = 'From: <me@a.test>\r\nSubject: hello\r\n\r\nA text.\r\n';

function signerWith(kind: string) {
  const asked: { input: string; algorithm: Algorithm; key: KeyObject; done: (signature: string) => void }[] = [];
  const clock = new ManualClock();
  const counts = { signed: 0, failed: 0 };
  const signer = new DkimSigner(
    {
      name: 'opendkim',
      domains: new Map(),
      defaults: {
        baseDomain: undefined,
        selector: 's',
        key: `/${kind}/%{d}.pem`,
        digest: 'rsa-sha256',
        headerCanonicalization: 'relaxed',
        bodyCanonicalization: 'relaxed',
        headers: namedRules({ names: ['From', 'Subject'], skipped: [], oversigned: [] }) ?? [],
        identity: undefined,
        lifetimeSeconds: 0,
        hasBodyLength: false,
        copiesHeaders: false,
        condition: undefined,
      },
    },
    {
      clock,
      keys: new KeyCache({
        size: 10,
        foundSeconds: 60,
        missingSeconds: 60,
        clock,
        readFile: (path, done) =>
          done(undefined, String(keys[path.split('/')[1] ?? '']?.privateKey.export({ type: 'pkcs8', format: 'pem' }))),
      }),
      thread: { sign: (input, algorithm, key, done) => void asked.push({ input, algorithm, key, done }) },
      tally: { processed: () => undefined, signed: () => (counts.signed += 1), failed: () => (counts.failed += 1) },
      log: () => undefined,
    },
  );
  return { signer, asked, counts };
}

function signed(signer: DkimSigner, done: (field: string) => void): void {
  const run = signer.begin();
  run.append(Buffer.from(message));
  run.finish({ context: { get: () => undefined }, isOn: true, binding: 'default' }, done);
}

test('a key signs in the thread of keys, whatever its kind, and the signature is that of the octets', () => {
  for (const kind of ['rsa', 'ed25519']) {
    const { signer, asked, counts } = signerWith(kind);
    let field = '';
    signed(signer, (made) => (field = made));
    const [job] = asked;
    assert.ok(job !== undefined && asked.length === 1 && field === '', kind);
    job.done(signature(job.input, job.algorithm, job.key));
    assert.match(field, new RegExp(`^DKIM-Signature: v=1; a=${kind}-sha256; c=relaxed/relaxed; d=a\\.test;`));
    assert.deepEqual(counts, { signed: 1, failed: 0 });
    const flat = field.replace(/\r\n[ \t]+/g, ' ').replace(/\r\n$/, '');
    const [head = '', value = ''] = flat.split(/(?<=; b=)/);
    const input = `from:<me@a.test>\r\nsubject:hello\r\n${head.replace(/^DKIM-Signature: /, 'dkim-signature:').replace(/ $/, '')}`;
    const bytes = Buffer.from(value.replaceAll(' ', ''), 'base64');
    const key = keys[kind]?.publicKey;
    assert.ok(key !== undefined);
    const digest = createHash('sha256').update(input, 'latin1').digest();
    assert.ok(kind === 'rsa' ? verify('sha256', Buffer.from(input, 'latin1'), key, bytes) : verify(null, digest, key, bytes), kind);
  }
});

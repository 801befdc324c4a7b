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

function signerWith(kind: string, identity?: string) {
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
        identity,
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

function signed(signer: DkimSigner, done: (field: string) => void, o: { text?: string; top?: string } = {}): void {
  const run = signer.begin();
  run.append(Buffer.from(o.text ?? message));
  run.finish({ context: { get: () => undefined }, isOn: true, binding: 'default', top: Buffer.from(o.top ?? '') }, done);
}

test('MOD-03 who signs is known when all fields are: a second From on top makes nobody the author, and one on top of none the author', () => {
  const { signer, asked } = signerWith('rsa');
  const inputs = (o: { text?: string; top?: string }): string[] => {
    signed(signer, () => undefined, o);
    return asked.splice(0).map(({ input }) => input.replace(/\r\ndkim-signature.*/s, ''));
  };
  const none = message.replace(/^From.*\r\n/, '');
  assert.deepEqual(inputs({ top: 'Subject: late\r\n' }), ['from:<me@a.test>\r\nsubject:hello\r\nsubject:late']);
  assert.deepEqual(inputs({ top: 'From: other@a.test\r\n' }), []);
  assert.deepEqual(inputs({ text: none }), []);
  assert.deepEqual(inputs({ text: none, top: 'From: other@a.test\r\n' }), ['from:other@a.test\r\nsubject:hello']);
  assert.deepEqual(inputs({ text: none, top: 'From: a@a.test\r\nfrom: b@a.test\r\n' }), []);
});

test('RFC 6376: of several authors the first one counts, a comment or a fold hides nobody, and a domain outside ASCII signs by its A-labels', () => {
  const { signer, asked } = signerWith('ed25519');
  const domainOf = (from: string): string | undefined => {
    signed(signer, () => undefined, { text: `From:${from}\r\n\r\nx\r\n` });
    return asked.splice(0).map(({ input }) => / d=([^;]*);/.exec(input)?.[1])[0];
  };
  for (const [from, domain] of [
    [' A <a@A.test>, B <b@b.test>', 'a.test'],
    [' a@a.test, b@b.test', 'a.test'],
    [' "x <x@evil.test>" <a@a.test> (b (c@c.test))', 'a.test'],
    ['\r\n\t<a@a.test>', 'a.test'],
    ['a@b\u00fccher.test', 'xn--bcher-kva.test'],
    [' <a@a.test> <b@b.test>', undefined],
    [' a@../b', undefined],
    ['', undefined],
  ] as const)
    assert.equal(domainOf(from), domain, from);
});

test('RFC 6376 3.5: i= is written in A-labels, and left out where it is of another domain', () => {
  for (const [identity, domain, expected] of [
    ['@b\u00fccher.test', 'b\u00fccher.test', ' i=@xn--bcher-kva.test;'],
    ['a@x.a.test', 'a.test', ' i=a@x.a.test;'],
    ['a@b.test', 'a.test', undefined],
  ] as const) {
    const { signer, asked } = signerWith('rsa', identity);
    signed(signer, () => undefined, { text: `From: a@${domain}\r\n\r\nx\r\n` });
    assert.equal(/ i=[^;]*;/.exec(asked[0]?.input ?? '')?.[0], expected, identity);
  }
});

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

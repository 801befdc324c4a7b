/**
 * Signatures that hold, that do not, and that hold and do not count.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { MessageDigest, namedRules, SignatureDraft, signature, type Algorithm, type SigningPlan } from '#dkim';
import { lookupBy, type Lookup } from './lookup.ts';
import { beginScan } from './message-scan.ts';
import type { DkimVerdict } from './dkim-verify.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const edwards = generateKeyPairSync('ed25519');
const small = generateKeyPairSync('rsa', { modulusLength: 512 });
const spki = (key: KeyObject): string => key.export({ type: 'spki', format: 'der' }).toString('base64');
const RSA = `v=DKIM1; k=rsa; p=${spki(rsa.publicKey)}`;
const ED = `v=DKIM1; k=ed25519; p=${edwards.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')}`;
const NOW = 1_780_000_000;
const BODY = 'Hello  there \r\nsecond line\r\n\r\n\r\n';
const HEADER = 'From: A <a@a.test>\r\nSubject: a  folded\r\n\tsubject\r\nTo: b@b.test\r\n';

function lookup(records: Readonly<Record<string, readonly string[] | 'fails'>>, asked: string[] = []): Lookup {
  return lookupBy((name, type, done) => {
    asked.push(name);
    const found = records[name];
    const rest = { ttl: 60, isAuthenticated: false };
    if (found === 'fails') done({ kind: 'failed', failure: 'servfail', reason: 'the server failed' });
    else if (found === undefined || type !== 'TXT') done({ kind: 'nxdomain', ...rest });
    else done({ kind: 'records', name, records: found.map((text) => ({ name, type, ttl: 60, chunks: [Buffer.from(text)] })), ...rest });
  });
}

const KEYS = { 'r._domainkey.a.test': [RSA], 'e._domainkey.a.test': [ED] };

function signed(o: Partial<SigningPlan> & { key?: KeyObject; message?: string } = {}): string {
  const algorithm: Algorithm = o.algorithm ?? 'rsa-sha256';
  const plan: SigningPlan = {
    domain: 'a.test',
    selector: algorithm === 'ed25519-sha256' ? 'e' : 'r',
    algorithm,
    headerCanonicalization: 'relaxed',
    bodyCanonicalization: 'relaxed',
    headers: namedRules({ names: ['From', 'Subject', 'To'], skipped: [], oversigned: ['From'] })!,
    identity: undefined,
    lifetimeSeconds: 0,
    hasBodyLength: false,
    copiesHeaders: false,
    ...o,
  };
  const message = o.message ?? `${HEADER}\r\n${BODY}`;
  const kind = { digest: algorithm === 'rsa-sha1' ? 'sha1' : 'sha256', canonicalization: plan.bodyCanonicalization } as const;
  const digest = new MessageDigest(() => [kind]);
  digest.push(Buffer.from(message, 'latin1'));
  const digested = digest.finish()!;
  const draft = new SignatureDraft(digested.header, plan, { body: digested.hash(kind), now: NOW });
  const key = o.key ?? (algorithm === 'ed25519-sha256' ? edwards.privateKey : rsa.privateKey);
  return draft.header(signature(draft.input, algorithm, key)) + message;
}

async function verdicts(
  message: string,
  o: { records?: Readonly<Record<string, readonly string[] | 'fails'>>; asked?: string[]; now?: number } = {},
): Promise<readonly DkimVerdict[]> {
  const scan = beginScan();
  const octets = Buffer.from(message, 'latin1');
  for (let at = 0; at < octets.length; at += 61) scan.append(octets.subarray(at, at + 61));
  return scan.verdicts({ lookup: lookup(o.records ?? KEYS, o.asked), now: o.now ?? NOW });
}

async function verdict(message: string, o: Parameters<typeof verdicts>[1] = {}): Promise<string> {
  const [first] = await verdicts(message, o);
  return first === undefined ? 'none' : `${first.result}: ${first.reason}`;
}

test('DKIM: every canonicalisation and both algorithms hold, and one changed octet of body or signed field breaks each', async () => {
  for (const algorithm of ['rsa-sha256', 'ed25519-sha256'] as const)
    for (const headerCanonicalization of ['simple', 'relaxed'] as const)
      for (const bodyCanonicalization of ['simple', 'relaxed'] as const) {
        const message = signed({ algorithm, headerCanonicalization, bodyCanonicalization });
        assert.equal(await verdict(message), 'pass: ', `${algorithm} ${headerCanonicalization}/${bodyCanonicalization}`);
        assert.equal(await verdict(message.replace('second', 'secund')), 'fail: the body was changed');
        assert.match(await verdict(message.replace('b@b.test', 'c@b.test')), /^fail: a signed field was changed/);
        assert.match(
          await verdict(message.replace(/\r\nFrom:/, '\r\nFrom: forged@a.test\r\nFrom:')),
          /^fail: a signed field/,
          'From was signed once more',
        );
        assert.match(
          await verdict(message.replace('d=a.test', 'd=b.test'), {
            records: { [`${algorithm === 'rsa-sha256' ? 'r' : 'e'}._domainkey.b.test`]: algorithm === 'rsa-sha256' ? [RSA] : [ED] },
          }),
          /^fail/,
        );
      }
  const relaxed = signed();
  assert.equal(
    await verdict(relaxed.replace('Subject: a  folded\r\n\t', 'subject:a folded ').replace('Hello  there \r\n', 'Hello there\r\n')),
    'pass: ',
  );
  assert.equal(await verdict(relaxed.replace('\r\nFrom:', '\r\nX-Not-Signed: x\r\nFrom:')), 'pass: ');
  assert.equal(await verdict(`${HEADER}\r\n${BODY}`), 'none');
});

test('A56 DKIM: l= counts only where it covers the whole body: what is added behind it makes it policy', async () => {
  const message = signed({ hasBodyLength: true });
  assert.equal(await verdict(message), 'pass: ');
  assert.equal(await verdict(`${message}added\r\n`), 'policy: l= leaves 11 octets of the body unsigned');
  assert.equal(await verdict(message.replace('second line\r\n', '')), 'fail: the body is shorter than when it was signed');
});

test('A56 DKIM: i= must be of d= or below it, not a name that only ends like it; t=s of the key wants the very domain', async () => {
  assert.equal(await verdict(signed({ identity: 'x@sub.a.test' })), 'pass: ');
  assert.equal(await verdict(signed({ identity: 'x@fa.test' })), 'permerror: i= is not of the domain in d=');
  assert.equal(await verdict(signed({ identity: 'x@test' })), 'permerror: i= is not of the domain in d=');
  const strict = { records: { 'r._domainkey.a.test': [`${RSA}; t=s`] } };
  assert.equal(await verdict(signed({ identity: 'x@a.test' }), strict), 'pass: ');
  assert.equal(await verdict(signed({ identity: 'x@sub.a.test' }), strict), 'permerror: the key does not allow i= of another domain');
});

test('RFC 8616 5: d= as it is spelt in a language is the domain of its A-labels, and so is that of i=', async () => {
  const latin1 = (text: string): string => Buffer.from(text).toString('latin1');
  const records = { 'r._domainkey.xn--bcher-kva.test': [RSA] };
  const message = signed({ domain: latin1('B\u00fccher.test'), identity: 'x@sub.XN--BCHER-KVA.test' });
  const [found] = await verdicts(message, { records });
  assert.deepEqual([found?.result, found?.domain], ['pass', 'xn--bcher-kva.test']);
  assert.equal(
    await verdict(signed({ domain: latin1('b\u00fccher.test'), identity: 'x@evilxn--bcher-kva.test' }), { records }),
    'permerror: i= is not of the domain in d=',
  );
});

test('A56 DKIM: keys of 512 bits, of odd exponents, of 16 KB, revoked, doubled, missing or for other things do not count', async () => {
  const of = (...texts: string[]) => ({ records: { 'r._domainkey.a.test': texts } });
  const message = signed();
  const rows: [string[], RegExp][] = [
    [[RSA], /^pass/],
    [[`k=rsa; t=y; n=a note; p=${spki(rsa.publicKey)}`], /^pass/],
    [[`v=DKIM1; p=${rsa.publicKey.export({ type: 'pkcs1', format: 'der' }).toString('base64')}`], /^pass/],
    [['an other text', RSA], /^pass/],
    [[`v=DKIM1; p=${spki(small.publicKey)}`], /^policy: an RSA key of 512 bits does not count/],
    [['v=DKIM1; p='], /^permerror: the key was revoked/],
    [[RSA, RSA], /^permerror: there are 2 keys/],
    [[`v=DKIM2; p=${spki(rsa.publicKey)}`], /^permerror: there is no key/],
    [[`p=${spki(rsa.publicKey)}; p=x`], /^permerror: there is no key/],
    [[`${RSA}; h=sha1`], /^permerror: the key is not for sha256/],
    [[`${RSA}; s=tlsrpt`], /^permerror: the key is not for mail/],
    [[`${RSA}; s=tlsrpt:email`], /^pass/],
    [[`v=DKIM1; k=dsa; p=${spki(rsa.publicKey)}`], /^permerror: the key is of a kind/],
    [[`v=DKIM1; p=${'A'.repeat(16_384)}`], /^permerror: the key cannot be read/],
    [['v=DKIM1; p=!!!'], /^permerror: the key cannot be read/],
    [[ED], /^permerror: the key is of another kind/],
  ];
  for (const [texts, expected] of rows) assert.match(await verdict(message, of(...texts)), expected, texts.join(' | ').slice(0, 60));
  const slow = generateKeyPairSync('rsa', { modulusLength: 1024, publicExponent: 0x1_0001 });
  const { n } = slow.publicKey.export({ format: 'jwk' });
  const { createPublicKey } = await import('node:crypto');
  const odd = createPublicKey({
    key: { kty: 'RSA', n: n!, e: Buffer.from('0100000000000001', 'hex').toString('base64url') },
    format: 'jwk',
  });
  assert.match(await verdict(message, of(`v=DKIM1; p=${spki(odd)}`)), /^policy/);
  assert.match(await verdict(message, { records: {} }), /^permerror: there is no key/);
  assert.match(await verdict(message, { records: { 'r._domainkey.a.test': 'fails' } }), /^temperror/);
});

test('A56 DKIM: what a signature says of itself is judged before the DNS is asked', async () => {
  const rows: [RegExp | string, string, RegExp][] = [
    ['v=1;', 'v=2;', /v= is not 1/],
    ['v=1;', '', /v= is not 1/],
    ['a=rsa-sha256', 'a=rsa-md5', /a= is of a kind/],
    ['a=rsa-sha256', 'a=rsa-sha1', /^policy: rsa-sha1 does not count/],
    ['c=relaxed/relaxed', 'c=relaxed/odd', /c= is of a kind/],
    ['d=a.test', 'd=a..test', /d= or s= is no name/],
    ['s=r;', 's=r..x;', /d= or s= is no name/],
    [/h=[^;]*;/, 'h=Subject:To;', /From is not signed/],
    [/h=[^;]*;/, 'h=From::To;', /h= is no list/],
    [/h=[^;]*;/, `h=From${':X'.repeat(600)};`, /h= is no list/],
    ['v=1;', 'v=1; v=1;', /the field cannot be read/],
    ['v=1;', 'v=1; q=http;', /q= is of a kind/],
    ['v=1;', 'v=1; x=1;', /x= is not behind t=/],
    ['v=1;', `v=1; x=${NOW};`, /x= is not behind t=/],
    [/bh=[^;]*;/, '', /there is no bh=/],
    [/bh=[^;]*;/, 'bh=;', /there is no bh=/],
    ['c=relaxed/relaxed', 'c=relaxed/relaxed/x', /c= is of a kind/],
    ['v=1;', 'v=1; x=soon;', /t= or x= is no time/],
    ['v=1;', 'v=1; l=x;', /l= is no number/],
    ['v=1;', `v=1; z=${'x'.repeat(40_000)};`, /the field cannot be read/],
    [/\tb=\r\n[^;]*?\r\nFrom: A/, '\tb=\r\nFrom: A', /b= cannot be read/],
  ];
  const message = signed();
  for (const [from, to, expected] of rows) {
    const asked: string[] = [];
    const changed = message.replace(from, to);
    assert.notEqual(changed, message, to);
    assert.match(await verdict(changed, { asked }), expected, to.slice(0, 30));
    assert.deepEqual(asked, [], to.slice(0, 30));
  }
  assert.equal(await verdict(signed({ lifetimeSeconds: 10 }), { now: NOW + 11 }), 'fail: the signature expired');
  assert.equal(await verdict(signed({ lifetimeSeconds: 10 }), { now: NOW + 9 }), 'pass: ');
});

test('A56 DKIM: ten signatures are looked at and no more, each with its own verdict', async () => {
  const good = signed();
  const head = good.slice(0, good.indexOf('From: A'));
  const bad = head.replace('s=r;', 's=nokey;');
  const asked: string[] = [];
  const scan = beginScan();
  scan.append(Buffer.from(bad.repeat(9) + head + bad.repeat(1000) + good.slice(head.length), 'latin1'));
  const found = await scan.verdicts({ lookup: lookup(KEYS, asked), now: NOW });
  assert.deepEqual(
    found.map(({ result }) => result),
    [...Array.from({ length: 9 }, () => 'permerror'), 'pass'],
  );
  assert.deepEqual([scan.ignored, asked.length], [1000, 10]);
  assert.equal(await scan.verdicts({ lookup: lookup({}), now: 0 }), found, 'whoever asks again gets the same answer');
});

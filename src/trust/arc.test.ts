/**
 * Chains of ARC: every error of structure, what seals may not be, and the bounds. Chains of other programs are in test/contracts.
 */
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { canonicalField, relaxedField } from '#dkim';
import { HeaderBlock } from '#mail';
import type { DnsAnswer } from '#dns';
import type { ArcVerdict } from './arc-verify.ts';
import type { Lookup } from './lookup.ts';
import { beginScan } from './message-scan.ts';

const pair = generateKeyPairSync('ed25519');
const KEY = `k=ed25519; p=${pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')}`;
const rest = { ttl: 1, isAuthenticated: false };
const BODY = 'text\r\n';
const MAIL = `From: a@a.test\r\nSubject: x\r\n\r\n${BODY}`;

const lookup: Lookup = (name) => {
  const chunks = [Buffer.from(KEY)];
  return Promise.resolve({ kind: 'records', name, records: [{ name, type: 'TXT', ttl: 1, chunks }], ...rest } as DnsAnswer);
};

function signedField(input: string, head: string): string {
  const octets = createHash('sha256')
    .update(Buffer.from(input + relaxedField(head), 'latin1'))
    .digest();
  return `${head}${sign(null, octets, pair.privateKey).toString('base64')}\r\n`;
}

function relaxed(fields: string): string {
  return HeaderBlock.parse(Buffer.from(`${fields}\r\n`))
    .fields.map((field) => canonicalField(field, 'relaxed'))
    .join('');
}

interface Odd {
  readonly cv?: (instance: number) => string;
  readonly seal?: string;
  readonly message?: string;
  readonly h?: string;
}

/** Sets from the first to the newest, correctly computed whatever they say. */
function sets(count: number, odd: Odd = {}): string[][] {
  const made: string[][] = [];
  let below = '';
  for (let i = 1; i <= count; i++) {
    const results = `ARC-Authentication-Results: i=${i}; h${i}.test; dmarc=pass header.from=a.test\r\n`;
    const hash = createHash('sha256').update(BODY).digest('base64');
    const message = signedField(
      'from:a@a.test\r\nsubject:x\r\n',
      `ARC-Message-Signature: i=${i}; a=ed25519-sha256; c=relaxed/relaxed; d=h${i}.test; s=s; h=${odd.h ?? 'From:Subject'}; bh=${hash};${odd.message ?? ''} b=`,
    );
    const own = relaxed(results) + relaxed(message);
    const cv = odd.cv?.(i) ?? (i === 1 ? 'none' : 'pass');
    const seal = signedField(below + own, `ARC-Seal: i=${i}; a=ed25519-sha256; d=h${i}.test; s=s; cv=${cv};${odd.seal ?? ''} b=`);
    below += own + relaxed(seal);
    made.push([results, message, seal]);
  }
  return made;
}

function judge(fields: string, ask: Lookup = lookup): Promise<ArcVerdict> {
  const scan = beginScan();
  scan.append(Buffer.from(fields + MAIL));
  return scan.arc({ lookup: ask, now: 1_700_000_000 });
}

const joined = (made: readonly (readonly string[])[]): string => made.flat().join('');

async function fails(fields: string, reason: RegExp, ask?: Lookup): Promise<void> {
  const verdict = await judge(fields, ask);
  assert.deepEqual([verdict.result, verdict.sealers], ['fail', []], String(reason));
  assert.match(verdict.reason, reason);
}

test('ARC: a message without it is none; chains of 1, 2 and 50 sets hold in any order of fields, with a tag and a comment more', async () => {
  assert.equal((await judge('')).result, 'none');
  for (const count of [1, 2, 50]) {
    const { result, sealers } = await judge(joined(sets(count)));
    assert.deepEqual([result, sealers.length, sealers.at(-1)], ['pass', count, `h${count}.test`]);
  }
  assert.equal(
    (
      await judge(
        joined(
          sets(3)
            .reverse()
            .map((set) => set.toReversed()),
        ),
      )
    ).result,
    'pass',
  );
  assert.equal((await judge(joined(sets(2, { seal: ' t=1700000000; zz=x;' })))).result, 'pass');
});

test('ARC: every error of structure fails before anybody is asked', async () => {
  const never: Lookup = () => assert.fail('asked');
  const [one, two, three] = sets(3) as [string[], string[], string[]];
  await fails(joined([one, three]), /^set 2 is missing$/, never);
  await fails(joined([two]), /^set 1 is missing$/, never);
  for (const [i, kind] of ['arc-authentication-results', 'arc-message-signature', 'arc-seal'].entries()) {
    await fails(joined([one, two.toSpliced(i, 1)]), new RegExp(`^set 2 has no ${kind}$`), never);
    await fails(joined([one, two, [two[i] as string]]), new RegExp(`^set 2 has more than one ${kind}$`), never);
    for (const bad of ['0', '51', '001', 'x', ''])
      await fails(
        joined([one.with(i, (one[i] as string).replace('i=1', `i=${bad}`))]),
        new RegExp(`^a field ${kind} has no i= from 1`),
        never,
      );
  }
  await fails(one.join('').replace('a=ed', 'i=1; a=ed'), /^a field arc-message-signature cannot be read$/, never);
  await fails(joined(sets(2, { cv: (i) => (i === 1 ? 'none' : 'fail') })), /^set 2 says that the chain had failed before$/, never);
  await fails(joined(sets(1, { cv: () => 'fail' })), /^set 1 says that the chain had failed before$/, never);
  await fails(joined(sets(1, { cv: () => 'pass' })), /^cv= of set 1 is not none$/, never);
  await fails(joined(sets(3, { cv: (i) => (i === 3 ? 'pass' : 'none') })), /^cv= of set 2 is not pass$/, never);
  await fails(joined(sets(2, { cv: () => '' })), /^cv= of set 1 is not none$/, never);
});

test('ARC: what a seal and a signature must not be', async () => {
  await fails(joined(sets(1, { seal: ' h=From;' })), /^the seal of set 1: it has an h=$/);
  await fails(joined(sets(1, { seal: ' t=x;' })), /^the seal of set 1: t= is no time$/);
  await fails(joined(sets(1, { h: 'From:Subject:ARC-Seal' })), /^the signature of set 1: h= names a seal$/);
  await fails(joined(sets(1, { h: 'Subject' })), /^the signature of set 1: From is not signed$/);
  await fails(joined(sets(1, { message: ' l=1;' })), /^the signature of set 1: l= leaves 5 octets/);
  await fails(joined(sets(1, { message: ' x=1600000000;' })), /^the signature of set 1: the signature expired$/);
  const [one] = sets(1) as [string[]];
  const sealed = (from: string, to: string): string => joined([one.with(2, (one[2] as string).replace(from, to))]);
  await fails(sealed('ed25519-sha256', 'rsa-sha1'), /^the seal of set 1: a= is of a kind that does not count$/);
  await fails(sealed('ed25519-sha256', 'rsa-sha256'), /^the seal of set 1: the key is of another kind$/);
  await fails(sealed('s=s', 's=..'), /^the seal of set 1: d= or s= is no name$/);
  await fails(sealed(' b=', ' b=!'), /^the seal of set 1: b= cannot be read$/);
  await fails(sealed('s=s', 's=s; t=1'), /^the seal of set 1: a set was changed, or the key is another one$/);
});

test('A56 ARC: no more than 50 sets and 262,144 octets of them; short keys, missing keys and a silent DNS fail a chain with the reason', async () => {
  const never: Lookup = () => assert.fail('asked');
  await fails(joined(sets(51)), /^there are more than 50 sets$/, never);
  await fails('ARC-Seal: i=1\r\n'.repeat(151), /^there are more than 50 sets$/, never);
  await fails(`ARC-Authentication-Results: i=1; ${'x'.repeat(262_144)}\r\n`, /^the sets are too large$/, never);
  const chain = joined(sets(2));
  await fails(chain, /^the signature of set 2: there is no key at s\._domainkey\.h2\.test$/, () =>
    Promise.resolve({ kind: 'nxdomain', ...rest }),
  );
  await fails(chain, /^the seal of set 1: .*h1\.test: timeout$/, (name, type) =>
    name.includes('h1') ? Promise.resolve({ kind: 'failed', reason: 'timeout' } as unknown as DnsAnswer) : lookup(name, type),
  );
  const short = generateKeyPairSync('rsa', { modulusLength: 512 }).publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  await fails(chain, /^the signature of set 2: an RSA key of 512 bits does not count$/, (name) => {
    const chunks = [Buffer.from(`p=${short}`)];
    return Promise.resolve({ kind: 'records', name, records: [{ name, type: 'TXT', ttl: 1, chunks }], ...rest } as DnsAnswer);
  });
});

/**
 * The sealer: when it seals and when it does not, what a set says, and what of a configuration it refuses. That seals hold is in test/contracts.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { testSealer } from '../../../test/kit/arc.ts';
import { openarcSettings } from './index.ts';

const { privateKey } = generateKeyPairSync('ed25519');
const options = { signingDomain: 'Lists.test', selector: 's' };
const seal = testSealer(options, privateKey);
const plain = 'From: a@a.test\r\nSubject: x\r\n\r\nHello\r\n';
const unfold = (text: string): string => text.replace(/\r\n(?=[ \t])/g, '');

/** Sets that no signature holds together. */
function chain(count: number, cv: (i: number) => string = (i) => (i === 1 ? 'none' : 'pass')): string {
  return Array.from({ length: count }, (_none, at) => {
    const i = count - at;
    return `ARC-Seal: i=${i}; cv=${cv(i)}; b=x\r\nARC-Message-Signature: i=${i}; b=x\r\nARC-Authentication-Results: i=${i}; x; none\r\n`;
  }).join('');
}

test('openarc seals with Signing_Domain, Selector, Keyfile: one set, number one, cv=none, over From, Subject and our signature, and says arc_seal', async () => {
  const { fields, context } = await seal(plain, { arc_cv: 'none' }, { above: 'DKIM-Signature: v=1; d=a.test; b=x\r\n' });
  const [top = '', message = '', results = '', ...rest] = unfold(fields).split('\r\n');
  assert.deepEqual(rest, ['']);
  assert.match(top, /^ARC-Seal: i=1; a=ed25519-sha256; t=\d+; cv=none;\td=lists\.test; s=s;\tb=\t\S+\t\S+$/);
  assert.match(
    message,
    /^ARC-Message-Signature: i=1; a=ed25519-sha256; c=relaxed\/relaxed; d=lists\.test;\ts=s; t=\d+;\th=From:Subject:DKIM-Signature;\tbh=/,
  );
  assert.equal(results, 'ARC-Authentication-Results: i=1; mx.test; arc=none');
  assert.equal(context.get('arc_seal'), 'ok');
});

test('openarc: Authservid, Headerlist, Oversign_Headerlist and Body_Canon are heeded', async () => {
  const own = testSealer(
    { ...options, authservid: 'other.test', headerlist: ['Subject'], oversignHeaderlist: 'From', bodyCanon: 'simple' },
    privateKey,
  );
  const { fields } = await own(plain, { arc_cv: 'none' });
  assert.match(
    unfold(fields),
    /c=relaxed\/simple;.*\th=Subject:From:From;\t.*\r\nARC-Authentication-Results: i=1; other\.test; arc=none\r\n$/s,
  );
});

test('RFC 8617 4.1.1: our own results become those of the set, wherever they stand; those of others, none and what is too long do not', async () => {
  const { fields } = await seal(
    `Authentication-Results: MX.test; spf=pass reason="a; arc=pass" smtp.mailfrom=a@a.test;\r\n dkim=pass (good) header.d=a.test\r\nAuthentication-Results: evil.test; dmarc=pass\r\nAuthentication-Results: mx.test; none\r\nAuthentication-Results: mx.test; dmarc=pass reason="${'x'.repeat(9000)}"\r\n${plain}`,
    { arc_cv: 'none' },
    { top: 'Authentication-Results: mx.test; dmarc=fail header.from=a.test\r\n' },
  );
  assert.equal(
    unfold(fields).split('\r\n')[2],
    'ARC-Authentication-Results: i=1; mx.test; dmarc=fail header.from=a.test; spf=pass reason="a; arc=pass" smtp.mailfrom=a@a.test; dkim=pass header.d=a.test; arc=none',
  );
});

test('RFC 8617 5.1: a chain that holds is continued, one that failed is sealed alone, once, and set 50 is the last', async () => {
  const cvOf = async (text: string, cv: string): Promise<string> => {
    const { fields, context } = await seal(`${text}${plain}`, { arc_cv: cv });
    return `${/^ARC-Seal: (i=\d+);.*(cv=\w+)/.exec(unfold(fields))?.slice(1).join(' ') ?? ''} ${context.get('arc_seal')}`.trim();
  };
  assert.equal(await cvOf(chain(1), 'pass'), 'i=2 cv=pass ok');
  assert.equal(await cvOf(chain(49), 'pass'), 'i=50 cv=pass ok');
  assert.equal(await cvOf(chain(50), 'pass'), 'skip');
  assert.equal(await cvOf(chain(2), 'fail'), 'i=3 cv=fail ok');
  assert.equal(await cvOf(chain(50), 'fail'), 'skip');
  assert.equal(
    await cvOf(
      chain(3, (i) => (i === 3 ? 'fail' : 'pass')),
      'fail',
    ),
    'skip',
  );
  assert.equal(await cvOf('ARC-Seal: i=7; cv=pass\r\n', 'pass'), 'i=8 cv=fail ok', 'what is no chain any more is not passed on as one');
  assert.equal(await cvOf('ARC-Seal: x\r\n', 'fail'), 'i=1 cv=fail ok');
  assert.equal(await cvOf(chain(51), 'fail'), 'skip');
  assert.equal(await cvOf('', 'fail'), 'i=1 cv=none ok', 'policy took the chain away');
});

test('openarc: what was not checked, is bypassed, or lacks its Sign_Condition is not sealed; a key that went away is said, and the mail goes on', async () => {
  assert.equal((await seal(plain, {})).fields, '');
  assert.equal((await seal(plain, { arc_cv: 'none' }, { bypass: true })).fields, '');
  const some = testSealer({ ...options, signCondition: 'seal_me' }, privateKey);
  assert.equal((await some(plain, { arc_cv: 'none' })).fields, '');
  assert.notEqual((await some(plain, { arc_cv: 'none', seal_me: '1' })).fields, '');
  const { fields, context, logged } = await testSealer(options, undefined)(plain, { arc_cv: 'none' });
  assert.deepEqual([fields, context.has('arc_seal')], ['', false]);
  assert.deepEqual(logged, ['openarc: message m is not sealed: /arc.key: there is no such file']);
});

test('openarc: what was looked at, sealed and failed is counted by domain and binding; what nobody meant to seal is not', async () => {
  const own = testSealer({ ...options, signCondition: 'seal_me' }, privateKey);
  await own(plain, { arc_cv: 'none' });
  await own(plain, { seal_me: '1' });
  assert.deepEqual((await own(plain, { arc_cv: 'none', seal_me: '1' })).counted, { processed: 1, signed: 1, failed: 0 });
  assert.deepEqual((await own(`${chain(50)}${plain}`, { arc_cv: 'pass', seal_me: '1' })).counted, { processed: 2, signed: 1, failed: 0 });
  const { counted } = await testSealer(options, undefined)(plain, { arc_cv: 'none' });
  assert.deepEqual(counted, { processed: 1, signed: 0, failed: 1 });
});

test('openarc: options that could not seal are refused with the one to correct; a stanza without them only checks', () => {
  const read = (values: Record<string, unknown>) => openarcSettings({ options: values });
  assert.equal(read({ debugLevel: 'INFO' }).sealing, undefined);
  const full = { ...options, keyfile: '/k' };
  assert.throws(() => read({ ...full, keyfile: undefined }), /takes Signing_Domain, Selector and Keyfile, and there is no Keyfile/);
  assert.throws(() => read({ ...full, signingDomain: '' }), /there is no Signing_Domain/);
  assert.throws(() => read({ ...full, selector: 'a;b' }), /cannot use "a;b" as Selector/);
  assert.throws(() => read({ ...full, signingDomain: '.a' }), /cannot use "\.a" as Signing_Domain/);
  assert.throws(() => read({ ...full, authservid: 'a b' }), /cannot use "a b" as Authservid/);
  assert.throws(() => read({ ...full, headerlist: 'From:ARC-Seal' }), /"ARC-Seal" in a list of headers/);
  assert.throws(() => read({ ...full, oversignHeaderlist: ['Authentication-Results'] }), /"Authentication-Results" in a list/);
  assert.throws(() => read({ ...full, headerlist: 'a;b' }), /holds what is no name of a header/);
});

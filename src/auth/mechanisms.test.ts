/**
 * The mechanisms against password files: the RFCs' arithmetic done by hand, right and wrong answers, back ends in trouble.
 */
import assert from 'node:assert/strict';
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ManualClock, parseIp, systemRandom } from '#base';
import { Authenticator } from './authenticator.ts';
import { decodeBase64 } from './base64.ts';
import type { SaslExchange, SaslStep } from './exchange.ts';
import { FAILURES_MAX, FailureGate } from './failure-gate.ts';
import { mechanismProblem, parseMechanismSettings, type MechanismName, type MechanismSettings } from './settings.ts';

const dir = mkdtempSync(join(tmpdir(), 'impetus-auth-'));
after(() => rmSync(dir, { recursive: true }));
const md5 = (text: string | Buffer): string => createHash('md5').update(text).digest('hex');
const file = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text, { mode: 0o600 });
  return join(dir, name);
};
const clear = file('clear', '# users\n\njoe:s3cret:with:colons\r\nann:p\u00e4ss\nempty:\n');
const digest = file('digest', `joe:there:${md5('joe:there:secret')}\n`);
const hashes = file('hashes', `joe:${md5('joe:mx.test:secret')}\n`);

const panics: string[] = [];
const panic = { log: (_level: string, _part: string, text: string) => void panics.push(text) };
const desk = new Authenticator({ clock: new ManualClock(), random: systemRandom, panic, hostname: 'mx.test' });

function start(name: MechanismName, uri: string, more: Partial<MechanismSettings> = {}): SaslExchange {
  return desk.begin(name, { uri, realm: undefined, storedCleartext: false, logs: false, ...more });
}

const begin = (x: SaslExchange, initial?: string): Promise<SaslStep> =>
  new Promise((done) => x.begin(initial === undefined ? undefined : Buffer.from(initial), done));
const next = (x: SaslExchange, text: string | Buffer): Promise<SaslStep> =>
  new Promise((done) => x.next(Buffer.from(text as string), done));
const challenge = (step: SaslStep): string => (step.kind === 'challenge' ? step.text : assert.fail(`no challenge but ${step.kind}`));

async function plain(text: string, uri = `file://${clear}`): Promise<string> {
  return (await begin(start('PLAIN', uri), text)).kind;
}

test('PLAIN and LOGIN take the right password and no other (AUTH-01, AUTH-20, A41)', async () => {
  assert.equal(await plain('\0joe\0s3cret:with:colons'), 'pass');
  assert.equal(await plain('joe\0joe\0s3cret:with:colons'), 'pass');
  assert.equal(await plain('\0ann\0p\u00e4ss'), 'pass');
  for (const text of [
    '\0joe\0s3cret',
    '\0joe\0x',
    '\0joe\0',
    '\0nobody\0x',
    '\0empty\0',
    '\0\0x',
    'ann\0joe\0s3cret:with:colons',
    '\0joe\r\n\0x',
    `\0joe\0${'x'.repeat(256)}`,
  ]) {
    assert.equal(await plain(text), 'fail', JSON.stringify(text));
  }
  for (const text of ['', 'joe', '\0joe', '\0joe\0a\0b']) assert.equal(await plain(text), 'malformed', JSON.stringify(text));
  assert.equal((await begin(start('PLAIN', `file://${clear}`), Buffer.from([0, 0xff, 0, 0x41]).toString('latin1'))).kind, 'fail');
  const login = start('LOGIN', `file://${clear}`);
  assert.equal(challenge(await begin(login)), 'Username:');
  assert.equal(challenge(await next(login, 'joe')), 'Password:');
  assert.deepEqual(await next(login, 's3cret:with:colons'), { kind: 'pass', user: 'joe' });
});

test('PLAIN compares with the hashes of a digest file too, in the realm that is configured (AUTH-21)', async () => {
  const there = { realm: 'there' };
  assert.equal((await begin(start('PLAIN', `digest://${digest}`, there), '\0joe\0secret')).kind, 'pass');
  assert.equal((await begin(start('PLAIN', `digest://${digest}`, there), '\0joe\0wrong')).kind, 'fail');
  assert.equal((await begin(start('PLAIN', `digest://${digest}`), '\0joe\0secret')).kind, 'fail', 'the realm is the host by default');
});

test('CRAM-MD5 is right only for its own challenge, which never comes twice (A42, AUTH-03)', async () => {
  const proof = (text: string, password: string): string => `joe ${createHmac('md5', password).update(text).digest('hex')}`;
  const one = start('CRAM-MD5', `file://${clear}`);
  const first = challenge(await begin(one));
  assert.match(first, /^<[\w-]+\.\d+@mx\.test>$/);
  assert.equal((await next(one, proof(first, 's3cret:with:colons'))).kind, 'pass');
  const other = start('CRAM-MD5', `file://${clear}`);
  const second = challenge(await begin(other));
  assert.notEqual(second, first);
  assert.equal((await next(other, proof(first, 's3cret:with:colons'))).kind, 'fail', 'a response heard before');
  for (const text of ['joe', 'joe xyz', `nobody ${'0'.repeat(32)}`, proof('x', '')]) {
    const again = start('CRAM-MD5', `file://${clear}`);
    await begin(again);
    assert.notEqual((await next(again, text)).kind, 'pass');
  }
  assert.equal((await begin(start('CRAM-MD5', `file://${clear}`), 'early')).kind, 'malformed');
});

function digestResponse(text: string, o: { ha1: string; nonce?: string; nc?: string; uri?: string; realm?: string }): string {
  const word = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(text)?.[1] ?? '';
  const nonce = o.nonce ?? word('nonce');
  const nc = o.nc ?? '00000001';
  const uri = o.uri ?? 'smtp/mx.test';
  const a1 = createHash('md5').update(Buffer.from(o.ha1, 'hex')).update(`:${nonce}:c,n="x`).digest('hex');
  const response = md5(`${a1}:${nonce}:${nc}:c,n="x:auth:${md5(`AUTHENTICATE:${uri}`)}`);
  const realm = o.realm ?? word('realm');
  return `charset=utf-8,username="joe",realm="${realm}",nonce="${nonce}",nc=${nc},cnonce="c,n=\\"x",digest-uri="${uri}",response=${response},qop=auth`;
}

test('DIGEST-MD5 works with hashes and with clear text, proves itself, and takes nothing of an older challenge (AUTH-03, AUTH-04, A42, Realm, Stored_Cleartext)', async () => {
  const cases: [string, Partial<MechanismSettings>, string][] = [
    [`digest://${digest}`, { realm: 'there' }, md5('joe:there:secret')],
    [`file://${hashes}`, {}, md5('joe:mx.test:secret')],
    [`file://${clear}`, { storedCleartext: true, realm: 'r' }, md5('joe:r:s3cret:with:colons')],
  ];
  for (const [uri, more, ha1] of cases) {
    const x = start('DIGEST-MD5', uri, more);
    const text = challenge(await begin(x));
    assert.match(text, /^realm="[^"]+",nonce="[^"]+",qop="auth",charset=utf-8,algorithm=md5-sess$/);
    assert.match(challenge(await next(x, digestResponse(text, { ha1 }))), /^rspauth=[0-9a-f]{32}$/);
    assert.deepEqual(await next(x, ''), { kind: 'pass', user: 'joe' });
  }
  const ha1 = md5('joe:there:secret');
  const wrong: [Parameters<typeof digestResponse>[1], string][] = [
    [{ ha1: md5('joe:there:wrong') }, 'fail'],
    [{ ha1, nonce: 'old' }, 'malformed'],
    [{ ha1, nc: '00000002' }, 'malformed'],
    [{ ha1, realm: 'elsewhere' }, 'malformed'],
    [{ ha1, uri: 'imap/mx.test' }, 'malformed'],
  ];
  for (const [change, expected] of wrong) {
    const x = start('DIGEST-MD5', `digest://${digest}`, { realm: 'there' });
    const text = challenge(await begin(x));
    assert.equal((await next(x, digestResponse(text, change))).kind, expected, JSON.stringify(change));
  }
});

async function scram(user: string, password: string): Promise<string> {
  const x = start('SCRAM-SHA-256', `file://${clear}`);
  const server = challenge(await begin(x, `n,,n=${user},r=abc`));
  const [, nonce = '', salt = '', rounds = ''] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(server) ?? [];
  assert.ok(nonce.startsWith('abc') && nonce.length > 20);
  const mac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(rounds), 32, 'sha256');
  const clientKey = mac(salted, 'Client Key');
  const message = `n=${user},r=abc,${server},c=biws,r=${nonce}`;
  const signature = mac(createHash('sha256').update(clientKey).digest(), message);
  const proof = Buffer.from(clientKey.map((byte, i) => byte ^ signature[i]!)).toString('base64');
  const last = await next(x, `c=biws,r=${nonce},p=${proof}`);
  if (last.kind !== 'challenge') return last.kind;
  assert.equal(last.text, `v=${mac(mac(salted, 'Server Key'), message).toString('base64')}`);
  return (await next(x, '')).kind;
}

test('SCRAM-SHA-256 proves both sides; a name that does not exist fails at the end, with a salt of its own (AUTH-01, A41, AuthScramSHA256Parameters)', async () => {
  assert.equal(await scram('joe', 's3cret:with:colons'), 'pass');
  assert.equal(await scram('joe', 's3cret:with:colons'), 'pass');
  assert.equal(await scram('joe', 'wrong'), 'fail');
  assert.equal(await scram('nobody', 'wrong'), 'fail');
  for (const text of ['', 'p=tls-unique,,n=joe,r=x', 'n,,n=joe', 'n,,n=jo=e,r=x', 'n,,m=x,n=joe,r=x']) {
    assert.equal((await begin(start('SCRAM-SHA-256', `file://${clear}`), text)).kind, 'malformed', text);
  }
});

test('A file that is gone, or that everybody may write to, is trouble and no refusal; one that changed is read again (A44, AUTH-21)', async () => {
  const live = file('live', 'joe:one\n');
  const uri = `file://${live}`;
  assert.equal(await plain('\0joe\0one', uri), 'pass');
  writeFileSync(live, 'joe:two\n');
  utimesSync(live, 1, 1);
  assert.equal(await plain('\0joe\0one', uri), 'fail');
  assert.equal(await plain('\0joe\0two', uri), 'pass');
  chmodSync(live, 0o666);
  assert.equal(await plain('\0joe\0two', uri), 'trouble');
  rmSync(live);
  assert.equal(await plain('\0joe\0two', uri), 'trouble');
  assert.doesNotMatch(panics.join(), /one|two/);
});

test('Parameters that cannot work are said: no back end of that scheme, hashes where clear text is needed (AUTH-01, URI)', () => {
  const problem = (name: MechanismName, ...pairs: [string, string][]): string | undefined => {
    const settings = parseMechanismSettings(new Map(pairs));
    return settings === undefined ? 'none' : mechanismProblem(name, settings);
  };
  assert.equal(problem('LOGIN', ['URI', 'file:///etc/p']), undefined);
  assert.match(problem('LOGIN', ['uri', 'radius://x']) ?? '', /cannot be used; expected file/);
  assert.match(problem('LOGIN', ['uri', 'file://relative']) ?? '', /cannot be used/);
  assert.match(problem('CRAM-MD5', ['uri', 'digest:///p']) ?? '', /needs clear passwords/);
  assert.match(problem('DIGEST-MD5', ['uri', 'digest:///p'], ['stored_cleartext', 'true']) ?? '', /holds hashes/);
  assert.equal(problem('LOGIN', ['realm', 'x']), 'none');
});

test('Base64 is read strictly (A41)', () => {
  for (const text of ['A', 'AA', 'AAA', 'AA=A', 'AB==', '====', 'AA A', 'AAAA\n', '-_-_'])
    assert.equal(decodeBase64(text), undefined, text);
  assert.deepEqual(decodeBase64(''), Buffer.alloc(0));
  assert.deepEqual(decodeBase64('AGEAYg=='), Buffer.from('\0a\0b'));
});

test('An address that fails too often is shut out for a while; others, and its own past, do not suffer (A43)', () => {
  const clock = new ManualClock();
  const gate = new FailureGate(clock);
  const guesser = parseIp('192.0.2.1')!;
  for (let i = 0; i < FAILURES_MAX; i++) {
    assert.equal(gate.isShut(guesser), false);
    assert.ok(gate.failed(guesser) <= 5000);
  }
  assert.equal(gate.isShut(guesser), true);
  assert.equal(gate.isShut(parseIp('192.0.2.2')!), false);
  for (let i = 0; i < FAILURES_MAX; i++) gate.failed(parseIp(`2001:db8::${i}`)!);
  assert.equal(gate.isShut(parseIp('2001:db8::ffff')!), true, 'a /64 is one customer');
  clock.advance(700_000);
  assert.equal(gate.isShut(guesser), false);
});

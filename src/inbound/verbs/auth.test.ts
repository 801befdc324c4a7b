/**
 * AUTH in a session: when it is offered, what it gives, what ends it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { codes, settle, World, type FakeClient } from '../../../test/kit/inbound.ts';

const dir = mkdtempSync(join(tmpdir(), 'impetus-auth-'));
const passwords = join(dir, 'passwords');
writeFileSync(passwords, 'joe:secret\nx:y\nlong:0123456789abcdef\n', { mode: 0o600 });
after(() => rmSync(dir, { recursive: true }));

const b64 = (text: string): string => Buffer.from(text).toString('base64');
const right = `AUTH PLAIN ${b64('\0joe\0secret')}`;
const wrong = `AUTH PLAIN ${b64('\0joe\0nonsense')}`;
const options = {
  relayDomains: ['here.test'],
  smtpExtensions: ['AUTH PLAIN', 'AUTH LOGIN', 'AUTH CRAM-MD5'],
  authPlainParameters: new Map([['uri', `file://${passwords}`]]),
  authLoginParameters: new Map([['uri', `file://${passwords}`]]),
  authCramMd5Parameters: new Map([['uri', `file://${passwords}`]]),
};

/** Says a line and waits for its answer, moving time where it is held back. */
async function say(world: World, client: FakeClient, ...lines: string[]): Promise<string> {
  let said = client.lines(...lines);
  for (let i = 0; i < 200 && said === ''; i++) {
    await new Promise((done) => setTimeout(done, 1));
    if (i > 20) world.advance(1000);
    said = client.take();
  }
  await settle();
  return said + client.take();
}

async function ready(world: World, from?: string): Promise<FakeClient> {
  const client = await world.connect(from);
  client.lines('EHLO c.test');
  return client;
}

test('Mechanisms are offered in both forms where they are listed and have a back end, in the order of the list (AUTH-02)', async () => {
  const client = await new World({ options }).connect();
  assert.match(client.lines('EHLO c.test'), /250-AUTH=PLAIN LOGIN CRAM-MD5\r\n250 AUTH PLAIN LOGIN CRAM-MD5\r\n$/);
  const bare = await new World({ options: { smtpExtensions: ['AUTH LOGIN'] } }).connect();
  assert.doesNotMatch(bare.lines('EHLO c.test'), /AUTH/);
  assert.equal(bare.lines(right), '500 unrecognized command\r\n');
  const world = new World({ options: {} });
  world.elsewhere = ['AUTH'];
  assert.equal((await ready(world)).lines(right), '550 not allowed for this client\r\n', 'listed for others (EXT-01)');
});

test('A right password gives auth_user, auth_status, can_relay, and is told in the trace headers (AUTH-05, CTX-02)', async () => {
  const world = new World({ options });
  const client = await ready(world);
  client.lines('MAIL FROM:<a@a.test>');
  assert.match(client.lines('RCPT TO:<b@far.test>'), /^550 /);
  client.lines('RSET');
  assert.equal(await say(world, client, right), '235 Authentication successful\r\n');
  const { connection } = client.session.context;
  assert.deepEqual([connection.get('auth_user'), connection.get('auth_status'), connection.get('can_relay')], ['joe', 'pass', 'true']);
  assert.equal(
    codes(client.lines('MAIL FROM:<a@a.test> AUTH=<>', 'RCPT TO:<b@far.test>', 'DATA', 'Subject: x', '', 'x', '.')),
    '250 250 354 250',
  );
  assert.match(
    world.spool.stored[0]?.text ?? '',
    /with ESMTPA\r\n[^]*Authentication-Results: mx\.here\.test;\r\n\tauth=pass smtp\.auth="joe"\r\n/,
  );
  assert.equal(await say(world, client, right), '503 bad sequence of commands\r\n', 'once is enough (A41)');
});

test('A wrong password is 535 after a delay, recorded without any secret; the third ends the connection (AUTH-05, A41, A43)', async () => {
  const world = new World({ options });
  const client = await ready(world);
  for (let i = 0; i < 2; i++) assert.equal(await say(world, client, wrong), '535 Authentication credentials invalid\r\n');
  assert.equal(client.session.context.connection.get('auth_status'), 'fail');
  assert.equal(client.session.context.connection.get('can_relay'), undefined);
  assert.equal(codes(await say(world, client, wrong)), '535 421');
  assert.ok(client.isEnded);
  assert.doesNotMatch(JSON.stringify(world.records) + world.panics.join(), /secret|nonsense|AGpvZQ/);
});

test('An address that guesses is turned away after a while, another one is not (A43)', async () => {
  const world = new World({ options });
  let last = '';
  for (let i = 0; i < 8 && !last.startsWith('421'); i++) {
    const client = await ready(world, '192.0.2.66');
    for (let j = 0; j < 3 && !client.isEnded; j++) last = await say(world, client, wrong);
  }
  assert.equal(last, '421 too many authentication failures\r\n');
  assert.equal(codes(await say(world, await ready(world, '192.0.2.67'), right)), '235');
});

test('The exchange is bounded and strict: cancel, nonsense, over-long lines, wrong places (A41, A40)', async () => {
  const world = new World({ options });
  const client = await ready(world);
  assert.equal(codes(await say(world, client, 'AUTH PLAIN')), '334');
  assert.equal(client.lines('*'), '501 Authentication cancelled\r\n');
  for (const [line, code] of [
    ['AUTH', '501'],
    ['AUTH PLAIN ?', '501'],
    ['AUTH PLAIN AAA', '501'],
    ['AUTH PLAIN a b', '501'],
    [`AUTH PLAIN ${b64('joe')}`, '501'],
    [`AUTH CRAM-MD5 ${b64('x')}`, '501'],
    ['AUTH NTLM', '504'],
    ['AUTH SCRAM-SHA-256', '504'],
  ] as const)
    assert.equal(codes(await say(world, client, line)), code, line);
  assert.equal(codes(await say(world, client, 'AUTH LOGIN')), '334');
  assert.equal(codes(await say(world, client, 'A'.repeat(60_000))), '500');
  assert.equal(codes(client.lines('NOOP')), '250', 'the next line is a command again');
  const flood = await ready(world);
  await say(world, flood, 'AUTH LOGIN');
  assert.equal(codes(await say(world, flood, 'A'.repeat(100_000))), '500');
  await settle();
  assert.ok(flood.isEnded);
  client.lines('MAIL FROM:<a@a.test>');
  assert.equal(codes(await say(world, client, right)), '503');
  client.lines('RSET', 'HELO c.test');
  assert.equal(codes(await say(world, client, right)), '503');
  client.lines('EHLO c.test');
  for (const user of ['x:y', 'long:0123456789abcdef']) {
    const [name = '', password = ''] = user.split(':');
    assert.equal(
      codes(await say(world, await ready(world), `AUTH PLAIN ${b64(`\0${name}\0${password}`)}`)),
      '235',
      'lengths of one and of a power of two',
    );
  }
});

test('A back end in trouble is 454 and auth_status error (A44, AUTH-05)', async () => {
  const world = new World({ options: { ...options, authPlainParameters: new Map([['uri', 'file:///nowhere/at/all']]) } });
  const client = await ready(world);
  assert.equal(await say(world, client, right), '454 Temporary authentication failure\r\n');
  assert.equal(client.session.context.connection.get('auth_status'), 'error');
  assert.match(world.panics.join(), /AUTH PLAIN cannot be answered: password file "\/nowhere\/at\/all": ENOENT/);
});

test('Auth_Requires_TLS: neither offered nor taken in clear (A40, Auth_Requires_TLS)', async () => {
  const world = new World({ options: { ...options, authRequiresTls: true } });
  const client = await world.connect();
  assert.doesNotMatch(client.lines('EHLO c.test'), /AUTH/);
  assert.equal(codes(await say(world, client, right)), '538');
});

test('Always_Allow makes everybody anonymous and lets them relay; Always_Deny wins; Enable_Authentication asks who has no right (AUTH-06, AUTH-07, AUTH-08)', async () => {
  const mail = ['MAIL FROM:<a@a.test>', 'RCPT TO:<b@far.test>'];
  const open = await ready(new World({ options: { alwaysAllow: true } }));
  assert.equal(open.session.context.connection.get('auth_user'), 'anonymous');
  assert.equal(codes(open.lines(...mail)), '250 250');
  const world = new World({ options: { ...options, alwaysAllow: true, alwaysDeny: true } });
  const shut = await ready(world);
  assert.equal(codes(shut.lines('MAIL FROM:<a@a.test>')), '550');
  assert.equal(codes(await say(world, shut, right)), '535');
  assert.equal(shut.session.context.connection.get('can_relay'), undefined);
  const asking = new World({ options: { ...options, enableAuthentication: true, relayHosts: ['192.0.2.99'] } });
  const stranger = await ready(asking);
  assert.equal(codes(stranger.lines('MAIL FROM:<a@a.test>')), '530');
  await say(asking, stranger, right);
  assert.equal(codes(stranger.lines(...mail)), '250 250');
  assert.equal(codes((await ready(asking, '192.0.2.99')).lines(...mail)), '250 250', 'hosts of relay_hosts need none');
});

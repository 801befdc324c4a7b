/**
 * Logging in at the next hop: who is told the password, and who never is.
 */
import assert from 'node:assert/strict';
import { createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import type { SendingOptions } from '#queue';
import { startServer, World, type FakeServer, type ServerScript } from '../fixtures.test.ts';
import type { TlsPort } from '../session/tls.ts';
import { Authentication } from './authentication.ts';

/** TLS that is there in name only, so that what is said inside it can be read. */
const tlsOf = (isProven: boolean): TlsPort => ({
  begin: (_wire, _goal, done) => {
    setImmediate(() => done(undefined, isProven));
    return undefined;
  },
});
const login = { outboundSmtpAuthType: 'PLAIN', outboundSmtpAuthUser: 'ada', outboundSmtpAuthPass: 'secret', tls: 'required' } as const;
const plain = Buffer.from('\0ada\0secret').toString('base64');
const extensions = ['PIPELINING', 'STARTTLS', 'AUTH PLAIN LOGIN CRAM-MD5'];

async function meeting(
  t: TestContext,
  o: { options?: Partial<SendingOptions>; script?: ServerScript; isProven?: boolean; isManual?: boolean } = {},
): Promise<{ world: World; server: FakeServer }> {
  const server = await startServer(t, {
    extensions,
    ...o.script,
    answer: (verb, line, peer) => o.script?.answer?.(verb, line, peer) ?? (verb === 'AUTH' ? '235 2.7.0 welcome' : undefined),
  });
  const options = { remoteSmtpPort: server.port, maxOutboundConnections: 1, ...login, ...o.options };
  const world = new World(t, { options, tls: tlsOf(o.isProven ?? true), isManual: o.isManual ?? false });
  return { world, server };
}

const said = (server: FakeServer): string => server.chunks.join('');

test('OUT-47: we log in once, within TLS, before the first message', async (t) => {
  const { world, server } = await meeting(t);
  world.send('1@a.test');
  world.send('2@a.test');
  await world.until(() => world.kinds === 'DD');
  const verbs = server.lines.map((line) => line.split(' ')[0]);
  assert.deepEqual(verbs.slice(0, 5), ['EHLO', 'STARTTLS', 'EHLO', 'AUTH', 'MAIL']);
  assert.equal(server.lines[3], `AUTH PLAIN ${plain}`);
  assert.equal(verbs.filter((verb) => verb === 'AUTH').length, 1);
});

test('OUT-47: AUTH LOGIN answers the two prompts, CRAM-MD5 proves without telling', async (t) => {
  const prompts = ['334 VXNlcm5hbWU6', '334 not base64 at all'];
  let asked = 0;
  const { world, server } = await meeting(t, {
    options: { outboundSmtpAuthType: 'login' },
    script: {
      answer: (verb, line) => {
        if (verb === 'AUTH') return prompts[asked++];
        if (line === 'YWRh') return prompts[asked++];
        return line === 'c2VjcmV0' ? '235 ok' : undefined;
      },
    },
  });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'D');
  assert.deepEqual(server.lines.slice(3, 6), ['AUTH LOGIN', 'YWRh', 'c2VjcmV0']);
  const cram = await meeting(t, {
    options: { outboundSmtpAuthType: 'CRAM-MD5' },
    script: { answer: (verb, line) => (verb === 'AUTH' ? '334 PDEuMkB4LnRlc3Q+' : line.startsWith('YWRhI') ? '235 ok' : undefined) },
  });
  cram.world.send('1@a.test');
  await cram.world.until(() => cram.world.kinds === 'D');
  assert.ok(!said(cram.server).includes('secret') && !said(cram.server).includes('c2VjcmV0'));
});

test('A45, OUT-47: nothing of a password is sent in clear, nor over TLS that proved nothing, nor by a mechanism that is not offered', async (t) => {
  const unproven = await meeting(t, { isProven: false });
  const clear = await meeting(t, { options: { tls: 'no' } });
  const fallen = await meeting(t, { options: { tls: 'ifavailable' }, script: { extensions: ['AUTH PLAIN'] } });
  const other = await meeting(t, { script: { extensions: ['STARTTLS', 'AUTH LOGIN XOAUTH2'] } });
  const half = await meeting(t, { options: { outboundSmtpAuthPass: 'false' } });
  const expected = [
    [unproven, '451 4.7.0 [internal] AUTH needs TLS that proved who the server is'],
    [clear, '451 4.7.0 [internal] AUTH needs TLS that proved who the server is'],
    [fallen, '451 4.7.0 [internal] AUTH needs TLS that proved who the server is'],
    [other, '451 4.7.0 [internal] AUTH required but the mechanism is not advertised'],
    [half, '451 4.7.0 [internal] AUTH needs Outbound_SMTP_Auth_Type, _User and _Pass'],
  ] as const;
  for (const [{ world, server }, reply] of expected) {
    world.send('1@a.test');
    await world.until(() => world.records.length === 1);
    assert.deepEqual(world.failures, [`T 11 ${reply}`]);
    assert.ok(!server.lines.some((line) => line.startsWith('AUTH')), server.lines.join('|'));
    assert.ok(!said(server).includes(plain));
  }
});

test('OUT-47: a login that is refused is the failure of the connection, for now, and never of the message; the reply shows no secret', async (t) => {
  const { world, server } = await meeting(t, { script: { answer: (verb) => (verb === 'AUTH' ? '535 5.7.8 who are you' : undefined) } });
  world.send('1@a.test');
  await world.until(() => world.records.length === 1);
  assert.deepEqual(world.failures, ['T 11 535 5.7.8 who are you']);
  assert.equal(server.messages.length, 0);
});

test('SD-63, SD-160, SD-233, OUT-47: connections of two identities are never shared, nor one with a domain that does not log in', async (t) => {
  const server = await startServer(t, { extensions, answer: (verb) => (verb === 'AUTH' ? '235 ok' : undefined) });
  const users: Readonly<Record<string, Partial<SendingOptions>>> = {
    'a.test': { outboundSmtpAuthUser: 'ada' },
    'b.test': { outboundSmtpAuthUser: 'bob' },
    'c.test': { outboundSmtpAuthPass: 'other' },
    'd.test': { outboundSmtpAuthKey: 'd' },
    'e.test': { outboundSmtpAuthType: 'false', tls: 'no' },
  };
  const world = new World(t, {
    options: { remoteSmtpPort: server.port, maxOutboundConnections: 1, ...login },
    of: (domain) => users[domain] ?? {},
    tls: tlsOf(true),
  });
  for (const domain of Object.keys(users)) {
    world.send(`1@${domain}`);
    await world.until(() => world.records.length === Object.keys(users).indexOf(domain) + 1);
  }
  assert.equal(world.kinds, 'DDDDD');
  const byConnection = server.messages.map(({ connection }) => connection);
  assert.equal(new Set(byConnection).size, 5, 'each has its own');
  const logins = server.lines
    .filter((line) => line.startsWith('AUTH'))
    .map((line) => Buffer.from(line.split(' ')[2] ?? '', 'base64').toString());
  assert.deepEqual(logins, ['\0ada\0secret', '\0bob\0secret', '\0ada\0other', '\0ada\0secret']);
});

test('SD-233, OUT-47: when the credentials of a queue change, its open connections take no more mail', async (t) => {
  const { world, server } = await meeting(t, { options: { idleTimeout: 60 } });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'D');
  world.options = { ...world.options, outboundSmtpAuthUser: 'bob' };
  world.queues.reconfigured(() => world.deliverer.reconfigured());
  world.send('2@a.test');
  await world.until(() => world.kinds === 'DD');
  assert.deepEqual(
    server.messages.map(({ connection }) => connection),
    [0, 1],
  );
  const last = server.lines.findLast((line) => line.startsWith('AUTH'));
  assert.equal(Buffer.from(last?.split(' ')[2] ?? '', 'base64').toString(), '\0bob\0secret');
});

test('SD-4009, SD-3685: users and passwords of every length up to 400 are sent whole, in the command or behind a challenge', () => {
  for (let length = 1; length <= 400; length += 1) {
    const options = { outboundSmtpAuthType: 'PLAIN', outboundSmtpAuthUser: 'u'.repeat(length), outboundSmtpAuthPass: 'p'.repeat(length) };
    const { exchange, step } = Authentication.begin(options, { offered: ['PLAIN'], isProven: true, host: 'x.test' });
    assert.equal(step.kind, 'say');
    let text = step.kind === 'say' ? step.text : '';
    assert.ok(text.length <= 512 && text.endsWith('\r\n'));
    if (text === 'AUTH PLAIN\r\n') {
      const next = exchange?.reply({ code: 334, class: 'intermediate', lines: [''] } as never);
      text = next?.kind === 'say' ? `AUTH PLAIN ${next.text}` : '';
    }
    const [, user, password] = Buffer.from(text.slice(11).trim(), 'base64').toString().split('\0');
    assert.deepEqual([user?.length, password?.length], [length, length]);
  }
});

test('OUT-47: the proof of SCRAM-SHA-256 is found beside other work; who speaks meanwhile ends the exchange, who proves himself gets the mail', async (t) => {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync('secret', salt, 4096, 32, 'sha256');
  const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  let first = '';
  let challenge = '';
  const meet = (isImpatient: boolean) =>
    meeting(t, {
      options: { outboundSmtpAuthType: 'SCRAM-SHA-256', retryInterval: 3600 },
      script: {
        extensions: ['STARTTLS', 'AUTH SCRAM-SHA-256'],
        answer: (verb, line) => {
          const text = (encoded = ''): string => Buffer.from(encoded, 'base64').toString();
          if (verb === 'AUTH') {
            first = text(line.split(' ')[2]).slice(3);
            challenge = `r=${first.slice(first.indexOf('r=') + 2)}more,s=${salt.toString('base64')},i=4096`;
            const once = `334 ${Buffer.from(challenge).toString('base64')}`;
            return isImpatient ? `${once}\r\n${once}` : once;
          }
          const final = text(line);
          if (!final.startsWith('c=biws')) return line === '' && verb !== 'banner' ? '235 in' : undefined;
          const message = `${first},${challenge},${final.slice(0, final.indexOf(',p='))}`;
          return `334 ${Buffer.from(`v=${hmac(hmac(salted, 'Server Key'), message).toString('base64')}`).toString('base64')}`;
        },
      },
    });
  const { world } = await meet(false);
  world.send('1@a.test');
  await world.until(() => world.records.length > 0);
  assert.equal(world.kinds, 'D', world.summary());
  const { world: other } = await meet(true);
  other.send('1@a.test');
  await other.until(() => other.records.length > 0);
  assert.deepEqual(other.failures, ['T 11 451 4.7.0 [internal] AUTH failed: the server does not wait for an answer']);
});

test('a server that goes on asking, or asks nonsense, ends the exchange', () => {
  const begin = (type: string) =>
    Authentication.begin(
      { outboundSmtpAuthType: type, outboundSmtpAuthUser: 'ada', outboundSmtpAuthPass: 'secret' },
      { offered: [type], isProven: true, host: 'x.test' },
    ).exchange;
  const endless = begin('LOGIN');
  let last: string | undefined;
  for (let i = 0; i < 12 && last !== 'failed'; i += 1)
    last = endless?.reply({ code: 334, class: 'intermediate', lines: ['eA=='] } as never).kind;
  assert.equal(last, 'failed');
  const step = begin('SCRAM-SHA-256')?.reply({ code: 334, class: 'intermediate', lines: ['!!!'] } as never);
  assert.deepEqual(step, { kind: 'failed', reply: '451 4.7.0 [internal] AUTH failed: the challenge is no base64' });
  const early = begin('SCRAM-SHA-256')?.reply({ code: 235, class: 'positive', lines: ['ok'] } as never);
  assert.equal(early?.kind, 'failed', 'a server that did not prove that it knows the password');
});

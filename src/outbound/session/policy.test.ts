import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { systemClock } from '#base';
import type { HostPolicy, HostQuestion, PolicyAnswer } from '#policies';
import type { SendingOptions } from '#queue';
import { startServer, World, type FakeServer, type ServerScript } from '../fixtures.test.ts';
import { authority, certificate, key } from './certificates.test.ts';
import { OutboundTls } from './tls.ts';

const asked: string[] = [];
const secureContext = createSecureContext({ cert: certificate, key });

function upgrade(socket: Socket, serve: (secured: Socket) => void): void {
  const secured = new TLSSocket(socket, {
    isServer: true,
    secureContext,
    SNICallback: (name, done) => {
      asked.push(name);
      done(null, secureContext);
    },
  });
  secured.on('error', () => undefined);
  serve(secured);
}

const encrypted: ServerScript = { extensions: ['STARTTLS', 'REQUIRETLS'], upgrade };
const broken: ServerScript = { extensions: ['STARTTLS'], upgrade: (socket) => socket.once('data', () => socket.end('no TLS\r\n')) };

function policy(more: Partial<HostPolicy>): HostPolicy {
  return {
    kind: 'sts',
    name: 'MTA-STS, enforce, a.test',
    isEnforced: true,
    serverName: 'mx.a.test',
    names: ['mx.a.test'],
    isProof: true,
    ...more,
  };
}

function world(
  t: TestContext,
  server: FakeServer,
  answer: PolicyAnswer,
  options: Partial<SendingOptions> = {},
): { w: World; questions: HostQuestion[] } {
  const questions: HostQuestion[] = [];
  const tls = new OutboundTls({ readFile: () => Buffer.from(authority), clock: systemClock, panic: { log: () => undefined } });
  const w = new World(t, {
    tls,
    policies: { of: (question, done) => (questions.push(question), void setImmediate(() => done(answer))) },
    options: { remoteSmtpPort: server.port, useMtaSts: true, ...options },
    dns: (name) => ({ kind: 'hosts', hosts: [{ name, preference: 10, addresses: ['127.0.0.1'] }], ttl: 60, isAuthenticated: true }),
  });
  return { w, questions };
}

const ca: Partial<SendingOptions> = { tlsCa: '/ca' };

test('A46, OUT-60: a policy is asked for only by mail whose options want one, with what DNSSEC says of the host', async (t) => {
  const server = await startServer(t, encrypted);
  const without = world(t, server, { kind: 'none' }, { useMtaSts: false });
  without.w.send('1@mx.a.test');
  await without.w.until(() => without.w.kinds === 'D');
  assert.deepEqual(without.questions, []);
  const off = world(t, server, { kind: 'none' }, { useDane: true, enableDane: false, enableMtaSts: false });
  off.w.send('1@mx.a.test');
  await off.w.until(() => off.w.kinds === 'D');
  assert.deepEqual(off.questions, []);
  const wanted = world(t, server, { kind: 'none' }, { useDane: true });
  wanted.w.send('1@mx.a.test');
  await wanted.w.until(() => wanted.w.kinds === 'D');
  const [first] = wanted.questions;
  assert.deepEqual(first, {
    domain: 'mx.a.test',
    host: 'mx.a.test',
    ip: '127.0.0.1',
    port: server.port,
    isHostSecure: true,
    isForeign: true,
    useDane: true,
    useSts: true,
  });
});

test('A46: an enforced policy demands TLS, a good certificate and its name, whatever TLS and TLS_Verify say, and nothing is sent in clear text', async (t) => {
  const server = await startServer(t, encrypted);
  const cases: [string, HostPolicy, Partial<SendingOptions>][] = [
    ['D', policy({}), ca],
    ['451 4.7.5 [internal] SSL cert must be signed by a valid CA (MTA-STS, enforce, a.test)', policy({}), {}],
    ['451 4.7.5 [internal] SSL cert common name does not match host (MTA-STS, enforce, a.test)', policy({ names: ['other.test'] }), ca],
    ['D', policy({ kind: 'dane', prove: (chain) => (chain.length > 0 ? undefined : { type: 'validation-failure', text: 'none' }) }), {}],
    [
      '451 4.7.5 [internal] DANE: no match (DANE, x)',
      policy({ kind: 'dane', name: 'DANE, x', prove: () => ({ type: 'validation-failure', text: 'no match' }) }),
      ca,
    ],
  ];
  for (const [outcome, one, options] of cases) {
    const { w } = world(t, server, { kind: 'policy', policy: one }, { tls: 'ifavailable', ...options });
    w.send('1@mx.a.test');
    await w.until(() => w.kinds !== '');
    assert.equal(w.kinds === 'D' ? 'D' : w.failures[0]?.slice(5), outcome);
  }
  assert.equal(server.messages.length, 2);
  assert.deepEqual([...new Set(asked)], ['mx.a.test']);
  for (const script of [broken, {}]) {
    const bare = await startServer(t, script);
    const { w } = world(t, bare, { kind: 'policy', policy: policy({}) });
    w.send('1@mx.a.test');
    await w.until(() => w.kinds === 'T');
    assert.match(w.failures[0] ?? '', /451 4\.7\.[56] .* \(MTA-STS, enforce, a\.test\)$/);
    assert.equal(bare.messages.length, 0);
  }
});

test('A46: a policy that is only tested asks for TLS and takes what it gets: a bad certificate, a broken handshake, clear text', async (t) => {
  const testing = policy({ isEnforced: false, isProof: false, names: ['other.test'] });
  for (const script of [encrypted, broken, {}]) {
    const server = await startServer(t, script);
    const { w } = world(t, server, { kind: 'policy', policy: testing });
    w.send('1@mx.a.test');
    await w.until(() => w.kinds === 'D');
    assert.equal(server.lines.includes('STARTTLS'), script !== broken ? script === encrypted : true);
  }
});

test('A46: where a policy cannot be known the host is not connected to, and the reply says why', async (t) => {
  const server = await startServer(t, encrypted);
  const { w } = world(t, server, { kind: 'unusable', code: '451 4.7.5', reason: 'DANE: TLSA of _25._tcp.mx: sick' });
  w.send('1@mx.a.test');
  await w.until(() => w.kinds === 'T');
  assert.match(w.failures[0] ?? '', / 451 4\.7\.5 \[internal\] DANE: TLSA of _25\._tcp\.mx: sick$/);
  assert.deepEqual([server.connections, w.dials.length], [0, 0]);
});

test('REQUIRETLS: a host that DANE or an enforced MTA-STS policy proves is proof enough (RFC 8689 section 4.2.1); one that is only encrypted is not', async (t) => {
  const server = await startServer(t, encrypted);
  const proves: HostPolicy = policy({ kind: 'dane', name: 'DANE, x', prove: () => undefined });
  for (const isProof of [true, false]) {
    const { w } = world(t, server, { kind: 'policy', policy: { ...proves, isProof } });
    w.send('1@mx.a.test', { requireTls: true });
    await w.until(() => w.kinds !== '');
    assert.equal(w.kinds, isProof ? 'D' : 'T', w.summary());
    if (!isProof) assert.match(w.failures[0] ?? '', /REQUIRETLS needs a certificate/);
  }
  assert.ok(server.lines.some((line) => /^MAIL .* REQUIRETLS/.test(line)));
});

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { systemClock } from '#base';
import type { HostPolicy, HostQuestion, PolicyAnswer, ReportTag, TlsOutcome } from '#policies';
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
): { w: World; questions: HostQuestion[]; counted: TlsOutcome[] } {
  const questions: HostQuestion[] = [];
  const counted: TlsOutcome[] = [];
  const tls = new OutboundTls({ readFile: () => Buffer.from(authority), clock: systemClock, panic: { log: () => undefined } });
  const w = new World(t, {
    tls,
    policies: {
      of: (question, done) => (questions.push(question), void setImmediate(() => done(answer))),
      count: (outcome) => void counted.push(outcome),
    },
    options: { remoteSmtpPort: server.port, useMtaSts: true, ...options },
    dns: (name) => ({ kind: 'hosts', hosts: [{ name, preference: 10, addresses: ['127.0.0.1'] }], ttl: 60, isAuthenticated: true }),
  });
  return { w, questions, counted };
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

test('TLS-RPT: a session is counted once, with the result of RFC 8460 section 4.3, our address, and the name of the server; one that is only tested too', async (t) => {
  const report: ReportTag = { policy: { type: 'sts', strings: ['x'], mxHosts: ['mx.a.test'] } };
  const flaw = { type: 'tlsa-invalid', reason: 'no TLSA record can be used' };
  const dane = (type: 'certificate-expired' | 'validation-failure'): HostPolicy =>
    policy({ kind: 'dane', prove: () => ({ type, text: 'x' }) });
  const testing = policy({ isEnforced: false, isProof: false });
  const noTls = { tls: 'ifavailable' } as const;
  const cases: [string, ServerScript, PolicyAnswer, Partial<SendingOptions>][] = [
    ['', encrypted, { kind: 'policy', policy: policy({}), report }, ca],
    ['', encrypted, { kind: 'none', report }, noTls],
    ['starttls-not-supported', {}, { kind: 'none', report }, noTls],
    ['starttls-not-supported', {}, { kind: 'policy', policy: policy({}), report }, ca],
    ['starttls-not-supported', {}, { kind: 'policy', policy: testing, report }, ca],
    ['validation-failure', broken, { kind: 'policy', policy: policy({}), report }, ca],
    ['validation-failure', broken, { kind: 'none', report }, { ...noTls, tlsIfavailableFallback: true }],
    ['certificate-not-trusted', encrypted, { kind: 'policy', policy: policy({}), report }, {}],
    ['certificate-not-trusted', encrypted, { kind: 'policy', policy: testing, report }, {}],
    ['certificate-host-mismatch', encrypted, { kind: 'policy', policy: policy({ names: ['other.test'] }), report }, ca],
    ['certificate-expired', encrypted, { kind: 'policy', policy: dane('certificate-expired'), report }, ca],
    ['validation-failure', encrypted, { kind: 'policy', policy: dane('validation-failure'), report }, ca],
    ['tlsa-invalid', encrypted, { kind: 'policy', policy: policy({}), report: { ...report, flaw } }, ca],
    // A flaw of the policy is not told where the session shows more.
    ['certificate-not-trusted', encrypted, { kind: 'policy', policy: testing, report: { ...report, flaw } }, {}],
  ];
  for (const [type, script, answer, options] of cases) {
    const server = await startServer(t, script);
    const { w, counted } = world(t, server, answer, options);
    w.send('1@mx.a.test');
    await w.until(() => w.kinds !== '');
    const label = `${type} ${JSON.stringify([answer, options])}`;
    assert.deepEqual(
      counted.map(({ fault }) => fault?.type ?? ''),
      [type],
      label,
    );
    const [{ domain, policy: held, sendingIp, host, helo, ip }] = counted as [TlsOutcome];
    assert.deepEqual(
      [domain, held, sendingIp, host, helo, ip],
      ['mx.a.test', report.policy, '127.0.0.1', 'mx.a.test', 'fake.test', '127.0.0.1'],
      label,
    );
  }
  // What says nothing about TLS: no answer to be counted under, TLS that we did not want, a server that is not there or refuses everybody.
  const silent: [ServerScript, PolicyAnswer, Partial<SendingOptions>][] = [
    [encrypted, { kind: 'none' }, noTls],
    [encrypted, { kind: 'none', report }, { tls: 'no' }],
    [{ answer: (verb) => (verb === 'banner' ? '554 no' : undefined) }, { kind: 'none', report }, noTls],
  ];
  for (const [script, answer, options] of silent) {
    const server = await startServer(t, script);
    const { w, counted } = world(t, server, answer, options);
    w.send('1@mx.a.test');
    await w.until(() => w.kinds !== '');
    assert.deepEqual(counted, []);
  }
});

test('A46: the header TLS-Required: No (RFC 8689) undoes neither a policy nor REQUIRETLS, and is passed on as it is', async (t) => {
  const text = 'TLS-Required: No\r\nSubject: x\r\n\r\nx\r\n';
  for (const requireTls of [false, true]) {
    const bare = await startServer(t, broken);
    const { w } = world(t, bare, { kind: 'policy', policy: policy({}) }, { tls: 'ifavailable' });
    w.send('1@mx.a.test', { text, requireTls });
    await w.until(() => w.kinds === 'T');
    assert.match(w.failures[0] ?? '', /\(MTA-STS, enforce, a\.test\)$/);
    assert.equal(bare.messages.length, 0);
    // Encrypted, and nothing proves who it is.
    const server = await startServer(t, encrypted);
    const unproven = world(t, server, { kind: 'none' }, { tls: 'ifavailable' });
    unproven.w.send('1@mx.a.test', { text, requireTls });
    await unproven.w.until(() => unproven.w.kinds !== '');
    assert.equal(unproven.w.kinds, requireTls ? 'T' : 'D', unproven.w.summary());
    if (!requireTls) assert.match(server.messages[0]?.data ?? '', /^TLS-Required: No\r$/m);
  }
});

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { systemClock } from '#base';
import type { SendingOptions } from '#queue';
import { startServer, World, type FakeServer } from '../fixtures.test.ts';
import { makeSelfSigned } from '../../../test/kit/certificates.ts';
import { authority, certificate, key } from './certificates.test.ts';
import { OutboundTls, protocolRange } from './tls.ts';

const files: Readonly<Record<string, string>> = { '/ca': authority, '/cert': certificate, '/key': key };

function outboundTls(): OutboundTls {
  return new OutboundTls({
    readFile: (path) => {
      const text = files[path];
      if (text === undefined) throw new Error(`no file ${path}`);
      return Buffer.from(text);
    },
    clock: systemClock,
    panic: { log: () => undefined },
  });
}

const secureContext = createSecureContext({ cert: certificate, key });

function upgrade(socket: Socket, serve: (secured: Socket) => void): void {
  const secured = new TLSSocket(socket, { isServer: true, secureContext });
  secured.on('error', () => undefined);
  serve(secured);
}

/** Answers the handshake with rubbish. */
function breakHandshake(socket: Socket): void {
  socket.once('data', () => socket.end('this is no TLS\r\n'));
}

function world(t: TestContext, server: FakeServer, options: Partial<SendingOptions>, domain = 'mx.a.test'): World {
  const made = new World(t, { tls: outboundTls(), options: { remoteSmtpPort: server.port, ...options } });
  made.send(`1@${domain}`);
  return made;
}

const offered = ['PIPELINING', 'STARTTLS'];

test('OUT-60: with TLS ifavailable or required the mail travels encrypted, and EHLO is said again', async (t) => {
  for (const tls of ['ifavailable', 'required'] as const) {
    const server = await startServer(t, { extensions: offered, upgrade });
    const w = world(t, server, { tls });
    await w.until(() => w.kinds === 'D');
    assert.deepEqual(server.lines.slice(0, 4), [
      'EHLO mx.impetus.test',
      'STARTTLS',
      'EHLO mx.impetus.test',
      'MAIL FROM:<sender@origin.test>',
    ]);
    assert.equal(server.messages[0]?.data, 'Subject: hello\r\n\r\nhello\r\n');
  }
});

test('OUT-60: TLS no does not ask for it; ifavailable without an offer goes in clear; required does not', async (t) => {
  const server = await startServer(t, { extensions: offered, upgrade });
  const none = world(t, server, { tls: 'no' });
  await none.until(() => none.kinds === 'D');
  assert.equal(server.lines.includes('STARTTLS'), false);
  const plain = await startServer(t);
  const wished = world(t, plain, { tls: 'ifavailable' });
  await wished.until(() => wished.kinds === 'D');
  const required = world(t, plain, { tls: 'required' });
  await required.until(() => required.kinds === 'T');
  assert.deepEqual(required.failures, ['T 11 451 4.7.6 [internal] STARTTLS required but not advertised']);
  assert.equal(plain.messages.length, 1);
});

test('OUT-60: a broken handshake: in clear at once where it was only wished for and may fall back, else later', async (t) => {
  const server = await startServer(t, { extensions: offered, upgrade: breakHandshake });
  const wished = world(t, server, { tls: 'ifavailable' });
  await wished.until(() => wished.kinds === 'D');
  assert.equal(server.connections, 2);
  const strict = world(t, server, { tls: 'ifavailable', tlsIfavailableFallback: false });
  await strict.until(() => strict.kinds === 'T');
  assert.deepEqual(strict.failures, ['T 17 451 4.7.5 [internal] TLS negotiation failed']);
  const required = world(t, server, { tls: 'required' });
  await required.until(() => required.kinds === 'T');
  assert.deepEqual(required.failures, ['T 17 451 4.7.5 [internal] TLS negotiation failed']);
  assert.equal(server.messages.length, 1);
});

test('OUT-60: STARTTLS refused: on in clear on the same connection where allowed', async (t) => {
  const server = await startServer(t, { extensions: offered, answer: (verb) => (verb === 'STARTTLS' ? '454 not now' : undefined) });
  const wished = world(t, server, { tls: 'ifavailable' });
  await wished.until(() => wished.kinds === 'D');
  assert.equal(server.connections, 1);
  const required = world(t, server, { tls: 'required' });
  await required.until(() => required.kinds === 'T');
  assert.deepEqual(required.failures, ['T 16 451 4.7.5 [internal] no tls go-ahead']);
});

test('A36: replies put behind the go-ahead of STARTTLS end the connection and are never believed', async (t) => {
  const server = await startServer(t, {
    extensions: offered,
    answer: (verb) => (verb === 'STARTTLS' ? '220 go ahead\r\n250-injected\r\n250 CHUNKING\r\n235 welcome' : undefined),
    upgrade,
  });
  for (const tls of ['ifavailable', 'required'] as const) {
    const w = world(t, server, { tls });
    await w.until(() => w.kinds === 'T');
    assert.deepEqual(w.failures, ['T 16 451 4.7.5 [internal] TLS negotiation failed']);
  }
  assert.equal(server.messages.length, 0);
});

test('OUT-61: TLS_Verify ca wants a known authority, host also the name of the domain or mail host; no takes anything', async (t) => {
  const server = await startServer(t, { extensions: offered, upgrade });
  const cases: [Partial<SendingOptions>, string, string][] = [
    [{ tlsVerify: 'no' }, 'b.test', 'D'],
    [{ tlsVerify: 'ca' }, 'mx.a.test', 'T 17 451 4.7.5 [internal] SSL cert must be signed by a valid CA'],
    [{ tlsVerify: 'ca', tlsCa: '/ca' }, 'b.test', 'D'],
    [{ tlsVerify: 'host', tlsCa: '/ca' }, 'b.test', 'T 17 451 4.7.5 [internal] SSL cert common name does not match host'],
    [{ tlsVerify: 'host', tlsCa: '/ca' }, 'mx.a.test', 'D'],
    [{ tlsVerify: 'ca', tlsCa: '/missing' }, 'mx.a.test', 'T 17 451 4.7.5 [internal] TLS negotiation failed'],
  ];
  for (const [options, domain, expected] of cases) {
    const w = world(t, server, { tls: 'required', ...options }, domain);
    await w.until(() => w.kinds !== '');
    assert.equal(w.kinds === 'D' ? 'D' : w.failures[0], expected);
  }
});

test('OUT-62: our certificate is offered when it is configured', async (t) => {
  let subject = '';
  const server = await startServer(t, {
    extensions: offered,
    upgrade: (socket, serve) => {
      const secured = new TLSSocket(socket, { isServer: true, secureContext, requestCert: true, rejectUnauthorized: false });
      secured.on('error', () => undefined);
      secured.on('secure', () => (subject = String(secured.getPeerCertificate().subject?.CN)));
      serve(secured);
    },
  });
  const w = world(t, server, { tls: 'required', tlsCertificate: '/cert', tlsKey: '/key' });
  await w.until(() => w.kinds === 'D');
  assert.equal(subject, 'mx.a.test');
});

test('OUT-62: TLS_Protocols chooses versions by adding and removing names', () => {
  assert.deepEqual(protocolRange(undefined), {});
  assert.deepEqual(protocolRange('+ALL:-TLSv1:-TLSv1.1:-SSLv3'), { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' });
  assert.deepEqual(protocolRange('TLSv1.2'), { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' });
  assert.deepEqual(protocolRange('+ALL:-TLSv1.0'), { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.3' });
  assert.deepEqual(protocolRange('none'), {});
});

test('OUT-62: TLS_Ciphers is the list that we offer: a server with none of it is no server for us', async (t) => {
  const only = createSecureContext({
    cert: certificate,
    key,
    maxVersion: 'TLSv1.2',
    ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384',
  });
  const choosy = (socket: Socket, serve: (secured: Socket) => void): void => {
    const secured = new TLSSocket(socket, { isServer: true, secureContext: only });
    secured.on('error', () => undefined);
    serve(secured);
  };
  const server = await startServer(t, { extensions: offered, upgrade: choosy });
  const fitting = world(t, server, { tls: 'required', tlsCiphers: 'AES256-GCM-SHA384:ECDHE+AESGCM' });
  await fitting.until(() => fitting.kinds === 'D');
  const foreign = world(t, server, { tls: 'required', tlsCiphers: 'ECDHE+CHACHA20' });
  await foreign.until(() => foreign.kinds === 'T');
  assert.match(foreign.failures[0] ?? '', /4\.7\.5/);
});

test('a message with REQUIRETLS travels when the certificate names its domain, and waits when it names only the host that DNS gave (EXT-01, OUT-60)', async (t) => {
  const server = await startServer(t, { extensions: [...offered, 'REQUIRETLS'], upgrade });
  const w = new World(t, { tls: outboundTls(), options: { remoteSmtpPort: server.port, tls: 'ifavailable', tlsCa: '/ca' } });
  w.send('1@mx.a.test', { requireTls: true });
  await w.until(() => w.kinds === 'D');
  assert.ok(server.lines.includes('MAIL FROM:<sender@origin.test> REQUIRETLS'));
  w.send('1@other.test', { requireTls: true });
  await w.until(() => w.kinds === 'DT');
  assert.match(w.failures[0] ?? '', /451 4\.7\.5/);
  assert.equal(server.messages.length, 1);
});

test('TLS_Enable_DHE_Ciphers false leaves no DHE cipher for the next hop, whatever TLS_Ciphers says', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'impetus-dhe-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const pair = makeSelfSigned(dir, 'old', 'rsa');
  const files = { cert: readFileSync(pair.cert), key: readFileSync(pair.key) };
  const old = createSecureContext({ ...files, dhparam: 'auto', maxVersion: 'TLSv1.2', ciphers: 'DHE-RSA-AES128-GCM-SHA256' });
  for (const [allowed, expected] of [
    [true, 'D'],
    [false, 'T'],
  ] as const) {
    const server = await startServer(t, {
      extensions: offered,
      upgrade: (socket, serve) => {
        const secured = new TLSSocket(socket, { isServer: true, secureContext: old });
        secured.on('error', () => undefined);
        serve(secured);
      },
    });
    const tls = new OutboundTls({ readFile: readFileSync, clock: systemClock, panic: { log: () => undefined }, allowsDhe: () => allowed });
    const w = new World(t, { tls, options: { remoteSmtpPort: server.port, tls: 'required', tlsCiphers: 'DHE:ECDHE' } });
    w.send('1@a.test');
    await w.until(() => w.kinds === expected);
  }
});

test('OUT-63: contexts are made once for the same options, anew for others, after a flush, and when they grow old', async (t) => {
  const read: string[] = [];
  let now = 0;
  const tls = new OutboundTls({
    readFile: (path) => (read.push(path), Buffer.from(files[path] ?? '')),
    clock: { ...systemClock, mono: () => now },
    panic: { log: () => undefined },
  });
  const server = await startServer(t, { extensions: offered, upgrade });
  const w = new World(t, { tls, options: { remoteSmtpPort: server.port, tls: 'required', maxDeliveriesPerConnection: 1, tlsCa: '/ca' } });
  let sent = 0;
  const next = async (): Promise<string[]> => {
    w.send('1@mx.a.test');
    sent += 1;
    await w.until(() => w.kinds.length === sent);
    return read.splice(0);
  };
  assert.deepEqual([await next(), await next()], [['/ca'], []]);
  assert.deepEqual(
    [...tls.lines()].map(({ clientCa, certificate }) => [clientCa, certificate]),
    [['/ca', 'none']],
  );
  assert.equal(tls.flush(), 1);
  assert.deepEqual([...tls.lines()], []);
  assert.deepEqual(await next(), ['/ca']);
  now = 301_000;
  assert.deepEqual(await next(), ['/ca']);
});

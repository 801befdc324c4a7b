/*
 * TLS sessions with next hops: taken up again where nothing differs, and never where it would prove less than a whole handshake.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { createSecureContext, TLSSocket, type SecureContext, type SecureContextOptions } from 'node:tls';
import { systemClock } from '#base';
import type { HostPolicy } from '#policies';
import type { SendingOptions } from '#queue';
import { makeSelfSigned } from '../../../test/kit/certificates.ts';
import { startServer, World, type FakeServer, type ServerScript, type WorldOptions } from '../fixtures.test.ts';
import { authority, certificate, key } from './certificates.test.ts';
import { LIFE_MS, SESSIONS_MAX, TlsSessions, type Shown } from './tls-sessions.ts';
import { OutboundTls } from './tls.ts';

const dir = mkdtempSync(join(tmpdir(), 'impetus-sessions-'));
after(() => rmSync(dir, { recursive: true }));
const stranger = makeSelfSigned(dir, 'stranger');

const files: Record<string, string> = { '/ca': authority, '/cert': certificate, '/key': key };
for (const part of ['cert', 'key'] as const) files[`/other.${part}`] = readFileSync(stranger[part], 'utf8');

/** A server that says of each handshake whether it took a session up. */
interface Hop {
  readonly server: FakeServer;
  readonly resumed: boolean[];
  context: SecureContext;
}

/** Both versions: their sessions have little in common. */
const versions = ['TLSv1.2', 'TLSv1.3'] as const;

async function startHop(t: TestContext, o: SecureContextOptions = {}, script: ServerScript = {}): Promise<Hop> {
  const resumed: boolean[] = [];
  const hop = { resumed, context: createSecureContext({ cert: certificate, key, ...o }) };
  const upgrade = (socket: Socket, serve: (secured: Socket) => void): void => {
    const secured = new TLSSocket(socket, { isServer: true, secureContext: hop.context });
    secured.on('error', () => undefined);
    secured.on('secure', () => resumed.push(secured.isSessionReused()));
    serve(secured);
  };
  return Object.assign(hop, { server: await startServer(t, { extensions: ['STARTTLS'], upgrade, ...script }) });
}

interface Sender {
  readonly tls: OutboundTls;
  readonly world: World;
  /** Sends one more message, over a connection of its own; how all ended so far. */
  next(options?: Partial<SendingOptions>, domain?: string, binding?: string): Promise<string>;
}

function sender(t: TestContext, hop: Hop, o: WorldOptions & { mono?: () => number } = {}): Sender {
  const clock = { ...systemClock, ...(o.mono === undefined ? {} : { mono: o.mono }) };
  const readFile = (path: string): Buffer => Buffer.from(files[path] ?? '');
  const tls = new OutboundTls({ readFile, clock, panic: { log: () => undefined } });
  const always = { remoteSmtpPort: hop.server.port, tls: 'required', maxDeliveriesPerConnection: 1 } as const;
  let now: Partial<SendingOptions> = {};
  let sent = 0;
  // Each message has a queue of its own, since a queue keeps the options that it began with.
  const world = new World(t, { ...o, tls, of: () => ({ ...always, ...o.options, ...now }) });
  return {
    tls,
    world,
    async next(options = {}, domain = `mx${sent}.a.test`, binding = 'default') {
      now = options;
      sent += 1;
      world.send(`1@${domain}`, { recipient: { binding } });
      await world.until(() => world.kinds.length === sent);
      return world.kinds;
    },
  };
}

/** Names of all hosts are one, so that queues share the host. */
const oneHost: WorldOptions['dns'] = () => ({
  kind: 'hosts',
  hosts: [{ name: 'mx.a.test', preference: 10, addresses: ['127.0.0.1'] }],
  ttl: 60,
});

test('OUT-63: a TLS session is taken up again with the same host, until a flush', async (t) => {
  for (const maxVersion of versions) {
    const hop = await startHop(t, { maxVersion });
    const { tls, next } = sender(t, hop, { dns: oneHost });
    assert.equal(await next(), 'D');
    assert.equal(await next(), 'DD');
    assert.equal(await next(), 'DDD');
    assert.deepEqual(hop.resumed, [false, true, true], maxVersion);
    assert.deepEqual(tls.sessionCounts, { kept: 1, most: SESSIONS_MAX, offered: 2, resumed: 2 });
    tls.flush();
    assert.equal(tls.sessionCounts.kept, 0);
    await next();
    assert.equal(hop.resumed.at(-1), false, 'after a flush');
  }
});

test('OUT-63, OUT-62, OUT-61: another certificate of ours, other authorities, another demand, other ciphers: each has sessions of its own', async (t) => {
  const hop = await startHop(t);
  const { next } = sender(t, hop, { dns: oneHost });
  const differing: Partial<SendingOptions>[] = [
    {},
    { tlsCertificate: '/cert', tlsKey: '/key' },
    { tlsCertificate: '/other.cert', tlsKey: '/other.key' },
    { tlsCa: '/ca' },
    { tlsCa: '/ca', tlsVerify: 'ca' },
    { tlsCa: '/ca', tlsVerify: 'host' },
    { tlsCiphers: 'ECDHE+AESGCM' },
    { tlsProtocols: 'TLSv1.3' },
    { tls: 'ifavailable' },
    { bindAddress: '127.0.0.1' },
    { bindAddress: '127.0.0.7' },
  ];
  for (const options of differing) await next(options);
  // The address that we spoke from was 127.0.0.1 the first time too.
  const expected = differing.map(({ bindAddress }) => bindAddress === '127.0.0.1');
  assert.deepEqual(hop.resumed, expected);
  for (const options of differing) await next(options);
  assert.deepEqual(hop.resumed.slice(differing.length), Array(differing.length).fill(true));
  await next({}, undefined, 'other');
  await next({}, undefined, 'other');
  assert.deepEqual(hop.resumed.slice(-2), [false, true], 'another binding');
});

test('OUT-63: the certificate of ours that was renewed under its name, and authorities that changed, bring a whole handshake', async (t) => {
  const hop = await startHop(t);
  let now = 0;
  const { next, world } = sender(t, hop, { dns: oneHost, mono: () => now });
  const options = { tlsCa: '/ca', tlsVerify: 'ca', tlsCertificate: '/cert', tlsKey: '/key' } as const;
  t.after(() => Object.assign(files, { '/ca': authority, '/cert': certificate, '/key': key }));
  const later = (): void => void (now += 301_000);
  await next(options);
  later();
  await next(options);
  assert.deepEqual(hop.resumed, [false, true], 'files that were read again and are the same');
  Object.assign(files, { '/cert': files['/other.cert'], '/key': files['/other.key'] });
  later();
  await next(options);
  assert.deepEqual(hop.resumed, [false, true, false]);
  files['/ca'] = files['/other.cert'] ?? '';
  later();
  assert.equal(await next(options), 'DDDT');
  assert.match(world.failures[0] ?? '', /must be signed by a valid CA/);
});

test('OUT-61, OUT-63: what was shown is judged anew: an authority that vouches for it, the name, also when it is taken up again', async (t) => {
  for (const maxVersion of versions) {
    const hop = await startHop(t, { maxVersion });
    const { next, tls, world } = sender(t, hop);
    const strict = { tlsCa: '/ca', tlsVerify: 'host' } as const;
    const host = (name: string) => ({ ...strict, remoteSmtpPort: hop.server.port, gateway: name });
    // One host, asked for by its name; its certificate names mx.a.test alone.
    await next(host('mx.a.test'), 'one.test');
    await next(host('mx.a.test'), 'two.test');
    assert.equal(world.kinds, 'DD', world.failures.join());
    assert.deepEqual(hop.resumed, [false, true], maxVersion);
    assert.equal(tls.sessionCounts.resumed, 1);
  }
});

test('OUT-61, OUT-63: a server that no longer verifies is believed no longer than its session lasts, and being taken up again does not make that longer', async (t) => {
  const hop = await startHop(t, { ticketKeys: Buffer.alloc(48, 1) });
  let now = 0;
  const { next, world, tls } = sender(t, hop, { dns: oneHost, mono: () => now });
  const strict = { tlsCa: '/ca', tlsVerify: 'ca' } as const;
  await next(strict);
  // The same ticket keys: its sessions are good, its certificate is not.
  hop.context = createSecureContext({ cert: files['/other.cert'], key: files['/other.key'], ticketKeys: Buffer.alloc(48, 1) });
  now = LIFE_MS - 1_000;
  assert.equal(await next(strict), 'DD');
  assert.deepEqual(hop.resumed, [false, true]);
  now = LIFE_MS + 1;
  assert.equal(await next(strict), 'DDT');
  assert.match(world.failures[0] ?? '', /must be signed by a valid CA/);
  assert.deepEqual(
    tls.sessionCounts,
    { kept: 0, most: SESSIONS_MAX, offered: 1, resumed: 1 },
    'nothing is kept of a server that was refused',
  );
});

function dane(name: string, wanted: () => string): HostPolicy {
  const prove = ([own]: readonly Buffer[]) =>
    own !== undefined && new X509Certificate(own).fingerprint256 === wanted()
      ? undefined
      : ({ type: 'validation-failure', text: 'no TLSA record matches the certificate' } as const);
  return { kind: 'dane', name, isEnforced: true, serverName: 'mx.a.test', names: ['mx.a.test'], prove, isProof: true };
}

test('OUT-60, OUT-63: DANE judges the certificates that were shown, by the records of now; where they do not do, a whole handshake shows new ones', async (t) => {
  const fingerprint = (pem: string): string => new X509Certificate(pem).fingerprint256;
  let wanted = fingerprint(certificate);
  const hop = await startHop(t, { ticketKeys: Buffer.alloc(48, 2) });
  const policies = { of: (_q: unknown, done: (a: { kind: 'policy'; policy: HostPolicy }) => void) => done({ kind: 'policy', policy }) };
  let policy = dane('DANE, TLSA of a', () => wanted);
  const { next, world, tls } = sender(t, hop, { dns: oneHost, policies, options: { useDane: true } });
  await next();
  await next();
  assert.deepEqual(hop.resumed, [false, true]);
  policy = dane('DANE, TLSA of b', () => wanted);
  await next();
  assert.deepEqual(hop.resumed, [false, true, false], 'another policy');
  // A rollover: a new certificate and a new record; sessions of before are still good for the server.
  hop.context = createSecureContext({ cert: files['/other.cert'], key: files['/other.key'], ticketKeys: Buffer.alloc(48, 2) });
  wanted = fingerprint(files['/other.cert'] ?? '');
  assert.equal(await next(), 'DDDD', world.failures.join());
  assert.equal(hop.resumed.at(-1), false);
  assert.equal(hop.server.connections, 5, 'one with the session that did not do, one without');
  assert.deepEqual([tls.sessionCounts.offered, tls.sessionCounts.resumed], [2, 1]);
  wanted = 'a record that nothing matches';
  assert.equal(await next(), 'DDDDT');
  assert.match(world.failures[0] ?? '', /no TLSA record matches/);
});

test('OUT-60, OUT-63: a host that breaks with a session that is taken up again is asked for a whole handshake at once, not for clear text', async (t) => {
  for (const tls of ['ifavailable', 'required'] as const) {
    let isBroken = false;
    const upgrade = (socket: Socket, serve: (secured: Socket) => void): void => {
      const secured = new TLSSocket(socket, { isServer: true, secureContext });
      secured.on('error', () => undefined);
      secured.on('secure', () => {
        resumed.push(secured.isSessionReused());
        if (isBroken && secured.isSessionReused()) socket.destroy();
      });
      serve(secured);
    };
    const resumed: boolean[] = [];
    const secureContext = createSecureContext({ cert: certificate, key });
    const hop = await startHop(t, {}, { upgrade });
    const { next, world } = sender(t, hop, { dns: oneHost, options: { tls } });
    await next();
    isBroken = true;
    assert.equal(await next(), 'DD', world.failures.join());
    assert.deepEqual(resumed, [false, true, false]);
    assert.equal(hop.server.lines.filter((line) => line === 'STARTTLS').length, 3, 'all over TLS');
    assert.equal(hop.server.connections, 3);
  }
});

const shown: Shown = { isAuthorized: false, certificate: undefined, chain: [], at: 0 };

test('OUT-63: sessions are bounded in number, size and age, and end with the certificate that was verified', () => {
  let now = 0;
  const wall = Date.parse('2030-01-01T00:00:00Z');
  const sessions = new TlsSessions({ mono: () => now, now: () => wall + now });
  const session = Buffer.from('session');
  for (let i = 0; i <= SESSIONS_MAX; i += 1) sessions.keep(`host ${i}`, { session, shown }, 0);
  assert.equal(sessions.counts.kept, SESSIONS_MAX);
  assert.equal(sessions.offer('host 0'), undefined, 'the oldest went');
  sessions.keep('large', { session: Buffer.alloc(16_385), shown }, 0);
  assert.equal(sessions.offer('large'), undefined);
  const names = { subject: {}, issuer: {}, subjectaltname: 'DNS:a.test' } as unknown as NonNullable<Shown['certificate']>;
  const ends = (valid_to: string): Shown => ({ ...shown, isAuthorized: true, certificate: { ...names, valid_to } });
  sessions.keep('over', { session, shown: ends('Dec 31 23:59:59 2029 GMT') }, 0);
  sessions.keep('soon', { session, shown: ends('Jan  1 00:01:00 2030 GMT') }, 0);
  sessions.keep('unread', { session, shown: ends('some day') }, 0);
  assert.deepEqual(
    ['over', 'soon', 'unread'].map((name) => sessions.offer(name) !== undefined),
    [false, true, false],
  );
  now = 60_000;
  assert.equal(sessions.offer('soon'), undefined);
  sessions.keep('late', { session, shown }, 0);
  now = LIFE_MS;
  assert.equal(sessions.offer('late'), undefined, 'counted from the first handshake');
  const { generation } = sessions;
  sessions.flush();
  sessions.keep('before the flush', { session, shown: { ...shown, at: now } }, generation);
  assert.equal(sessions.counts.kept, 0);
});

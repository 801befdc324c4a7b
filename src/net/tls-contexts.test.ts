/**
 * TLS contexts from files: what is refused and how, what is renewed when.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { makeAuthority, makeCertificate, makeDhParams, makeWhole } from '../../test/kit/certificates.ts';
import { Connection } from './connection.ts';
import { TicketSecret } from './ticket-secret.ts';
import { makeTlsContext, TlsContexts, type TlsContext, type TlsSettings } from './tls-contexts.ts';
import { protocolRange } from './tls-protocols.ts';

const dir = mkdtempSync(join(tmpdir(), 'impetus-tls-'));
const at = (name: string): string => join(dir, name);

before(() => {
  makeAuthority(dir);
  makeCertificate(dir, 'mx');
  makeCertificate(dir, 'other');
  writeFileSync(at('junk.pem'), 'no certificate\n');
});
after(() => rmSync(dir, { recursive: true }));

function settings(o: Partial<TlsSettings> = {}): TlsSettings {
  return {
    certificate: at('mx.pem'),
    key: at('mx.key'),
    clientCa: undefined,
    ciphers: undefined,
    protocols: undefined,
    verifyMode: 'none',
    ...o,
  };
}

test('What a stanza names and cannot be had is refused with the option and the file (TLSI-01)', () => {
  const wrong: [Partial<TlsSettings>, RegExp][] = [
    [{ certificate: at('none.pem') }, /^TLS_Certificate ".*none\.pem" cannot be read: there is no such file$/],
    [{ key: at('none.key') }, /^TLS_Key ".*none\.key" cannot be read/],
    [{ certificate: at('junk.pem') }, /^TLS_Certificate ".*junk\.pem" holds no certificate/],
    [{ key: undefined }, /^TLS_Certificate ".*mx\.pem" holds no private key .*TLS_Key$/],
    [{ key: at('other.key') }, /^TLS_Key ".*other\.key" is not the key of TLS_Certificate ".*mx\.pem"$/],
    [{ clientCa: at('junk.pem') }, /^TLS_Client_CA ".*junk\.pem" holds no certificate/],
    [{ ciphers: 'NOSUCHCIPHER' }, /^TLS_Ciphers "NOSUCHCIPHER": no such ciphers$/],
    [{ protocols: '+TLSv9' }, /^TLS_Protocols "\+TLSv9": "\+TLSv9" is no version/],
    [{ protocols: '+ALL:-ALL' }, /^TLS_Protocols .*no version is left$/],
  ];
  for (const [change, message] of wrong) assert.throws(() => makeTlsContext(settings(change)), { name: 'TlsError', message });
  assert.ok(makeTlsContext(settings({ clientCa: at('ca.pem'), ciphers: 'HIGH:!aNULL', protocols: '+ALL:-SSLv3' })));
});

test('TLS_Protocols reads from left to right; a gap takes away what is below it (TLSI-01)', () => {
  assert.deepEqual(protocolRange(undefined), {});
  assert.deepEqual(protocolRange('+ALL:-SSLv2:-SSLv3'), { minVersion: 'TLSv1', maxVersion: 'TLSv1.3' });
  assert.deepEqual(protocolRange('+ALL:-TLSv1.0:-TLSv1.1'), { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' });
  assert.deepEqual(protocolRange('+TLSv1.2'), { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' });
  assert.deepEqual(protocolRange('+ALL:-TLSv1.1'), { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' });
});

test('A context is kept for its listener, renewed when a file changes, and survives a file that went bad (TLSI-01)', () => {
  let now = 0;
  const panics: string[] = [];
  const contexts = new TlsContexts({ mono: () => now, panic: { log: (_level, _part, text) => void panics.push(text) } });
  copyFileSync(at('mx.pem'), at('live.pem'));
  copyFileSync(at('mx.key'), at('live.key'));
  const live = settings({ certificate: at('live.pem'), key: at('live.key') });
  const first = contexts.for(live, ':25');
  assert.equal(contexts.for(live, ':25'), first);
  assert.notEqual(contexts.for(live, ':465'), first, 'listeners share no session tickets');

  copyFileSync(at('other.pem'), at('live.pem'));
  copyFileSync(at('other.key'), at('live.key'));
  assert.equal(contexts.for(live, ':25'), first, 'files are not looked at for each connection');
  now += 60_000;
  const second = contexts.for(live, ':25');
  assert.notEqual(second, first);

  writeFileSync(at('live.pem'), 'broken');
  contexts.recheck();
  assert.equal(contexts.for(live, ':25'), second);
  assert.match(panics.join('\n'), /live\.pem" holds no certificate.*stays in use/);
});

/** What a client gets that speaks to a context. */
async function handshake(
  context: TlsContext,
  o: ConnectionOptions,
): Promise<{ name: string; cipher: string; session: Buffer; isReused: boolean }> {
  const wheel = { schedule: () => 1, cancel: () => true };
  const server = createServer((stream) => {
    const connection = new Connection({ stream, wheel, mono: () => 0, idleMs: 0 });
    const none = (): void => undefined;
    connection.start({ data: none, drained: none, ended: () => connection.end(), idle: none, closed: none });
    connection.secure({ context, done: () => connection.write('220 hello\r\n'), failed: none });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...o });
  let session = Buffer.alloc(0);
  socket.on('session', (ticket: Buffer) => (session = Buffer.from(ticket)));
  try {
    // A ticket of TLS 1.3 comes behind the handshake and before the greeting.
    await new Promise<void>((done, fail) => socket.once('data', () => done()).once('error', fail));
    // Empty in a session that was taken up again.
    const { CN = '' } = (socket.getPeerCertificate().subject ?? {}) as unknown as { CN?: string };
    // TLS 1.3 gives its tickets when it likes, older versions within the handshake.
    if (o.maxVersion === 'TLSv1.3' && o.session === undefined && session.length === 0)
      await new Promise((done) => socket.once('session', done));
    if (session.length === 0) session = Buffer.from(socket.getSession() ?? []);
    return { name: CN, cipher: socket.getCipher().name, session, isReused: socket.isSessionReused() };
  } finally {
    socket.destroy();
    server.close();
  }
}

test('a client that names a server gets its certificate, wildcards too, everybody else the own one of the listener (TLS_SNI_Certificates, TLSI-01)', async () => {
  const named = [makeWhole(dir, 'first', ['mail.first.test', '*.first.test']), makeWhole(dir, 'second', ['second.test'])];
  const context = makeTlsContext(settings({ named }));
  for (const [servername, expected] of [
    ['mail.first.test', 'first.test'],
    ['OTHER.First.test', 'first.test'],
    ['deep.other.first.test', 'mx.test'],
    ['second.test', 'second.test'],
    ['nobody.test', 'mx.test'],
  ] as const) {
    assert.equal((await handshake(context, { servername })).name, expected, servername);
  }
  assert.equal((await handshake(context, {})).name, 'mx.test');
  assert.throws(() => makeTlsContext(settings({ named: [at('mx.pem')] })), /TLS_SNI_Certificates ".*mx\.pem" holds no private key/);
});

/** A ClientHello whose server_name has this many octets, in as many records as it takes. */
function helloWith(octets: number): Buffer {
  const sized = (bytes: Buffer, width: 1 | 2 | 3): Buffer => {
    const length = Buffer.alloc(width);
    length.writeUIntBE(bytes.length, 0, width);
    return Buffer.concat([length, bytes]);
  };
  const name = Buffer.concat([Buffer.from([0]), sized(Buffer.alloc(octets, 'x'), 2)]);
  const extensions = sized(Buffer.concat([Buffer.from([0, 0]), sized(sized(name, 2), 2)]), 2);
  const body = Buffer.concat([Buffer.from([3, 3]), Buffer.alloc(32, 7), Buffer.from([0, 0, 2, 0x13, 1, 1, 0]), extensions]);
  const message = Buffer.concat([Buffer.from([1]), sized(body, 3)]);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += 16_384) {
    records.push(Buffer.from([22, 3, 1]), sized(message.subarray(at, at + 16_384), 2));
  }
  return Buffer.concat(records);
}

test('SNI of garbage, 64 KB of it, ends that handshake and nothing else (A37)', async () => {
  const context = makeTlsContext(settings({ named: [makeWhole(dir, 'third', ['third.test'])] }));
  const hurt = await new Promise<string>((done) => {
    const server = createServer((stream) => {
      const connection = new Connection({ stream, wheel: { schedule: () => 1, cancel: () => true }, mono: () => 0, idleMs: 0 });
      const none = (): void => undefined;
      connection.start({ data: none, drained: none, ended: none, idle: none, closed: () => server.close() });
      connection.secure({ context, done: () => done('secured'), failed: (cause) => done(`failed: ${cause}`) });
    });
    server.listen(0, '127.0.0.1', () => {
      const socket = connect((server.address() as { port: number }).port, '127.0.0.1');
      socket.on('error', () => undefined).resume();
      socket.write(helloWith(65_000));
    });
  });
  assert.match(hurt, /^failed: /);
  assert.equal((await handshake(context, { servername: '__proto__' })).name, 'mx.test');
});

test('TLS_DHParams_File gives DHE ciphers, without it there are none; a file that holds no parameters is refused (TLSI-01)', async () => {
  const pair = makeCertificate(dir, 'rsa', { key: 'rsa' });
  const rsa = { certificate: pair.cert, key: pair.key };
  const wish: ConnectionOptions = { ciphers: 'DHE-RSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' };
  const withThem = makeTlsContext(settings({ ...rsa, dhParams: makeDhParams(dir) }));
  assert.equal((await handshake(withThem, wish)).cipher, 'DHE-RSA-AES128-GCM-SHA256');
  await assert.rejects(handshake(makeTlsContext(settings(rsa)), wish));
  assert.throws(() => makeTlsContext(settings({ dhParams: at('junk.pem') })), /TLS_DHParams_File ".*junk\.pem" holds no DH parameters/);
  const contexts = new TlsContexts({ mono: () => 0, panic: { log: () => undefined }, dhParams: () => at('dh.pem') });
  assert.equal((await handshake(contexts.for(settings(rsa), ':25'), wish)).cipher, 'DHE-RSA-AES128-GCM-SHA256');
});

test('a session ticket of one listener is worth nothing at another with the same certificate, nor after a renewal (TLSI-01)', async () => {
  const contexts = new TlsContexts({ mono: () => 0, panic: { log: () => undefined } });
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const [a, b] = [contexts.for(settings(), ':25'), contexts.for(settings(), ':465')];
    const { session } = await handshake(a, { maxVersion });
    assert.ok(session.length > 0);
    assert.equal((await handshake(a, { maxVersion, session })).isReused, true, `${maxVersion}: at its own listener`);
    assert.equal((await handshake(b, { maxVersion, session })).isReused, false, `${maxVersion}: at another`);
    assert.equal((await handshake(makeTlsContext(settings(), ':25'), { maxVersion, session })).isReused, false, `${maxVersion}: renewed`);
  }
});

test('tls rekey: a context has new keys for its tickets, those given out before are worth nothing, new ones are (OUT-63, TLSI-01)', async () => {
  const tickets = TicketSecret.create();
  const contexts = new TlsContexts({ mono: () => 0, panic: { log: () => undefined }, tickets });
  const context = contexts.for(settings(), ':25');
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { session } = await handshake(context, { maxVersion });
    assert.equal((await handshake(context, { maxVersion, session })).isReused, true, `${maxVersion}: before`);
    tickets.renew();
    assert.equal(contexts.rekey(), 1);
    assert.equal((await handshake(context, { maxVersion, session })).isReused, false, `${maxVersion}: an old ticket`);
    const { session: later } = await handshake(context, { maxVersion });
    assert.equal((await handshake(context, { maxVersion, session: later })).isReused, true, `${maxVersion}: a new one`);
  }
  assert.equal(contexts.for(settings(), ':25'), context, 'the files are not read for it');
});

test('loops that share the secret of tickets take up the sessions of each other, until it is renewed; another file, setting or listener is another key (TLSI-01)', async () => {
  const secret = TicketSecret.create();
  const loop = (): TlsContexts =>
    new TlsContexts({ mono: () => 0, panic: { log: () => undefined }, tickets: TicketSecret.attach(secret.memory) });
  const loops = [loop(), loop()] as const;
  const both = (o?: Partial<TlsSettings>, listener = ':25'): TlsContext[] => loops.map((one) => one.for(settings(o), listener));
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const [first, second] = both() as [TlsContext, TlsContext];
    const { session } = await handshake(first, { maxVersion });
    const isGood = async (context: TlsContext): Promise<boolean> => (await handshake(context, { maxVersion, session })).isReused;
    assert.equal(await isGood(second), true, maxVersion);
    assert.equal(await isGood(loop().for(settings(), ':25')), true, `${maxVersion}: a loop that is born later`);
    copyFileSync(at('ca.pem'), at('ca2.pem'));
    const differing = [
      both({}, ':26'),
      both({ clientCa: at('ca.pem') }),
      both({ clientCa: at('ca2.pem') }),
      both({ verifyMode: 'require' }),
    ];
    for (const contexts of differing) for (const one of contexts) assert.equal(await isGood(one), false, maxVersion);
    secret.renew();
    for (const one of loops) one.rekey();
    for (const one of [first, second]) assert.equal(await isGood(one), false, `${maxVersion}: renewed`);
  }
  // The same name, other contents.
  const before = makeTlsContext(settings({ clientCa: at('ca2.pem') }), ':25').identity;
  copyFileSync(at('other.pem'), at('ca2.pem'));
  assert.notEqual(makeTlsContext(settings({ clientCa: at('ca2.pem') }), ':25').identity, before);
});

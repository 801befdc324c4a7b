/**
 * TLS between a connection and its peer: the clock of the handshake, and back-pressure that is as good as in clear.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex, PassThrough } from 'node:stream';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { ManualClock, TimerWheel } from '#base';
import { makeAuthority, makeCertificate } from '../../test/kit/certificates.ts';
import { Connection, HANDSHAKE_MS, type CloseReason, type ConnectionOwner } from './connection.ts';
import { makeTlsContext, type TlsContext } from './tls-contexts.ts';
import type { TlsFacts } from './tls-facts.ts';

const dir = mkdtempSync(join(tmpdir(), 'impetus-secure-'));
let context: TlsContext;
before(() => {
  makeAuthority(dir);
  const { cert, key } = makeCertificate(dir, 'mx');
  const none = { clientCa: undefined, ciphers: undefined, protocols: undefined, verifyMode: 'none' } as const;
  context = makeTlsContext({ certificate: cert, key, ...none });
});
after(() => rmSync(dir, { recursive: true }));

class Owner implements ConnectionOwner {
  text = '';
  drains = 0;
  reason: CloseReason | undefined;
  facts: TlsFacts | undefined;
  failure: string | undefined;
  data(chunk: Buffer): void {
    this.text += chunk.toString('latin1');
  }
  drained(): void {
    this.drains++;
  }
  ended(): void {}
  idle(): void {}
  closed(reason: CloseReason): void {
    this.reason = reason;
  }
}

/** A connection that begins TLS at once, and the socket of its peer. */
async function dial(clock: ManualClock, wheel: TimerWheel): Promise<{ owner: Owner; connection: Connection; peer: Socket }> {
  const server = createServer({ allowHalfOpen: true });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const accepted = new Promise<Socket>((done) => server.once('connection', done));
  const peer = connect((server.address() as { port: number }).port, '127.0.0.1');
  const stream = await accepted;
  server.close();
  const owner = new Owner();
  const connection = new Connection({ stream, wheel, mono: () => clock.mono(), idleMs: 0 });
  connection.start(owner);
  connection.secure({ context, done: (facts) => (owner.facts = facts), failed: (cause) => (owner.failure = cause) });
  return { owner, connection, peer };
}

async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((done) => setImmediate(done));
}

test('A handshake that is not done in its time ends the connection without a word (A37)', async () => {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  const { owner, connection, peer } = await dial(clock, wheel);
  let said = 0;
  peer.on('data', (chunk) => (said += chunk.length)).on('error', () => undefined);
  assert.equal(connection.isSecured, true);
  connection.write('not in clear');
  clock.advance(HANDSHAKE_MS - 1000);
  wheel.advance();
  assert.equal(owner.failure, undefined);
  clock.advance(2000);
  wheel.advance();
  await until(() => owner.reason !== undefined);
  assert.deepEqual([owner.reason, owner.failure, said], ['stalled', 'the client was too slow', 0]);
  assert.equal(wheel.size, 0, 'no timer is left');
  peer.destroy();
});

test('Behind TLS a peer that does not read congests the connection, and hears everything when it does read (A60)', async () => {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  const { owner, connection, peer } = await dial(clock, wheel);
  const tls = connectTls({ socket: peer, rejectUnauthorized: false });
  await until(() => owner.facts !== undefined);
  assert.match(owner.facts?.protocol ?? '', /^TLSv1\.3$/);
  tls.pause();
  let written = 0;
  const line = `${'x'.repeat(998)}\r\n`;
  for (let i = 0; i < 200_000 && !connection.isCongested; i++) {
    connection.write(line);
    written += line.length;
    if (i % 100 === 0) await new Promise((done) => setImmediate(done));
  }
  assert.ok(connection.isCongested && written < 100_000_000, `${written} bytes were taken`);
  let heard = 0;
  tls.on('data', (chunk: Buffer) => (heard += chunk.length));
  tls.resume();
  tls.write('NOOP\r\n');
  await until(() => heard === written && owner.drains > 0 && owner.text === 'NOOP\r\n');
  connection.end();
  await until(() => owner.reason !== undefined || tls.readableEnded);
  tls.destroy();
  await until(() => owner.reason !== undefined);
  assert.equal(wheel.size, 0);
});

test('A client of TLS 1.2 cannot begin another handshake (A37, TLSI-01)', async () => {
  const clock = new ManualClock();
  const { owner, peer } = await dial(clock, new TimerWheel({ clock }));
  const tls = connectTls({ socket: peer, rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
  tls.on('error', () => undefined);
  await new Promise((done) => tls.once('secureConnect', done));
  await until(() => owner.facts !== undefined);
  const outcome = await new Promise<string>((done) => {
    tls.on('close', () => done('closed'));
    tls.renegotiate({ rejectUnauthorized: false }, (error) => done(error === null || error === undefined ? 'renegotiated' : 'refused'));
  });
  tls.destroy();
  assert.notEqual(outcome, 'renegotiated');
});

test('A record that is broken behind the handshake ends the connection at once (A37)', async () => {
  const clock = new ManualClock();
  const { owner, peer } = await dial(clock, new TimerWheel({ clock }));
  // Between client and server, so that something can be put in between.
  const between = new PassThrough();
  const wire = Duplex.from({ readable: peer, writable: between });
  between.on('data', (chunk: Buffer) => peer.write(chunk));
  const tls = connectTls({ socket: wire, rejectUnauthorized: false });
  tls.on('error', () => undefined);
  await until(() => owner.facts !== undefined);
  peer.write(Buffer.from([23, 3, 3, 0, 32, ...Buffer.alloc(32, 1)]));
  await until(() => owner.reason !== undefined);
  assert.equal(owner.reason, 'error');
  assert.equal(owner.text, '');
  tls.destroy();
  peer.destroy();
});

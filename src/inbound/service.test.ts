/**
 * The service on real loopback sockets.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { codes, World } from '../../test/kit/inbound.ts';
import type { SessionCell } from './ports.ts';
import { EsmtpService, type EsmtpServiceOptions, type ListenStanza } from './service.ts';

class Cell implements SessionCell {
  taken = 0;

  acquire(limit: number): boolean {
    if (limit > 0 && this.taken >= limit) return false;
    this.taken++;
    return true;
  }

  release(): void {
    this.taken--;
  }
}

interface Made {
  readonly service: EsmtpService;
  readonly world: World;
  readonly cell: Cell;
  readonly listenerCells: Map<string, Cell>;
}

function make(o: Partial<EsmtpServiceOptions> = {}, options: Record<string, unknown> = {}): Made {
  const world = new World({ options: { relayDomains: ['here.test'], ...options } });
  const cell = new Cell();
  const listenerCells = new Map<string, Cell>();
  const service = new EsmtpService({
    ports: world.ports,
    optionsFor: () => world.options,
    serviceCell: cell,
    listenerCell: (address) => {
      const own = new Cell();
      listenerCells.set(address, own);
      return own;
    },
    reusePort: false,
    ...o,
  });
  return { service, world, cell, listenerCells };
}

const on = (address: string, enable = true): ListenStanza => ({ address, enable });
const apply = (service: EsmtpService, ...stanzas: readonly ListenStanza[]): Promise<string | undefined> =>
  new Promise((resolve) => service.apply(stanzas, (error) => resolve(error?.code)));
const stop = (service: EsmtpService): Promise<void> => new Promise((resolve) => service.stop(1000, resolve));
const portOf = (service: EsmtpService, address: string): number => service.bound().get(address)?.port ?? assert.fail('not bound');

/** The server hears of a close a little later than the client. */
async function until(isTrue: () => boolean): Promise<void> {
  for (let i = 0; i < 100_000 && !isTrue(); i++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(isTrue());
}

/** A client that can wait for a number of final replies. */
class Client {
  said = '';
  isClosed = false;
  readonly socket: Socket;
  #wake: () => void = () => undefined;

  constructor(to: { port: number; host: string } | { path: string }) {
    this.socket = connect(to);
    this.socket.on('data', (chunk: Buffer) => {
      this.said += chunk.toString('latin1');
      this.#wake();
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  /** Resolves with the codes of all replies so far when there are `count`, or the connection is closed. */
  async replies(count: number): Promise<string> {
    while (
      !this.isClosed &&
      codes(this.said)
        .split(' ')
        .filter((code) => code !== '').length < count
    ) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return codes(this.said);
  }

  async closed(): Promise<void> {
    while (!this.isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  write(...lines: readonly string[]): void {
    this.socket.write(lines.map((line) => `${line}\r\n`).join(''), 'latin1');
  }
}

test('A message over a real socket, byte by byte and in one piece, is stored the same (LSN-02, SMTP-01, A12)', async () => {
  const { service, world } = make();
  assert.equal(await apply(service, on('127.0.0.1:0')), undefined);
  const to = { host: '127.0.0.1', port: portOf(service, '127.0.0.1:0') };
  const text =
    'EHLO c.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@here.test>\r\nDATA\r\nSubject: x\r\nMessage-ID: <1@a.test>\r\n\r\n..dot\r\n.\r\nQUIT\r\n';
  const whole = new Client(to);
  whole.socket.write(text);
  assert.equal(await whole.replies(7), '220 250 250 250 354 250 221');
  const slow = new Client(to);
  slow.socket.setNoDelay(true);
  for (const byte of text) await new Promise((resolve) => slow.socket.write(byte, resolve));
  assert.equal(await slow.replies(7), '220 250 250 250 354 250 221');
  await Promise.all([whole.closed(), slow.closed()]);
  const [first, second] = world.spool.stored.map((message) => message.text.slice(message.text.indexOf('Subject')));
  assert.equal(first, second);
  assert.equal(world.spool.stored[0]?.envelope.remoteIp, '127.0.0.1');
  await stop(service);
  assert.equal(world.counts.get('inboundConnectionsTotal'), 2);
  assert.equal(world.counts.get('inboundConnections'), 0);
});

test('A whole session sent with the sending side closed behind it still gets its answers (A68)', async () => {
  const { service, world } = make();
  await apply(service, on('127.0.0.1:0'));
  const client = new Client({ host: '127.0.0.1', port: portOf(service, '127.0.0.1:0') });
  client.socket.end('EHLO c.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@here.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n');
  await client.closed();
  assert.equal(codes(client.said), '220 250 250 250 354 250');
  assert.equal(world.spool.stored.length, 1);
  await stop(service);
});

test('After QUIT the client has its 221 and an end, and the session is over without a word more of it (SMTP-01)', async () => {
  const { service } = make();
  await apply(service, on('127.0.0.1:0'));
  const client = new Client({ host: '127.0.0.1', port: portOf(service, '127.0.0.1:0') });
  client.socket.allowHalfOpen = true;
  const ended = new Promise((resolve) => client.socket.once('end', resolve));
  client.write('EHLO c.test', 'NOOP', 'QUIT');
  await ended;
  assert.equal(codes(client.said), '220 250 250 221');
  await until(() => service.sessions === 0);
  assert.equal(client.isClosed, false);
  client.socket.destroy();
  await stop(service);
});

test('The record of a refusal has our own address, asked when it is written (LOG-10)', async () => {
  const { service, world } = make();
  await apply(service, on('127.0.0.1:0'));
  const port = portOf(service, '127.0.0.1:0');
  const client = new Client({ host: '127.0.0.1', port });
  client.write('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@far.test>', 'QUIT');
  await client.closed();
  const [record] = world.records.filter(({ kind }) => kind === 'J');
  assert.ok(record?.kind === 'J');
  assert.deepEqual([record.localIp, record.localPort], ['127.0.0.1', port]);
  await stop(service);
});

test('IPv6 peers are greeted by their address; a Unix socket counts as this machine and has none (LSN-02, LSN-06)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'esmtp-'));
  const path = join(folder, 'smtp');
  const { service, world } = make({}, { relayHosts: ['127.0.0.1'] });
  assert.equal(await apply(service, on('[::1]:0'), on(path)), undefined);
  const six = new Client({ host: '::1', port: portOf(service, '[::1]:0') });
  six.write('EHLO c.test', 'QUIT');
  await six.closed();
  assert.match(six.said, /says EHLO to ::1\r\n/);
  const local = new Client({ path });
  local.write('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@far.test>', 'DATA', 'Subject: x', '', 'x', '.', 'QUIT');
  await local.closed();
  assert.match(local.said, /says EHLO to localhost\r\n/);
  assert.equal(codes(local.said), '220 250 250 250 354 250 221');
  assert.equal(world.spool.stored[0]?.envelope.remoteIp, '');
  assert.match(world.spool.stored[0]?.text ?? '', /^Return-Path.*\r\nReceived: from local \(helo=c\.test\)\r\n/);
  await stop(service);
  rmSync(folder, { recursive: true, force: true });
});

test('enable=false closes a socket and true opens it again, others stay; an address that cannot be bound changes nothing (LSN-04)', async () => {
  const { service } = make();
  assert.equal(await apply(service, on('127.0.0.1:0'), on('[::1]:0')), undefined);
  const port = portOf(service, '[::1]:0');
  await apply(service, on('127.0.0.1:0', false), on('[::1]:0'));
  assert.deepEqual([...service.bound().keys()], ['[::1]:0']);
  assert.equal(portOf(service, '[::1]:0'), port, 'the other socket was not touched');
  assert.equal(await apply(service, on('192.0.2.200:0'), on('127.0.0.1:0')), 'address-not-available');
  assert.deepEqual([...service.bound().keys()], ['[::1]:0']);
  assert.equal(await apply(service, on('127.0.0.1:0')), undefined);
  assert.deepEqual([...service.bound().keys()], ['127.0.0.1:0']);
  await stop(service);
});

test('One socket has one place however its address is spelt (LSN-02)', async () => {
  const { service } = make({ reusePort: true });
  await apply(service, on('*:0'));
  await apply(service, on(':0'));
  assert.deepEqual([...service.bound().keys()], ['*:0']);
  await stop(service);
});

test('Listener_Sessions and Service_Sessions refuse with the documented 421 and take again when places are free (LSN-08, A61)', async () => {
  for (const options of [{ listenerSessions: 1 }, { serviceSessions: 1 }]) {
    const { service, world, cell, listenerCells } = make({}, options);
    await apply(service, on('127.0.0.1:0'));
    const to = { host: '127.0.0.1', port: portOf(service, '127.0.0.1:0') };
    const first = new Client(to);
    await first.replies(1);
    const second = new Client(to);
    await second.closed();
    assert.equal(second.said, '421 Service unavailable, concurrency limit reached\r\n');
    const record = world.records[0];
    assert.ok(record?.kind === 'J' && record.phase === 'concurrency limit' && record.code === 421);
    first.write('QUIT');
    await first.closed();
    await until(() => cell.taken === 0);
    const third = new Client(to);
    assert.equal(await third.replies(1), '220');
    third.socket.destroy();
    await stop(service);
    assert.deepEqual([cell.taken, [...listenerCells.values()].map((own) => own.taken)], [0, [0]]);
  }
});

test('Above the memory high-water mark new connections hear 421 (SMTP-19, A63)', async () => {
  const { service, world } = make();
  await apply(service, on('127.0.0.1:0'));
  world.pressure = 'refuse';
  const client = new Client({ host: '127.0.0.1', port: portOf(service, '127.0.0.1:0') });
  await client.closed();
  assert.equal(client.said, '421 allocated resources exceeded\r\n');
  await stop(service);
});

test('stop() says goodbye to idle sessions, waits for a transaction, and cuts what is left at the end of the grace', async () => {
  const { service, world } = make();
  await apply(service, on('127.0.0.1:0'));
  const to = { host: '127.0.0.1', port: portOf(service, '127.0.0.1:0') };
  const idle = new Client(to);
  const busy = new Client(to);
  const stuck = new Client(to);
  busy.write('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'DATA');
  stuck.write('EHLO c.test', 'MAIL FROM:<a@a.test>');
  await Promise.all([idle.replies(1), busy.replies(5), stuck.replies(3)]);
  const stopped = stop(service);
  await idle.closed();
  assert.equal(codes(idle.said), '220 421');
  busy.write('Subject: x', '', 'x', '.');
  await busy.closed();
  assert.equal(codes(busy.said), '220 250 250 250 354 250 421');
  await until(() => service.sessions === 1);
  world.advance(1100);
  await stopped;
  await stuck.closed();
  assert.equal(codes(stuck.said), '220 250 250 421');
  assert.equal(world.spool.stored.length, 1);
});

test('A thousand connections that come and go leave no session, no timer and no place taken (A61)', async () => {
  const { service, world, cell } = make({}, { idleTime: 300 });
  await apply(service, on('127.0.0.1:0'));
  const to = { host: '127.0.0.1', port: portOf(service, '127.0.0.1:0') };
  for (let round = 0; round < 20; round++) {
    const clients = Array.from({ length: 50 }, () => new Client(to));
    await Promise.all(clients.map((client) => client.replies(1)));
    clients.forEach((client, i) => (i % 2 === 0 ? client.socket.resetAndDestroy() : client.write('QUIT')));
    await Promise.all(clients.map((client) => client.closed()));
  }
  await stop(service);
  assert.deepEqual([service.sessions, cell.taken, world.wheel.size, world.counts.get('inboundConnections')], [0, 0, 0, 0]);
});

/**
 * Listening sockets on the loopback interface.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import { fdOf, socketBuffers, systemAvailable } from '#system';
import type { NetError } from './errors.ts';
import { ACCEPT_REST_MS, DESCRIPTORS_RESERVE, Listener, type ListenerOptions } from './listener.ts';

interface Made {
  readonly listener: Listener;
  readonly panics: string[];
  readonly sockets: Socket[];
  readonly wheel: TimerWheel;
  readonly clock: ManualClock;
}

function make(address: string, o: Partial<ListenerOptions> = {}): Made {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  const panics: string[] = [];
  const sockets: Socket[] = [];
  const listener = new Listener({
    address,
    wheel,
    mono: () => clock.mono(),
    panic: { log: (_level, _subsystem, text) => void panics.push(text) },
    accept: (socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.write('hello');
    },
    ...o,
  });
  return { listener, panics, sockets, wheel, clock };
}

const open = (l: Listener): Promise<NetError | undefined> => new Promise((resolve) => l.open(resolve));

async function close({ listener, sockets }: Made): Promise<void> {
  await new Promise<void>((resolve) => listener.close(resolve));
  for (const socket of sockets) socket.destroy();
}

function hear(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let said = '';
    socket.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => (said = error.code ?? ''));
    socket.on('close', () => resolve(said));
  });
}

const portOf = ({ listener }: Made): number => listener.bound?.port ?? assert.fail('not bound');

test('The forms of a Listen address: IPv4, all of IPv4, IPv6, all of IPv6, side by side on one port (LSN-02, V6-01)', async () => {
  const wild = make(':0', { reusePort: true });
  assert.equal(await open(wild.listener), undefined);
  assert.deepEqual(wild.listener.bound?.ip, '0.0.0.0');
  const port = portOf(wild);
  const others = [`*:${port}`, `127.0.0.1:${port}`, `[*]:${port}`, `[::1]:${port}`].map((address) => make(address, { reusePort: true }));
  for (const other of others) assert.equal(await open(other.listener), undefined, other.listener.address);
  assert.equal(await hear('127.0.0.1', port), 'hello');
  assert.equal(await hear('::1', port), 'hello');
  for (const made of [wild, ...others]) await close(made);
});

test('Several loops may have the same TCP address, each with its own socket (LSN-02)', async () => {
  const first = make('127.0.0.1:0', { reusePort: true });
  await open(first.listener);
  const second = make(`127.0.0.1:${portOf(first)}`, { reusePort: true });
  assert.equal(await open(second.listener), undefined);
  for (let i = 0; i < 40; i++) assert.equal(await hear('127.0.0.1', portOf(first)), 'hello');
  assert.equal(first.listener.accepted + second.listener.accepted, 40);
  await close(first);
  for (let i = 0; i < 10; i++) assert.equal(await hear('127.0.0.1', portOf(second)), 'hello');
  await close(second);
});

test('An address that cannot be read or bound is an error with a code and its text (LSN-02, LSN-03)', async () => {
  for (const address of ['25', 'localhost:25', '::1:25', '*:70000', '[127.0.0.1]:25', 'a.b.c.d:25']) {
    assert.equal((await open(make(address).listener))?.code, 'address-syntax', address);
  }
  const taken = make('127.0.0.1:0');
  await open(taken.listener);
  assert.equal((await open(make(`127.0.0.1:${portOf(taken)}`).listener))?.code, 'address-in-use');
  assert.equal((await open(make('192.0.2.200:0').listener))?.code, 'address-not-available');
  await close(taken);
});

test('Connections that wait when a socket is closed are accepted first, not reset (LSN-04)', async () => {
  const made = make('127.0.0.1:0');
  await open(made.listener);
  const port = portOf(made);
  const heard = Array.from({ length: 30 }, () => hear('127.0.0.1', port));
  const closed = close(made);
  await closed;
  const results = await Promise.all(heard);
  assert.equal(results.filter((said) => said === 'ECONNRESET').length, 0, results.join(' '));
  assert.equal(made.listener.isOpen, false);
  assert.equal(await hear('127.0.0.1', port), 'ECONNREFUSED');
});

test('A listener that was closed can be opened again (LSN-04)', async () => {
  const made = make('127.0.0.1:0');
  await open(made.listener);
  await close(made);
  assert.equal(await open(made.listener), undefined);
  assert.equal(await hear('127.0.0.1', portOf(made)), 'hello');
  await close(made);
});

test('Above connectionsMax connections are closed at once, said once a minute, and places come back (A61)', async () => {
  const made = make('127.0.0.1:0', { connectionsMax: 2 });
  await open(made.listener);
  const port = portOf(made);
  const held = [connect({ port, host: '127.0.0.1' }), connect({ port, host: '127.0.0.1' })];
  await Promise.all(held.map((socket) => new Promise((resolve) => socket.once('data', resolve))));
  for (let i = 0; i < 3; i++) assert.notEqual(await hear('127.0.0.1', port), 'hello');
  assert.equal(made.panics.length, 1);
  assert.match(made.panics[0] ?? '', /connection closed at once/);
  for (const socket of made.sockets.splice(0)) socket.destroy();
  await Promise.all(held.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
  assert.equal(await hear('127.0.0.1', port), 'hello');
  await close(made);
});

test('Close to the limit of descriptors accepting rests, says so, and goes on (A61)', async () => {
  const made = make('127.0.0.1:0', { descriptorsMax: DESCRIPTORS_RESERVE });
  await open(made.listener);
  const port = portOf(made);
  assert.equal(await hear('127.0.0.1', port), 'hello', 'the connection that gives the warning is served');
  assert.match(made.panics[0] ?? '', /accepting rests for 500 ms: descriptor \d+ of 32 is in use/);
  assert.notEqual(await hear('127.0.0.1', port), 'hello');
  made.clock.advance(ACCEPT_REST_MS + 20);
  made.wheel.advance();
  assert.equal(await hear('127.0.0.1', port), 'hello');
  await close(made);
});

test('TCP buffers are set on each connection where the options ask for it (LSN-06)', { skip: !systemAvailable().ffi }, async () => {
  const sizes = async (o: Partial<ListenerOptions>): Promise<number> => {
    const made = make('127.0.0.1:0', o);
    await open(made.listener);
    const client = connect({ port: portOf(made), host: '127.0.0.1' });
    await new Promise((resolve) => client.once('data', resolve));
    const { recv } = socketBuffers(fdOf(made.sockets[0] ?? assert.fail('not accepted')) ?? -1) ?? assert.fail('no buffers');
    client.destroy();
    await close(made);
    return recv;
  };
  assert.equal(await sizes({ recvBuffer: 16_384, sendBuffer: 16_384 }), 32_768, 'the kernel doubles what it is asked for');
  assert.ok((await sizes({ recvBuffer: 0 })) > 32_768, 'and 0 leaves them to it');
});

const STARVED = `
import { createServer, connect } from 'node:net';
import { openSync } from 'node:fs';
const server = createServer((socket) => { socket.end('hello'); });
server.listen(0, '127.0.0.1', () => {
  const held = [];
  const client = connect(server.address().port, '127.0.0.1');
  try { for (;;) held.push(openSync('/dev/null')); } catch {}
  client.on('error', () => {});
  client.on('close', () => {
    const before = process.cpuUsage();
    process.stdout.write('survived\\n');
    process.exit(0);
  });
});
`;

test('The runtime itself survives running out of descriptors at accept, without a word (A61)', () => {
  const script = ['-c', 'ulimit -n 64; exec "$0" --input-type=module -e "$1"', process.execPath, STARVED];
  const run = spawnSync('sh', script, { encoding: 'utf8', timeout: 20_000 });
  assert.equal(run.stdout, 'survived\n', run.stderr);
});

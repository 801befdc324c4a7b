/**
 * A Unix socket's place: taken with care, given back with care.
 */
import assert from 'node:assert/strict';
import {
  linkSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import type { NetError } from './errors.ts';
import { Listener } from './listener.ts';

const folder = mkdtempSync(join(tmpdir(), 'unix-path-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

function listener(path: string, fileMode?: number): Listener {
  const clock = new ManualClock();
  return new Listener({
    address: path,
    wheel: new TimerWheel({ clock }),
    mono: () => clock.mono(),
    panic: { log: () => undefined },
    accept: (socket) => {
      socket.on('error', () => undefined);
      socket.end('hello');
    },
    tag: 't',
    ...(fileMode === undefined ? {} : { fileMode }),
  });
}

const open = (l: Listener): Promise<NetError | undefined> => new Promise((resolve) => l.open(resolve));
const close = (l: Listener): Promise<void> => new Promise((resolve) => l.close(resolve));
const hear = (path: string): Promise<string> =>
  new Promise((resolve) => {
    let said = '';
    const socket = connect({ path });
    socket.on('data', (chunk: Buffer) => (said += chunk.toString()));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    socket.on('close', () => resolve(said));
  });

test('A Unix socket has its File_Mode from the first moment, serves, and is gone after close (LSN-06)', async () => {
  const path = join(folder, 'plain');
  const one = listener(path);
  assert.equal(await open(one), undefined);
  assert.equal(statSync(path).mode & 0o777, 0o660);
  assert.equal(await hear(path), 'hello');
  assert.deepEqual(readdirSync(folder), ['plain'], 'nothing is left under a neighbouring name');
  await close(one);
  assert.equal(lstatSync(path, { throwIfNoEntry: false }), undefined);
  const wide = listener(path, 0o666);
  await open(wide);
  assert.equal(statSync(path).mode & 0o777, 0o666);
  await close(wide);
});

test('A file, or a link to one, is never replaced (LSN-06)', async () => {
  const path = join(folder, 'file');
  writeFileSync(path, 'precious');
  assert.equal((await open(listener(path)))?.code, 'not-a-socket');
  const link = join(folder, 'link');
  symlinkSync(path, link);
  assert.equal((await open(listener(link)))?.code, 'not-a-socket');
  assert.equal(readFileSync(path, 'utf8'), 'precious');
});

test('A socket on which another program listens is not replaced, one that nobody serves is (LSN-06)', async () => {
  const path = join(folder, 'live');
  const first = listener(path);
  await open(first);
  const refused = await open(listener(path));
  assert.equal(refused?.code, 'socket-in-use');
  assert.match(refused?.message ?? '', /Cannot listen on ".*live": another live program/);
  assert.equal(await hear(path), 'hello');
  await close(first);

  const stale = join(folder, 'stale');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen({ path: join(folder, 'made') }, resolve));
  linkSync(join(folder, 'made'), stale);
  await new Promise((resolve) => server.close(resolve));
  assert.ok(lstatSync(stale).isSocket());
  const second = listener(stale);
  assert.equal(await open(second), undefined);
  assert.equal(await hear(stale), 'hello');
  await close(second);
});

test('On close only our own socket is removed: what another put in its place stays (LSN-06)', async () => {
  const path = join(folder, 'ours');
  const ours = listener(path);
  await open(ours);
  renameSync(path, join(folder, 'moved'));
  const theirs = listener(path);
  assert.equal(await open(theirs), undefined);
  await close(ours);
  assert.equal(await hear(path), 'hello');
  await close(theirs);
});

test('A path in a folder that is not there, or too long, is an error that names it', async () => {
  assert.match((await open(listener('/nowhere/at/all')))?.message ?? '', /\/nowhere\/at\/all/);
  const long = join(folder, 'n'.repeat(120));
  assert.equal((await open(listener(long)))?.code, 'path-too-long');
});

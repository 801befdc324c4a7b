// Proves that the peer of a Unix socket is known, that TCP has none, and that kernel buffers are set and left alone.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fdOf, peerCredentials, setSocketBuffers, socketBuffers } from '#system';

const dir = mkdtempSync(join(tmpdir(), 'impetus-sockets-'));
after(() => rmSync(dir, { recursive: true }));

async function accepted(where: { path: string } | { port: number; host: string }, work: (fd: number) => void): Promise<void> {
  const server = createServer();
  server.listen(where);
  await once(server, 'listening');
  const client = 'path' in where ? connect(where.path) : connect((server.address() as AddressInfo).port, where.host);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const fd = fdOf(socket);
  assert.ok(fd !== undefined);
  work(fd);
  client.destroy();
  socket.destroy();
  server.close();
  await once(server, 'close');
  assert.equal(fdOf(socket), undefined);
}

test('CON the kernel says who connected to a Unix socket', async () => {
  await accepted({ path: join(dir, 'sock') }, (fd) => {
    assert.deepEqual(peerCredentials(fd), { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() });
  });
});

test('a TCP connection has no peer credentials, nor has a descriptor that is no socket', async () => {
  await accepted({ port: 0, host: '127.0.0.1' }, (fd) => assert.equal(peerCredentials(fd), undefined));
  assert.equal(peerCredentials(-1), undefined);
});

test('LSN-06 buffers are set in bytes, and 0 leaves them to the system', async () => {
  await accepted({ port: 0, host: '127.0.0.1' }, (fd) => {
    const before = socketBuffers(fd);
    assert.equal(setSocketBuffers(fd, 0, 0), true);
    assert.deepEqual(socketBuffers(fd), before);
    assert.equal(setSocketBuffers(fd, 8_192, 16_384), true);
    assert.deepEqual(socketBuffers(fd), { recv: 16_384, send: 32_768 });
  });
  assert.equal(setSocketBuffers(-1, 4_096, 4_096), false);
  assert.equal(fdOf({}), undefined);
});

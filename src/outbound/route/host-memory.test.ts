import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#base';
import { HostMemory, tlsDemand } from './host-memory.ts';

const target = { ip: '192.0.2.1', port: 25, name: 'h.test', preference: 0, isForeign: true };
const plain = {
  tls: 'no',
  tlsIfavailableFallback: true,
  tlsVerify: 'no',
  tlsCa: undefined,
  tlsCertificate: undefined,
  tlsKey: undefined,
  tlsCiphers: undefined,
  tlsProtocols: undefined,
} as const;

test('Q-07: a host that failed is skipped by everybody for so many seconds, or until it succeeds', () => {
  const clock = new ManualClock();
  const memory = new HostMemory(clock);
  memory.fail(target, 120);
  assert.deepEqual([memory.wait(target, { demand: '' }), memory.wait(target, { demand: 'required' })], [120_000, 120_000]);
  assert.equal(memory.wait({ ...target, port: 26 }, { demand: '' }), 0);
  clock.advance(119_999);
  assert.equal(memory.wait(target, { demand: '' }), 1);
  clock.advance(1);
  assert.equal(memory.wait(target, { demand: '' }), 0);
  memory.fail(target, 120);
  memory.succeed(target, { demand: 'required' });
  assert.equal(memory.wait(target, { demand: '' }), 0);
});

test('OUT-60: a host that does not meet a demand of TLS is skipped by those who demand the same, and nobody else', () => {
  const memory = new HostMemory(new ManualClock());
  const required = tlsDemand({ ...plain, tls: 'required' }, 'a.test');
  memory.fail(target, 120, { demand: required });
  assert.equal(memory.wait(target, { demand: required }), 120_000);
  assert.equal(memory.wait(target, { demand: tlsDemand(plain, 'a.test') }), 0);
  assert.equal(memory.wait(target, { demand: tlsDemand({ ...plain, tls: 'ifavailable' }, 'a.test') }), 0);
  memory.succeed(target, { demand: required });
  assert.equal(memory.wait(target, { demand: required }), 0);
});

test('OUT-02: where our own address was the trouble, who comes from another one may try the host', () => {
  const memory = new HostMemory(new ManualClock());
  memory.fail(target, 120, { source: '192.0.2.77', reply: 'not here' });
  assert.equal(memory.wait(target, { source: '192.0.2.77' }), 120_000);
  assert.equal(memory.find(target, { source: '192.0.2.77', demand: 'required' })?.reply, 'not here');
  assert.deepEqual([memory.wait(target, {}), memory.wait(target, { source: '192.0.2.78' })], [0, 0]);
});

test('OUT-61: where the certificate must name the domain, each domain demands something of its own', () => {
  const host = { ...plain, tls: 'required', tlsVerify: 'host' } as const;
  assert.notEqual(tlsDemand(host, 'a.test'), tlsDemand(host, 'b.test'));
  assert.equal(tlsDemand({ ...host, tlsVerify: 'ca' }, 'a.test'), tlsDemand({ ...host, tlsVerify: 'ca' }, 'b.test'));
});

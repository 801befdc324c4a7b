// Proves that questions are written as asked and that no packet, however broken, makes the decoder throw or believe.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import dnsPacket from 'dns-packet';
import { seededRandom } from '#base';
import { decodeResponse, encodeQuery } from './message.ts';

function packet(o: Partial<dnsPacket.Packet> = {}): Buffer {
  return dnsPacket.encode({
    type: 'response',
    id: 7,
    flags: dnsPacket.RECURSION_AVAILABLE,
    questions: [{ type: 'MX', name: 'A.test' }],
    answers: [
      { type: 'MX', name: 'A.TEST', ttl: 300, class: 'IN', data: { preference: 10, exchange: 'MX.A.test.' } },
      { type: 'A', name: 'mx.a.test', ttl: 0xffff_ffff, class: 'IN', data: '192.0.2.1' },
      { type: 'TXT', name: 'a.test', ttl: 1, class: 'CH', data: 'other class' },
    ],
    ...o,
  });
}

test('a query has the id, the question and an EDNS offer of 1232 bytes where wanted', () => {
  const query = dnsPacket.decode(encodeQuery(513, { name: 'a.test', type: 'TLSA' }, { edns: true }));
  assert.equal(query.id, 513);
  assert.equal(query.type, 'query');
  assert.deepEqual(query.questions, [{ name: 'a.test', type: 'TLSA', class: 'IN' }]);
  const [opt] = query.additionals ?? [];
  assert.ok(opt?.type === 'OPT' && opt.udpPayloadSize === 1232);
  assert.deepEqual(dnsPacket.decode(encodeQuery(1, { name: 'a.test', type: 'A' }, { edns: false })).additionals, []);
});

test('a response is read with names in lower case, other classes left out and absurd lifetimes as 0', () => {
  const response = decodeResponse(packet());
  assert.ok(response !== undefined);
  assert.equal(response.id, 7);
  assert.deepEqual(response.question, { name: 'a.test', type: 'MX' });
  assert.deepEqual(response.answers, [
    { type: 'MX', name: 'a.test', ttl: 300, preference: 10, exchange: 'mx.a.test' },
    { type: 'A', name: 'mx.a.test', ttl: 0, address: '192.0.2.1' },
  ]);
  assert.equal(response.isAuthenticated, false);
  assert.equal(response.negativeTtl, undefined);
});

test('the lifetime of a negative answer is the smaller of the SOA record and its minimum', () => {
  const soa = (ttl: number, minimum: number): number | undefined =>
    decodeResponse(
      packet({ answers: [], authorities: [{ type: 'SOA', name: 'test', ttl, class: 'IN', data: { mname: 'a', rname: 'b', minimum } }] }),
    )?.negativeTtl;
  assert.equal(soa(60, 3_600), 60);
  assert.equal(soa(3_600, 30), 30);
});

test('a cut packet with the truncation bit is still known by its question, without the bit it is nothing', () => {
  const whole = packet();
  const cut = Buffer.from(whole.subarray(0, -30));
  assert.equal(decodeResponse(cut), undefined);
  cut[2] = (cut[2] ?? 0) | 0x02;
  const response = decodeResponse(cut);
  assert.ok(response?.isTruncated);
  assert.deepEqual(response.answers, []);
  assert.deepEqual(response.question, { name: 'a.test', type: 'MX' });
});

test('queries, other opcodes, empty and short packets are no responses', () => {
  assert.equal(decodeResponse(encodeQuery(1, { name: 'a.test', type: 'A' }, { edns: true })), undefined);
  assert.equal(decodeResponse(Buffer.alloc(0)), undefined);
  assert.equal(decodeResponse(packet().subarray(0, 11)), undefined);
  const notify = packet();
  notify[2] = 0x80 | (4 << 3);
  assert.equal(decodeResponse(notify), undefined);
});

test('mutated packets never throw and never yield more than the packet can hold', () => {
  const random = seededRandom(1);
  const original = packet({
    additionals: [
      { type: 'TLSA', name: 'a.test', ttl: 5, data: { usage: 3, selector: 1, matchingType: 1, certificate: Buffer.alloc(32) } },
    ],
  });
  for (let i = 0; i < 20_000; i += 1) {
    const mutated = Buffer.from(original.subarray(0, random.int(8) === 0 ? random.int(original.length + 1) : original.length));
    for (let n = random.int(6); n >= 0 && mutated.length > 0; n -= 1) mutated[random.int(mutated.length)] = random.int(256);
    const response = decodeResponse(mutated);
    if (response !== undefined) assert.ok(response.answers.length <= mutated.length);
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void decodeResponse(Buffer.from(bytes))));
});

test('a packet of pointers to pointers is read or refused without walking in circles', () => {
  const bomb = Buffer.alloc(65_000);
  packet().copy(bomb, 0, 0, 12);
  bomb.writeUInt16BE(1, 4);
  bomb.writeUInt16BE(5_000, 6);
  for (let i = 12; i + 1 < bomb.length; i += 2) bomb.writeUInt16BE(0xc000 | Math.min(0x3fff, Math.max(12, i - 2)), i);
  assert.equal(decodeResponse(bomb), undefined);
});

// The frame of a record: what is believed and what is not.
//
// The rule to know: one changed bit anywhere in header or payload, another generation or another log's seed must not pass.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readRecord, recordBytes, recordHeaderBytes, recordType, sealRecord, seedOf, sequenceOf } from './record.ts';

const home = { generation: 5, seed: seedOf(0x1234_5678, 0) };

function made(payload: Buffer, at = 0): Buffer {
  const buffer = Buffer.alloc(at + recordBytes(payload.length), 0xee);
  payload.copy(buffer, at + recordHeaderBytes);
  sealRecord(buffer, at, recordType.message, payload.length, home, 9);
  return buffer;
}

const read = (buffer: Buffer, at = 0, available = buffer.length - at, from = home): string => {
  const view = { type: 0, payload: 0, generation: 0, step: 0 };
  const finding = readRecord(buffer, at, available, from, view);
  return finding === 'good' ? `good ${view.type} ${view.payload} ${view.generation} ${view.step}` : finding;
};

test('a record that was written is read as it was, whatever its length and place', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(40), (bytes, place) => {
      const at = place * 8;
      const buffer = made(Buffer.from(bytes), at);
      assert.equal(read(buffer, at), `good 1 ${bytes.length} 5 9`);
      assert.equal(buffer.length % 8, 0);
    }),
  );
});

test('A67 a record with a single bit changed is not believed', () => {
  const whole = made(Buffer.from('From: a@b\r\n\r\nhello'));
  const end = recordHeaderBytes + 18;
  for (let bit = 0; bit < end * 8; bit += 1) {
    const buffer = Buffer.from(whole);
    buffer[bit >> 3] = (buffer[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.notEqual(read(buffer).slice(0, 4), 'good', `bit ${bit}`);
  }
});

test('A67 a valid record of another generation is stale, of another log or spool it is bad, cut short it is short', () => {
  const buffer = made(Buffer.from('x'.repeat(100)));
  assert.equal(read(buffer, 0, buffer.length, { ...home, generation: 6 }), 'stale');
  assert.equal(read(buffer, 0, buffer.length, { ...home, seed: seedOf(0x1234_5678, 1) }), 'bad');
  assert.equal(read(buffer, 0, buffer.length, { ...home, seed: seedOf(0x1234_5679, 0) }), 'bad');
  for (const bytes of [0, 31, 32, 131]) assert.equal(read(buffer, 0, bytes), 'short');
  assert.equal(read(Buffer.alloc(64)), 'none');
});

test('the order of a log: every place in a later generation is later than all places of an earlier one', () => {
  assert.ok(sequenceOf(8, 0) > sequenceOf(7, 2 ** 26 - 1));
  assert.ok(Number.isSafeInteger(sequenceOf(2 ** 26, 2 ** 26 - 1)));
});

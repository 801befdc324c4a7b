/**
 * Tests of BdatReader: the count decides, the content never.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BdatReader } from './bdat-reader.ts';

test('A14: a chunk that holds CRLF . CRLF and NUL passes untouched and ends at its count', () => {
  const content: Buffer[] = [];
  const reader = new BdatReader((chunk) => content.push(chunk));
  const body = Buffer.from('a\r\n.\r\n\0\xffb', 'latin1');
  const wire = Buffer.concat([body, Buffer.from('RSET\r\n')]);
  for (let cut = 0; cut <= wire.length; cut++) {
    content.length = 0;
    reader.begin(body.length);
    let used = reader.push(wire.subarray(0, cut));
    if (!reader.done) used += reader.push(wire.subarray(cut));
    assert.equal(used, body.length);
    assert.ok(reader.done);
    assert.deepEqual(Buffer.concat(content), body);
  }
});

test('A22: fewer octets than announced leave the chunk unfinished', () => {
  const reader = new BdatReader(() => undefined);
  reader.begin(10);
  assert.equal(reader.push(Buffer.from('12345')), 5);
  assert.equal(reader.done, false);
  assert.equal(reader.remaining, 5);
});

test('A21: a million empty chunks keep nothing and give nothing on', () => {
  let calls = 0;
  const reader = new BdatReader(() => calls++);
  const next = Buffer.from('BDAT 0\r\n');
  for (let i = 0; i < 1_000_000; i++) {
    reader.begin(0);
    if (reader.push(next) !== 0 || !reader.done) assert.fail('an empty chunk uses no octets');
  }
  assert.equal(calls, 0);
});

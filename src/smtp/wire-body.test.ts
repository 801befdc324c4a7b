/**
 * Tests of what goes onto the wire to the next hop: stuffing, repaired newlines, one message only.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DataReader } from './data-reader.ts';
import { formatBdat, plainBody, stuffBody } from './wire-body.ts';

function wire(chunks: readonly string[], stuff = true): string {
  const buffers = chunks.map((chunk) => Buffer.from(chunk, 'latin1'));
  return Buffer.concat(stuff ? stuffBody(buffers) : plainBody(buffers)).toString('latin1');
}

test('A14: a message holding CRLF . CRLF is dot-stuffed into one message', () => {
  assert.equal(wire(['a\r\n.\r\nMAIL FROM:<x@y>\r\n']), 'a\r\n..\r\nMAIL FROM:<x@y>\r\n.\r\n');
  assert.equal(wire(['.\r\n']), '..\r\n.\r\n');
  assert.equal(wire(['.a\r\n', '.b\r\n']), '..a\r\n..b\r\n.\r\n');
});

test('A13: lone CR and LF leave as CRLF and dots behind them are stuffed afterwards', () => {
  assert.equal(wire(['a\n.\nb']), 'a\r\n..\r\nb\r\n.\r\n');
  assert.equal(wire(['a\r.\rb']), 'a\r\n..\r\nb\r\n.\r\n');
  assert.equal(wire(['a\r\r\n.\r\r\nb\r\n']), 'a\r\n..\r\nb\r\n.\r\n');
  assert.equal(wire(['\n.\r\n']), '\r\n..\r\n.\r\n');
});

test('A13: NUL and 8-bit octets are not touched', () => {
  assert.equal(wire(['\0\xff\r\n']), '\0\xff\r\n.\r\n');
});

test('the last line is ended, and an empty message is the end mark alone', () => {
  assert.equal(wire(['a']), 'a\r\n.\r\n');
  assert.equal(wire(['a\r']), 'a\r\n.\r\n');
  assert.equal(wire([]), '.\r\n');
  assert.equal(wire([''], false), '');
  assert.equal(wire(['a\nb'], false), 'a\r\nb\r\n');
});

test('A13 A14: whatever is stored and however it is split, the receiver reads one message with CRLF only', () => {
  const piece = fc.constantFrom('\r', '\n', '.', '\r\n', '\r\n.', 'a', '\0', '\r\n.\r\n');
  fc.assert(
    fc.property(fc.array(fc.array(piece, { maxLength: 6 }), { maxLength: 8 }), (parts) => {
      const chunks = parts.map((part) => part.join(''));
      const sent = wire(chunks);
      assert.equal(sent, wire([chunks.join('')]), 'the split makes no difference');
      assert.doesNotMatch(sent, /\r(?!\n)|(?<!\r)\n/);
      const content: Buffer[] = [];
      const reader = new DataReader((chunk) => content.push(Buffer.from(chunk)));
      reader.begin();
      assert.equal(reader.push(Buffer.from(sent, 'latin1')), sent.length, 'the end is at the end');
      assert.ok(reader.done);
      assert.equal(Buffer.concat(content).toString('latin1'), wire(chunks, false));
    }),
    { numRuns: 3000 },
  );
});

test('a body that needs nothing is passed on uncopied with the end mark behind it', () => {
  const chunk = Buffer.from('line\r\n');
  const out = stuffBody([chunk]);
  assert.equal(out[0], chunk);
  assert.equal(out.length, 2);
});

test('BDAT commands name their octets and the last chunk', () => {
  assert.equal(formatBdat(12, false), 'BDAT 12\r\n');
  assert.equal(formatBdat(0, true), 'BDAT 0 LAST\r\n');
});

test('A48: clearing the eighth bit comes before newlines and dots are looked at, so no octet becomes an end mark', () => {
  const hidden = Buffer.from([0x61, 0x8d, 0x8a, 0xae, 0x8d, 0x8a, 0x62]);
  assert.equal(Buffer.concat(stuffBody([hidden], true)).toString('latin1'), 'a\r\n..\r\nb\r\n.\r\n');
  assert.equal(Buffer.concat(plainBody([hidden], true)).toString('latin1'), 'a\r\n.\r\nb\r\n');
  assert.deepEqual([...hidden], [0x61, 0x8d, 0x8a, 0xae, 0x8d, 0x8a, 0x62], 'the stored message is not touched');
});

test('A48 (#6342, MO-1271): soft line breaks in front of dots are stuffed once, and the first chunk is sent once', () => {
  const chunks = ['a=\r\n', '.b=\r\n..c', '\r\n'];
  assert.equal(wire(chunks), 'a=\r\n..b=\r\n...c\r\n.\r\n');
});

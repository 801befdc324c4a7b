/**
 * Tests of LineReader: lines, faults and the bounded end of endless lines, in any split.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CommandFault } from './command.ts';
import { COMMAND_LINE_MAX, DISCARD_MAX, LineReader } from './line-reader.ts';

function describe(event: string | CommandFault): string {
  return typeof event === 'string' ? event : `!${event.reason}${event.close ? '!' : ''}`;
}

function read(wire: Buffer, cuts: readonly number[] = [], o: { lineMax?: number; discardMax?: number } = {}): string[] {
  const reader = new LineReader(o);
  const out: string[] = [];
  const places = [...cuts].sort((a, b) => a - b);
  for (const [index, place] of [0, ...places].entries()) {
    reader.feed(wire.subarray(place, places[index] ?? wire.length));
    for (let event = reader.next(); event !== undefined; event = reader.next()) out.push(describe(event));
  }
  return out;
}

test('A12: pipelined commands come out line by line whatever the split', () => {
  const wire = Buffer.from('EHLO a\r\nMAIL FROM:<a@b>\r\n\r\nDATA\r\n');
  const lines = ['EHLO a', 'MAIL FROM:<a@b>', '', 'DATA'];
  assert.deepEqual(read(wire), lines);
  for (let cut = 0; cut <= wire.length; cut++) assert.deepEqual(read(wire, [cut]), lines);
});

test('A32: a lone LF is a fault, and the command behind it is never seen', () => {
  assert.deepEqual(read(Buffer.from('RCPT TO:<u@d\nRCPT TO:<x@y>\r\nNOOP\r\n')), ['!lone CR or LF in a command line', 'NOOP']);
});

test('A32: a lone CR is a fault, and the command behind it is never seen', () => {
  assert.deepEqual(read(Buffer.from('NOOP\rRSET\r\nQUIT\r\n')), ['!lone CR or LF in a command line', 'QUIT']);
  assert.deepEqual(read(Buffer.from('NOOP\r\r\nQUIT\r\n')), ['!lone CR or LF in a command line', 'QUIT']);
});

test('a client that ends lines by LF alone gets its fault at the first one', () => {
  assert.deepEqual(read(Buffer.from('EHLO a\n')), ['!lone CR or LF in a command line']);
});

test('A17: a line over the cap is one fault when it ends, and the session goes on', () => {
  const long = 'x'.repeat(COMMAND_LINE_MAX + 1);
  assert.deepEqual(read(Buffer.from(`${long}\r\nNOOP\r\n`)), ['!command line too long', 'NOOP']);
  assert.deepEqual(read(Buffer.from(`${long.slice(1)}\r\nNOOP\r\n`)), [long.slice(1), 'NOOP']);
});

test('A17: an endless line is one closing fault after a bounded amount, and nothing is kept after it', () => {
  const reader = new LineReader();
  const chunk = Buffer.alloc(16_384, 'x');
  const events: string[] = [];
  for (let sent = 0; sent < 10 * DISCARD_MAX; sent += chunk.length) {
    reader.feed(chunk);
    for (let event = reader.next(); event !== undefined; event = reader.next()) events.push(describe(event));
    assert.ok(reader.unread <= COMMAND_LINE_MAX + chunk.length);
  }
  assert.deepEqual(events, ['!endless command line!']);
});

test('A28: the first octet of a TLS handshake ends the session at once, without waiting for a line', () => {
  assert.deepEqual(read(Buffer.from('160301', 'hex')), ['!peer speaks tls!']);
});

test('A12: lines, lone CR and LF and caps give the same events in every split', () => {
  const piece = fc.constantFrom('\r', '\n', '\r\n', 'abc', 'defghijk', '\0', '\xe9', '\x16');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), fc.array(fc.nat(200), { maxLength: 8 }), (pieces, cuts) => {
      const wire = Buffer.from(pieces.join(''), 'latin1');
      const o = { lineMax: 12, discardMax: 30 };
      assert.deepEqual(
        read(
          wire,
          cuts.filter((cut) => cut <= wire.length),
          o,
        ),
        read(wire, [], o),
      );
    }),
    { numRuns: 3000 },
  );
});

test('A12: the bytes behind a line are handed over for a body and given back at the exact octet', () => {
  const reader = new LineReader();
  reader.feed(Buffer.from('DATA\r\nbody\r\n.\r\nQUIT\r\n'));
  assert.equal(reader.next(), 'DATA');
  const rest = reader.takeRest();
  assert.equal(rest.toString(), 'body\r\n.\r\nQUIT\r\n');
  assert.equal(reader.unread, 0);
  assert.equal(reader.next(), undefined);
  reader.feed(rest.subarray(9));
  assert.equal(reader.next(), 'QUIT');
});

test('octets above 127 come out one character an octet', () => {
  assert.deepEqual(read(Buffer.from('NOOP é\r\n')), ['NOOP Ã©']);
});

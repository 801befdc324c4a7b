/**
 * Tests of DataReader: what ends DATA, what never does, and that the split of the bytes makes no difference.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DataReader } from './data-reader.ts';

interface Outcome {
  content: string;
  used: number;
  done: boolean;
}

/** Reads `wire` cut at the given places. */
function read(wire: Buffer, cuts: readonly number[] = []): Outcome {
  const content: Buffer[] = [];
  const reader = new DataReader((chunk) => content.push(Buffer.from(chunk)));
  reader.begin();
  let used = 0;
  const places = [...cuts].sort((a, b) => a - b);
  for (const [index, place] of [0, ...places].entries()) {
    const end = places[index] ?? wire.length;
    const part = wire.subarray(place, end);
    const taken = reader.push(part);
    used += taken;
    if (reader.done) break;
    assert.equal(taken, part.length, 'everything is used while the end is not read');
  }
  assert.equal(reader.received, used);
  return { content: Buffer.concat(content).toString('latin1'), used, done: reader.done };
}

/** The definition, octet by octet, on the whole text: RFC 5321 section 4.5.2. */
function model(wire: string): Outcome {
  const stream = `\r\n${wire}`;
  const end = stream.indexOf('\r\n.\r\n');
  const body = end < 0 ? stream : stream.slice(0, end + 2);
  // A CR that may belong to the end mark is not content yet.
  const settled = end < 0 && body.endsWith('\r\n.\r') ? body.slice(0, -1) : body;
  const content = settled.replaceAll('\r\n.', '\r\n').slice(2);
  return { content, used: end < 0 ? wire.length : end + 3, done: end >= 0 };
}

const SMUGGLED = 'MAIL FROM:<evil@example.com>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\nFrom: x\r\n\r\nhi';
const CASES: readonly (readonly [string, string])[] = [
  ['A01', '\n.\n'],
  ['A02', '\n.\r'],
  ['A03', '\r.\n'],
  ['A04', '\r.\r'],
  ['A05', '\n.\r\n'],
  ['A06', '\r.\r\n'],
  ['A07', '\r\n\0.\r\n'],
  ['A08', '\r\n.\rmore'],
  ['A09', '\r\n.\n'],
  ['A10', '\r\n.\r\r\n'],
  ['A11', '\r\r\n.\r\r\n'],
];

for (const [id, trick] of CASES) {
  const wire = Buffer.from(`Subject: a\r\n\r\nbody${trick}${SMUGGLED}\r\n.\r\nQUIT\r\n`, 'latin1');
  const whole = read(wire);

  test(`${id}: ${JSON.stringify(trick)} inside DATA does not end it, the second envelope stays content`, () => {
    assert.ok(whole.done);
    assert.equal(wire.subarray(whole.used).toString('latin1'), 'QUIT\r\n');
    assert.ok(whole.content.includes(SMUGGLED.slice(1)));
  });

  test(`A12 ${id}: cut at every octet, and octet by octet, the result is the same`, () => {
    for (let cut = 0; cut <= whole.used; cut++) assert.deepEqual(read(wire, [cut]), whole, `cut at ${cut}`);
    const every = Array.from({ length: wire.length - 1 }, (_, index) => index + 1);
    assert.deepEqual(read(wire, every), whole);
  });
}

test('A12: the end mark on the edge of a 16 KB buffer is found for each of its positions', () => {
  for (let shift = -6; shift <= 6; shift++) {
    const wire = Buffer.from(`${'x'.repeat(16_384 + shift)}\r\n.\r\nNOOP\r\n`);
    assert.deepEqual(read(wire, [16_384]), read(wire), `shift ${shift}`);
  }
});

test('A16: an empty message is empty content, and a stuffed dot alone is one dot', () => {
  assert.deepEqual(read(Buffer.from('.\r\nRSET\r\n')), { content: '', used: 3, done: true });
  assert.deepEqual(read(Buffer.from('..\r\n.\r\n')), { content: '.\r\n', used: 7, done: true });
});

test('A16: a dot line is unstuffed only at the start of a line that CRLF began', () => {
  assert.equal(read(Buffer.from('a\n..b\r\n..c\r\n.\r\n')).content, 'a\n..b\r\n.c\r\n');
});

test('A12: each mix of CR, LF, NUL, dots and text in any split gives what the definition on the whole text gives', () => {
  const octet = fc.constantFrom('\r', '\n', '.', '\r\n', '\r\n.', '\0', 'a', '\r\n.\r\n', '\xff');
  fc.assert(
    fc.property(fc.array(octet, { maxLength: 40 }), fc.array(fc.nat(80), { maxLength: 6 }), (parts, cuts) => {
      const wire = parts.join('');
      const inside = cuts.filter((cut) => cut <= wire.length);
      assert.deepEqual(read(Buffer.from(wire, 'latin1'), inside), model(wire));
    }),
    { numRuns: 3000 },
  );
});

test('a reader is ready for the next message after begin', () => {
  const content: string[] = [];
  const reader = new DataReader((chunk) => content.push(chunk.toString()));
  reader.begin();
  reader.push(Buffer.from('one\r\n.\r\n'));
  assert.equal(reader.push(Buffer.from('NOOP\r\n')), 0, 'nothing is used after the end');
  reader.begin();
  assert.equal(reader.done, false);
  assert.equal(reader.push(Buffer.from('two\r\n.\r\nQ')), 8);
  assert.deepEqual(content, ['one\r\n', 'two\r\n']);
});

test('content without dot lines is handed on as one slice of what was read, uncopied', () => {
  const slices: Buffer[] = [];
  const reader = new DataReader((chunk) => slices.push(chunk));
  reader.begin();
  const chunk = Buffer.from('one\r\ntwo\r\n');
  reader.push(chunk);
  assert.equal(slices.length, 1);
  assert.equal(slices[0]!.buffer, chunk.buffer);
});

test('a body of stuffed lines only comes out as one buffer a push, not one a line', () => {
  let calls = 0;
  const reader = new DataReader(() => calls++);
  reader.begin();
  reader.push(Buffer.from('..\r\n'.repeat(10_000)));
  assert.equal(calls, 1);
});

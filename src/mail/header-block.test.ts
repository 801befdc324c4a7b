/**
 * Tests of HeaderBlock and formatHeader.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatHeader, HeaderBlock } from './header-block.ts';

const MESSAGE = Buffer.from('Received: a\r\n\tb\r\nSubject : hi  \r\nreceived: c\r\nX-Empty:\r\n\r\nbody\r\n');

test('fields are found by name without regard to case, unfolded, in order', () => {
  const block = HeaderBlock.parse(MESSAGE);
  assert.deepEqual(block.findAll('RECEIVED'), ['a\tb', 'c']);
  assert.equal(block.find('subject'), 'hi');
  assert.equal(block.find('X-Empty'), '');
  assert.equal(block.find('X-None'), undefined);
  assert.equal(block.count('received'), 2);
  assert.equal(block.complete, true);
  assert.equal(MESSAGE.subarray(block.bodyAt).toString(), 'body\r\n');
});

test('what is not touched is written back byte for byte; additions and removals stand where they were asked for', () => {
  const block = HeaderBlock.parse(MESSAGE);
  assert.deepEqual(block.toBuffer(), MESSAGE.subarray(0, block.bodyAt - 2));
  block.prepend('X-First', '1');
  block.append('X-Last', '2');
  assert.equal(block.remove('received'), 2);
  assert.equal(block.remove('received'), 0);
  assert.equal(block.toBuffer().toString(), 'X-First: 1\r\nSubject : hi  \r\nX-Empty:\r\nX-Last: 2\r\n');
});

test('A47: 100,000 headers, a header of 1 MB, names of prototypes and control characters', () => {
  const many = Buffer.from(`${'__proto__: x\r\n'.repeat(50_000)}${'constructor: y\r\n'.repeat(50_000)}\r\n`);
  const block = HeaderBlock.parse(many);
  assert.equal(block.fields.length, 100_000);
  assert.equal(block.count('__proto__'), 50_000);
  assert.equal(block.count('toString'), 0);
  assert.equal(HeaderBlock.parse(Buffer.from(`A: ${'x'.repeat(1_048_576)}\r\n\r\n`)).find('a')?.length, 1_048_576);
  for (const bad of ['no header\r\n\r\n', ' leading: x\r\n', 'a\0b: c\r\n\r\n', `${'n'.repeat(2000)}: v\r\n`]) {
    const found = HeaderBlock.parse(Buffer.from(bad));
    assert.deepEqual([found.fields.length, found.complete, found.bodyAt], [0, false, 0], JSON.stringify(bad).slice(0, 30));
  }
});

test('A47: parsing any bytes ends, and fields and body together are the bytes', () => {
  const piece = fc.constantFrom('A: b', '\r\n', '\n', '\r', ' x', ':', '\0', '\xff', '\r\n\r\n', '\t');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const message = Buffer.from(pieces.join(''), 'latin1');
      const block = HeaderBlock.parse(message);
      const fields = Buffer.concat(block.fields.map((field) => field.raw));
      assert.deepEqual(message.subarray(0, fields.length), fields);
      assert.ok(block.bodyAt - fields.length <= 2);
    }),
    { numRuns: 1000 },
  );
});

test('A75: a value with line ends becomes one header, folded within 78 characters where blanks allow', () => {
  assert.equal(formatHeader('X-A', 'b\r\nX-Evil: c'), 'X-A: b X-Evil: c\r\n');
  const long = formatHeader('Subject', 'word '.repeat(100));
  assert.ok(long.split('\r\n').every((line, index) => line.length <= 78 && (index === 0 || line === '' || line.startsWith(' '))));
  const hard = formatHeader('X-B', 'y'.repeat(5000));
  assert.ok(hard.split('\r\n').every((line) => line.length <= 998));
  assert.equal(hard.replaceAll('\r\n', '').replaceAll(' ', ''), `X-B:${'y'.repeat(5000)}`);
  assert.throws(() => formatHeader('Bad Name', 'x'));
  assert.throws(() => formatHeader('Bad\r\nName', 'x'));
});

test('A header is replaced in its place, its namesakes go, and one that is not there is added at the end (POL-07)', () => {
  const block = HeaderBlock.parse(Buffer.from('A: 1\r\nB: 2\r\n 2\r\na: 3\r\n\r\n'));
  block.replace('a', 'new');
  assert.equal(block.toBuffer().toString(), 'a: new\r\nB: 2\r\n 2\r\n');
  block.replace('C', '4');
  assert.equal(block.toBuffer().toString(), 'a: new\r\nB: 2\r\n 2\r\nC: 4\r\n');
  assert.deepEqual(block.findAll('A'), ['new']);
});

test('A47: names are right however many octets stand before them, and a reading can have limits of its own', () => {
  const names = Array.from({ length: 30_000 }, (_none, i) => `X-${i}${'y'.repeat(i % 40)}`);
  const message = Buffer.from(`${names.map((name, i) => `${name}${i % 7 === 0 ? ' \t' : ''}: v\r\n`).join('')}\r\n`);
  const block = HeaderBlock.parse(message);
  assert.deepEqual(
    block.fields.map(({ name }) => name),
    names,
  );
  assert.deepEqual(block.fields[29_999]?.raw.toString(), `${names[29_999]}: v\r\n`);
  const some = HeaderBlock.parse(message, { octetsMax: 1_048_576, fieldsMax: 100 });
  assert.deepEqual([some.fields.length, some.complete], [100, false]);
  const few = HeaderBlock.parse(message, { octetsMax: 1000, fieldsMax: 100 });
  assert.deepEqual([few.complete, few.fields.length < 100, few.bodyAt < 1100], [false, true, true]);
});

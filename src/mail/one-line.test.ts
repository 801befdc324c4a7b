/**
 * Tests of text made safe for one line.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { asciiLine, oneLine, oneLineOfBytes } from './one-line.ts';

test('A75: oneLine leaves no control character, separator or direction mark and is whole', () => {
  assert.equal(oneLine('a\r\nb\0c\u001b[0m\u2028d\u202ee\ud800f'), 'a b c [0m d e\ufffdf');
  assert.equal(oneLine('x'.repeat(20), 10), 'xxxxxxx...');
  assert.equal(oneLine('abcdef😀ghi', 10), 'abcdef...');
  assert.equal(oneLine('abc', 2), '..');
  assert.equal(asciiLine('größe\n'), 'gr??e ');
  assert.equal(oneLineOfBytes(Buffer.from('größe')), 'größe');
  assert.equal(oneLineOfBytes(Buffer.from([0x61, 0xff, 0x0a, 0x62])), 'a? b');
  assert.equal(oneLineOfBytes(Buffer.alloc(100_000, 'a'), 10), 'aaaaaaa...');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(50), (text, max) => {
      const line = oneLine(text, max);
      assert.ok(line.length <= max && line.isWellFormed() && !/\p{Cc}|\u2028|\u2029/u.test(line));
    }),
  );
});

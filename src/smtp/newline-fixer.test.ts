/**
 * Tests of NewlineFixer and firstLone against the plain definition.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { firstLone, NewlineFixer } from './newline-fixer.ts';

function fix(chunks: readonly string[]): string {
  const out: Buffer[] = [];
  const fixer = new NewlineFixer((bytes) => out.push(bytes));
  fixer.begin();
  for (const chunk of chunks) fixer.push(Buffer.from(chunk, 'latin1'));
  fixer.end();
  return Buffer.concat(out).toString('latin1');
}

test('A13: each lone CR or LF becomes CRLF, CR CR LF one CRLF (#2790), good text stays', () => {
  assert.equal(fix(['a\nb\rc\r\nd\r\r\ne']), 'a\r\nb\r\nc\r\nd\r\ne');
  assert.equal(fix(['\r\r\r\n']), '\r\n\r\n');
  assert.equal(fix(['\r']), '\r\n');
  assert.equal(fix(['']), '');
});

test('A13 A12: in any split the text is that of the definition', () => {
  const piece = fc.constantFrom('\r', '\n', '\r\n', 'a', '\r\r');
  fc.assert(
    fc.property(fc.array(fc.array(piece, { maxLength: 4 }), { maxLength: 8 }), (parts) => {
      const chunks = parts.map((part) => part.join(''));
      assert.equal(fix(chunks), chunks.join('').replaceAll(/\r\r?\n|\r|\n/g, '\r\n'));
    }),
    { numRuns: 2000 },
  );
});

test('firstLone finds the first lone one and does not judge a CR at the end', () => {
  for (const [text, index] of [
    ['', -1],
    ['a\r\nb', -1],
    ['a\r', -1],
    ['\n', 0],
    ['a\r\n\n', 3],
    ['a\rb\r\n', 1],
    ['a\r\r\n', 1],
    ['\r\r', 0],
  ] as const) {
    assert.equal(firstLone(text), index, JSON.stringify(text));
  }
});

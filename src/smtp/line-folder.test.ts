/**
 * Tests of LineFolder: limits kept, nothing lost, the same in every split.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineFolder } from './line-folder.ts';

function fold(chunks: readonly string[], limit: number, inHeader: boolean): string {
  const out: Buffer[] = [];
  const folder = new LineFolder((bytes) => out.push(Buffer.from(bytes)));
  folder.begin(limit, inHeader);
  for (const chunk of chunks) folder.push(Buffer.from(chunk, 'latin1'));
  folder.end();
  return Buffer.concat(out).toString('latin1');
}

test('A15: a header is folded in front of its last blank within the limit, else hard with a blank added', () => {
  const word = 'w'.repeat(39);
  assert.equal(fold([`A: ${word} ${word} ${word}\r\n`], 80, true), `A: ${word}\r\n ${word} ${word}\r\n`);
  assert.equal(fold([`A:${'x'.repeat(100)}\r\n`], 80, true), `A:${'x'.repeat(78)}\r\n ${'x'.repeat(22)}\r\n`);
});

test('A15: a limit too small to work with is raised to 72', () => {
  assert.equal(fold([`${'x'.repeat(73)}\r\n`], 1, false), `${'x'.repeat(72)}\r\nx\r\n`);
});

test('A12 A15: in any split every line keeps the limit, no octet is lost and no line is a lone dot', () => {
  const piece = fc.constantFrom('\r\n', '.', ' ', 'x'.repeat(71), 'y'.repeat(30), '\r', '\n', '\xe2\x82\xac');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), fc.array(fc.nat(800), { maxLength: 6 }), fc.boolean(), (pieces, cuts, inHeader) => {
      const text = pieces.join('');
      const places = [0, ...cuts.filter((cut) => cut <= text.length).sort((a, b) => a - b), text.length];
      const chunks = places.slice(1).map((end, index) => text.slice(places[index], end));
      const folded = fold(chunks, 80, inHeader);
      assert.equal(folded, fold([text], 80, inHeader));
      const lines = folded.split('\r\n');
      assert.ok(lines.every((line) => line.length <= 80));
      const strip = (value: string): string => value.replaceAll(/[\r\n ]/g, '');
      assert.equal(strip(folded), strip(text));
      if (!inHeader) assert.ok(lines.filter((line) => line === '.').length <= text.split('\r\n').filter((line) => line === '.').length);
    }),
    { numRuns: 2000 },
  );
});

/**
 * Bytes, text and backslashes. The decisions about backslashes stand in the header of text.ts.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeText, encodeText, escapeQuoted, toBytes, toSource, unescapeQuoted } from './text.ts';

describe('text', () => {
  it('any bytes go through a byte string unchanged', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => assert.deepEqual(toBytes(toSource(Buffer.from(bytes))), Buffer.from(bytes))));
  });

  it('any well-formed text goes through UTF-8 bytes unchanged', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(decodeText(encodeText(text)), text.toWellFormed())));
  });

  it('backslash escapes quotes, itself, and line ends; before anything else it is an ordinary character (CFG-04)', () => {
    assert.equal(unescapeQuoted(String.raw`\"x\' \\ \n\r\t`), '"x\' \\ \n\r\t');
    assert.equal(unescapeQuoted(String.raw`^a\d+\.b\w\/$`), String.raw`^a\d+\.b\w\/$`);
    assert.equal(unescapeQuoted(String.raw`^421 4\\.7`), String.raw`^421 4\.7`);
    assert.equal(unescapeQuoted(String.raw`\\n`), String.raw`\n`);
  });

  it('escaping and unescaping give the text back, for both marks (CFG-04)', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.constantFrom(...'\\"\'nrt\n\r\td ')).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, fc.constantFrom('"' as const, "'" as const), (text, mark) => {
        const escaped = escapeQuoted(text, mark);
        assert.equal(unescapeQuoted(escaped), text);
        assert.doesNotMatch(escaped.replace(/\\./gs, ''), new RegExp(`[${mark}\n\r]`));
      }),
      { numRuns: 1000 },
    );
  });

  it('patterns keep the look their author gave them (CFG-04)', () => {
    assert.equal(escapeQuoted(String.raw`^\d+\.x$`, '"'), String.raw`^\d+\.x$`);
  });
});

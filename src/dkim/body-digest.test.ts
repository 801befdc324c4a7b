/** Vectors of RFC 6376, and the property that slices do not matter. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { BodyDigest } from './body-digest.ts';
import type { Canonicalization } from './plan.ts';

function digest(body: string, canonicalization: Canonicalization, size = 1_000_000): { text: string; length: number } {
  const octets = Buffer.from(body, 'latin1');
  const made = new BodyDigest('sha256', canonicalization);
  let from = 0;
  for (;;) {
    const end = BodyDigest.sliceEnd(octets, from, size);
    if (end === octets.length) return made.finish(octets.subarray(from));
    made.push(octets.subarray(from, end));
    from = end;
  }
}

function sha(text: string): string {
  return createHash('sha256').update(text, 'latin1').digest('base64');
}

test('the example of RFC 6376 section 3.4.5 has the canonical forms that stand there', () => {
  const body = ' C \r\nD \t E\r\n\r\n\r\n';
  assert.deepEqual(digest(body, 'relaxed'), { text: sha(' C\r\nD E\r\n'), length: 9 });
  assert.deepEqual(digest(body, 'simple'), { text: sha(' C \r\nD \t E\r\n'), length: 12 });
});

test('an empty body has the hashes of RFC 6376 sections 3.4.3 and 3.4.4, also when it is empty lines only', () => {
  for (const body of ['', '\r\n', '\r\n\r\n\r\n']) {
    assert.equal(digest(body, 'simple').text, 'frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=');
    assert.equal(digest(body, 'relaxed').text, '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=');
  }
  assert.deepEqual(digest(' \t\r\n \r\n', 'relaxed'), { text: sha(''), length: 0 });
});

test('a last line without its end gets one', () => {
  assert.equal(digest('a', 'simple').text, sha('a\r\n'));
  assert.equal(digest('a \t', 'relaxed').text, sha('a\r\n'));
});

test('the digest is the same for every size of slices, and the relaxed form is that of a plain walk over the lines', () => {
  const piece = fc.constantFrom(' ', '\t', '\r\n', 'a', 'B', '.', '\u00e9', '  \r\n', '\r\n\r\n');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), fc.integer({ min: 1, max: 9 }), (pieces, size) => {
      const body = pieces.join('');
      for (const canonicalization of ['simple', 'relaxed'] as const)
        assert.deepEqual(digest(body, canonicalization, size), digest(body, canonicalization));
      const lines = body.split('\r\n').map((line) => line.replaceAll(/[ \t]+/g, ' ').replace(/ $/, ''));
      while (lines.at(-1) === '') lines.pop();
      assert.equal(digest(body, 'relaxed').text, sha(lines.map((line) => `${line}\r\n`).join('')));
    }),
  );
});

test('A49 a megabyte of blanks in one line is work for a megabyte', () => {
  const blanks = ' \t'.repeat(500_000);
  assert.equal(digest(`${blanks}x${blanks}\r\n`, 'relaxed').text, sha(' x\r\n'));
});

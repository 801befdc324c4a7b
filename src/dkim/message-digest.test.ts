/** A message passes in pieces of any size, and what was hashed is what the wire will carry. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { BLANKS_MAX, HEADER_LIMITS, MessageDigest } from './message-digest.ts';

const kind = { digest: 'sha256', canonicalization: 'simple' } as const;

function hashOf(message: string, size = 7): string | undefined {
  const digest = new MessageDigest(() => [kind]);
  const octets = Buffer.from(message, 'latin1');
  for (let at = 0; at < octets.length; at += size) digest.push(octets.subarray(at, at + size));
  return digest.finish()?.hash(kind).text;
}

function sha(text: string): string {
  return createHash('sha256').update(text, 'latin1').digest('base64');
}

test('the end of the header is found wherever the pieces were cut', () => {
  for (let size = 1; size < 40; size++) {
    assert.equal(hashOf('From: a@b.test\r\nTo: c\r\n\r\nbody\r\n', size), sha('body\r\n'));
    assert.equal(hashOf('\r\nonly a body\r\n', size), sha('only a body\r\n'));
    assert.equal(hashOf('From: a@b.test\r\n\r\n', size), sha('\r\n'));
    assert.equal(hashOf('From: a@b.test', size), sha('\r\n'));
  }
});

test('#4792 lone line ends are mended before they are hashed, and cuts do not matter', () => {
  assert.equal(hashOf('From: a\r\n\r\none\ntwo\rthree\r\n'), sha('one\r\ntwo\r\nthree\r\n'));
  const piece = fc.constantFrom('a', ' ', '\r\n', '\n', '\r', '.', '\t', 'xyz');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 50 }), fc.integer({ min: 1, max: 9 }), (pieces, size) => {
      const message = `From: a\r\n\r\n${pieces.join('')}`;
      assert.equal(hashOf(message, size), hashOf(message, 10_000));
    }),
  );
});

test('a message that nobody signs, one without a header, and one of blanks without end are let pass', () => {
  const nobody = new MessageDigest(() => []);
  nobody.push(Buffer.from('From: a\r\n\r\nbody'));
  assert.equal(nobody.finish(), undefined);
  assert.equal(hashOf('no header at all\r\n\r\nbody'), undefined);
  assert.equal(hashOf(`From: a\r\n\r\nx${' '.repeat(BLANKS_MAX + 100_000)}x\r\n`, 65_536), undefined);
  assert.notEqual(hashOf(`From: a\r\n\r\nx${' '.repeat(BLANKS_MAX - 100_000)}x\r\n`, 65_536), undefined);
});

test('A47 a header of 10,000 fields and of 1 MB is read; with one field or one line more the message is let pass, wherever it was cut', () => {
  const { fieldsMax, octetsMax } = HEADER_LIMITS;
  const line = `X: ${'x'.repeat(994)}\r\n`;
  for (const size of [1000, 4096, 100_000, 5_000_000]) {
    assert.equal(hashOf(`${'a:\r\n'.repeat(fieldsMax)}\r\nbody\r\n`, size), sha('body\r\n'));
    assert.equal(hashOf(`${'a:\r\n'.repeat(fieldsMax + 1)}\r\nbody\r\n`, size), undefined);
    assert.equal(hashOf(`${line.repeat(Math.floor(octetsMax / line.length))}\r\nbody\r\n`, size), sha('body\r\n'));
    assert.equal(hashOf(`${line.repeat(Math.ceil(octetsMax / line.length))}\r\nbody\r\n`, size), undefined);
  }
});

/**
 * Tests of quoted-printable: lines, dots, blanks, and the way back.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeQuotedPrintable } from './quoted-printable.ts';

test('quoted-printable is ASCII in lines of 76, decodes to its input and starts no line with a dot', () => {
  const decode = (text: string): Buffer =>
    Buffer.from(
      text.replaceAll('=\r\n', '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
      'latin1',
    );
  const octets = fc.oneof(fc.constantFrom(' ', '\t', '.', '=', '\r\n', '\r', '\n', 'é'), fc.string({ maxLength: 90 }));
  fc.assert(
    fc.property(fc.array(octets, { maxLength: 12 }), (parts) => {
      const bytes = Buffer.from(parts.join(''));
      const text = encodeQuotedPrintable(bytes);
      assert.ok(
        text.split('\r\n').every((line) => line.length <= 76 && /^[\t -~]*$/.test(line) && !line.startsWith('.') && !/[ \t]$/.test(line)),
      );
      assert.deepEqual(decode(text), bytes);
    }),
  );
});

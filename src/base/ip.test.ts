// Proves that every spelling of an address is one value, that strange spellings are refused, and that text is RFC 5952.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import fc from 'fast-check';
import { ipEquals, ipFromBytes, parseIp, unmapIp } from '#base';

const nineSpellings = [
  '2001:db8:0:0:1:0:0:1',
  '2001:DB8:0:0:1:0:0:1',
  '2001:0DB8:0:0:1:0:0:1',
  '2001:db8::1:0:0:1',
  '2001:db8::0:1:0:0:1',
  '2001:0db8::1:0:0:1',
  '2001:db8:0:0:1::1',
  '2001:db8:0000:0:1::1',
  '2001:DB8:0:0:1::1',
];

test('V6-02 the nine spellings of the manual are one address, written as RFC 5952 does', () => {
  for (const text of nineSpellings) assert.equal(parseIp(text)?.text, '2001:db8::1:0:0:1', text);
});

test('V6-04 an embedded IPv4 tail is the same number in hexadecimal', () => {
  const a = parseIp('::192.168.0.1');
  const b = parseIp('::C0A8:1');
  assert.ok(a !== undefined && b !== undefined);
  assert.ok(ipEquals(a, b));
  assert.deepEqual(a.bytes, b.bytes);
});

test('A32 IPv4 spellings that readers disagree about are refused', () => {
  for (const text of [
    '192.0.2.010',
    '1.2',
    '0x7f.1',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '1.2.3.256',
    '01.2.3.4',
    '1..2.3',
    '.1.2.3',
    '1.2.3.',
    ' 1.2.3.4',
    '1.2.3.4 ',
    '1.2.3.-4',
    '1.2.3.4\n',
    '٣.1.1.1',
    '2130706433',
    '',
  ])
    assert.equal(parseIp(text), undefined, JSON.stringify(text));
});

test('IPv6 spellings outside RFC 4291 are refused: two gaps, five digits, zones, brackets, too few or many groups', () => {
  for (const text of [
    ':',
    ':::',
    '1::2::3',
    '12345::',
    '::g',
    'fe80::1%eth0',
    '[::1]',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    ':1::',
    '1:',
    '::1:',
    '::1.2.3',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::01.2.3.4',
    '::ffff:1.2.3.04',
  ])
    assert.equal(parseIp(text), undefined, text);
});

test('the text form follows RFC 5952: longest run, first of equals, no run of one, lower case, mapped addresses mixed', () => {
  const cases: [string, string][] = [
    ['::', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['2001:DB8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:0:2:3:0:0:4', '1::2:3:0:0:4'],
    ['::FFFF:C000:0201', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ];
  for (const [from, to] of cases) assert.equal(parseIp(from)?.text, to);
});

test('an IPv4-mapped address stays IPv6 until it is unmapped', () => {
  const mapped = parseIp('::ffff:192.0.2.1');
  assert.equal(mapped?.family, 6);
  assert.ok(mapped !== undefined);
  const plain = unmapIp(mapped);
  assert.deepEqual([plain.family, plain.text, [...plain.bytes]], [4, '192.0.2.1', [192, 0, 2, 1]]);
  const other = parseIp('::1');
  assert.ok(other !== undefined);
  assert.equal(unmapIp(other), other);
});

test('any sixteen or four bytes survive the way to text and back, and other lengths are no address', () => {
  const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.oneof(fc.array(group, { minLength: 16, maxLength: 16 }), fc.array(group, { minLength: 4, maxLength: 4 })), (list) => {
      const ip = ipFromBytes(Uint8Array.from(list));
      assert.ok(ip !== undefined);
      assert.equal(isIP(ip.text), ip.family);
      assert.deepEqual([...(parseIp(ip.text)?.bytes ?? [])], list);
    }),
  );
  assert.equal(ipFromBytes(new Uint8Array(5)), undefined);
});

test('the parser accepts what node:net accepts (zones apart) and nothing else, for any text of address characters', () => {
  const piece = fc.constantFrom('0', '1', 'f', 'F', 'ff', '255', '256', '01', ':', '::', '.', '1.2.3.4', '2001', 'db8', 'g', 'abcde');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 16 }), (pieces) => {
      const text = pieces.join('');
      assert.equal(parseIp(text)?.family ?? 0, isIP(text), text);
    }),
    { numRuns: 3_000 },
  );
});

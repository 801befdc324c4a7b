// Proves what is a domain name, that Unicode names become A-labels, and that disguised addresses do not pass as names.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { foldDomain, toAsciiDomain } from '#base';

test('names are lower-cased and Unicode becomes A-labels', () => {
  assert.equal(toAsciiDomain('Example.COM'), 'example.com');
  assert.equal(toAsciiDomain('Bücher.Example'), 'xn--bcher-kva.example');
  assert.equal(toAsciiDomain('例え。テスト'), 'xn--r8jz45g.xn--zckzah');
  assert.equal(toAsciiDomain('faß.de'), 'xn--fa-hia.de');
  assert.equal(toAsciiDomain('XN--BCHER-KVA.example'), 'xn--bcher-kva.example');
});

test('A32 labels over 63 and names over 253 characters are refused, exactly at the border', () => {
  const label63 = 'a'.repeat(63);
  assert.equal(toAsciiDomain(`${label63}.example`), `${label63}.example`);
  assert.equal(toAsciiDomain(`${label63}a.example`), undefined);
  const name253 = `${`${'a'.repeat(62)}.`.repeat(4)}a`;
  assert.equal(name253.length, 253);
  assert.equal(toAsciiDomain(name253), name253);
  assert.equal(toAsciiDomain(`${name253}a`), undefined);
  assert.equal(toAsciiDomain(`${'ü'.repeat(60)}.example`), undefined);
});

test('A32 empty labels, outer hyphens, separators, blanks, control characters and percent signs are refused', () => {
  for (const text of [
    '',
    '.',
    'a..b',
    '.a',
    'a.',
    '-a.b',
    'a-.b',
    'a b',
    'a@b',
    'a/b',
    'a\r\nb',
    'a%41.b',
    'ü%41.b',
    'ü/b',
    'ü:1',
    'a\u0000',
    'ü\u0000',
    'a_b.c',
    '[1.2.3.4]',
    '\u200b',
  ])
    assert.equal(toAsciiDomain(text), undefined, JSON.stringify(text));
});

test('A32 a Unicode disguise of an address is no domain', () => {
  assert.equal(toAsciiDomain('１２７.0.0.1'), undefined);
  assert.equal(toAsciiDomain('127。0。0。1'), undefined);
});

test('underscores and the trailing dot pass only where the caller allows them', () => {
  assert.equal(toAsciiDomain('_25._tcp.mx.example', { allowUnderscore: true }), '_25._tcp.mx.example');
  assert.equal(toAsciiDomain('example.com.', { allowTrailingDot: true }), 'example.com');
  assert.equal(toAsciiDomain('example.com..', { allowTrailingDot: true }), undefined);
});

test('folding never fails, is stable, and leaves __proto__ a name like others', () => {
  assert.equal(foldDomain('Bücher.Example.'), 'xn--bcher-kva.example');
  assert.equal(foldDomain('NOT a Domain'), 'not a domain');
  assert.equal(foldDomain('__proto__'), '__proto__');
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
      const once = foldDomain(text);
      assert.equal(typeof once, 'string');
      const name = toAsciiDomain(text);
      if (name !== undefined) {
        assert.match(name, /^[a-z0-9.-]{1,253}$/);
        assert.equal(toAsciiDomain(name), name);
        assert.equal(once, name);
      }
    }),
    { numRuns: 500 },
  );
});

test('A32 the quick way for names that need no change says what the patterns say', () => {
  const pattern = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
  const unit = fc.constantFrom('a', 'z', '0', '9', '-', '.', '_', 'A', 'ab', 'a'.repeat(31), 'b'.repeat(62));
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 12 }), (parts) => {
      const name = parts.join('');
      const lower = name.toLowerCase();
      assert.equal(toAsciiDomain(name), pattern.test(lower) ? lower : undefined);
    }),
    { numRuns: 3000 },
  );
});

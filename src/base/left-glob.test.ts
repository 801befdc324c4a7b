// Proves the table of the manual's left-globs, the order of several matches, and that prototype names are only names.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LeftGlobs } from '#base';

test('SMTP-07 the three forms match what the manual says and nothing else', () => {
  const table: [string, string[], string[]][] = [
    ['example.com', ['example.com', 'EXAMPLE.com'], ['a.example.com', 'badexample.com']],
    ['*.example.com', ['a.example.com', 'b.a.example.com'], ['example.com', 'badexample.com', '.example.com']],
    ['*example.com', ['example.com', 'a.example.com', 'badexample.com'], ['example.org', 'xample.com']],
    ['*', ['anything.example', 'x'], []],
    ['a*.example.com', [], ['ab.example.com']],
  ];
  for (const [entry, yes, no] of table) {
    const globs = new LeftGlobs([entry]);
    for (const domain of yes) assert.equal(globs.find(domain), entry, `${entry} ${domain}`);
    for (const domain of no) assert.equal(globs.matches(domain), false, `${entry} ${domain}`);
  }
});

test('SMTP-07 A33 case, a trailing dot and Unicode spelling do not change a match', () => {
  const globs = new LeftGlobs(['Bücher.Example', '*.Relay.EXAMPLE']);
  assert.equal(globs.matches('xn--bcher-kva.example'), true);
  assert.equal(globs.matches('BÜCHER.example.'), true);
  assert.equal(globs.matches('a.RELAY.example'), true);
});

test('an exact entry is found before globs, and the longest glob before shorter ones', () => {
  const globs = new LeftGlobs(['*', '*.example.com', '*.a.example.com', 'x.a.example.com']);
  assert.equal(globs.find('x.a.example.com'), 'x.a.example.com');
  assert.equal(globs.find('y.a.example.com'), '*.a.example.com');
  assert.equal(globs.find('y.b.example.com'), '*.example.com');
  assert.equal(globs.find('other.test'), '*');
});

test('A32 __proto__ and constructor match only where they are listed', () => {
  const empty = new LeftGlobs([]);
  assert.equal(empty.matches('__proto__'), false);
  assert.equal(new LeftGlobs(['a.example']).matches('constructor'), false);
  assert.equal(new LeftGlobs(['__proto__']).matches('__proto__'), true);
});

test('the compiled list agrees with plain string comparison for any entries and names', () => {
  const name = fc.array(fc.constantFrom('a', 'b', 'ab'), { minLength: 1, maxLength: 4 }).map((l) => l.join('.'));
  const entry = fc.tuple(fc.constantFrom('', '*', '*.'), name).map(([s, n]) => s + n);
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 8 }), name, (entries, domain) => {
      const plain = entries.some((e) => (e.startsWith('*') ? domain.endsWith(e.slice(1)) : domain === e));
      assert.equal(new LeftGlobs(entries).matches(domain), plain);
    }),
    { numRuns: 500 },
  );
});

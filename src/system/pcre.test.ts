// Proves true PCRE syntax, binary safety, bounded time for hostile patterns, and what the substitute takes and refuses.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { compilePcre, configureSystem } from '#system';
import type { PcreFlags, PcreRegex } from '#system';

after(() => configureSystem({ ffi: true }));

function regex(pattern: string | Buffer, flags?: PcreFlags): PcreRegex {
  const result = compilePcre(pattern, flags);
  assert.ok(result.ok, result.ok ? '' : result.message);
  return result.regex;
}

test('FB patterns are PCRE: possessive quantifiers, lookbehind, named groups, recursion, inline options', () => {
  assert.equal(regex('a++b').test('xaaab'), true);
  assert.equal(regex('(?<!un)happy').test('unhappy'), false);
  assert.deepEqual(regex('(?P<user>[^@]+)@(?:(x)|(y))').exec('me@y'), ['me@y', 'me', '', 'y']);
  assert.equal(regex('^(\\((?1)*\\))+$').test('(()())'), true);
  assert.equal(regex('(?i)^EXAMPLE\\.com$').test('example.COM'), true);
  assert.equal(regex('example', { caseless: true }).test('EXAMPLE'), true);
  assert.equal(regex('').test(''), true);
  assert.equal(regex('^$').test(''), true);
  assert.equal(regex('x').exec('y'), undefined);
});

test('a wrong pattern is refused with the place and the words of the library', () => {
  const result = compilePcre('abc(def');
  assert.ok(!result.ok);
  assert.equal(result.offset, 7);
  assert.match(result.message, /parenthesis/);
  const long = compilePcre('a'.repeat(70_000));
  assert.ok(!long.ok);
  assert.match(long.message, /longer than 65535/);
});

test('A49 patterns that explode give up at the limit, are counted, and go on working', () => {
  const bombs: [string, string][] = [
    ['(a+)+$', `${'a'.repeat(64_000)}!`],
    ['^(([a-z])+.)+[A-Z]([a-z])+$', 'a'.repeat(64_000)],
    ['(?=(a+)+$)b|(a|aa)+$', `${'a'.repeat(5_000)}!`],
    ['(.*)*\\1(.*)*\\2!$', 'ab'.repeat(2_000)],
    ['(?:(?R)|a)*b', 'a'.repeat(20_000)],
  ];
  for (const [pattern, subject] of bombs) {
    const result = compilePcre(pattern, { longestSubject: 65_536 });
    if (!result.ok) continue;
    assert.equal(result.regex.test(subject), false, pattern);
    result.regex.close();
  }
  const bomb = regex('(a+)+$');
  assert.equal(bomb.test(`${'a'.repeat(40)}!`), false);
  assert.equal(bomb.exhausted, 1);
  assert.equal(bomb.test('aaa'), true);
  assert.equal(bomb.exhausted, 1);
});

test('A49 a deeply nested pattern is refused or matched, never a crash', () => {
  for (const n of [100, 250, 1_000, 20_000]) {
    const result = compilePcre('('.repeat(n) + 'a' + ')'.repeat(n));
    if (result.ok) assert.equal(result.regex.test('a'), true);
    else assert.match(result.message, /nested|large|many/);
  }
});

test('subjects and patterns are binary safe: NUL, broken UTF-8 and latin1', () => {
  assert.equal(regex('a\\x00b').test(Buffer.from('xa\0b')), true);
  assert.equal(regex(Buffer.from([0x61, 0x00, 0xff])).test(Buffer.from([0x61, 0x00, 0xff])), true);
  assert.equal(regex('é$', { encoding: 'latin1' }).test(Buffer.from([0xe9])), true);
  assert.equal(regex('é$').test(Buffer.from([0xe9])), false);
  assert.deepEqual(regex('(é.)$', { encoding: 'latin1' }).exec('xéÿ'), ['éÿ', 'éÿ']);
  assert.equal(regex('end$', { longestSubject: 1_000_000 }).test(`${'\u{1F600}'.repeat(40_000)}end`), true);
});

test('A49 only the first 4096 bytes of a subject are looked at, unless more is asked for, with the library and without', () => {
  for (const ffi of [true, false]) {
    configureSystem({ ffi });
    const subject = `${'a'.repeat(4_095)}bc`;
    assert.equal(regex('b').test(subject), true);
    assert.equal(regex('c').test(subject), false);
    assert.equal(regex('c').test(Buffer.from(subject)), false);
    assert.equal(regex('c', { longestSubject: 4_097 }).test(subject), true);
    assert.deepEqual(regex('a*.$').exec(subject), [subject.slice(0, 4_096)]);
  }
  configureSystem({ ffi: true });
});

test('a closed regex matches nothing and may be closed again', () => {
  const r = regex('a');
  r.close();
  r.close();
  assert.equal(r.test('a'), false);
  assert.equal(r.exec('a'), undefined);
});

test('any pattern over any subject answers without throwing', () => {
  const piece = fc.constantFrom(
    'a',
    'b',
    '(',
    ')',
    '[',
    ']',
    '*',
    '+',
    '?',
    '\\',
    '|',
    '{2}',
    '^',
    '$',
    '.',
    '(?:',
    '(?=',
    '\\1',
    '\\K',
    '[^',
    '-',
    '\n',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.string({ maxLength: 30 }), (pieces, subject) => {
      const result = compilePcre(pieces.join(''));
      if (!result.ok) return;
      assert.equal(result.regex.exec(subject) !== undefined, result.regex.test(subject));
      result.regex.close();
    }),
    { numRuns: 1_000 },
  );
});

test('the library works in worker threads and survives their end', async () => {
  const code = `import(${JSON.stringify(import.meta.resolve('#system'))}).then(({ compilePcre }) => {
    const r = compilePcre('(a+)+$'); require('node:worker_threads').parentPort.postMessage(r.ok && r.regex.test('aaa')); })`;
  for (let i = 0; i < 3; i += 1) {
    const worker = new Worker(code, { eval: true });
    const answer = await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    assert.equal(answer, true);
    await worker.terminate();
  }
});

test('without the library the substitute agrees with PCRE on the patterns it takes', () => {
  const patterns = [
    '^a.*b$',
    '(?i)foo',
    '[[:digit:]]+x',
    '\\Aab\\z',
    '^(?:a|b)*c$',
    'a$',
    '[^\\]a-c]',
    '[]a]',
    '\\x41\\.',
    '(?P<n>a)(b)?',
    '\\bword\\b',
    'a{2,3}',
    '[\\w.-]+@[\\w.-]+',
    '\\/',
  ];
  const subjects = [
    '',
    'a',
    'ab',
    'axb',
    'FOO',
    'foo\n',
    '12x',
    'aac',
    'abc',
    ']',
    'a\n',
    'A.',
    'a word here',
    'aaa',
    'me@example.com',
    '/',
    'd\xff',
  ];
  const expected = patterns.map((p) => subjects.map((s) => regex(p).exec(s)));
  configureSystem({ ffi: false });
  patterns.forEach((p, i) => {
    subjects.forEach((s, j) => {
      const wanted = expected[i]?.[j];
      const got = regex(p).exec(s);
      // PCRE leaves trailing groups out that took no part; V8 lists them.
      assert.deepEqual(got?.slice(0, wanted?.length), wanted, `${p} on ${JSON.stringify(s)}`);
    });
  });
  configureSystem({ ffi: true });
});

test('without the library whatever V8 would read differently or slowly is refused', () => {
  configureSystem({ ffi: false });
  for (const pattern of [
    '(?=a)',
    '(?<=a)b',
    '(a)\\1',
    'a++',
    '(?>a)',
    '(*ACCEPT)',
    '\\K',
    '\\Ga',
    '\\p{L}',
    '(?R)',
    'a(?i)b',
    '[[:foo:]]',
    '(',
    '\\Qa\\E',
    '[a',
    '\\',
  ])
    assert.equal(compilePcre(pattern).ok, false, pattern);
  configureSystem({ ffi: true });
});

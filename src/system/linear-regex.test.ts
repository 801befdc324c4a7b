// Proves the language of patterns in linear time, that hostile ones end, what is refused and by which name, and that no subject is cut.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compileLinear, compileRegex, linearLimits } from '#system';

function regex(pattern: string, caseless = false): { test(subject: string): boolean } {
  const result = compileLinear(pattern, { caseless });
  assert.ok(result.ok, result.ok ? '' : result.message);
  return result.regex;
}

function refusal(pattern: string): { message: string; offset: number } {
  const result = compileLinear(pattern, { caseless: false });
  assert.ok(!result.ok, `${pattern} is taken`);
  return result;
}

test('AUTH-41 patterns of roles are what one writes: anchors, classes, options, groups; unanchored unless they say otherwise', () => {
  assert.equal(regex('^config').test('config set'), true);
  assert.equal(regex('^config').test('xconfig'), false);
  assert.equal(regex('^summary$').test('summary reset'), false);
  assert.equal(regex('mary').test('summary reset'), true);
  assert.equal(regex('(?i)^CONFIG (?:get|show)\\b').test('config show'), true);
  assert.equal(regex('config', true).test('CONFIG'), true);
  assert.equal(regex('^\\Qa.b\\E[[:digit:]]{2}\\z').test('a.b42'), true);
  assert.equal(regex('').test(''), true);
  assert.equal(regex('^dömain.$').test('dömainé'), true);
});

test('AUTH-41 A49 patterns with which an engine that backtracks never ends are matched, each on the longest subject it may have', () => {
  const coin = fc.sample(fc.array(fc.constantFrom('a', 'b'), { minLength: 20_000, maxLength: 20_000 }), 1)[0]?.join('') ?? '';
  for (const [pattern, subject] of [
    ['^(a+)+$', 'a'.repeat(50_000)],
    ['^(a|aa)+$', 'a'.repeat(50_000)],
    ['^(a|a?)+$', 'a'.repeat(50_000)],
    ['(x+x+)+y', 'x'.repeat(50_000)],
    ['(.*)*[^!]$', 'a'.repeat(50_000)],
    ['^(([a-z])+.)+[A-Z]([a-z])+$', 'a'.repeat(50_000)],
    ['(.*,){11}P', 'a,'.repeat(25_000)],
    ['(a?){50}a{50}$', 'a'.repeat(15_000)],
    ['[ab]*a[ab]{90}$', coin],
  ] as const)
    assert.equal(regex(pattern).test(`${subject}!`), false, pattern);
});

test('AUTH-41 it says what V8 says of every small pattern that both can match', () => {
  const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\w', '^', '$', '\\b');
  const { pattern } = fc.letrec((tie) => ({
    pattern: fc.oneof({ maxDepth: 4 }, atom, tie('both'), tie('either'), tie('again')),
    both: fc.tuple(tie('pattern'), tie('pattern')).map((parts) => parts.join('')),
    either: fc.tuple(tie('pattern'), tie('pattern')).map((parts) => `(?:${parts.join('|')})`),
    again: fc.tuple(tie('pattern'), fc.constantFrom('*', '+', '?', '{0,2}', '{2}')).map(([part, times]) => `(?:${String(part)})${times}`),
  }));
  fc.assert(
    fc.property(pattern, fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' '), maxLength: 8 }), (made, subject) => {
      assert.equal(regex(String(made)).test(subject), new RegExp(String(made), 'u').test(subject));
    }),
    { numRuns: 300 },
  );
});

test('AUTH-41 what no linear engine can match is refused by its name, with the place', () => {
  for (const [pattern, name, offset] of [
    ['^config (get|set) \\1', 'back-references', 18],
    ['^config (?=get)', 'look-around', 8],
    ['^config(?! set)', 'look-around', 7],
    ['(?<=config )get', 'look-around', 0],
    ['(?<!x)config', 'look-around', 0],
    ['(?>a|ab)c', 'atomic groups and possessive repeats', 0],
    ['config a++', 'atomic groups and possessive repeats', 8],
    ['\\((?R)*\\)', 'recursion', 2],
    ['(x)?(?(1)a|b)', 'conditions', 4],
  ] as const) {
    const { message, offset: at } = refusal(pattern);
    assert.equal(message, `${name} cannot be matched in linear time; expected RE2's syntax, which is matched in linear time`, pattern);
    assert.equal(at, offset, pattern);
  }
  assert.match(refusal('(config').message, /^missing closing \)/);
  assert.match(refusal('a{1001}').message, /^invalid repeat count/);
});

test('AUTH-41 A49 a pattern that would unfold to too much is refused before it does', () => {
  assert.match(refusal(`(${'a?'.repeat(500)}){1000}`).message, /its repeats unfold to more than 200000 places/);
  assert.match(refusal('a'.repeat(linearLimits.patternLength + 1)).message, /longer than 4096 characters/);
  assert.equal(regex('^([0-9]{1,3}\\.){3}[0-9]{1,3}$').test('192.0.2.1'), true);
});

test('AUTH-41 A49 a subject that is too long for its pattern matches nothing, and is never judged by its beginning', () => {
  const words = regex('^config set [a-z ]*$');
  assert.equal(words.test(`config set ${'a'.repeat(10_000)}`), true);
  assert.equal(words.test(`config set ${'a'.repeat(10_000)};`), false);
  assert.equal(words.test(`config set ${'a'.repeat(1_000_000)}`), false);
  assert.equal(regex('.*').test('a'.repeat(linearLimits.steps / 4)), true, 'a whole frame of the console');
});

test('AUTH-41 FB-09 readers of a configuration have each pattern judged by the engine that will match it', () => {
  assert.ok(compileRegex('(a)\\1', { caseless: true }).ok);
  assert.ok(!compileRegex('(a)\\1', { caseless: true, isLinear: true }).ok);
});

/**
 * Values as text: what is quoted, and that everything written is read back.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatArray, formatDictionary, formatValue, formatWord } from './format-value.ts';
import { parseConf } from './parser.ts';
import type { Value } from './tree.ts';

const layout = { outer: '  ', indent: '    ', newline: '\n' };
/** Text without the control characters that no configuration may hold. */
// eslint-disable-next-line no-control-regex
const anyText = fc.string({ unit: 'binary' }).map((text) => text.toWellFormed().replace(/[\x00-\x08\x0e-\x1f\x7f]/g, ''));
const trickyText = fc.array(fc.constantFrom(...'#/"\'={}[]()\\;,\n\r\t nra*\u00a0\u201cé', '/*')).map((parts) => parts.join(''));
const text = fc.oneof(anyText, trickyText);

function readBack(written: string): Value {
  const conf = parseConf(`name = ${written} next = 1`, 'f');
  assert.deepEqual(conf.problems, []);
  assert.equal(conf.statements.length, 2);
  const [first] = conf.statements;
  assert.ok(first?.kind === 'option');
  return first.value;
}

describe('formatting values', () => {
  it('quotes whatever holds white space or a special character, and nothing plain (CFG-04)', () => {
    for (const plain of ['true', '0666', '10.0.0.1', '*:25', 'mail.example', 'user@a.example', '2001:db8::1'])
      assert.equal(formatWord(plain), plain);
    for (const char of ' \t#/"\'={}[]();,\\') assert.notEqual(formatWord(`a${char}b`)[0], 'a', char);
    assert.equal(formatWord(''), '""');
    assert.equal(formatWord('say "x"'), String.raw`"say \"x\""`);
    assert.equal(formatWord('yes', "'"), "'yes'");
  });

  it('any word is read back as it was, bare or in either kind of quotes (CFG-04)', () => {
    fc.assert(
      fc.property(text, fc.constantFrom(undefined, '"' as const, "'" as const), (text, quote) => {
        const value = readBack(formatWord(text, quote));
        assert.ok(value.kind === 'word');
        assert.equal(value.text, text);
      }),
      { numRuns: 1000 },
    );
  });

  it('any array and dictionary is read back as it was, on one line or several (CFG-04 CFG-06)', () => {
    fc.assert(
      fc.property(fc.array(text), fc.array(fc.tuple(text, text)), fc.boolean(), (items, pairs, isLaidOut) => {
        const entries = new Map(pairs);
        const array = readBack(formatArray(items, isLaidOut ? layout : undefined));
        assert.ok(array.kind === 'array');
        assert.deepEqual(
          array.items.map((item) => item.text),
          items,
        );
        const dictionary = readBack(formatDictionary(entries, isLaidOut ? layout : undefined));
        assert.ok(dictionary.kind === 'dictionary');
        assert.deepEqual(
          dictionary.entries.map(({ key, value }) => [key, value.kind === 'word' ? value.text : value.kind]),
          [...entries],
        );
      }),
      { numRuns: 500 },
    );
  });

  it('writes short lists on one line and long ones an item a line (CFG-06)', () => {
    assert.equal(formatValue([]), '()');
    assert.equal(formatValue(new Map()), '[]');
    assert.equal(formatValue(['a', 'b c'], layout), '( a "b c" )');
    assert.equal(formatValue(new Map([['k', 'v']]), layout), '[ k = v ]');
    const long = formatValue(
      Array.from({ length: 12 }, (_item, index) => `item-${index}.example`),
      layout,
    );
    assert.match(long, /^\(\n {4}item-0\.example\n(?: {4}item-\d+\.example\n){11} {2}\)$/);
  });
});

/**
 * The printer and the shape of the tree, for any input: random bytes, random tokens, and the corpus with random damage.
 * The rule to know: whatever goes in comes out again, and what the tree says about places holds; which problems there are is for other tests.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync, readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { MAX_PROBLEMS } from './errors.ts';
import { parseConf } from './parser.ts';
import { printConf } from './print.ts';
import { formatProblem } from './problem-text.ts';
import type { ConfFile, Statement, Value } from './tree.ts';

const folder = new URL('../../test/corpus/config/', import.meta.url);
const corpus = readdirSync(folder)
  .filter((name) => name.endsWith('.conf'))
  .map((name) => readFileSync(new URL(name, folder)));

/** Fails unless the tree is one: children inside parents and in order, offsets inside the text, bounded problems that can be shown. */
function checkTree(conf: ConfFile, text: Buffer): void {
  assert.ok(printConf(conf).equals(text));
  let end = 0;
  const inOrder = (at: { offset: number; end: number }, limit: number) => {
    assert.ok(at.offset >= end && at.end >= at.offset && at.end <= limit, `${at.offset}..${at.end} after ${end} within ${limit}`);
  };
  const visitValue = (value: Value, limit: number): void => {
    inOrder(value.at, limit);
    if (value.kind === 'array') for (const item of value.items) visitValue(item, value.at.end);
    if (value.kind === 'dictionary') for (const entry of value.entries) visitValue(entry.value, value.at.end);
    end = value.at.end;
  };
  const visit = (statements: readonly Statement[], limit: number): void => {
    for (const statement of statements) {
      inOrder(statement.at, limit);
      assert.ok(statement.at.line >= 1 && statement.at.column >= 1);
      end = statement.at.offset;
      if (statement.kind === 'option') visitValue(statement.value, statement.at.end);
      if (statement.kind === 'scope') visit(statement.statements, statement.body.end);
      end = statement.at.end;
    }
  };
  visit(conf.statements, text.length);
  assert.ok(conf.problems.length <= MAX_PROBLEMS);
  for (const problem of conf.problems) {
    assert.ok(problem.at.offset <= text.length);
    const shown = formatProblem(problem, text);
    assert.ok(shown.startsWith(`Syntax error in f at line ${problem.at.line} near '`));
    assert.ok(shown.split('\n').length <= 5 && !/[^\n\t\x20-\x7e\xa0-\u{10ffff}]/u.test(shown), JSON.stringify(shown));
  }
}

const tokens = [
  ...'{}()[]="\'#,;*/\\ \n\t',
  '\r\n',
  '/*',
  '*/',
  '\\"',
  "\\'",
  '//',
  '""',
  '\x00',
  '\x1b',
  '\x7f',
  '\u00a0',
  '\u201c',
  '\u201d',
  'é',
  '\ufeff',
  '=',
  'include',
  'readonly_include ',
  'Domain',
  'a',
  'Name = ',
  'x = 1\n',
  'S "i" {',
  'k = [',
  '/a(b|c)$/',
  '*:25',
  'relay_for_sending_domains\n',
];
const tokenText = fc.array(fc.constantFrom(...tokens), { maxLength: 60 }).map((parts) => Buffer.from(parts.join('')));

describe('the printer', () => {
  it('gives back any bytes: NUL, invalid UTF-8, byte order marks, every line end (CFG-02 CFG-03 CFG-04 A78)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => checkTree(parseConf(Buffer.from(bytes), 'f'), Buffer.from(bytes))),
      { numRuns: 1000 },
    );
  });

  it('gives back any mixture of the tokens of the language, and the tree stays one (CFG-06 A78)', () => {
    fc.assert(
      fc.property(tokenText, (text) => checkTree(parseConf(text, 'f'), text)),
      { numRuns: 4000 },
    );
  });

  it('gives back the corpus with parts cut out, doubled, swapped and overwritten (CFG-06 A78)', () => {
    const mutation = fc.tuple(
      fc.constantFrom(...corpus),
      fc.array(fc.tuple(fc.nat(), fc.nat(12), fc.constantFrom(...tokens)), { maxLength: 6 }),
    );
    fc.assert(
      fc.property(mutation, ([original, changes]) => {
        let text = original;
        for (const [where, length, token] of changes) {
          const at = where % (text.length + 1);
          const inserted = length % 3 === 0 ? text.subarray(at, at + 4 * length) : Buffer.from(length % 3 === 1 ? token : '');
          text = Buffer.concat([text.subarray(0, at), inserted, text.subarray(length % 2 === 0 ? at : at + length)]);
        }
        checkTree(parseConf(text, 'f'), text);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives back a string as its UTF-8 bytes', () => {
    assert.equal(printConf(parseConf('Name = "grüße \u{1f4e8}"', 'f')).toString(), 'Name = "grüße \u{1f4e8}"');
  });
});

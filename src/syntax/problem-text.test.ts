/**
 * Problems as people see them: the manual's line first, then ours. The golden files of the corpus show many more.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { parseConf } from './parser.ts';
import { formatProblem, formatProblems } from './problem-text.ts';

function shown(text: string | Buffer, file = 'etc/a.conf'): string {
  return formatProblems(parseConf(text, file).problems, text);
}

describe('formatProblem', () => {
  it("begins with the manual's line and goes on with place, source, caret and hint (CFG-11)", () => {
    assert.equal(
      shown('a = 1\n\tb = ( x = y )\n'),
      [
        "Syntax error in etc/a.conf at line 2 near '='",
        "etc/a.conf:2:10: unexpected '=' in a list",
        '  \tb = ( x = y )',
        '  \t        ^',
        '  hint: a value that holds white space or one of # / " \' = { } [ ] ( ) stands in quotation marks',
      ].join('\n'),
    );
  });

  it('puts the caret under the character, not the byte, of UTF-8 text given as string or bytes (CFG-11)', () => {
    const text = '"grüße" = ü\nb = 1';
    assert.match(shown(`x = "grüße" )`), /\n {2}x = "grüße" \)\n {14}\^\n/);
    assert.equal(shown(text), shown(Buffer.from(text)));
  });

  it('says "end of file" for a fault behind the last byte (CFG-11)', () => {
    const problem = {
      code: 'missing-value',
      message: 'm',
      near: 'end of file',
      at: { file: 'f', line: 1, column: 2, offset: 1, end: 1 },
    } as const;
    assert.equal(formatProblem(problem, 'a').split('\n')[0], "Syntax error in f at line 1 near 'end of file'");
  });

  it('cuts long lines around the fault (A78)', () => {
    const [, , source = '', caret = ''] = shown(`${'a = 1 '.repeat(300_000)} ) ${'b = 2 '.repeat(300_000)}`).split('\n');
    assert.ok(source.length < 140, `${source.length}`);
    assert.equal(source[caret.indexOf('^')], ')');
    assert.match(source, /^ {2}\.\.\..*\.\.\.$/);
  });

  it('never sends control characters of the file to the terminal', () => {
    const text = shown('a = ( \x1b[2J\u202e ) b\x9b = 1');
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(text, /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/);
  });

  it('lists all problems with an empty line between, and says how many more there are (CFG-11)', () => {
    const text = shown('= 1\n'.repeat(150));
    assert.equal(text.split('\n\n').length, 100);
    assert.match(text, /\netc\/a\.conf:100:1: and 51 more\n {2}hint: [^\n]+$/);
  });

  it('shows a first line without its byte order mark', () => {
    assert.match(shown('\ufeff) x'), /\n {2}\) x\n {2}\^\n/);
  });
});

/**
 * The lexer: linear time over inputs made to tempt it, and places.
 * The rule to know: time is counted in steps, never in seconds, so the machine has no say in the result.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_PROBLEMS, MAX_SCOPE_DEPTH } from './errors.ts';
import { parseConf, parseSource } from './parser.ts';
import { Scanner } from './scanner.ts';

const SIZE = 60_000;

/** Inputs of about `size` bytes that tempt a parser to read the same bytes again and again. */
const tempting: Record<string, (size: number) => string> = {
  'a plain file': (size) => 'Domain "a.example" {\n  Gateway = 192.0.2.1 # c\n}\n'.repeat(size / 50),
  'an unterminated string': (size) => `a = "${'x = 1\n'.repeat(size / 6)}`,
  'an unterminated comment': (size) => `/*${'x = 1\n'.repeat(size / 6)}`,
  'an unterminated string on one line': (size) => `a = "${'x = 1 '.repeat(size / 6)}`,
  'escaped marks that each open a string': (size) => `a = "\n${'\\"x\n'.repeat(size / 4)}"z`,
  'an open text and escaped marks that close nothing': (size) => `a = "\n${'\\"x\n'.repeat(size / 4)}`,
  'both marks in turn': (size) => `a = "\n${`'\\"x\n"'y\n`.repeat(size / 10)}"z`,
  'quotes that never match': (size) => `'"'\n"'"\n`.repeat(size / 8),
  'quoted words glued together': (size) => '"\n"x'.repeat(size / 4),
  'opening braces': (size) => '{'.repeat(size),
  'scopes never closed': (size) => 's {\n'.repeat(size / 4),
  'lists never closed': (size) => 'a = (\n'.repeat(size / 6),
  'lists on one line': (size) => 'a = ( b = '.repeat(size / 10),
  'dictionaries never closed': (size) => 'a = [ k =\n'.repeat(size / 10),
  'dictionaries before scopes': (size) => 'k [ a "b\n" '.repeat(size / 12),
  'comments on one line': (size) => '/* a *//**/'.repeat(size / 11),
  'comment beginnings': (size) => '/*'.repeat(size / 2),
  'hashes on one line': (size) => 'a#'.repeat(size / 2),
  'slashes where an instance may come': (size) => 'Domain /a/b\n'.repeat(size / 12),
  'one pattern without end': (size) => `Domain /${'(a|b)\\/'.repeat(size / 7)}`,
  'names without values': (size) => 'a '.repeat(size / 2),
  'values on the next line': (size) => 'a =\n'.repeat(size / 4),
  'blanks on one line': (size) => `${' '.repeat(size / 2)}a${' '.repeat(size / 2)}`,
  'no-break spaces': (size) => 'a\u00a0'.repeat(size / 2),
  'words that are not ASCII, on one line': (size) => 'é = ü '.repeat(size / 6),
  'closing brackets': (size) => ')]}'.repeat(size / 3),
  'line ends': (size) => '\r\n'.repeat(size / 2),
};

describe('the lexer', () => {
  for (const [name, make] of Object.entries(tempting)) {
    it(`takes twice the steps for twice the text: ${name} (A78)`, () => {
      const source = (size: number) => Buffer.from(make(size)).toString('latin1');
      const small = parseSource(source(SIZE), 'f').steps / source(SIZE).length;
      const large = parseSource(source(4 * SIZE), 'f').steps / source(4 * SIZE).length;
      assert.ok(large < 16, `${large} steps a byte`);
      assert.ok(large <= small * 1.1 + 0.1, `${small} steps a byte, but ${large} in a text four times as long`);
    });
  }

  it('reads 10 MB behind an unterminated string or comment, with the place of the mark (A78)', () => {
    const rest = 'Name = value # and more\n'.repeat(10_000_000 / 24);
    const text = parseConf(`a = 1\nb = "open\n${rest}`, 'big.conf');
    assert.equal(text.problems.length, 1);
    assert.deepEqual([text.problems[0]?.code, text.problems[0]?.at.line, text.problems[0]?.at.column], ['unterminated-string', 2, 5]);
    assert.equal(text.statements.length, 2 + Math.floor(10_000_000 / 24));
    const comment = parseConf(`a = 1\n  /* open\n${rest}`, 'big.conf');
    assert.equal(comment.problems.length, 1);
    assert.deepEqual(
      [comment.problems[0]?.code, comment.problems[0]?.at.line, comment.problems[0]?.at.column],
      ['unterminated-comment', 2, 3],
    );
  });

  it('survives 100,000 braces, brackets and parentheses with bounded problems and a bounded tree (A78)', () => {
    for (const text of ['s {', '{', '}', '[', 'a = [ k = ', 'a = (', 'a [']) {
      const conf = parseConf(text.repeat(100_000), 'deep.conf');
      assert.ok(conf.problems.length > 0 && conf.problems.length <= MAX_PROBLEMS);
      let depth = 0;
      for (let at = conf.statements[0]; at?.kind === 'scope'; at = at.statements[0]) depth++;
      assert.ok(depth <= MAX_SCOPE_DEPTH + 1, `${depth}`);
    }
  });

  it('counts columns in characters and offsets in bytes, byte order mark and CRLF included', () => {
    const conf = parseConf('\ufeffa = 1\r\nü = 1 b = "é" cc = 3', 'f');
    const places = conf.statements.map(({ at }) => [at.line, at.column, at.offset, at.end]);
    assert.deepEqual(places, [
      [1, 1, 3, 8],
      [2, 1, 10, 16],
      [2, 7, 17, 25],
      [2, 15, 26, 32],
    ]);
  });

  it('counts lines inside comments and quoted texts', () => {
    const conf = parseConf('/* one\ntwo */ a = "x\ny\nz" b = 1\nc = 2', 'f');
    assert.deepEqual(
      conf.statements.map(({ at }) => [at.line, at.column]),
      [
        [2, 8],
        [4, 4],
        [5, 1],
      ],
    );
  });

  it('goes back over a line and finds the same columns again', () => {
    const scanner = new Scanner('\xc3\xa9\xc3\xa9\xc3\xa9 x', 'f');
    assert.equal(scanner.columnOf(7), 5);
    assert.equal(scanner.columnOf(2), 2);
    assert.equal(scanner.columnOf(4), 3);
  });
});

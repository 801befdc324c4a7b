/**
 * Words, quoted texts, arrays and dictionaries as values: their text, kind and place.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { MAX_VALUE_DEPTH } from './errors.ts';
import { parseConf } from './parser.ts';
import type { Value } from './tree.ts';

function valueOf(text: string | Buffer): Value {
  const statement = parseConf(Buffer.concat([Buffer.from('a = '), Buffer.from(text)]), 'f').statements[0];
  assert.ok(statement?.kind === 'option');
  return statement.value;
}

function faults(text: string): string[] {
  return parseConf(text, 'f').problems.map(({ code, near }) => `${code} ${near}`);
}

describe('values', () => {
  it('a word knows whether it was quoted, and where it stands with its marks (CFG-04)', () => {
    assert.deepEqual(valueOf('true'), {
      kind: 'word',
      text: 'true',
      quoted: false,
      at: { file: 'f', line: 1, column: 5, offset: 4, end: 8 },
    });
    assert.deepEqual(valueOf('"true"'), {
      kind: 'word',
      text: 'true',
      quoted: true,
      at: { file: 'f', line: 1, column: 5, offset: 4, end: 10 },
    });
  });

  it('quotes keep white space, every special character and line breaks (CFG-04)', () => {
    const special = ' \t# / = { } [ ] ( ) \r\n;,';
    for (const mark of ['"', "'"]) {
      const value = valueOf(`${mark}${special}${mark}`);
      assert.ok(value.kind === 'word');
      assert.equal(value.text, special);
    }
    const both = valueOf(`'say "x"'`);
    assert.ok(both.kind === 'word' && both.text === 'say "x"');
  });

  it('each character that must be quoted ends a bare word, except the slash (CFG-04)', () => {
    for (const char of '#"\'={}[]() \t\n') {
      const value = valueOf(`x${char}y`);
      assert.ok(value.kind === 'word' && value.text === 'x', char);
    }
    const path = valueOf('digest:///var/lib/passwd');
    assert.ok(path.kind === 'word' && path.text === 'digest:///var/lib/passwd');
  });

  it('text is UTF-8 where the bytes are, else one character a byte (CFG-04)', () => {
    const utf8 = valueOf('"grüße"');
    assert.ok(utf8.kind === 'word' && utf8.text === 'grüße');
    const latin1 = valueOf(Buffer.from('"gr\xfc\xdfe"', 'latin1'));
    assert.ok(latin1.kind === 'word' && latin1.text === 'gr\xfc\xdfe');
  });

  it('dictionaries nest, with arrays in them, to a bounded depth (CFG-06 A78)', () => {
    const value = valueOf('[ k = [ l = ( m n ) ] ]');
    assert.ok(value.kind === 'dictionary');
    const inner = value.entries[0]?.value;
    assert.ok(inner?.kind === 'dictionary' && inner.entries[0]?.value.kind === 'array');
    const nested = (depth: number) => `a = ${'[ k = '.repeat(depth)}1${' ]'.repeat(depth)} b = 2`;
    assert.deepEqual(faults(nested(MAX_VALUE_DEPTH)), []);
    assert.deepEqual(faults(nested(MAX_VALUE_DEPTH + 3)), ['too-deep [']);
    assert.equal(parseConf(nested(MAX_VALUE_DEPTH + 3), 'f').statements.length, 2);
  });

  it('what a list may not hold is reported and left out, the rest is kept (CFG-06)', () => {
    assert.deepEqual(faults('a = ( x = y )'), ['needs-quotes =']);
    assert.deepEqual(faults('a = [ k v ]'), ['missing-equals k', 'missing-equals v']);
    assert.deepEqual(faults('a = [ k = ]'), ['missing-value k']);
    assert.deepEqual(faults('a = ( x \x07 y )'), ['control-character \x07']);
    const value = valueOf('( x = y )');
    assert.ok(value.kind === 'array');
    assert.deepEqual(
      value.items.map((item) => item.text),
      ['x', 'y'],
    );
  });

  it('control characters are refused, between quotation marks too; TAB and line ends are not control characters here (CFG-04)', () => {
    assert.deepEqual(faults('a = "x\x00y"'), ['control-character "x\x00y"']);
    assert.deepEqual(faults('a = x\x1b'), ['control-character \x1b']);
    assert.deepEqual(faults('a = "x\t\r\ny"\v\f'), []);
  });

  it('a text that runs over lines into a word is unterminated; one that ends before a bracket or a blank is not (CFG-04 A78)', () => {
    assert.deepEqual(faults('a = ( "x\ny")\nb = "1\n2" c = 3'), []);
    assert.deepEqual(faults('a = "x\nb = "y"'), ['unterminated-string "x']);
    assert.deepEqual(faults("a = 'x\nb = 'y'"), ["unterminated-string 'x"]);
  });
});

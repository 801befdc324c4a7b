/*
 * That the advice of Node about positional arguments is gone, and nothing else.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseArgs } from 'node:util';
import { wrongWords } from './wrong-words.ts';

function said(args: string[]): string {
  try {
    parseArgs({ args, allowPositionals: true, options: { file: { type: 'string', short: 'f' } } });
  } catch (error) {
    return wrongWords(error);
  }
  return '';
}

test('CLI an unknown option is named and no more is said; a missing value keeps its advice', () => {
  assert.equal(said(['--nope']), "Unknown option '--nope'");
  assert.equal(said(['-x']), "Unknown option '-x'");
  assert.match(said(['-f', '--other']), /^Option '-f, --file <value>' argument is ambiguous\.|^Option '-f' argument is ambiguous\./);
});

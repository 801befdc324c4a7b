/*
 * Escaping for log lines: exact forms here, the round trip in the logger that uses it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { escapeField, escapeQuoted, escapeText, fieldMax } from './escape.ts';

test('LOG-01 "@" and the backslash get a backslash in a field, line breaks and control bytes a form without themselves', () => {
  assert.equal(escapeField('a@b\\c\nd\re\tf\u001bg\u0000h\u007f'), 'a\\@b\\\\c\\nd\\re\\tf\\x1bg\\x00h\\x7f');
  assert.equal(escapeText('a@b "c"'), 'a@b "c"');
  assert.equal(escapeQuoted('a@b "c"\n'), 'a@b \\"c\\"\\n');
});

test('A75 what a terminal or a line splitter would obey is escaped: C1 controls, U+2028, direction marks, lone surrogates', () => {
  assert.equal(escapeText('\u009b31m\u2028\u202e\ud800x'), '\\x9b31m\\u{2028}\\u{202e}\\u{d800}x');
  assert.equal(escapeField('grüße 😀 日本'), 'grüße 😀 日本');
});

test('A75 a field of any length is cut at its bound', () => {
  const cut = escapeField('x'.repeat(1_000_000));
  assert.equal(cut.length, fieldMax);
  assert.match(cut, /x\.\.\.$/);
});

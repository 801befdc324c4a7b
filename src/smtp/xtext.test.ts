/**
 * Tests of xtext, both ways and strict.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeXtext, encodeXtext } from './xtext.ts';

test('A30: xtext goes there and back, and strict decoding refuses the rest', () => {
  for (const text of ['', 'plain', 'a+b=c d', '~!']) assert.equal(decodeXtext(encodeXtext(text)), text);
  assert.equal(encodeXtext('a+b=c ü'), 'a+2Bb+3Dc+20+C3+BC');
  for (const bad of ['+', '+2', '+2b', '+0A', '+0D', '+00', '+7F', '+80', 'a=b', 'a b', 'é'])
    assert.equal(decodeXtext(bad), undefined, bad);
});

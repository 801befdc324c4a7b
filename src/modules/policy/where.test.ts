/*
 * Errors as lines with a place.
 */
import assert from 'node:assert/strict';
import { stripTypeScriptTypes } from 'node:module';
import { test } from 'node:test';
import { sayWhere } from './where.ts';

const files = new Set(['file:///etc/mail/policy.ts']);

test('The place is that of the first frame in a file of the policy, also when the error comes from deeper (POL-20)', () => {
  const error = new TypeError('no\nsuch thing');
  error.stack = `TypeError: no\nsuch thing\n    at deep (node:internal/x:1:2)\n    at Module.rcptto (file:///etc/mail/policy.ts:12:5)\n    at run (file:///srv/sandbox.js:1:1)`;
  assert.equal(sayWhere(error, files), '/etc/mail/policy.ts:12:5: TypeError: no such thing');
  error.stack = 'TypeError: x\n    at run (file:///srv/sandbox.js:1:1)';
  assert.equal(sayWhere(error, files), 'TypeError: no such thing', 'no line of ours is blamed');
});

test('A file that is no TypeScript is told by its line (POL-21)', () => {
  try {
    stripTypeScriptTypes('export const a = 1;\nif (a === ) 1;\n', { mode: 'strip', sourceUrl: 'file:///etc/mail/policy.ts' });
    assert.fail('it was accepted');
  } catch (error) {
    assert.match(sayWhere(error, files), /^\/etc\/mail\/policy\.ts:2: SyntaxError: /);
  }
});

test('What is thrown need not be an error', () => {
  assert.equal(sayWhere('words', files), 'threw words');
  assert.equal(sayWhere({ a: 1 }, files), 'threw object');
  assert.equal(sayWhere(undefined, files), 'threw undefined');
});

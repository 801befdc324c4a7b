/** The terms of an envelope: found when there are any, and nothing else of it with them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { termsOf } from './envelope.ts';

test('an envelope without special wishes has no terms, one with some has these and no other fields', () => {
  assert.equal(termsOf({}), undefined);
  const deliverBy = { at: 5_000, mode: 'return', trace: false } as const;
  const envelope = { sender: 'a@b.test', notBefore: 1_000, deliverBy, requireTls: true, mtPriority: -3 };
  assert.deepEqual(termsOf(envelope), { notBefore: 1_000, requireTls: true, deliverBy, mtPriority: -3 });
});

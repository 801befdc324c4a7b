// Proves that an assert throws the error that ends a session, and only when what it believes is false.

import { test } from 'node:test';
import assertion from 'node:assert/strict';
import { assert, impossible, ImpossibleError } from '#base';

test('an assert that holds does nothing, one that does not throws ImpossibleError with its message', () => {
  assert(1 + 1 === 2, 'arithmetic');
  assertion.throws(
    () => assert(0, 'zero is true'),
    (e) => e instanceof ImpossibleError && e.message === 'zero is true',
  );
});

test('the default branch of an exhaustive switch names the place and the value', () => {
  assertion.throws(() => impossible('x' as never, 'verb switch'), /verb switch: impossible value x/);
});

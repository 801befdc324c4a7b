/**
 * The two dictionaries.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTEXT_KEYS_MAX, CONTEXT_VALUE_MAX, storedContext, ValidationContext } from './validation-context.ts';

test('The message dictionary is emptied, the connection dictionary stays (CTX-01)', () => {
  const context = new ValidationContext();
  context.setConnection('a', '1');
  context.setMessage('b', '2');
  context.resetMessage();
  assert.deepEqual([...context.connection], [['a', '1']]);
  assert.equal(context.message.size, 0);
});

test('A dictionary has a bound on keys and on the length of a value; a key that is there can still be set', () => {
  const context = new ValidationContext();
  for (let i = 0; i < CONTEXT_KEYS_MAX; i++) assert.equal(context.setMessage(`k${i}`, 'v'), true);
  assert.equal(context.setMessage('one more', 'v'), false);
  assert.equal(context.setMessage('k0', 'w'.repeat(CONTEXT_VALUE_MAX + 1)), true);
  assert.equal(context.message.get('k0')?.length, CONTEXT_VALUE_MAX);
});

test('What is stored leaves out excluded keys but never those with #, and __proto__ is a key like any other (CTX-01, CTX-09)', () => {
  const map = new Map([
    ['keep', '1'],
    ['drop', '2'],
    ['#drop', '3'],
    ['__proto__', '4'],
  ]);
  const stored = storedContext(map, (key) => key.includes('drop'));
  assert.deepEqual(Object.entries(stored), [
    ['keep', '1'],
    ['#drop', '3'],
    ['__proto__', '4'],
  ]);
  assert.deepEqual(JSON.parse(JSON.stringify(stored))['keep'], '1');
});

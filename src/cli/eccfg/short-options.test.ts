import assert from 'node:assert/strict';
import test from 'node:test';
import { parseWords, type OptionForm } from './short-options.ts';

const forms: readonly OptionForm[] = [
  { name: 'quiet' },
  { name: 'username', takes: 'value' },
  { name: 'password', takes: 'value' },
  { name: 'wc', also: ['working-copy'], takes: 'value' },
  { name: 'message', takes: 'value' },
  { name: 'manual' },
  { name: 'limit', takes: 'number' },
];

test('ECC-04 options take one or two hyphens and may be shortened while they are unique', () => {
  const { options, names } = parseWords(['-me', 'a b', '--user=me', 'file', '-w', '/x', '--lim', '3', '-q', '--', '-m'], forms);
  assert.deepEqual(Object.fromEntries(options), { message: 'a b', username: 'me', wc: '/x', limit: '3', quiet: 'true' });
  assert.deepEqual(names, ['file', '-m']);
});

test('ECC-04 what could mean two options, is none, or lacks its value is said', () => {
  assert.throws(() => parseWords(['-m', 'x'], forms), /--message or --manual/);
  assert.throws(() => parseWords(['--nothing'], forms), /no option --nothing here/);
  assert.throws(() => parseWords(['--message'], forms), /wants a value/);
  assert.throws(() => parseWords(['--quiet=1'], forms), /takes no value/);
  assert.throws(() => parseWords(['--limit', 'x'], forms), /whole number/);
});

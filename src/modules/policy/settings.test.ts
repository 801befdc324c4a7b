/*
 * The stanza and its manifest.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { manifest } from './manifest.ts';
import { policySettings } from './settings.ts';

const writtenIn = '/etc/mail/ecelerity.conf';

test('A relative file stands beside the configuration file that names it; a stanza without a file is refused (POL-03)', () => {
  const file = (name: string) => policySettings({ instance: 'mine', options: { file: name }, writtenIn }).file;
  assert.equal(file('policy.ts'), '/etc/mail/policy.ts');
  assert.equal(file('policy/a.ts'), '/etc/mail/policy/a.ts');
  assert.equal(file('/srv/p.ts'), '/srv/p.ts');
  assert.throws(() => policySettings({ instance: 'mine', options: {}, writtenIn }), /policy "mine" has no File/);
});

test('Timeout, Budget, Body_Size and Memory have the declared defaults', () => {
  const { timeoutMs, budgetMs, bodyBytes, memoryMb } = policySettings({ instance: undefined, options: { file: 'x' }, writtenIn });
  const byName = new Map(manifest.options.map((option) => [option.name, option.default]));
  assert.deepEqual(
    [timeoutMs / 1000, budgetMs, bodyBytes, memoryMb],
    ['Timeout', 'Budget', 'Body_Size', 'Memory'].map((name) => byName.get(name)),
  );
  const set = policySettings({
    instance: '',
    options: { file: 'x', timeout: 2, budget: 100, bodySize: 7, memory: 64, debugLevel: 'INFO' },
    writtenIn,
  });
  assert.deepEqual(
    { ...set, file: '' },
    { name: 'policy', file: '', timeoutMs: 2000, budgetMs: 100, bodyBytes: 7, memoryMb: 64, debugLevel: 'INFO' },
  );
  assert.deepEqual([manifest.provides, manifest.runs, manifest.singleton], ['validation', 'loop', false]);
});

/**
 * What the scope around an option makes of it: what works elsewhere may not work there.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { memoryFiles } from '../files/memory-files.ts';
import { readConfiguration } from '../read-configuration.ts';

function read(text: string) {
  return readConfiguration({ main: '/e', files: memoryFiles({ '/e': text }), searchPath: [] });
}

const stopped = (text: string): string[] => read(text).problems.map((problem) => problem.message.split(' ')[0] ?? '');

test('what authenticates elsewhere does not do so on the console: it stops the start there, also with a Unix socket (CON-10)', () => {
  assert.deepEqual(stopped('Control_Listener { Enable_Authentication = true Listen "/run/c" { Always_Deny = true } }'), [
    'Enable_Authentication',
    'Always_Deny',
  ]);
  assert.deepEqual(stopped('Control_Listener { Enable_Authentication = false Listen "/run/c" { Always_Deny = false } }'), []);
});

test('what would only open a door of the console is without effect there', () => {
  const { uses, problems } = read('Control_Listener { Listen "/run/c" { Always_Allow = true } }');
  assert.deepEqual(problems, []);
  assert.equal(uses.find((use) => use.name === 'Always_Allow')?.status, 'inert');
});

test('options that work have no effect inside a module that does not', () => {
  const { uses } = read('opendkim { Enabled = false Debug_Level = DEBUG }');
  assert.deepEqual(
    uses.map((use) => `${use.name} ${use.status}`),
    ['opendkim guards', 'Enabled inert', 'Debug_Level inert'],
  );
});

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

test("roles are the console's: on a listener for mail they stop the start (AUTH-44)", () => {
  assert.deepEqual(stopped('Control_Listener { Enable_Authorization = true Listen "/run/c" { Always_Deny = true } }'), []);
  assert.deepEqual(stopped('ESMTP_Listener { Listen ":25" { } AuthorizationParameters = [ uri = "groups:///g" ] }'), [
    'AuthorizationParameters',
  ]);
});

test('options that work have no effect inside a module that does not', () => {
  const { uses } = read('clamav { Enabled = false Debug_Level = DEBUG }');
  assert.deepEqual(
    uses.map((use) => `${use.name} ${use.status}`),
    ['clamav guards', 'Enabled inert', 'Debug_Level inert'],
  );
});

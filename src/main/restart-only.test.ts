/* Tests of restart-only.ts.
 * The one rule: what is declared to wait for a restart is named when a reload changes it; nothing else is.
 * Facts: CFG-50. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { memoryFiles, readConfiguration, type Resolver } from '#config';
import { restartOnly } from './restart-only.ts';
import { resolverOf } from './site.ts';

function of(text: string): Resolver {
  const { snapshot, problems } = readConfiguration({ main: '/e', files: memoryFiles({ '/e': text }), searchPath: [] });
  assert.deepEqual(problems, []);
  return resolverOf(snapshot!);
}

test('CFG-50 a reload names the options that wait for a restart, by their declarations', () => {
  const before = of('Hostname = a.test\nMax_Retries = 1\nSecurity { User = x }\nEventLoop e { Concurrency = 1 }');
  assert.deepEqual(restartOnly(before, before), []);
  const after = of(
    'Hostname = b.test\nMax_Retries = 2\nSpool_Mode = 0600\nForce_Fsync = false\nTimestampFormat = "%H"\nSecurity { User = y Supplemental_Groups = ( z ) }\nEventLoop e { Concurrency = 2 }',
  );
  const names = restartOnly(before, after).map((line) => line.split(' ')[0]);
  assert.deepEqual(names.sort(), ['EventLoop', 'Force_Fsync', 'Hostname', 'Spool_Mode', 'Supplemental_Groups', 'TimestampFormat', 'User']);
});

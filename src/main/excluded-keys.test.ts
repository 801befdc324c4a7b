/* Tests of excluded-keys.ts.
 * The one rule: what the patterns name is left out, what is internal is kept.
 * Facts: SPL-10. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { memoryFiles, readConfiguration } from '#config';
import { excludedKeys } from './excluded-keys.ts';
import { resolverOf } from './site.ts';

test('SPL-10 exclude_vctx_conn and exclude_vctx_mess leave out the keys that their patterns match, internal keys never', () => {
  const files = memoryFiles({ '/e.conf': 'Exclude_Vctx_Conn = ( "^secret" )\nExclude_Vctx_Mess = ( "tmp$" )\n' });
  const { snapshot, problems } = readConfiguration({ main: '/e.conf', files, searchPath: [] });
  assert.deepEqual(problems, []);
  const resolver = resolverOf(snapshot!);
  const connection = excludedKeys(resolver, 'excludeVctxConn');
  const message = excludedKeys(resolver, 'excludeVctxMess');
  assert.deepEqual(['secret_a', 'a_secret', '#secret'].map(connection), [true, false, false]);
  assert.deepEqual(['a_tmp', 'tmp_a'].map(message), [true, false]);
});

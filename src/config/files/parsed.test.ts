/**
 * A text is parsed once, and an edit leaves alone what others hold.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { parseConf, printConf, setOption } from '#syntax';
import { copyOf, parsedConf, rememberConf } from './parsed.ts';

test('the same bytes under the same name give the same tree, other bytes or another name another one', () => {
  const bytes = Buffer.from('Max_Retries = 3\n');
  const conf = parsedConf(bytes, '/etc/e.conf');
  assert.equal(parsedConf(bytes, '/etc/e.conf'), conf);
  assert.notEqual(parsedConf(bytes, '/etc/other.conf'), conf);
  assert.notEqual(parsedConf(Buffer.from(bytes), '/etc/e.conf'), conf);
});

test('an edit of a copy gives the tree that reading its text gives, and the first tree stays as it was', () => {
  const bytes = Buffer.from('Max_Retries = 3 # three\nDomain "a.test" { Max_Retries = 4 }\n');
  const conf = parsedConf(bytes, '/etc/e.conf');
  const before = structuredClone(conf);
  const copy = copyOf(conf);
  assert.ok(setOption(copy, { scopes: [], option: 'Max_Retries' }, '5').ok);
  const edited = printConf(copy);
  rememberConf(edited, copy);
  assert.deepEqual(conf, before);
  assert.deepEqual(parsedConf(edited, '/etc/e.conf'), parseConf(edited, '/etc/e.conf'));
  assert.equal(edited.toString(), 'Max_Retries = 5 # three\nDomain "a.test" { Max_Retries = 4 }\n');
});

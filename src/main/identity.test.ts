/* Tests of identity.ts.
 * The one rule: a warning names the release that mends it.
 * Facts: the release list of Node.js. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { nodeWarning } from './identity.ts';

test('a Node.js below the fixed release of its line is warned about, at or above it is not', () => {
  assert.match(nodeWarning('24.21.0')!, /24\.22\.1/);
  assert.equal(nodeWarning('24.22.1'), undefined);
  assert.equal(nodeWarning('24.23.0'), undefined);
  assert.match(nodeWarning('26.12.0')!, /26\.12\.1/);
  assert.equal(nodeWarning('26.13.0'), undefined);
  assert.equal(nodeWarning('27.0.0'), undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { staticTarget } from './index.ts';

test('OUT-23: target is an address with or without a port, or a Unix socket; none at all is no route, anything else is refused', () => {
  for (const target of ['192.0.2.1', '192.0.2.1:2525', '[2001:db8::1]:26', 'unix:/run/lmtp'])
    assert.equal(staticTarget({ target }), target);
  for (const values of [{}, { target: '' }]) assert.equal(staticTarget(values), undefined);
  for (const target of ['host.test', '192.0.2.1:99999', true, '2001:db8::1:26:'])
    assert.throws(() => staticTarget({ target }), /Cannot use/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mailLoopSettings } from './index.ts';

test('OUT-49: twenty Received fields and 554 by default; use_ip reads the addresses of the interfaces', () => {
  assert.deepEqual(mailLoopSettings({}), { receivedMax: 20, code: 554, ownAddresses: undefined });
  const own = mailLoopSettings({ maxReceivedHeaders: 32, useIp: true, code: 451 });
  assert.deepEqual([own.receivedMax, own.code], [32, 451]);
  assert.ok(own.ownAddresses?.has('127.0.0.1'), [...(own.ownAddresses ?? [])].join());
});

test('OUT-49: code = 250 refuses nothing, neither at reception nor at delivery', () => {
  assert.deepEqual(mailLoopSettings({ code: 250, useIp: true }), { receivedMax: 20, code: undefined, ownAddresses: undefined });
});

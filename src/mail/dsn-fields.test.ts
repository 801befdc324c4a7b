/**
 * Tests of the report fields: who is told what, and with which status.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deliveryStatus, dsnStatus, wantsNotice } from './dsn-fields.ts';

test('NOTIFY decides who is told what (RFC 3461)', () => {
  assert.deepEqual(
    [wantsNotice(undefined, 'failure'), wantsNotice(undefined, 'delay'), wantsNotice(undefined, 'success')],
    [true, true, false],
  );
  assert.deepEqual([wantsNotice(['NEVER'], 'failure'), wantsNotice(['NEVER'], 'delay')], [false, false]);
  assert.deepEqual([wantsNotice(['SUCCESS'], 'failure'), wantsNotice(['SUCCESS', 'FAILURE'], 'failure')], [false, true]);
});

test('the status is the enhanced code of the reply under the class of the action', () => {
  assert.equal(dsnStatus({ address: 'a', action: 'failed', diagnostic: '452 4.2.2 full' }), '5.2.2');
  assert.equal(
    dsnStatus({ address: 'a', action: 'failed', diagnostic: '554 5.4.7 [internal] exceeded max time without delivery' }),
    '5.4.7',
  );
  assert.equal(dsnStatus({ address: 'a', action: 'failed', diagnostic: '550 no' }), '5.0.0');
  assert.equal(dsnStatus({ address: 'a', action: 'failed', status: '5.7.1' }), '5.7.1');
});

test('BNC-12: a message without recipients known still names its server and arrival, and folds long answers', () => {
  const text = deliveryStatus(
    { reportingMta: 'mx.example', arrivedAt: 0 },
    [{ address: 'a@b', action: 'failed', diagnostic: `550 ${'word '.repeat(60)}` }],
    false,
  );
  assert.ok(text.startsWith('Reporting-MTA: dns; mx.example\r\nArrival-Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n\r\n'));
  assert.ok(text.split('\r\n').every((line) => line.length <= 78));
});

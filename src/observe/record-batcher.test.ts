/*
 * Batching, and what happens when the writer does not take a batch.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import { RecordBatcher } from './record-batcher.ts';
import { unflatten, type DeliveryRecord, type FlatRecords } from './records.ts';

const record = (size: number): DeliveryRecord => ({
  kind: 'D',
  at: 0,
  messageId: 'm',
  batchId: 'b',
  connectionId: 'c',
  domain: 'd',
  size,
  bindingGroup: '',
  binding: '',
  retries: 0,
  elapsedMs: 0,
  remoteIp: '',
  reply: '250 ok',
  sender: '',
  recipient: '',
  messageSize: 0,
  facts: [],
});

function setUp(o: { batchMax?: number; backlogMax?: number } = {}) {
  const clock = new ManualClock();
  const timers = new TimerWheel({ clock });
  const batches: number[][] = [];
  const panics: string[] = [];
  const writer = { takes: true };
  const post = (flat: FlatRecords): boolean => {
    if (writer.takes) batches.push(unflatten(flat).map((r) => (r as DeliveryRecord).size));
    return writer.takes;
  };
  const panic = { log: (level: string, _: string, text: string) => void panics.push(`${level} ${text}`) };
  const batcher = new RecordBatcher({ post, timers, panic, ...o });
  const pass = (ms: number): void => {
    clock.advance(ms);
    timers.advance();
  };
  return { batcher, batches, panics, writer, pass, timers };
}

test('LOG-10 records of 100 ms go to the writer as one batch, in order', () => {
  const { batcher, batches, pass, timers } = setUp();
  batcher.record(record(1));
  pass(40);
  batcher.record(record(2));
  assert.deepEqual(batches, []);
  pass(60);
  assert.deepEqual(batches, [[1, 2]]);
  assert.equal(timers.size, 0);
});

test('a full batch goes at once, and a close sends what is left', () => {
  const { batcher, batches, timers } = setUp({ batchMax: 3 });
  for (let i = 0; i < 7; i++) batcher.record(record(i));
  assert.deepEqual(batches, [
    [0, 1, 2],
    [3, 4, 5],
  ]);
  batcher.close();
  assert.deepEqual(batches[2], [6]);
  assert.equal(timers.size, 0);
});

test('while the writer does not take them, records wait, and go in order when it does', () => {
  const { batcher, batches, writer, pass, panics } = setUp({ batchMax: 2, backlogMax: 100 });
  writer.takes = false;
  for (let i = 0; i < 5; i++) batcher.record(record(i));
  pass(100);
  assert.deepEqual([batches, batcher.waiting, batcher.isCrowded], [[], 5, false]);
  writer.takes = true;
  pass(100);
  assert.deepEqual(batches, [[0, 1], [2, 3], [4]]);
  assert.deepEqual([batcher.waiting, panics], [0, []]);
});

test('A62 beyond the bound the oldest records are dropped, never silently: a line when it begins, one with the count when it ends', () => {
  const { batcher, batches, writer, pass, panics } = setUp({ batchMax: 2, backlogMax: 6 });
  writer.takes = false;
  for (let i = 0; i < 11; i++) batcher.record(record(i));
  assert.equal(batcher.isCrowded, true);
  pass(100);
  assert.equal(batcher.dropped, 6);
  assert.equal(panics.length, 1);
  writer.takes = true;
  pass(100);
  assert.deepEqual(batches.flat(), [6, 7, 8, 9, 10]);
  assert.match(panics[0] ?? '', /^CRITICAL the log writer does not keep up/);
  assert.match(panics[1] ?? '', /^CRITICAL the log writer keeps up again: 6 mail records were dropped/);
});

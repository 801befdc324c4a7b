// Proves that the manual clock moves as told and that the wall clock can be set without moving what waits.

import { once } from 'node:events';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import { ManualClock, systemClock } from '#base';

test('advancing the manual clock moves both hands', () => {
  const clock = new ManualClock(1_000);
  clock.advance(250.5);
  assert.equal(clock.now(), 1_250);
  assert.equal(clock.mono(), 250.5);
});

test('A65 setting the wall clock a day back does not move the monotonic hand', () => {
  const clock = new ManualClock(100_000_000);
  clock.advance(10);
  clock.set(100_000_000 - 86_400_000);
  assert.equal(clock.now(), 13_600_000);
  assert.equal(clock.mono(), 10);
});

test('the system clock gives whole milliseconds of today and a monotonic hand that never decreases', () => {
  assert.ok(Number.isInteger(systemClock.now()));
  assert.ok(systemClock.now() > 1_700_000_000_000);
  const first = systemClock.mono();
  assert.ok(systemClock.mono() >= first);
});

test('the monotonic hand is one for all threads of the process', async () => {
  const code = `import(${JSON.stringify(import.meta.resolve('#base'))}).then(({ systemClock }) =>
    require('node:worker_threads').parentPort.postMessage(systemClock.mono()))`;
  const before = systemClock.mono();
  const worker = new Worker(code, { eval: true });
  const [there] = (await once(worker, 'message')) as [number];
  const after = systemClock.mono();
  // Each thread takes its origin from the wall clock, which may be slewed between two starts: a hand is the same within that.
  assert.ok(before - 50 < there && there < after + 50, `${before} ${there} ${after}`);
  await worker.terminate();
});

// Proves the amount a rate lets through in any stretch of time, from one thread and from several, and what a changed rate does.

import { once } from 'node:events';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { ManualClock } from '#base';
import { SharedRate } from '#limits';

function rateOnManualClock(): { rate: SharedRate; clock: ManualClock } {
  const clock = new ManualClock();
  clock.advance(5_000);
  return { clock, rate: SharedRate.attach(SharedRate.create(), clock) };
}

function drain(rate: SharedRate, limit: { count: number; periodSeconds: number }): number {
  let n = 0;
  while (n < 100_000 && rate.take(limit) === 0) n += 1;
  return n;
}

test('CFG-09 SHP-05 "3" is three a second: three at once, then one every third of a second', () => {
  const { rate, clock } = rateOnManualClock();
  const three = { count: 3, periodSeconds: 1 };
  assert.equal(drain(rate, three), 3);
  const wait = rate.take(three);
  assert.ok(Math.abs(wait - 1_000 / 3) < 0.01, `${wait}`);
  clock.advance(wait - 1);
  assert.ok(rate.take(three) > 0);
  clock.advance(1.01);
  assert.equal(drain(rate, three), 1);
  clock.advance(10_000);
  assert.equal(drain(rate, three), 3);
});

test('CFG-09 SHP-05 "3/60" is one every 20 seconds and "60/3" is 20 a second', () => {
  const slow = rateOnManualClock();
  assert.equal(drain(slow.rate, { count: 3, periodSeconds: 60 }), 1);
  assert.ok(Math.abs(slow.rate.take({ count: 3, periodSeconds: 60 }) - 20_000) < 0.01);
  const fast = rateOnManualClock();
  assert.equal(drain(fast.rate, { count: 60, periodSeconds: 3 }), 20);
  fast.clock.advance(500);
  assert.equal(drain(fast.rate, { count: 60, periodSeconds: 3 }), 10);
});

test('SHP-05 a count of 0 is no limit', () => {
  const { rate } = rateOnManualClock();
  for (let i = 0; i < 1_000; i += 1) assert.equal(rate.take({ count: 0, periodSeconds: 1 }), 0);
});

test('a faster rate takes effect at once, though the slower one had put the next place far ahead', () => {
  const { rate, clock } = rateOnManualClock();
  assert.equal(rate.take({ count: 1, periodSeconds: 3_600 }), 0);
  const wait = rate.take({ count: 100, periodSeconds: 1 });
  assert.ok(wait > 0 && wait <= 10.01, `${wait}`);
  clock.advance(wait);
  assert.equal(rate.take({ count: 100, periodSeconds: 1 }), 0);
});

test('what was taken and not used can be put back', () => {
  const { rate } = rateOnManualClock();
  const one = { count: 1, periodSeconds: 10 };
  assert.equal(rate.take(one), 0);
  rate.putBack(one);
  assert.equal(rate.take(one), 0);
  assert.ok(rate.take(one) > 0);
});

test('SHP-05 over any stretch of time no more passes than the rate and one burst, however time goes on', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2_000 }),
      fc.integer({ min: 1, max: 120 }),
      fc.array(fc.tuple(fc.double({ min: 0, max: 3_000, noNaN: true }), fc.integer({ min: 0, max: 50 })), { maxLength: 60 }),
      (count, periodSeconds, steps) => {
        const { rate, clock } = rateOnManualClock();
        const burst = Math.max(1, Math.floor(count / periodSeconds));
        const start = clock.mono();
        let passed = 0;
        for (const [pause, tries] of steps) {
          clock.advance(pause);
          for (let i = 0; i < tries; i += 1) if (rate.take({ count, periodSeconds }) === 0) passed += 1;
          const allowed = ((clock.mono() - start) / 1000) * (count / periodSeconds) + burst;
          assert.ok(passed <= allowed * 1.000_01 + 0.001, `${passed} of ${allowed}`);
        }
      },
    ),
  );
});

test('SHP-05 a patient taker gets the whole rate: asking when told loses nothing', () => {
  const { rate, clock } = rateOnManualClock();
  const limit = { count: 700, periodSeconds: 7 };
  drain(rate, limit);
  const start = clock.mono();
  let passed = 0;
  while (clock.mono() - start < 60_000) {
    const wait = rate.take(limit);
    if (wait === 0) passed += 1;
    else clock.advance(wait + 0.000_001);
  }
  assert.ok(Math.abs(passed - 6_000) <= 2, `${passed}`);
});

test('SHP-05 three threads on one rate get together what one would get', async () => {
  const buffer = SharedRate.create();
  const code = `import(${JSON.stringify(import.meta.resolve('#limits'))}).then(({ SharedRate }) => {
    const { parentPort: port, workerData } = require('node:worker_threads');
    const clock = { now: () => 0, mono: () => workerData.mono };
    const rate = SharedRate.attach(workerData.buffer, clock);
    let won = 0; for (let i = 0; i < 20_000; i += 1) if (rate.take({ count: 5_000, periodSeconds: 1 }) === 0) won += 1;
    port.postMessage(won); });`;
  const wins = await Promise.all(
    [1, 2, 3].map(async () => (await once(new Worker(code, { eval: true, workerData: { buffer, mono: 123_456 } }), 'message')) as [number]),
  );
  assert.equal(
    wins.reduce((sum, [won]) => sum + won, 0),
    5_000,
  );
});

// Proves the amount a rate lets through in any stretch of time, from one thread and from several, and what a changed rate does.

import { once } from 'node:events';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { ManualClock } from '#base';
import { LimitTable, SharedRate } from '#limits';

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

test('CFG-09 SHP-05 "3" is three in any second: three at once, and three more when the second is over', () => {
  const { rate, clock } = rateOnManualClock();
  const three = { count: 3, periodSeconds: 1 };
  assert.equal(drain(rate, three), 3);
  assert.equal(rate.take(three), 1_000);
  clock.advance(999);
  assert.equal(rate.take(three), 1);
  clock.advance(1);
  assert.equal(rate.take(three), 0);
  clock.advance(400);
  assert.equal(drain(rate, three), 2);
  assert.ok(Math.abs(rate.take(three) - 600) < 0.01);
});

test('CFG-09 SHP-05 "3/60" is one every 20 seconds and "60/3" is 20 a second', () => {
  const slow = rateOnManualClock();
  assert.equal(drain(slow.rate, { count: 3, periodSeconds: 60 }), 1);
  const first = slow.rate.take({ count: 3, periodSeconds: 60 });
  assert.ok(first >= 19_000 && first <= 20_000, `${first}`);
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
  const { rate } = rateOnManualClock();
  assert.equal(rate.take({ count: 1, periodSeconds: 3_600 }), 0);
  assert.equal(rate.look({ count: 100, periodSeconds: 1 }), 99);
  assert.equal(rate.take({ count: 1, periodSeconds: 3_600 }), 3_600_000);
  const wait = rate.take({ count: 200, periodSeconds: 2 });
  assert.ok(wait <= 10.01, `${wait}`);
});

test('a number can be taken at once, and asked for without taking it', () => {
  const { rate, clock } = rateOnManualClock();
  const ten = { count: 10, periodSeconds: 1 };
  assert.equal(rate.look(ten), 10);
  assert.equal(rate.takeUpTo(ten, 4), 4);
  assert.equal(rate.look(ten), 6);
  clock.advance(500);
  assert.equal(rate.takeUpTo(ten, 40), 6);
  assert.equal(rate.takeUpTo(ten, 40), -500);
  assert.equal(rate.look(ten), -500);
  clock.advance(500);
  assert.equal(rate.takeUpTo(ten, 40), 4);
  assert.equal(rate.takeUpTo({ count: 0, periodSeconds: 1 }, 40), 40);
});

test('what was taken and not used can be put back, but not what somebody else may have counted with', () => {
  const { rate } = rateOnManualClock();
  const one = { count: 1, periodSeconds: 10 };
  assert.equal(rate.take(one), 0);
  rate.putBack(one);
  assert.equal(rate.take(one), 0);
  assert.ok(rate.take(one) > 0);
  const buffer = SharedRate.create();
  const clock = new ManualClock();
  const [a, b] = [SharedRate.attach(buffer, clock), SharedRate.attach(buffer, clock, 1)];
  const five = { count: 5, periodSeconds: 1 };
  assert.equal(a.takeUpTo(five, 3), 3);
  a.putBack(five, 2);
  assert.equal(b.look(five), 4);
  b.take(five);
  a.putBack(five, 1);
  assert.equal(b.look(five), 3);
});

test('a loop that died with the lock in its hand holds up nobody once it is taken from it', () => {
  const table = LimitTable.create({ loops: 2, slots: 32, rates: 32 });
  const clock = new ManualClock();
  const [a, b] = [0, 1].map((loop) => LimitTable.attach(table, { loop, clock }));
  const [mine, theirs] = [a?.rate('x'), b?.rate('x')];
  assert.ok(mine && theirs);
  const two = { count: 2, periodSeconds: 1 };
  assert.equal(theirs.take(two), 0);
  const words = new Int32Array(table.buffer);
  // The slot begins with its key (2 words); the lock is the first word behind it.
  const before = words.slice();
  theirs.take({ count: 100, periodSeconds: 1 });
  const changed = words.findIndex((word, i) => word !== before[i]);
  assert.ok(changed > 0);
  const lock = [...words.keys()].findLast((i) => i < changed && i % 2 === 0 && words[i] === 0 && words[i + 1] === 0 && before[i - 2] !== 0);
  assert.ok(lock !== undefined);
  Atomics.store(words, lock, 2);
  assert.equal(mine.take(two), 1);
  a?.releaseAllOf(1);
  assert.ok(mine.look({ count: 100, periodSeconds: 1 }) > 0);
});

/** Whether some window of the rate's length, wherever it begins, holds more than it may. */
function worst(times: readonly number[], periodSeconds: number): number {
  let most = 0;
  let from = 0;
  for (let to = 0; to < times.length; to += 1) {
    while ((times[to] as number) - (times[from] as number) >= periodSeconds * 1000) from += 1;
    most = Math.max(most, to - from + 1);
  }
  return most;
}

test('SHP-05 no window of the length of the rate ever holds more than its number, however time goes on', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2_000 }),
      fc.integer({ min: 1, max: 120 }),
      fc.array(fc.tuple(fc.double({ min: 0, max: 3_000, noNaN: true }), fc.integer({ min: 1, max: 50 })), { maxLength: 100 }),
      (count, periodSeconds, steps) => {
        const { rate, clock } = rateOnManualClock();
        const times: number[] = [];
        for (const [pause, tries] of steps) {
          clock.advance(pause);
          const taken = rate.takeUpTo({ count, periodSeconds }, tries);
          for (let i = 0; i < taken; i += 1) times.push(clock.mono());
        }
        assert.ok(worst(times, periodSeconds) <= count);
      },
    ),
  );
});

test('SHP-05 a patient taker gets at least 98% of any rate, though it comes a tick late each time', () => {
  const limits = [
    [1, 1],
    [5, 1],
    [1_000, 1],
    [50_000, 1],
    [700, 7],
    [3, 60],
    [1_000, 3_600],
    [100_000, 3_600],
    [1, 90],
  ] as const;
  for (const [count, periodSeconds] of limits) {
    const { rate, clock } = rateOnManualClock();
    const limit = { count, periodSeconds };
    const times: number[] = [];
    const start = clock.mono();
    const stretch = periodSeconds * 1000 * 10;
    while (clock.mono() - start < stretch && times.length < 150_000) {
      const taken = rate.takeUpTo(limit, 7);
      if (taken > 0) for (let i = 0; i < taken; i += 1) times.push(clock.mono());
      else clock.advance(Math.ceil((clock.mono() - taken) / 10) * 10 + 0.001 - clock.mono());
    }
    const possible = ((clock.mono() - start) / 1000) * (count / periodSeconds);
    assert.ok(times.length >= possible * 0.98 - 1, `${count}/${periodSeconds}: ${times.length} of ${possible}`);
    assert.ok(worst(times, periodSeconds) <= count, `${count}/${periodSeconds}`);
  }
});

test('SHP-05 three threads on one rate get together what one would get', async () => {
  const buffer = SharedRate.create();
  const code = `import(${JSON.stringify(import.meta.resolve('#limits'))}).then(({ SharedRate }) => {
    const { parentPort: port, workerData } = require('node:worker_threads');
    const clock = { now: () => 0, mono: () => workerData.mono };
    const rate = SharedRate.attach(workerData.buffer, clock, workerData.loop);
    let won = 0; for (let i = 0; i < 20_000; i += 1) if (rate.take({ count: 5_000, periodSeconds: 1 }) === 0) won += 1;
    port.postMessage(won); });`;
  const wins = await Promise.all(
    [1, 2, 3].map(
      async (loop) => (await once(new Worker(code, { eval: true, workerData: { buffer, loop, mono: 123_456 } }), 'message')) as [number],
    ),
  );
  assert.equal(
    wins.reduce((sum, [won]) => sum + won, 0),
    5_000,
  );
});

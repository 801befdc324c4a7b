// Proves with real threads that the sum never passes the limit, that nothing is lost, and that a dead loop's share comes back.

import { once } from 'node:events';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { ConcurrencyCell } from '#limits';

/** A thread with the cell, the shared buffer, its loop number and `port` at hand. */
function thread(buffer: SharedArrayBuffer, loop: number, body: string): Worker {
  const code = `import(${JSON.stringify(import.meta.resolve('#limits'))}).then(({ ConcurrencyCell }) => {
    const { parentPort: port, workerData } = require('node:worker_threads');
    const cell = ConcurrencyCell.attach(workerData.buffer, workerData.loop); ${body} });`;
  return new Worker(code, { eval: true, workerData: { buffer, loop } });
}

test('SHP-02 places are given up to the limit and again after a release; 0 refuses, Infinity only counts', () => {
  const cell = ConcurrencyCell.attach(ConcurrencyCell.create(2), 0);
  assert.deepEqual([cell.acquire(2), cell.acquire(2), cell.acquire(2)], [true, true, false]);
  cell.release();
  assert.equal(cell.acquire(2), true);
  assert.equal(cell.acquire(1), false);
  assert.equal(cell.acquire(0), false);
  assert.equal(cell.acquire(Infinity), true);
  assert.deepEqual([cell.total, cell.held], [3, 3]);
  cell.releaseHeld();
  assert.equal(cell.total, 0);
  assert.throws(() => cell.release(), /release without acquire/);
});

test('SHP-02 loops of one thread agree with a plain counter for any run of acquires, releases and deaths', () => {
  const act = fc.oneof(
    fc.record({ acquire: fc.nat(2), limit: fc.integer({ min: 0, max: 6 }) }),
    fc.record({ release: fc.nat(2) }),
    fc.record({ die: fc.nat(2) }),
  );
  fc.assert(
    fc.property(fc.array(act, { maxLength: 80 }), (acts) => {
      const buffer = ConcurrencyCell.create(3);
      const cells = [0, 1, 2].map((loop) => ConcurrencyCell.attach(buffer, loop));
      const model = [0, 0, 0];
      const sum = (): number => model.reduce((a, b) => a + b, 0);
      for (const a of acts) {
        if ('acquire' in a) {
          const expected = sum() < a.limit;
          assert.equal(cells[a.acquire]?.acquire(a.limit), expected);
          if (expected) model[a.acquire] = (model[a.acquire] ?? 0) + 1;
        } else if ('release' in a) {
          if (model[a.release] === 0) continue;
          cells[a.release]?.release();
          model[a.release] = (model[a.release] ?? 0) - 1;
        } else {
          cells[(a.die + 1) % 3]?.releaseAllOf(a.die);
          cells[a.die] = ConcurrencyCell.attach(buffer, a.die);
          model[a.die] = 0;
        }
        assert.equal(cells[0]?.total, sum());
      }
    }),
  );
});

test('SHP-02 three threads that fight for five places never hold more than five, and in the end hold none', async () => {
  const buffer = ConcurrencyCell.create(3);
  const seen = new SharedArrayBuffer(8);
  const body = `
    const inside = new Int32Array(workerData.seen); let won = 0;
    for (let i = 0; i < 20_000; i += 1) {
      if (!cell.acquire(5)) continue;
      won += 1;
      const now = Atomics.add(inside, 0, 1) + 1;
      if (now > 5) Atomics.store(inside, 1, now);
      Atomics.sub(inside, 0, 1);
      cell.release();
    }
    port.postMessage(won);`;
  const code = (loop: number): Worker =>
    new Worker(
      `import(${JSON.stringify(import.meta.resolve('#limits'))}).then(({ ConcurrencyCell }) => {
        const { parentPort: port, workerData } = require('node:worker_threads');
        const cell = ConcurrencyCell.attach(workerData.buffer, workerData.loop); ${body} });`,
      { eval: true, workerData: { buffer, loop, seen } },
    );
  const wins = await Promise.all([0, 1, 2].map(async (loop) => (await once(code(loop), 'message')) as [number]));
  for (const [won] of wins) assert.ok(won > 0);
  assert.equal(new Int32Array(seen)[1], 0);
  assert.equal(ConcurrencyCell.attach(buffer, 0).total, 0);
});

test('a thread that is killed while it holds places leaves them taken until its share is given back', async () => {
  const buffer = ConcurrencyCell.create(2);
  const victim = thread(buffer, 1, 'for (let i = 0; i < 3; i += 1) cell.acquire(10); port.postMessage(0); port.on("message", () => {});');
  await once(victim, 'message');
  await victim.terminate();
  const cell = ConcurrencyCell.attach(buffer, 0);
  assert.equal(cell.acquire(3), false);
  cell.releaseAllOf(1);
  assert.equal(cell.total, 0);
  assert.equal(cell.acquire(3), true);
});

test('a refused loop is woken when another thread releases', async () => {
  const buffer = ConcurrencyCell.create(2);
  const cell = ConcurrencyCell.attach(buffer, 0);
  const holder = thread(buffer, 1, 'cell.acquire(1); port.postMessage(0); port.on("message", () => { cell.release(); port.close(); });');
  await once(holder, 'message');
  let wakes = 0;
  const woken = new Promise<void>((resolve) => {
    const attempt = (): void => {
      wakes += 1;
      if (cell.acquireOrWake(1, attempt)) resolve();
    };
    attempt();
  });
  holder.postMessage('release', []);
  await woken;
  assert.ok(wakes >= 2);
  assert.equal(cell.total, 1);
});

test('a refused loop is woken when the holder dies and its share is given back', async () => {
  const buffer = ConcurrencyCell.create(2);
  ConcurrencyCell.attach(buffer, 1).acquire(1);
  const cell = ConcurrencyCell.attach(buffer, 0);
  const woken = new Promise<void>((resolve) => {
    assert.equal(cell.acquireOrWake(1, resolve), false);
  });
  cell.releaseAllOf(1);
  await woken;
  assert.equal(
    cell.acquireOrWake(1, () => assert.fail('was not refused')),
    true,
  );
});

test('a private cell stands for one of several loops: its limit is divided, at least one place remains', () => {
  const cell = ConcurrencyCell.attach(ConcurrencyCell.create(1), 0, 4);
  assert.deepEqual([cell.acquire(9), cell.acquire(9), cell.acquire(9)], [true, true, false]);
  cell.releaseHeld();
  assert.deepEqual([cell.acquire(3), cell.acquire(3), cell.acquire(0)], [true, false, false]);
});

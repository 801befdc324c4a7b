// Proves that one name is one limit for all loops, that the table is bounded, and that the dead leave nothing behind.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { ManualClock } from '#base';
import { LimitTable } from '#limits';
import type { NamedConcurrency } from '#limits';

const clock = new ManualClock();

test('FB-14 the same name in two loops is one limit, another name another one', () => {
  const shared = LimitTable.create({ loops: 2, slots: 64 });
  const [a, b] = [0, 1].map((loop) => LimitTable.attach(shared, { loop, clock }));
  assert.ok(a !== undefined && b !== undefined);
  const here = a.concurrency('x');
  const there = b.concurrency('x');
  assert.equal(here.cell.acquire(1), true);
  assert.equal(there.cell.acquire(1), false);
  assert.equal(b.concurrency('y').cell.acquire(1), true);
  here.close();
  here.close();
  assert.equal(there.cell.acquire(1), true);
  const rate = { count: 1, periodSeconds: 60 };
  assert.equal(a.rate('x').take(rate), 0);
  assert.ok(b.rate('x').take(rate) > 0);
  assert.equal(b.rate('z').take(rate), 0);
});

test('a rate keeps its memory while nobody has it open', () => {
  const table = LimitTable.attach(LimitTable.create({ loops: 1, slots: 64 }), { loop: 0, clock });
  const rate = { count: 1, periodSeconds: 60 };
  const first = table.rate('r');
  assert.equal(first.take(rate), 0);
  first.close();
  assert.equal(table.size, 0);
  assert.ok(table.rate('r').take(rate) > 0);
});

test('at its bound the table gives private limits, divided by the loops, and counts them; closed names make room', () => {
  const table = LimitTable.attach(LimitTable.create({ loops: 2, slots: 32 }), { loop: 0, clock });
  const open = Array.from({ length: 32 }, (_, i) => table.concurrency(`name ${i}`));
  assert.ok(open.every((limit) => limit.isShared));
  const extra = table.concurrency('one more');
  assert.equal(extra.isShared, false);
  assert.equal(table.overflows, 1);
  assert.deepEqual(
    [1, 2, 3].map(() => extra.cell.acquire(4)),
    [true, true, false],
  );
  extra.close();
  assert.equal(extra.cell.total, 0);
  const rates = LimitTable.attach(LimitTable.create({ loops: 2, slots: 32, rates: 32 }), { loop: 0, clock });
  for (let i = 0; i < 32; i += 1) assert.equal(rates.rate(`name ${i}`).isShared, true);
  const rate = rates.rate('a rate');
  assert.equal(rate.isShared, false);
  assert.equal(rate.take({ count: 1, periodSeconds: 1 }), 0);
  assert.ok(Math.abs(rate.take({ count: 1, periodSeconds: 1 }) - 2_000) < 0.01);
  rate.putBack({ count: 1, periodSeconds: 1 });
  rate.close();
  open[5]?.cell.acquire(10);
  open[5]?.close();
  const late = table.concurrency('one more');
  assert.equal(late.isShared, true);
  assert.equal(late.cell.total, 0);
  assert.equal(table.size, 32);
});

test('names agree with a map of plain counters for any run of opens, acquires, closes and deaths', () => {
  const act = fc.tuple(fc.constantFrom('open', 'acquire', 'close', 'die'), fc.nat(1), fc.nat(4));
  fc.assert(
    fc.property(fc.array(act, { maxLength: 100 }), (acts) => {
      const shared = LimitTable.create({ loops: 2, slots: 32 });
      const tables = [0, 1].map((loop) => LimitTable.attach(shared, { loop, clock }));
      const open = [new Map<number, NamedConcurrency>(), new Map<number, NamedConcurrency>()];
      const totalOf = (name: number): number => open.reduce((sum, m) => sum + (m.get(name)?.cell.held ?? 0), 0);
      for (const [what, loop, name] of acts) {
        const table = tables[loop];
        const mine = open[loop];
        assert.ok(table !== undefined && mine !== undefined);
        if (what === 'open' && !mine.has(name)) mine.set(name, table.concurrency(`n${name}`));
        else if (what === 'acquire' && mine.has(name)) {
          const isFree = totalOf(name) < 3;
          assert.equal(mine.get(name)?.cell.acquire(3), isFree);
        } else if (what === 'close') {
          mine.get(name)?.close();
          mine.delete(name);
        } else if (what === 'die') {
          tables[1 - loop]?.releaseAllOf(loop);
          mine.clear();
        }
        for (const m of open) for (const [n, limit] of m) assert.equal(limit.cell.total, totalOf(n));
      }
    }),
  );
});

test('four threads that open, take and close random names at once leave nothing behind, and one killed in the middle neither', async () => {
  const shared = LimitTable.create({ loops: 5, slots: 64 });
  const code = `import(${JSON.stringify(import.meta.resolve('#limits'))}).then(({ LimitTable }) => {
    const { parentPort: port, workerData } = require('node:worker_threads');
    const table = LimitTable.attach(workerData.shared, { loop: workerData.loop, clock: { now: () => 0, mono: () => 0 } });
    let over = 0; const rounds = workerData.loop === 3 ? Infinity : 3_000;
    port.postMessage('started');
    for (let i = 0; i < rounds; i += 1) {
      const limit = table.concurrency('n' + (i * 7 + workerData.loop) % 20);
      if (limit.cell.acquire(2) && limit.cell.total > 2 + 3) over += 1;
      limit.close();
    }
    port.postMessage(over); });`;
  const threads = [0, 1, 2, 3].map((loop) => new Worker(code, { eval: true, workerData: { shared, loop } }));
  // One listener for both messages of a thread: a quick one has ended before the slowest has started.
  const heard = threads.map((worker) => {
    const started = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<number>();
    worker.on('message', (message: unknown) => (message === 'started' ? started.resolve() : ended.resolve(message as number)));
    return { started: started.promise, ended: ended.promise };
  });
  await Promise.all(heard.map(({ started }) => started));
  await threads[3]?.terminate();
  const table = LimitTable.attach(shared, { loop: 4, clock });
  table.releaseAllOf(3);
  for (const over of await Promise.all(heard.slice(0, 3).map(({ ended }) => ended))) assert.equal(over, 0);
  assert.equal(table.size, 0);
  for (let i = 0; i < 20; i += 1) assert.equal(table.concurrency(`n${i}`).cell.total, 0);
  assert.equal(table.overflows, 0);
});

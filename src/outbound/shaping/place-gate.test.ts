import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#base';
import { LimitTable } from '#limits';
import { PlaceGate } from './place-gate.ts';
import type { Waiter } from './waiter.ts';

function gates(count: number) {
  const clock = new ManualClock();
  const shared = LimitTable.create({ loops: count });
  const works: (() => void)[] = [];
  let closed = 0;
  const made = Array.from({ length: count }, (_, loop) => {
    const table = LimitTable.attach(shared, { loop, clock });
    return new PlaceGate({ open: () => table.concurrency('x'), later: (work) => works.push(work), idle: () => (closed += 1) });
  });
  const run = (): void => {
    for (const work of works.splice(0)) work();
  };
  return { gates: made, run, closed: () => closed };
}

const waiter = (resume: () => void, isStarved = false): Waiter => ({ resume, resumeWithReserve: resume, isStarved });

test('SHP-02: a freed place calls the one who waited longest, and nobody else', () => {
  const { gates: made, run, closed } = gates(1);
  const [gate] = made as [PlaceGate];
  gate.limit = 1;
  assert.ok(gate.acquire());
  assert.ok(!gate.acquire());
  const called: string[] = [];
  for (const name of ['a', 'b', 'c']) gate.wait(waiter(() => called.push(name)));
  gate.release();
  run();
  assert.deepEqual(called, ['a']);
  assert.equal(gate.waiting, 2);
  assert.equal(closed(), 0, 'somebody waits');
});

test('SHP-02: a place that another loop frees is heard', async () => {
  const { gates: made } = gates(2);
  const [here, there] = made as [PlaceGate, PlaceGate];
  here.limit = there.limit = 1;
  assert.ok(there.acquire());
  assert.ok(!here.acquire());
  const called = new Promise<void>((resolve) => here.wait(waiter(resolve)));
  there.release();
  await called;
  assert.ok(here.acquire());
});

test('SHP-02: the reserve is for those who have nothing, and an idle connection makes room for who waits', () => {
  const { gates: made } = gates(1);
  const [gate] = made as [PlaceGate];
  gate.limit = 1;
  gate.reserve = 1;
  assert.ok(gate.acquire());
  let reclaimed = 0;
  gate.rest({ reclaim: () => (reclaimed += 1) });
  gate.wait(waiter(() => undefined));
  assert.equal(reclaimed, 1);
  gate.wait(waiter(() => undefined, true));
  assert.equal(gate.takeStarved(5).length, 1);
  assert.ok(!gate.acquire());
  assert.ok(gate.acquire(true));
  assert.ok(!gate.isOverfull);
  gate.limit = 0;
  assert.ok(gate.isOverfull);
});

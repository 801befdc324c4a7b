import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import { LimitTable } from '#limits';
import { RateGate } from './rate-gate.ts';
import type { Waiter } from './waiter.ts';

function gateOnManualClock() {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  const table = LimitTable.attach(LimitTable.create({ loops: 1 }), { loop: 0, clock });
  const gate = new RateGate({ rate: table.rate('x'), clock, wheel });
  const pass = (ms: number): void => {
    clock.advance(ms);
    wheel.advance();
  };
  return { gate, pass, wheel };
}

const waiter = (resume: () => void): Waiter => ({ resume, resumeWithReserve: resume, isStarved: false });

test('SHP-05: a thousand wait on one timer, and are called in their turn as there is something for them', () => {
  const { gate, pass, wheel } = gateOnManualClock();
  const rate = { count: 5, periodSeconds: 1 };
  assert.equal(gate.take(rate, 9), 5);
  const called: number[] = [];
  for (let i = 0; i < 1_000; i += 1)
    gate.wait(
      waiter(() => {
        called.push(i);
        assert.equal(gate.take(rate, 1), 1);
      }),
    );
  assert.equal(wheel.size, 1);
  pass(990);
  assert.deepEqual(called, []);
  pass(20);
  assert.deepEqual(called, [0, 1, 2, 3, 4]);
  assert.equal(gate.waiting, 995);
  assert.equal(wheel.size, 1);
  pass(1_020);
  assert.equal(called.length, 10);
});

test('SHP-05: who has no connection waits for those that are being opened for what may go now', () => {
  const { gate, pass } = gateOnManualClock();
  const rate = { count: 2, periodSeconds: 1 };
  let calls = 0;
  assert.ok(gate.hasRoom(rate));
  gate.expected = 2;
  assert.ok(!gate.hasRoom(rate));
  gate.wait(waiter(() => (calls += 1)));
  pass(5_000);
  assert.equal(calls, 0);
  gate.expectedOver();
  pass(20);
  assert.equal(calls, 1);
});

test('a rate that is made faster calls at once those who waited long', () => {
  const { gate, pass, wheel } = gateOnManualClock();
  const slow = { count: 1, periodSeconds: 3_600 };
  gate.take(slow, 1);
  let calls = 0;
  const one = waiter(() => (calls += 1));
  gate.wait(one);
  pass(10_000);
  assert.equal(calls, 0);
  gate.limit = { count: 10, periodSeconds: 1 };
  gate.reconfigured();
  pass(20);
  assert.equal(calls, 1);
  gate.wait(one);
  gate.leave(one);
  assert.equal(wheel.size, 0);
});

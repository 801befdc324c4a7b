/** Every kind of limit on a simulated clock: exact in any window, used nearly in full, over two loops. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Simulation, worstWindow } from '../kit/shaping-simulation.ts';
import { judgeShaping } from '../kit/shaping-world.ts';

test('SHP-01 SHP-02 SHP-03 SHP-05 FB-14 over 100,000 messages of two loops no window and no moment exceeds its limit, and each is used to 98%', async () => {
  await judgeShaping(100_000, 5);
});

test('SHP-05 of 10,000 queues of which 9,990 are parked behind a throttle only those are called for whom there is something', async () => {
  const rate = { count: 5, periodSeconds: 1 };
  const parked = Array.from({ length: 9_990 }, (_, i) => ({
    binding: `b${i % 10}`,
    domain: `d${i}.test`,
    limits: { outboundThrottleMessages: rate },
    ids: { outboundThrottleMessages: 'five' },
  }));
  const free = Array.from({ length: 10 }, (_, i) => ({ binding: `b${i}`, domain: 'free.test', limits: {}, ids: {} }));
  const simulation = new Simulation({ queues: [...free, ...parked], serverMax: 20_000, seed: 3, topUp: 1 });
  await simulation.run(2_000);
  // Everybody stands in line now; from here on the free queues are left without mail too.
  const { ledger } = simulation;
  const before = { timers: simulation.timersSet, looks: simulation.looks, messages: ledger.messages };
  const seconds = 60;
  await simulation.pass(seconds);
  const moved = ledger.messages - before.messages;
  assert.ok(moved >= seconds * 5 * 0.98 - 10 && moved <= seconds * 5 + 20, `${moved} messages`);
  assert.ok(worstWindow(ledger.begun.get('five') ?? [], rate) <= 5);
  // A message takes a handful of timers (its connection and its deadline, the line's next call); who only waits takes none.
  assert.ok(simulation.timersSet - before.timers < moved * 20, `${simulation.timersSet - before.timers} timers for ${moved} messages`);
  assert.ok(simulation.looks - before.looks < moved * 20, `options of queues were looked at ${simulation.looks - before.looks} times`);
  await simulation.stop();
});

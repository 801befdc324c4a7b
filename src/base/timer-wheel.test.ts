// Proves that timers fire once, never early, in order of tick, through all levels of the wheel and over jumps of the clock.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { ManualClock, systemClock, TimerWheel } from '#base';

function wheelOnManualClock(tickMs = 10): { wheel: TimerWheel; clock: ManualClock } {
  const clock = new ManualClock();
  return { clock, wheel: new TimerWheel({ clock, tickMs }) };
}

test('a timer fires at its time, not before, and once', () => {
  const { wheel, clock } = wheelOnManualClock();
  let fired = 0;
  wheel.schedule(25, () => {
    fired += 1;
  });
  clock.advance(24.9);
  wheel.advance();
  assert.equal(fired, 0);
  clock.advance(5.1);
  wheel.advance();
  wheel.advance();
  assert.equal(fired, 1);
  assert.equal(wheel.size, 0);
});

test('a cancelled timer never fires, and its id does not cancel the timer that took its place', () => {
  const { wheel, clock } = wheelOnManualClock();
  const fired: string[] = [];
  const first = wheel.schedule(10, () => fired.push('first'));
  assert.equal(wheel.cancel(first), true);
  assert.equal(wheel.cancel(first), false);
  wheel.schedule(10, (word) => fired.push(word), 'second');
  assert.equal(wheel.cancel(first), false);
  assert.equal(wheel.cancel(0), false);
  clock.advance(1_000);
  wheel.advance();
  assert.deepEqual(fired, ['second']);
});

test('a callback may schedule and cancel: a delay of 0 waits for the next tick', () => {
  const { wheel, clock } = wheelOnManualClock();
  let rounds = 0;
  let victim = 0;
  const again = (): void => {
    rounds += 1;
    wheel.cancel(victim);
    wheel.schedule(0, again);
  };
  wheel.schedule(10, again);
  victim = wheel.schedule(20, () => assert.fail('was cancelled'));
  clock.advance(10);
  wheel.advance();
  assert.equal(rounds, 1);
  clock.advance(30);
  wheel.advance();
  assert.equal(rounds, 3);
});

test('any set of delays up to two years fires completely, in order and at most a tick late, however time passes', () => {
  const delay = fc.oneof(
    fc.integer({ min: 0, max: 3_000 }),
    fc.integer({ min: 0, max: 700_000 }),
    fc.integer({ min: 0, max: 63_000_000_000 }),
  );
  const pause = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 5_000_000 }), fc.constant(63_100_000_000));
  fc.assert(
    fc.property(
      fc.array(delay, { maxLength: 60 }),
      fc.array(pause, { maxLength: 20 }),
      fc.integer({ min: 0, max: 2_000_000 }),
      (delays, pauses, lead) => {
        const { wheel, clock } = wheelOnManualClock();
        clock.advance(lead);
        wheel.advance();
        const start = clock.mono();
        const waiting = new Map<number, number>();
        let lastDue = 0;
        delays.forEach((ms, i) => {
          waiting.set(i, start + ms);
          wheel.schedule(ms, () => {
            const due = start + ms;
            assert.ok(clock.mono() >= due, 'never early');
            // What is due in the tick of now runs in the next one, together with what is due there.
            const tick = Math.max(Math.ceil(due / 10), Math.floor(start / 10) + 1);
            assert.ok(tick >= lastDue, 'in order of ticks');
            lastDue = tick;
            assert.equal(waiting.delete(i), true, 'once');
          });
        });
        for (const ms of pauses) {
          clock.advance(ms);
          wheel.advance();
          for (const due of waiting.values()) assert.ok(due > clock.mono() - 20, 'at most a tick late');
          assert.equal(wheel.size, waiting.size);
        }
      },
    ),
    { numRuns: 150 },
  );
});

test('a timer of 5,000 days fires although it is beyond the top level of the wheel', () => {
  const { wheel, clock } = wheelOnManualClock();
  let fired = false;
  wheel.schedule(5_000 * 86_400_000, () => {
    fired = true;
  });
  for (let i = 0; i < 50; i += 1) {
    assert.equal(fired, false);
    clock.advance(100 * 86_400_000);
    wheel.advance();
  }
  assert.equal(fired, true);
});

test('RT-05 one pass runs at most the given number of callbacks and says that more is due', () => {
  const { wheel, clock } = wheelOnManualClock();
  let fired = 0;
  for (let i = 0; i < 10; i += 1) wheel.schedule(i < 5 ? 10 : 20, () => (fired += 1));
  clock.advance(50);
  assert.equal(wheel.advance(4), true);
  assert.equal(fired, 4);
  assert.equal(wheel.advance(6), false);
  assert.equal(fired, 10);
});

test('a throwing callback does not stop the others: the error goes to onError, or on after the pass', () => {
  const clock = new ManualClock();
  const errors: unknown[] = [];
  const careful = new TimerWheel({ clock, onError: (e) => errors.push(e) });
  const plain = new TimerWheel({ clock });
  let fired = 0;
  for (const wheel of [careful, plain]) {
    wheel.schedule(10, () => {
      throw new Error('bad timer');
    });
    wheel.schedule(20, () => (fired += 1));
  }
  clock.advance(20);
  careful.advance();
  assert.equal(errors.length, 1);
  assert.throws(() => plain.advance(), /bad timer/);
  assert.equal(fired, 2);
});

test('at its bound the wheel refuses to take another timer', () => {
  const wheel = new TimerWheel({ clock: new ManualClock(), max: 2 });
  wheel.schedule(1, () => {});
  wheel.schedule(1, () => {});
  assert.throws(() => wheel.schedule(1, () => {}), /at most 2 timers/);
});

test('the driver runs timers by itself', async () => {
  const wheel = new TimerWheel({ clock: systemClock, tickMs: 1 });
  wheel.start();
  await new Promise<void>((resolve) => void wheel.schedule(2, resolve));
  wheel.stop();
  assert.equal(wheel.size, 0);
});

test('a driver told not to keep the process alive lets it end although a timer waits', () => {
  const code = `import { TimerWheel, systemClock } from '#base';
    const w = new TimerWheel({ clock: systemClock }); w.schedule(3_600_000, () => {}); w.start({ keepAlive: false });`;
  const child = spawnSync(process.execPath, ['-C', 'impetus-source', '--input-type=module', '-e', code], {
    timeout: 30_000,
    encoding: 'utf8',
  });
  assert.equal(child.stderr, '');
  assert.equal(child.status, 0);
});

test('the driver sleeps until something is due, and a timer that is due earlier wakes it', async () => {
  const wheel = new TimerWheel({ clock: systemClock, tickMs: 1 });
  let looks = 0;
  const { advance } = wheel;
  wheel.advance = (max) => {
    looks += 1;
    return advance.call(wheel, max);
  };
  wheel.start();
  wheel.schedule(3_600_000, () => {});
  // Level 0 of the wheel spans 256 ticks: a due time of 200 has its place there, and nothing is looked at before.
  await new Promise<void>((resolve) => void wheel.schedule(200, resolve));
  assert.ok(looks <= 5, `${looks} looks for one timer`);
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    wheel.schedule(400, () => {
      order.push('late');
      resolve();
    });
    wheel.schedule(5, () => order.push('early'));
  });
  assert.deepEqual(order, ['early', 'late']);
  wheel.stop();
  assert.equal(wheel.size, 1);
});

test('an error thrown on from a pass of the driver does not end the driver', async () => {
  const code = `import { TimerWheel, systemClock } from '#base';
    const w = new TimerWheel({ clock: systemClock, tickMs: 1 }); process.on('uncaughtException', (e) => console.log(e.message)); w.start();
    w.schedule(1, () => { throw new Error('first'); }); w.schedule(30, () => { console.log('second'); w.stop(); });`;
  const child = spawnSync(process.execPath, ['-C', 'impetus-source', '--input-type=module', '-e', code], {
    timeout: 30_000,
    encoding: 'utf8',
  });
  assert.equal(child.stdout, 'first\nsecond\n', child.stderr);
});

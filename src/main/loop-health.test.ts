/* Tests of loop-health.ts.
 * The one rule: pressure follows the marks both ways, and a stall is told once.
 * Facts: SMTP-19, SPL-09, A63, A64. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { ManualClock, TimerWheel } from '#base';
import { defaultDebugFlags, PanicLog, type PanicLine } from '#observe';
import { LoopHealth, STALL_MS } from './loop-health.ts';

function surroundings() {
  const clock = new ManualClock(1_000_000);
  const wheel = new TimerWheel({ clock });
  const lines: PanicLine[] = [];
  const panic = new PanicLog({ clock, flags: defaultDebugFlags, write: (line) => lines.push(line) });
  const pass = (ms: number, step = 10) => {
    for (let t = 0; t < ms; t += step) {
      clock.advance(step);
      wheel.advance();
    }
  };
  return { clock, wheel, panic, lines, pass };
}

test('SMTP-19 SPL-09 A63 above memory_goal bodies are let go, above memory_hwm mail is refused, and both end when memory is free again', () => {
  const { clock, wheel, panic, lines, pass } = surroundings();
  let used = 50;
  const seen: string[] = [];
  const health = new LoopHealth({
    clock,
    wheel,
    panic,
    goals: () => ({ memoryGoal: 90, memoryHwm: 95 }),
    used: () => used,
    available: 100,
    onPressure: (pressure) => seen.push(pressure),
    name: 'loop 0',
  });
  pass(2_000);
  assert.equal(health.pressure, 'ok');
  used = 91;
  pass(2_000);
  assert.equal(health.pressure, 'shed');
  used = 95;
  pass(2_000);
  assert.equal(health.pressure, 'refuse');
  used = 10;
  pass(2_000);
  assert.equal(health.pressure, 'ok');
  assert.deepEqual(seen, ['shed', 'refuse', 'ok']);
  assert.ok(lines.some((line) => line.level === 'CRITICAL' && line.text.includes('Memory_HWM')));
});

test('A64 a turn that takes longer than a tenth of a second is said with its length', () => {
  const { clock, wheel, panic, lines, pass } = surroundings();
  const health = new LoopHealth({
    clock,
    wheel,
    panic,
    goals: () => ({ memoryGoal: 90, memoryHwm: 95 }),
    used: () => 0,
    available: 100,
    onPressure: () => undefined,
    name: 'loop 0',
  });
  pass(500);
  assert.equal(health.stalls, 0);
  clock.advance(STALL_MS + 300);
  wheel.advance();
  assert.equal(health.stalls, 1);
  assert.equal(lines.length, 0, 'a short stall is a warning, which the default flags leave out');
  clock.advance(1_500);
  wheel.advance();
  assert.equal(health.stalls, 2);
  assert.match(lines[0]!.text, /loop 0 stood still for 1\d{3} ms/);
});

// Proves that slices end with their time, go on in a later turn, see what was added, and give way to a newer list.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { ManualClock, Slices } from '#base';

function slices() {
  const clock = new ManualClock();
  const turns: (() => void)[] = [];
  const wheel = { schedule: (_delayMs: number, turn: (arg?: never) => void) => turns.push(turn as () => void) };
  return { clock, turns, slices: new Slices<number>({ clock, wheel, sliceMs: 3 }) };
}

test('a list is worked on for the slice of a turn, and goes on in later turns until it is at its end', () => {
  const { clock, turns, slices: walker } = slices();
  const list = new Set(Array.from({ length: 100 }, (_, n) => n));
  const seen: number[] = [];
  let ends = 0;
  const work = (n: number): void => {
    seen.push(n);
    clock.advance(0.1);
  };
  walker.walk(list, work, () => void (ends += 1));
  assert.ok(seen.length >= 30 && seen.length < 60, String(seen.length));
  assert.equal(ends, 0);
  list.add(1000);
  while (turns.length > 0) turns.shift()!();
  assert.deepEqual(seen, [...list]);
  assert.equal(ends, 1);
});

test('a newer list takes the place of one that is not finished', () => {
  const { clock, turns, slices: walker } = slices();
  const seen: string[] = [];
  const work =
    (name: string) =>
    (n: number): void => {
      seen.push(`${name}${n}`);
      clock.advance(1);
    };
  const long = Array.from({ length: 40 }, (_, n) => n);
  walker.walk(long, work('old'), () => seen.push('old is done'));
  walker.walk([1], work('new'), () => seen.push('new is done'));
  while (turns.length > 0) turns.shift()!();
  assert.deepEqual(seen.slice(-2), ['new1', 'new is done']);
  assert.ok(!seen.includes('old39') && !seen.includes('old is done'));
});

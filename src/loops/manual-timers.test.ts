/*
 * Timers for this room's tests: they run when the test advances them. Kept in a test file so that it is never built.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMainThread } from 'node:worker_threads';
import type { Timers } from './switchboard.ts';

export class ManualTimers implements Timers {
  #now = 0;
  #next = 1;
  #waiting = new Map<number, { at: number; fn: () => void }>();

  get size(): number {
    return this.#waiting.size;
  }

  schedule(delayMs: number, fn: () => void): number {
    const id = this.#next++;
    this.#waiting.set(id, { at: this.#now + delayMs, fn });
    return id;
  }

  cancel(id: number): void {
    this.#waiting.delete(id);
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const [id, t] of Array.from(this.#waiting)) {
      if (t.at > this.#now || !this.#waiting.delete(id)) continue;
      t.fn();
    }
  }
}

if (isMainThread) {
  test('manual timers run what is due and no more', () => {
    const timers = new ManualTimers();
    let ran = 0;
    timers.schedule(10, () => ran++);
    timers.advance(9);
    assert.equal(ran, 0);
    timers.advance(1);
    assert.equal(ran, 1);
  });
}

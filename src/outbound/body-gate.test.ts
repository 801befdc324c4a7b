import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Batch } from '#queue';
import { BodyGate } from './body-gate.ts';

test('A60, A63: bodies read back wait until what is being sent leaves room; one alone always passes', () => {
  const begun: number[] = [];
  const gate = new BodyGate((batch, done) => {
    begun.push(batch.size);
    done(undefined, Buffer.alloc(1));
  }, 100);
  const held: number[] = [];
  const load = (size: number, body?: Buffer): void => gate.load({ size, body } as Batch, (_error, _body, h) => void held.push(h));
  load(500);
  load(60);
  load(60);
  load(5, Buffer.alloc(5));
  assert.deepEqual(begun, [500]);
  assert.deepEqual(held, [500, 0], 'a resident body passes');
  gate.giveBack(500);
  assert.deepEqual(begun, [500, 60]);
  gate.giveBack(60);
  assert.deepEqual(begun, [500, 60, 60]);
});

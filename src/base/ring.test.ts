// Proves that a ring is first in, first out, bounded, and answers false when full.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Ring } from '#base';

test('a full ring refuses the next item and keeps what it has', () => {
  const ring = new Ring<number>(2);
  assert.equal(ring.push(1), true);
  assert.equal(ring.push(2), true);
  assert.equal(ring.isFull, true);
  assert.equal(ring.push(3), false);
  assert.deepEqual([ring.shift(), ring.shift(), ring.shift()], [1, 2, undefined]);
});

test('a ring behaves as a bounded array queue for any run of operations', () => {
  const step = fc.oneof(fc.constant('shift' as const), fc.constant('peek' as const), fc.constant('clear' as const), fc.nat());
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.array(step, { maxLength: 200 }), (capacity, steps) => {
      const ring = new Ring<number>(capacity);
      const model: number[] = [];
      for (const s of steps) {
        if (s === 'shift') assert.equal(ring.shift(), model.shift());
        else if (s === 'peek') assert.equal(ring.peek(), model[0]);
        else if (s === 'clear') {
          ring.clear();
          model.length = 0;
        } else {
          assert.equal(ring.push(s), model.length < capacity);
          if (model.length < capacity) model.push(s);
        }
        assert.equal(ring.size, model.length);
      }
    }),
  );
});

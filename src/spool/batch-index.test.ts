// The index of live batches against a Map, with everything that can be asked of it in any order.
//
// The rule to know: ids of the form of SMTP-17 and any other text behave alike.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatMessageId, seededRandom } from '#base';
import { BatchIndex } from './batch-index.ts';

function idOf(n: number): string {
  if (n % 7 === 0) return `other-${n}`;
  return formatMessageId({ counter: (n * 31) & 0xffff, instance: n % 2 === 0 ? 99_999 - (n % 3) : 34_463 + (n % 3), slot: n >> 3 });
}

test('the index says what a Map would say, whatever is added, moved and removed in which order', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(400), fc.nat(2)), { maxLength: 800 }), (steps) => {
      const index = new BatchIndex();
      const model = new Map<string, number>();
      for (const [n, what] of steps) {
        const id = idOf(n);
        const row = index.find(id);
        assert.equal(row >= 0, model.has(id));
        if (row < 0) index.add(id, n % 5, n * 100, n, n % 9);
        else if (what === 0) index.remove(id, row);
        else index.move(row, 7, n + 1, n + 2);
        if (row < 0) model.set(id, n * 100);
        else if (what === 0) model.delete(id);
        else model.set(id, n + 1);
      }
      assert.equal(index.size, model.size);
      for (const [id, offset] of model) assert.equal(index.offsetOf(index.find(id)), offset);
    }),
    { seed: 1, numRuns: 60 },
  );
});

test('200,000 batches grow the index, keep their places, and leave it empty', () => {
  const index = new BatchIndex();
  const random = seededRandom(1);
  for (let n = 0; n < 200_000; n += 1) index.add(idOf(n), n % 50, n, 1, 1);
  for (let i = 0; i < 1000; i += 1) {
    const n = random.int(200_000);
    const row = index.find(idOf(n));
    assert.deepEqual([index.offsetOf(row), index.segmentOf(row)], [n, n % 50]);
  }
  const rows = index.rowsIn(3);
  assert.equal(rows.length, 4000);
  assert.ok(rows.every((row, i) => i === 0 || index.offsetOf(row) > index.offsetOf(rows[i - 1] ?? 0)));
  for (let n = 0; n < 200_000; n += 1) index.remove(idOf(n), index.find(idOf(n)));
  assert.equal(index.size, 0);
  assert.deepEqual(index.rowsIn(3), []);
  index.add(idOf(5), 1, 2, 3, 4);
  assert.ok(index.rowsEnd < 20_000, 'pages go when they are empty, and rows are used again');
});

// Proves that a seed replays, that ranges are kept without bias, and that a shuffle gives every order.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { seededRandom, shuffle, systemRandom } from '#base';

test('the same seed gives the same sequence and another seed another one', () => {
  const draw = (seed: number): string => {
    const r = seededRandom(seed);
    return `${r.int(1000)} ${r.float()} ${r.bytes(8).toString('hex')}`;
  };
  assert.equal(draw(7), draw(7));
  assert.notEqual(draw(7), draw(8));
});

for (const [name, random] of [
  ['seeded', seededRandom(1)],
  ['system', systemRandom],
] as const) {
  test(`the ${name} source keeps its ranges and reaches every value`, () => {
    const seen = new Set<number>();
    for (let i = 0; i < 2_000; i += 1) {
      const n = random.int(6);
      assert.ok(Number.isInteger(n) && n >= 0 && n < 6);
      seen.add(n);
      const f = random.float();
      assert.ok(f >= 0 && f < 1);
    }
    assert.equal(seen.size, 6);
    assert.equal(random.int(1), 0);
    assert.ok(random.int(2 ** 32) < 2 ** 32);
    assert.equal(random.bytes(33).length, 33);
  });
}

test('the seeded source is even: 60,000 throws of a die lie within four standard deviations', () => {
  const random = seededRandom(42);
  const counts = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < 60_000; i += 1) {
    const n = random.int(6);
    counts[n] = (counts[n] ?? 0) + 1;
  }
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 4 * 91.3, `${count}`);
});

test('a bound outside 1 to 2^32 is a defect of the caller', () => {
  assert.throws(() => systemRandom.int(0), /below 0/);
  assert.throws(() => systemRandom.int(2 ** 32 + 1));
});

test('a shuffle keeps the items and reaches all six orders of three', () => {
  const random = seededRandom(3);
  const orders = new Set<string>();
  for (let i = 0; i < 200; i += 1) orders.add(shuffle(['a', 'b', 'c'], random).join(''));
  assert.equal(orders.size, 6);
  assert.deepEqual(shuffle([], random), []);
});

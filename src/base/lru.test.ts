// Proves the bound, the order of leaving and the lives of cached entries.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Lru, ManualClock } from '#base';

test('the least recently used entry leaves when a new one needs its place', () => {
  const lru = new Lru<string, number>({ max: 2 });
  lru.set('a', 1);
  lru.set('b', 2);
  assert.equal(lru.get('a'), 1);
  lru.set('c', 3);
  assert.equal(lru.get('b'), undefined);
  assert.deepEqual([lru.get('a'), lru.get('c'), lru.size], [1, 3, 2]);
});

test('an entry is never answered at or after the end of its life, by the monotonic hand of the clock', () => {
  const clock = new ManualClock();
  const lru = new Lru<string, number>({ max: 5, ttlMs: 100, clock });
  lru.set('short', 1, 50);
  lru.set('usual', 2);
  clock.set(0);
  clock.advance(50);
  assert.equal(lru.has('short'), false);
  assert.equal(lru.get('short'), undefined);
  assert.equal(lru.get('usual'), 2);
  clock.advance(50);
  assert.deepEqual([...lru.entries()], []);
  assert.equal(lru.purge(), 1);
  assert.equal(lru.size, 0);
});

test('keys such as __proto__ are only keys', () => {
  const lru = new Lru<string, number>({ max: 2 });
  assert.equal(lru.get('__proto__'), undefined);
  lru.set('__proto__', 1);
  assert.equal(lru.get('__proto__'), 1);
  assert.equal(lru.delete('__proto__'), true);
  assert.equal(lru.delete('__proto__'), false);
});

test('a cache agrees with a plain model for any run of sets, gets and deletes', () => {
  const key = fc.integer({ min: 0, max: 8 });
  const step = fc.oneof(fc.record({ set: key, v: fc.nat() }), fc.record({ get: key }), fc.record({ delete: key }));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 100 }), (max, steps) => {
      const lru = new Lru<number, number>({ max });
      const model = new Map<number, number>();
      for (const s of steps) {
        if ('set' in s) {
          lru.set(s.set, s.v);
          model.delete(s.set);
          model.set(s.set, s.v);
          const [oldest] = model.keys();
          if (model.size > max && oldest !== undefined) model.delete(oldest);
        } else if ('get' in s) {
          const v = model.get(s.get);
          assert.equal(lru.get(s.get), v);
          if (v !== undefined) {
            model.delete(s.get);
            model.set(s.get, v);
          }
        } else assert.equal(lru.delete(s.delete), model.delete(s.delete));
        assert.equal(lru.size, model.size);
      }
    }),
  );
});

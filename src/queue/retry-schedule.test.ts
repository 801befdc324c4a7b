import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { queueReplies } from './replies.ts';
import { afterFailure, retriesAllowed, retryDelay } from './retry-schedule.ts';

const base = { retryInterval: 1200, maxRetryInterval: 43_200, maxRetries: 'auto' as const, messageExpiration: 86_400, neverRetry: false };

/** The gaps until the end, and how and when it ends, for mail that always fails. */
function life(o: Parameters<typeof afterFailure>[2]): { gaps: number[]; at: number; reply: string } {
  const gaps: number[] = [];
  for (let at = 0, failures = 1; failures < 10_000; failures += 1) {
    const next = afterFailure(failures, at * 1000, o);
    if (typeof next === 'string') return { gaps, at, reply: next };
    gaps.push(next);
    at += next;
  }
  return { gaps, at: -1, reply: '' };
}

test('Q-02: the gaps double from Retry_Interval up to Max_Retry_Interval (vectors of 29.2)', () => {
  const { gaps } = life({ ...base, maxRetries: 'none', messageExpiration: 604_800 });
  assert.deepEqual(gaps.slice(0, 9), [1200, 2400, 4800, 9600, 19_200, 38_400, 43_200, 43_200, 43_200]);
});

test('Q-04: 1200/1200/5 fails after 6000 s, 1200/43200/5 after 37200 s', () => {
  const flat = life({ ...base, maxRetryInterval: 1200, maxRetries: 5, messageExpiration: 604_800 });
  assert.deepEqual(flat, { gaps: [1200, 1200, 1200, 1200, 1200], at: 6000, reply: queueReplies.maxRetries });
  const doubling = life({ ...base, maxRetries: 5, messageExpiration: 604_800 });
  assert.deepEqual(doubling, { gaps: [1200, 2400, 4800, 9600, 19_200], at: 37_200, reply: queueReplies.maxRetries });
  assert.equal(life({ ...base, maxRetryInterval: 1200, maxRetries: 5, messageExpiration: 6000 }).at, 6000);
});

test('Q-05: Never_Retry fails the first transient failure with the text of exceeded retries', () => {
  assert.deepEqual(life({ ...base, neverRetry: true }), {
    gaps: [],
    at: 0,
    reply: '554 5.4.7 [internal] exceeded max retries without delivery',
  });
});

test('Q-03, Q-06: with a number of retries and an expiration, whichever comes first ends the message', () => {
  assert.equal(life({ ...base, maxRetries: 50, messageExpiration: 3000 }).reply, '554 5.4.7 [internal] exceeded max time without delivery');
  assert.equal(life({ ...base, maxRetries: 1, messageExpiration: 86_400 }).reply, queueReplies.maxRetries);
});

test('Q-03: auto ends untouched mail exactly where none does, and counts tries that were spent by hand', () => {
  fc.assert(
    fc.property(
      fc.record({
        retryInterval: fc.integer({ min: 1, max: 5000 }),
        maxRetryInterval: fc.integer({ min: 1, max: 50_000 }),
        messageExpiration: fc.integer({ min: 0, max: 200_000 }),
      }),
      (some) => {
        const auto = { ...base, ...some, maxRetries: 'auto' as const };
        fc.pre(some.messageExpiration / Math.min(some.retryInterval, some.maxRetryInterval) < 5000);
        assert.deepEqual(life(auto), life({ ...auto, maxRetries: 'none' }));
        const allowed = retriesAllowed(auto);
        assert.equal(afterFailure(allowed + 1, 0, auto) === queueReplies.maxRetries, some.messageExpiration > 0);
      },
    ),
  );
});

test('Q-02: a delay is never above the cap and never shrinks, however many failures there were', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000 }), (failures) => {
      const delay = retryDelay(failures, base);
      assert.ok(delay <= base.maxRetryInterval && delay >= base.retryInterval);
      assert.ok(retryDelay(failures + 1, base) >= delay);
    }),
  );
});

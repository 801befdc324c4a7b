import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NamedCounters } from './named-counters.ts';

test('named counters begin at zero with their first use, take names of the documented namespaces, and can be reset and unlinked', () => {
  let now = 1000;
  const counters = new NamedCounters(() => now);
  assert.equal(counters.add('/site/a', 5), undefined);
  now = 2000;
  assert.equal(counters.add('/site/a', -2), undefined);
  assert.deepEqual(counters.list(), [{ name: '/site/a', value: 3, resetAt: 1000 }]);
  for (const name of ['a', '/a', '/', '/site/', '/site/a b', '/other/x'])
    assert.match(counters.add(name, 1) ?? '', /is no name of a counter/, name);
  assert.ok(counters.reset('/site/a'));
  assert.deepEqual(counters.list(), [{ name: '/site/a', value: 0, resetAt: 2000 }]);
  assert.ok(counters.unlink('/site/a') && !counters.unlink('/site/a') && !counters.reset('/site/a'));
});

test('there is a bound, and at it new counters are refused while known ones go on', () => {
  const counters = new NamedCounters(() => 0);
  for (let i = 0; i < 10_000; i += 1) counters.add(`/site/${i}`, 1);
  assert.match(counters.add('/site/one-more', 1) ?? '', /There are 10000 counters/);
  assert.equal(counters.add('/site/7', 1), undefined);
});

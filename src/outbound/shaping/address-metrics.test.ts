import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, seededRandom } from '#base';
import { AddressMetrics } from './address-metrics.ts';

const host = (ip: string, preference = 10) => ({ ip, preference });

function metrics(): { clock: ManualClock; metrics: AddressMetrics } {
  const clock = new ManualClock();
  return { clock, metrics: new AddressMetrics({ clock, random: seededRandom(4), lifetimeSeconds: () => 1800 }) };
}

/** How often each host came first. */
function firsts(of: AddressMetrics, hosts: ReturnType<typeof host>[], binding = 'b'): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < 1_000; i += 1) {
    const [first] = of.steer(binding, hosts);
    counts[first!.ip] = (counts[first!.ip] ?? 0) + 1;
  }
  return counts;
}

test('SHP-09: of hosts of equal preference the faster one gets more connections, in proportion, and the slow one some', () => {
  const { metrics: of } = metrics();
  of.connected('b', '192.0.2.1', 10);
  of.delivered('b', '192.0.2.1', 30);
  of.connected('b', '192.0.2.2', 40);
  of.delivered('b', '192.0.2.2', 120);
  const counts = firsts(of, [host('192.0.2.1'), host('192.0.2.2')]);
  assert.ok(counts['192.0.2.1']! > 720 && counts['192.0.2.1']! < 880, JSON.stringify(counts));
  assert.deepEqual(firsts(of, [host('192.0.2.1'), host('192.0.2.2')], 'other'), { '192.0.2.1': 1_000 }, 'as given: nothing is known');
});

test('SHP-09: preference is never overruled, and a host that failed lately comes first seldom until Address_Metrics_Lifetime is over', () => {
  const { clock, metrics: of } = metrics();
  of.connected('b', '192.0.2.1', 5_000);
  of.connected('b', '192.0.2.2', 5);
  assert.deepEqual(firsts(of, [host('192.0.2.1', 5), host('192.0.2.2', 10)]), { '192.0.2.1': 1_000 });
  of.failed('b', '192.0.2.2');
  of.connected('b', '192.0.2.3', 5);
  const counts = firsts(of, [host('192.0.2.2'), host('192.0.2.3')]);
  assert.ok(counts['192.0.2.3']! > 900, JSON.stringify(counts));
  assert.ok(counts['192.0.2.2']! > 0);
  clock.advance(1_801_000);
  assert.equal(of.find('b', '192.0.2.2'), undefined);
  of.connected('b', '192.0.2.9', 5);
  assert.equal(of.size <= 3, true);
});

test('SHP-09: what was heard of last is forgotten last, however often it was heard of in between', () => {
  const { clock, metrics: of } = metrics();
  for (let i = 0; i < 16_384; i += 1) of.delivered('b', `host ${i}`, 5);
  for (let i = 0; i < 20; i += 1) {
    clock.advance(50);
    of.delivered('b', 'host 0', 5);
  }
  of.delivered('b', 'one more', 5);
  assert.equal(of.size, 16_384);
  assert.ok(of.find('b', 'host 0') !== undefined && of.find('b', 'one more') !== undefined);
  assert.equal(of.find('b', 'host 1'), undefined);
});

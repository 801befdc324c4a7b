/**
 * A next hop that is away for an hour: what is tried when, and that everything arrives once when it is back.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer, World } from './fixtures.test.ts';

const HOUR = 3600;

/** A world whose next hop is away until `back`, and the seconds at which it was dialled. */
async function away(t: Parameters<typeof startServer>[0], options: object, back: number) {
  const server = await startServer(t);
  const dials: number[] = [];
  const begun = { mono: 0 };
  const world: World = new World(t, {
    isManual: true,
    options: { remoteSmtpPort: server.port, retryInterval: 1200, maxRetryInterval: 43_200, ...options },
    redirect: (to) => {
      const seconds = Math.round((world.clock.mono() - begun.mono) / 1000);
      dials.push(seconds);
      return seconds < back ? { ...to, port: 1 } : to;
    },
  });
  begun.mono = world.clock.mono();
  const pass = async (seconds: number): Promise<void> => {
    for (let i = 0; i < seconds; i += 10) {
      world.manual?.advance(10_000);
      world.wheel.advance();
      await world.turns(4);
    }
  };
  return { server, world, dials, pass };
}

test('Q-01, Q-02, Q-07: through an hour without the next hop a message is tried at 0, 20 and 60 minutes, and arrives with the third', async (t) => {
  const { server, world, dials, pass } = await away(t, {}, HOUR);
  world.send('1@a.test');
  await world.until(() => world.kinds === 'T');
  // What `explain` shows: first the host that failed and when it may be dialled again, then the time of the message itself.
  const queue = world.queues.queueFor('default', 'default', 'a.test');
  const inSeconds = (): number => Math.round(((world.deliverer.standing(queue).nextAtMono ?? NaN) - world.clock.mono()) / 1000);
  assert.deepEqual([world.deliverer.standing(queue).cause?.kind, inSeconds()], ['host-failed', 120]);
  await pass(180);
  assert.equal(world.deliverer.standing(queue).cause?.kind, 'retry');
  const [waiting] = queue.walk(0, 1).entries;
  assert.equal(Math.round(((waiting?.nextAt ?? 0) - world.clock.now()) / 1000), 1200 - 180);
  assert.equal(waiting?.lastReply, '451 4.4.1 [internal] No valid hosts (unable to make any connections)');
  await pass(HOUR - 120);
  await world.until(() => world.kinds === 'TTD');
  assert.deepEqual(dials, [0, 1200, 3600]);
  assert.equal(server.messages.length, 1);
  assert.deepEqual(
    world.failures,
    Array.from({ length: 2 }, () => 'T 0 451 4.4.1 [internal] No valid hosts (unable to make any connections)'),
  );
});

test('Q-02, Q-07, Q-08: mail that comes during the outage waits, the host is tried once in Host_Failure_Retry, and all arrives once', async (t) => {
  const { server, world, dials, pass } = await away(t, { hostFailureRetry: 120, mxFailuresToDelay: 5, maxOutboundConnections: 3 }, HOUR);
  for (let minute = 0; minute < 60; minute += 1) {
    world.send(`${minute}@a.test`);
    await pass(60);
  }
  const early = dials.filter((second) => second < HOUR);
  for (const [i, second] of early.entries()) if (i > 0) assert.ok(second - (early[i - 1] ?? 0) >= 119, early.join(' '));
  await pass(3 * HOUR);
  await world.until(() => server.messages.length === 60);
  assert.equal(new Set(server.messages.flatMap(({ to }) => to)).size, 60);
  assert.equal(world.settled.length, 60);
  assert.ok(!world.kinds.includes('P'), world.kinds);
});

test('A65: the schedule follows a clock that nobody can set: a day forward or back changes no attempt', async (t) => {
  const { world, dials, pass } = await away(t, {}, 4 * HOUR);
  world.send('1@a.test');
  await world.until(() => world.kinds === 'T');
  for (const days of [1, -2]) {
    world.manual?.set(world.clock.now() + days * 86_400_000);
    await pass(1800);
  }
  assert.deepEqual(dials, [0, 1200, 3600].slice(0, dials.length));
  assert.equal(world.kinds, 'TT'.padEnd(dials.length, 'T'));
});

test('Q-09: Delayed_Binding_Domain_Fuzz spreads the next attempts of mail that is deferred together', async (t) => {
  const { world, pass } = await away(t, { delayedBindingDomainFuzz: 512, dnsFailuresToPurge: 0, deliveryMethod: 'GCM' }, 4 * HOUR);
  for (let i = 0; i < 50; i += 1) world.send(`${i}@a.test`);
  await pass(10);
  const deferred = world.notes.flatMap((note) => (note.kind === 'deferred' ? [Math.round((note.nextAt - world.clock.now()) / 1000)] : []));
  assert.equal(deferred.length, 50);
  assert.ok(Math.min(...deferred) >= 1180 && Math.max(...deferred) < 1200 + 512, deferred.join(' '));
  assert.ok(new Set(deferred).size > 25, 'spread');
});

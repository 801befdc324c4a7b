import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOSE, SILENCE, startServer, World } from './fixtures.test.ts';
import type { Standing } from './standing.ts';

function standing(world: World, domain = 'a.test'): Standing {
  const queue = world.queues.find('default', domain);
  assert.ok(queue);
  return world.deliverer.standing(queue);
}

test('OUT-04, SHP-01: a queue says that it sends, what limits it, that it is suspended, and that it has no mail', async (t) => {
  const server = await startServer(t, { answer: (verb) => (verb === '.' ? SILENCE : undefined) });
  const world = new World(t, { options: { remoteSmtpPort: server.port, maxOutboundConnections: 1 } });
  for (let i = 0; i < 10; i += 1) world.send(`${i}@a.test`);
  await world.until(() => server.lines.some((line) => line.startsWith('DATA')));
  assert.deepEqual(standing(world), {
    state: 'sending',
    nextAtMono: undefined,
    cause: {
      kind: 'limit',
      option: 'maxOutboundConnections',
      limit: 1,
      used: 1,
      scope: 'domain',
      detail: 'all connections that the queue may have are in use',
    },
  });
  world.options = { suspendDelivery: true };
  world.send('1@b.test');
  assert.equal(standing(world, 'b.test').cause?.kind, 'suspended');
  const quiet = new World(t, { options: { remoteSmtpPort: (await startServer(t)).port } });
  quiet.send('1@a.test');
  await quiet.until(() => quiet.kinds === 'D');
  assert.equal(standing(quiet).state, 'idle');
  assert.equal(standing(quiet).cause?.kind, 'no-mail');
});

test('Q-07: a queue whose hosts failed says which, why and when it is tried again', async (t) => {
  const server = await startServer(t, { answer: (verb) => (verb === 'banner' ? `421 not now${CLOSE}` : undefined) });
  const world = new World(t, { isManual: true, options: { remoteSmtpPort: server.port, hostFailureRetry: 60 } });
  world.send('1@a.test');
  world.send('2@a.test');
  await world.until(() => world.kinds === 'T');
  const { state, cause, nextAtMono } = standing(world);
  assert.deepEqual([state, cause?.kind, cause?.host, cause?.detail], ['waiting', 'host-failed', '127.0.0.1', '421 not now']);
  assert.ok(Math.abs((nextAtMono ?? 0) - world.clock.mono() - 60_000) < 100, String(nextAtMono));
});

test('OUT-25: a domain without hosts says so, and mail that waits for its next attempt says that', async (t) => {
  const world = new World(t, { isManual: true, dns: () => ({ kind: 'temporary', reason: 'timeout', stage: 'mx' }) });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'T');
  assert.equal(standing(world).cause?.kind, 'unresolvable');
  world.pass(121);
  await world.turns();
  assert.deepEqual([standing(world).state, standing(world).cause?.kind], ['waiting', 'retry']);
});

/**
 * Mail is never stuck: in every state there is a time at which something happens to a message, and it ends when its time is over.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '#base';
import { CLOSE, SILENCE, startServer, World, type WorldOptions } from './fixtures.test.ts';

const over = 'exceeded max time without delivery';
const expiring = { messageExpiration: 3600, retryInterval: 600, maxRetryInterval: 600, hostFailureRetry: 120 };

/** Lets hours pass in steps, with turns of the loop between them, as the network would have them. */
async function hours(world: World, count: number): Promise<void> {
  for (let minute = 0; minute < count * 60; minute += 1) {
    world.pass(60);
    await world.turns(3);
  }
}

const states: readonly (readonly [string, WorldOptions, RegExp])[] = [
  ['suspended', { options: { suspendDelivery: true } }, /^P 0 554 5\.4\.7 \[internal\] exceeded max time/],
  ['parked at a limit of nothing', { options: { maxOutboundConnections: 0 } }, /^P 0 554 5\.4\.7 \[internal\] exceeded max time/],
  [
    'unresolvable',
    { dns: () => ({ kind: 'temporary', reason: 'SERVFAIL', stage: 'mx' }), options: { dnsFailuresToPurge: 0 } },
    /exceeded max time/,
  ],
  ['without a method', { options: { deliveryMethod: 'GCM' } }, /exceeded max time/],
  ['unreachable', { redirect: (to) => ({ ...to, port: 1 }), options: { mxFailuresToDelay: 0 } }, /exceeded max time/],
];

for (const [state, o, expected] of states)
  test(`Q-05, Q-06: mail that is ${state} ends when its time is over, with one notice for each message`, async (t) => {
    const world = new World(t, { ...o, options: { ...expiring, ...o.options }, isManual: true });
    world.send('1@a.test');
    world.send('2@a.test');
    await hours(world, 3);
    const ended = world.failures.filter((failure) => failure.includes(over));
    assert.equal(ended.length, 2, world.summary());
    for (const failure of ended) assert.match(failure, expected);
    assert.equal(world.notices.length, 2);
    assert.equal(world.settled.length, 2);
    assert.equal(world.counts.get('stuckQueues') ?? 0, 0);
  });

test('Q-05, SHP-05: mail that waits behind a throttle ends when its time is over, what the throttle lets through before is delivered', async (t) => {
  const server = await startServer(t);
  const options = { ...expiring, remoteSmtpPort: server.port, outboundThrottleMessages: { count: 1, periodSeconds: 86_400 } };
  const world = new World(t, { options, isManual: true });
  for (const user of ['1', '2', '3']) world.send(`${user}@a.test`);
  await world.until(() => world.kinds === 'D');
  await hours(world, 3);
  assert.deepEqual(world.kinds, 'DPP');
});

test('Q-05: mail that moves is tried once more although its time is over, and younger mail beside expired mail stays', async (t) => {
  const world = new World(t, { options: { ...expiring, suspendDelivery: true }, isManual: true });
  world.send('old@a.test');
  await hours(world, 0.8);
  world.send('young@a.test');
  await hours(world, 0.5);
  assert.equal(world.kinds, 'P');
  const server = await startServer(t);
  world.options = { ...world.options, suspendDelivery: false, remoteSmtpPort: server.port };
  world.queues.reconfigured(() => world.deliverer.reconfigured());
  await world.until(() => world.kinds === 'PD');
});

test('a Message_Expiration that becomes shorter holds for mail that waits already', async (t) => {
  const world = new World(t, { options: { messageExpiration: 604_800, suspendDelivery: true }, isManual: true });
  world.send('1@a.test');
  await hours(world, 1.5);
  assert.equal(world.kinds, '');
  world.options = { ...world.options, messageExpiration: 3600 };
  world.queues.reconfigured(() => world.deliverer.reconfigured());
  await hours(world, 0.1);
  assert.equal(world.kinds, 'P');
});

test('SD-1426: a queue that nothing would wake is found within a minute, counted, told of, and its mail goes', async (t) => {
  const server = await startServer(t);
  const world = new World(t, { options: { remoteSmtpPort: server.port }, isManual: true });
  // The call that tells outbound of work is lost.
  world.queues.onWork(() => undefined);
  world.send('1@a.test');
  await world.turns();
  assert.equal(server.connections, 0);
  world.pass(61);
  await world.until(() => world.kinds === 'D');
  assert.equal(world.counts.get('stuckQueues'), 1);
  assert.match(world.panics.join(), /default::a\.test had 1 messages and nothing to wake it/);
});

test('SD-1426, SD-1453: whatever servers and limits do, at every moment each queue with mail has something that wakes it, and all mail ends', async (t) => {
  const random = seededRandom(11);
  const moods = [undefined, '450 4.2.0 later', `421 4.3.2 bye${CLOSE}`, '550 5.1.1 no', CLOSE, SILENCE];
  const server = await startServer(t, {
    answer: (verb) => (random.int(8) === 0 && verb !== 'QUIT' ? moods[random.int(moods.length)] : undefined),
  });
  const options = {
    ...expiring,
    remoteSmtpPort: server.port,
    maxOutboundConnections: 2,
    generateBounces: false,
    mxFailuresToDelay: 3,
    connectTimeout: 30,
    ehloTimeout: 30,
    mailfromTimeout: 30,
    rcpttoTimeout: 30,
    bodyTimeout: 30,
    rsetTimeout: 30,
  };
  const world = new World(t, {
    options,
    isManual: true,
    of: (domain) => ({ outboundThrottleMessages: domain === 'd0.test' ? { count: 1, periodSeconds: 30 } : undefined }),
    dns: (name) =>
      random.int(6) === 0
        ? { kind: 'temporary', reason: 'x', stage: 'mx' }
        : { kind: 'hosts', hosts: [{ name, preference: 1, addresses: ['127.0.0.1'] }], ttl: 30 },
  });
  const count = 60;
  for (let i = 0; i < count; i += 1) {
    world.send([`a${i}@d${i % 6}.test`, `b${i}@d${i % 6}.test`]);
    if (i % 10 === 0) {
      world.options = { ...world.options, suspendDelivery: i % 20 === 0, maxOutboundConnections: i % 3 };
      world.queues.reconfigured(() => world.deliverer.reconfigured());
    }
    world.pass(random.int(40));
    await world.turns(2);
  }
  world.options = { ...world.options, suspendDelivery: false, maxOutboundConnections: 2 };
  world.queues.reconfigured(() => world.deliverer.reconfigured());
  for (let i = 0; i < 400 && world.settled.length < count; i += 1) {
    world.pass(60);
    await world.turns(20);
  }
  const ends = world.records.filter(({ kind }) => kind === 'D' || kind === 'P');
  assert.equal(ends.length, 2 * count, world.summary().slice(0, 500));
  assert.equal(new Set(ends.map((record) => ('messageId' in record ? record.messageId : ''))).size, 2 * count, 'each recipient ends once');
  assert.equal(world.counts.get('stuckQueues') ?? 0, 0, world.panics.join());
});

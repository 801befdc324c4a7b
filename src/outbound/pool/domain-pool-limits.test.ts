/** Limits and throttles as a queue meets them, with a real server on loopback. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SILENCE, startServer, World } from '../fixtures.test.ts';

test('SHP-07: an idle connection is handed to a domain of the same binding that shares a host, and not when that is switched off', async (t) => {
  for (const migrateConnectionsBetweenSiblingDomains of [true, false]) {
    const server = await startServer(t);
    const world = new World(t, {
      isManual: true,
      options: { remoteSmtpPort: server.port },
      global: { migrateConnectionsBetweenSiblingDomains },
    });
    world.send('1@a.test');
    await world.until(() => world.kinds === 'D');
    for (let i = 0; i < 5; i += 1) {
      world.send(`1@b${i}.test`);
      await world.until(() => world.kinds.length === i + 2);
    }
    assert.equal(server.connections, migrateConnectionsBetweenSiblingDomains ? 1 : 6);
  }
});

test('SHP-07: no connection goes to another binding, another source address, another name or other demands of TLS', async (t) => {
  const server = await startServer(t);
  const world = new World(t, {
    isManual: true,
    options: { remoteSmtpPort: server.port },
    of: (domain) => (domain === 'address.test' ? { bindAddress: '127.0.0.3' } : domain === 'tls.test' ? { tls: 'ifavailable' } : {}),
  });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'D');
  world.send('1@b.test', { recipient: { binding: 'other' } });
  await world.until(() => world.kinds === 'DD');
  world.send('1@address.test');
  await world.until(() => world.kinds === 'DDD');
  world.send('1@tls.test');
  await world.until(() => world.kinds === 'DDDD');
  assert.equal(server.connections, 4);
  world.send('1@c.test');
  await world.until(() => world.kinds === 'DDDDD');
  assert.equal(server.connections, 4);
});

test('SHP-07: a queue that a limit holds back is handed the connection of a sibling as soon as that has no mail', async (t) => {
  const server = await startServer(t);
  const world = new World(t, { options: { remoteSmtpPort: server.port }, global: { serverMaxOutboundConnections: 1 } });
  for (let i = 0; i < 20; i += 1) world.send(`${i}@a.test`);
  for (let i = 0; i < 20; i += 1) world.send(`${i}@b.test`);
  await world.until(() => world.records.length === 40);
  assert.equal(server.connections, 1);
});

test('SHP-02: the reserve opens a connection for a queue that has none, at the sweep and not before, and never more than the sum', async (t) => {
  const server = await startServer(t, { answer: (verb) => (verb === '.' ? SILENCE : undefined) });
  const world = new World(t, {
    isManual: true,
    options: { remoteSmtpPort: server.port, bodyTimeout: 3_600, rcpttoTimeout: 3_600 },
    global: { serverMaxOutboundConnections: 1, serverReserveOutboundConnections: 1, reserveMaintenanceInterval: 15 },
  });
  for (const domain of ['a.test', 'b.test', 'c.test']) world.send(`1@${domain}`);
  await world.until(() => server.open === 1);
  world.pass(14);
  await world.turns();
  assert.equal(server.open, 1);
  world.pass(1);
  await world.until(() => server.open === 2);
  world.pass(60);
  await world.turns();
  assert.equal(server.mostOpen, 2);
  const waiting = world.queues.find('default', 'c.test');
  assert.ok(waiting);
  const { state, cause } = world.deliverer.standing(waiting);
  assert.deepEqual(
    [state, cause?.kind, cause?.option, cause?.limit, cause?.used],
    ['waiting', 'limit', 'serverMaxOutboundConnections', 1, 2],
  );
});

test('SHP-05: a throttled queue says so and when it may go on, and sends no more than it may', async (t) => {
  const server = await startServer(t);
  const world = new World(t, {
    isManual: true,
    options: { remoteSmtpPort: server.port, outboundThrottleMessages: { count: 2, periodSeconds: 1 }, idleTimeout: 60 },
  });
  for (let i = 0; i < 7; i += 1) world.send(`${i}@a.test`);
  await world.until(() => world.kinds === 'DD');
  await world.turns();
  const queue = world.queues.find('default', 'a.test');
  assert.ok(queue);
  const { state, cause, nextAtMono } = world.deliverer.standing(queue);
  assert.deepEqual(
    [state, cause?.kind, cause?.option, cause?.limit, cause?.scope],
    ['waiting', 'throttle', 'outboundThrottleMessages', '2', 'binding'],
  );
  assert.ok(nextAtMono !== undefined && nextAtMono <= world.clock.mono() + 1_000);
  for (const count of [4, 6, 7]) {
    world.pass(1);
    await world.until(() => world.records.length === count);
    await world.turns();
    assert.equal(world.records.length, count);
  }
  assert.equal(server.connections, 1, 'one connection is enough for a slow throttle');
});

test('SHP-05: recipients count: a batch larger than what may go now is split', async (t) => {
  const server = await startServer(t);
  const world = new World(t, {
    isManual: true,
    options: { remoteSmtpPort: server.port, outboundThrottleMessages: { count: 3, periodSeconds: 1 }, idleTimeout: 60 },
  });
  world.send(['1@a.test', '2@a.test', '3@a.test', '4@a.test', '5@a.test']);
  await world.until(() => world.records.length === 3);
  world.pass(1);
  await world.until(() => world.records.length === 5);
  assert.deepEqual(
    server.messages.map(({ to }) => to.length),
    [3, 2],
  );
});

test('SHP-05: the throttle of connections counts each one that is opened', async (t) => {
  const server = await startServer(t);
  const world = new World(t, {
    isManual: true,
    options: { remoteSmtpPort: server.port, outboundThrottleConnections: { count: 2, periodSeconds: 1 }, maxDeliveriesPerConnection: 1 },
  });
  for (let i = 0; i < 5; i += 1) world.send(`${i}@a.test`);
  await world.until(() => world.records.length === 2);
  await world.turns();
  assert.equal(server.connections, 2);
  world.pass(1);
  await world.until(() => world.records.length === 4);
  await world.turns();
  assert.equal(server.connections, 4);
});

test('SHP-03: the limit of a host holds over domains, and a host that is full is passed over for the next', async (t) => {
  const server = await startServer(t, { answer: (verb) => (verb === '.' ? SILENCE : undefined) });
  const plan = {
    kind: 'hosts' as const,
    ttl: 60,
    hosts: ['127.0.0.8', '127.0.0.9'].map((ip, i) => ({ name: `h${i}`, preference: i, addresses: [ip] })),
  };
  const world = new World(t, {
    dns: () => plan,
    options: { remoteSmtpPort: server.port },
    redirect: (to) => ({ ...to, ip: '127.0.0.1' }),
    shaping: { hostLimits: (_queue, { name, ip }) => [{ name: `host ${ip}`, limit: 1, option: 'maxOutboundConnections', host: name }] },
  });
  for (const domain of ['a.test', 'b.test', 'c.test']) world.send(`1@${domain}`);
  await world.until(() => server.open === 2);
  await world.turns();
  assert.deepEqual(world.dials.map(({ ip }) => ip).sort(), ['127.0.0.8', '127.0.0.9']);
  const queue = world.queues.find('default', 'c.test');
  assert.ok(queue);
  assert.equal(world.deliverer.standing(queue).cause?.scope, 'host');
});

test('SHP-01: a limit that is lowered ends connections, and one that is raised lets waiting queues go on', async (t) => {
  const server = await startServer(t);
  const world = new World(t, { options: { remoteSmtpPort: server.port, serverMaxOutboundConnections: 0 } });
  world.send('1@a.test');
  await world.turns();
  assert.equal(server.connections, 0);
  world.options = { ...world.options, serverMaxOutboundConnections: 3 };
  world.queues.reconfigured();
  world.deliverer.reconfigured();
  await world.until(() => world.kinds === 'D');
});

test('OUT-02: a Bind_Address that is a name is looked up, and one that has no address sends nothing', async (t) => {
  const server = await startServer(t);
  const dns = (name: string) =>
    name === 'A nowhere.test'
      ? { kind: 'none' as const }
      : {
          kind: 'hosts' as const,
          ttl: 60,
          hosts: [{ name, preference: 0, addresses: [name.startsWith('A ') ? '127.0.0.5' : '127.0.0.1'] }],
        };
  const world = new World(t, { dns, options: { remoteSmtpPort: server.port, bindAddress: 'out.test' } });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'D');
  assert.equal(world.dials[0]?.localAddress, '127.0.0.5');
  const lost = new World(t, { dns, options: { remoteSmtpPort: server.port, bindAddress: 'nowhere.test' } });
  lost.send('1@a.test');
  await lost.until(() => lost.kinds === 'T');
  assert.deepEqual(lost.failures, ['T 0 451 4.3.5 [internal] Bind_Address has no address']);
});

test('OUT-02: Bind_Address_Secondary alone leaves the other family to the system', async (t) => {
  const server = await startServer(t);
  const world = new World(t, { options: { remoteSmtpPort: server.port, bindAddressSecondary: '[::1]' } });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'D');
  assert.deepEqual(world.dials[0], { ip: '127.0.0.1', port: server.port, localAddress: '0.0.0.0' });
});

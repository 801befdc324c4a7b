import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { ManualClock } from '#base';
import { LimitTable } from '#limits';
import { CLOSE, SILENCE, startServer, World } from '../fixtures.test.ts';
import type { MailPlan } from '../ports.ts';

const plan = (...addresses: string[]): MailPlan => ({
  kind: 'hosts',
  hosts: addresses.map((ip, i) => ({ name: `h${i}.test`, preference: i, addresses: [ip] })),
  ttl: 60,
});
/** A port of this machine on which nobody listens. */
const nobody = 1;

test('SHP-01: Max_Outbound_Connections is exact, connections being opened included', async (t) => {
  const server = await startServer(t);
  const world = new World(t, {
    options: { remoteSmtpPort: server.port, maxOutboundConnections: 3, connectionAllocationAggressiveness: 'high' },
  });
  for (let i = 0; i < 200; i += 1) world.send(`${i}@a.test`);
  await world.until(() => world.records.length === 200);
  assert.equal(server.mostOpen, 3);
  assert.equal(server.messages.length, 200);
});

test('SHP-08: connections grow with the backlog, one at first and then a share of what waits', async (t) => {
  const server = await startServer(t, { answer: (verb) => (verb === '.' ? SILENCE : undefined) });
  const world = new World(t, { options: { remoteSmtpPort: server.port } });
  for (let i = 0; i < 10; i += 1) world.send(`${i}@a.test`);
  await world.until(() => server.chunks.filter((chunk) => chunk.includes('\r\n.\r\n')).length === 3);
  await world.turns();
  assert.equal(server.open, 3, 'normal: 0.3 of 10');
  assert.equal(world.queues.find('default', 'a.test')?.connections, 3);
});

test('SHP-02: Server_Max_Outbound_Connections holds over queues; a freed place goes to the queue that waited', async (t) => {
  const server = await startServer(t);
  const world = new World(t, { options: { remoteSmtpPort: server.port, idleTimeout: 0 }, global: { serverMaxOutboundConnections: 2 } });
  for (let i = 0; i < 40; i += 1) world.send(`${i}@d${i % 8}.test`);
  await world.until(() => world.records.length === 40);
  assert.ok(server.mostOpen <= 2, String(server.mostOpen));
});

test('SHP-02: a place that another loop gives back is taken as soon as that is heard, without asking again and again', async (t) => {
  const server = await startServer(t);
  const shared = LimitTable.create({ loops: 2 });
  const clock = new ManualClock();
  const [limits, other] = [0, 1].map((loop) => LimitTable.attach(shared, { loop, clock }));
  assert.ok(limits && other);
  const places = other.concurrency('server outbound');
  const global = { serverMaxOutboundConnections: 1 };
  const world = new World(t, { isManual: true, limits, options: { remoteSmtpPort: server.port }, global });
  places.cell.acquire(1);
  world.send('1@a.test');
  await world.turns();
  assert.equal(server.connections, 0);
  places.cell.release();
  await world.until(() => world.kinds === 'D');
});

test('SHP-02: the limit of a binding holds over its domains; an idle connection makes room for the queue that waits', async (t) => {
  const server = await startServer(t);
  const world = new World(t, {
    isManual: true,
    options: { remoteSmtpPort: server.port, serverMaxOutboundConnections: 1 },
    global: { migrateConnectionsBetweenSiblingDomains: false },
  });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'D');
  world.send('1@b.test');
  await world.until(() => world.kinds === 'DD');
  assert.deepEqual([server.connections, server.mostOpen], [2, 1]);
});

test('SHP-07: an idle connection is used again within Idle_Timeout and said goodbye to after it', async (t) => {
  const server = await startServer(t);
  const world = new World(t, { isManual: true, options: { remoteSmtpPort: server.port, idleTimeout: 5 } });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'D');
  world.pass(4);
  world.send('2@a.test');
  await world.until(() => world.kinds === 'DD');
  assert.equal(server.connections, 1);
  world.pass(4);
  await world.turns();
  assert.equal(server.open, 1);
  world.pass(1);
  await world.until(() => server.open === 0);
  assert.equal(server.lines.at(-1), 'QUIT');
});

test('a server that closes an idle connection costs no message an attempt', async (t) => {
  const server = await startServer(t, { answer: (verb, _line, peer) => (verb === 'MAIL' && peer.messages === 1 ? CLOSE : undefined) });
  const world = new World(t, { options: { remoteSmtpPort: server.port } });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'D');
  world.send('2@a.test');
  await world.until(() => world.kinds === 'DD');
  assert.equal(server.connections, 2);
});

test('Q-07: hosts are tried in order of preference, a host that failed is skipped for Host_Failure_Retry by every domain', async (t) => {
  const server = await startServer(t);
  const world = new World(t, {
    isManual: true,
    dns: () => plan('127.0.0.2', '127.0.0.1'),
    options: { remoteSmtpPort: server.port, idleTimeout: 0 },
  });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'D');
  world.send('2@b.test');
  await world.until(() => world.kinds === 'DD');
  assert.deepEqual(
    world.dials.map(({ ip }) => ip),
    ['127.0.0.2', '127.0.0.1', '127.0.0.1'],
  );
  world.pass(120);
  world.send('3@b.test');
  await world.until(() => world.kinds === 'DDD');
  assert.equal(world.dials[3]?.ip, '127.0.0.2');
});

test('SD-1453, Q-07: a connection that cannot be opened costs one message an attempt, and the domain rests', async (t) => {
  const world = new World(t, { isManual: true, options: { remoteSmtpPort: nobody } });
  for (let i = 0; i < 5; i += 1) world.send(`${i}@a.test`);
  await world.until(() => world.kinds === 'T');
  await world.turns();
  assert.deepEqual(world.failures, ['T 0 451 4.4.1 [internal] No valid hosts (unable to make any connections)']);
  assert.equal(world.dials.length, 1);
  const queue = world.queues.find('default', 'a.test');
  assert.deepEqual([queue?.active, queue?.delayed], [4, 1]);
  world.pass(121);
  await world.until(() => world.kinds === 'TT');
  assert.equal(world.dials.length, 2);
});

test('Q-07: where all hosts are known to be down no connection is tried', async (t) => {
  const world = new World(t, { isManual: true, options: { remoteSmtpPort: nobody } });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'T');
  world.send('1@b.test');
  await world.until(() => world.kinds === 'TT');
  assert.equal(world.dials.length, 1);
  assert.equal(world.failures[1], 'T 0 421 4.4.0 [internal] no MXs for this domain could be reached at this time');
});

test('Q-08: after MX_Failures_To_Delay failures, or Connect_Timeout_To_Delay without contact, the whole queue is deferred', async (t) => {
  for (const options of [{ mxFailuresToDelay: 2 }, { connectTimeoutToDelay: 100, mxFailuresToDelay: 0 }]) {
    const world = new World(t, { isManual: true, options: { remoteSmtpPort: nobody, ...options } });
    for (let i = 0; i < 6; i += 1) world.send(`${i}@a.test`);
    await world.until(() => world.kinds === 'T');
    world.pass(121);
    await world.until(() => world.kinds.length === 6);
    assert.equal(world.queues.find('default', 'a.test')?.delayed, 6);
    assert.equal(world.dials.length, 2);
  }
});

test('SD-1087: a greeting of 5yz is a failure of the host, not of the mail; the next host is tried', async (t) => {
  const server = await startServer(t, {
    answer: (verb, _line, peer) => (verb === 'banner' && peer.number === 0 ? `554 go away${CLOSE}` : undefined),
  });
  const world = new World(t, {
    dns: () => plan('127.0.0.1', '127.0.0.2'),
    options: { remoteSmtpPort: server.port },
    redirect: (to) => ({ ...to, ip: '127.0.0.1' }),
  });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'D');
  assert.equal(server.connections, 2);

  const closed = await startServer(t, { answer: (verb) => (verb === 'banner' ? '554 go away' : undefined) });
  const second = new World(t, { options: { remoteSmtpPort: closed.port } });
  second.send('1@a.test');
  await second.until(() => second.kinds === 'T');
  assert.deepEqual(second.failures, ['T 12 554 go away']);
});

test("while some connection works, a refused additional one is nobody's failure", async (t) => {
  const server = await startServer(t, {
    answer: (verb, _line, peer) => (verb === 'banner' && peer.number > 0 ? `421 too many connections${CLOSE}` : undefined),
  });
  const world = new World(t, { options: { remoteSmtpPort: server.port, connectionAllocationAggressiveness: 'high' } });
  for (let i = 0; i < 20; i += 1) world.send(`${i}@a.test`);
  await world.until(() => world.records.length === 20);
  assert.equal(world.kinds, 'D'.repeat(20));
});

test('EHLO refused: HELO is tried, and Delivery_Method SMTP says HELO at once', async (t) => {
  const server = await startServer(t, { answer: (verb) => (verb === 'EHLO' ? '502 what' : undefined) });
  const world = new World(t, { options: { remoteSmtpPort: server.port } });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'D');
  assert.deepEqual(server.lines.slice(0, 2), ['EHLO mx.impetus.test', 'HELO mx.impetus.test']);
  const old = await startServer(t);
  const plain = new World(t, { options: { remoteSmtpPort: old.port, deliveryMethod: 'SMTP' } });
  plain.send('1@a.test');
  await plain.until(() => plain.kinds === 'D');
  assert.equal(old.lines[0], 'HELO mx.impetus.test');
});

test('OUT-40: a Delivery_Method that is not spoken yet defers the mail and connects to nobody', async (t) => {
  const world = new World(t, { options: { remoteSmtpPort: nobody, deliveryMethod: 'MM7' } });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'T');
  assert.equal(world.dials.length, 0);
});

test('OUT-42: EHLO_Hostname is our name, a literal, or the domain of the sender', async (t) => {
  for (const [ehloHostname, expected] of [
    ['__hostname__', 'mx.impetus.test'],
    ['__message__', 'origin.test'],
    ['literal.test', 'literal.test'],
  ] as const) {
    const server = await startServer(t);
    const world = new World(t, { options: { remoteSmtpPort: server.port, ehloHostname } });
    world.send('1@a.test');
    await world.until(() => world.kinds === 'D');
    assert.equal(server.lines[0], `EHLO ${expected}`);
  }
});

test('OUT-02: Bind_Address is the source of connections, and hosts of the other family are not tried', async (t) => {
  const server = await startServer(t);
  const world = new World(t, { dns: () => plan('::1', '127.0.0.1'), options: { remoteSmtpPort: server.port, bindAddress: '127.0.0.3' } });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'D');
  assert.deepEqual(world.dials, [{ ip: '127.0.0.1', port: server.port, localAddress: '127.0.0.3' }]);
});

test('OUT-04: suspending while connections are idle and resuming sends what waited', async (t) => {
  const server = await startServer(t);
  const world = new World(t, { options: { remoteSmtpPort: server.port, suspendDelivery: true } });
  world.send('1@a.test');
  await world.turns();
  assert.equal(world.dials.length, 0);
  world.options = { remoteSmtpPort: server.port };
  world.queues.reconfigured();
  world.deliverer.reconfigured();
  await world.until(() => world.kinds === 'D');
});

test('SD-1426: no message stays in the active queue when hundreds of connections come and go', async (t) => {
  let count = 0;
  const server = await startServer(t, {
    answer: (verb, _line, peer) => {
      if (verb === '.' && (count += 1) % 7 === 0) return `421 enough${CLOSE}`;
      if (verb === 'MAIL' && (count += 1) % 11 === 0) return CLOSE;
      return verb === 'DATA' && peer.number % 5 === 0 && count % 3 === 0 ? '451 not now' : undefined;
    },
  });
  const world = new World(t, { isManual: true, options: { remoteSmtpPort: server.port, maxOutboundConnections: 8, idleTimeout: 1 } });
  for (let i = 0; i < 300; i += 1) world.send(`${i}@a.test`);
  for (let round = 0; round < 60 && world.settled.length < 300; round += 1) {
    const queue = world.queues.find('default', 'a.test');
    await world.until(() => queue?.active === 0);
    world.pass(1300);
    queue?.flush();
  }
  assert.equal(world.settled.length, 300);
  assert.equal(world.records.filter((r) => r.kind === 'D').length, 300);
});

test('OUT-25, #3820: a domain that is not found is deferred and rests; after DNS_Failures_To_Purge look-ups its mail fails', async (t) => {
  const world = new World(t, {
    isManual: true,
    dns: () => ({ kind: 'none' }),
    options: { dnsFailuresToPurge: 3, retryInterval: 60, maxRetryInterval: 60 },
  });
  for (let i = 0; i < 3; i += 1) world.send(`${i}@a.test`);
  await world.until(() => world.kinds === 'TTT');
  assert.match(world.failures[0] ?? '', /^T 0 454 4\.4\.4 \[internal\] no MX or A for domain$/);
  world.send('new@a.test');
  await world.turns();
  assert.equal(world.lookups.length, 1, 'the domain rests');
  for (let i = 0; i < 2; i += 1) {
    world.pass(121);
    await world.turns();
  }
  await world.until(() => world.settled.length === 4);
  assert.equal(world.lookups.length, 3);
  assert.equal(world.failures.at(-1), 'P 0 554 5.4.4 [internal] Domain Lookup Failed');
});

test('OUT-25: after MX_Failures_Fallback_To_A failures of MX look-ups the addresses of the domain are asked for', async (t) => {
  const server = await startServer(t);
  const world = new World(t, {
    isManual: true,
    dns: (name) => (name.startsWith('A ') ? plan('127.0.0.1') : { kind: 'temporary', reason: 'timeout', stage: 'mx' }),
    options: { mxFailuresFallbackToA: 2, retryInterval: 60, remoteSmtpPort: server.port },
  });
  world.send('1@a.test');
  for (let i = 0; i < 8 && !world.kinds.includes('D'); i += 1) {
    await world.turns();
    world.pass(121);
  }
  await world.until(() => world.kinds === 'TTD');
  assert.deepEqual(world.lookups, ['a.test', 'a.test', 'A a.test']);
});

test('OUT-25: when the addresses of the domain are no way either, its MX records are asked for again', async (t) => {
  const server = await startServer(t);
  const answers: MailPlan[] = [{ kind: 'temporary', reason: 'timeout', stage: 'mx' }, { kind: 'none' }, plan('127.0.0.1')];
  const world = new World(t, {
    isManual: true,
    dns: () => answers.shift() ?? { kind: 'none' },
    options: { mxFailuresFallbackToA: 1, retryInterval: 60, remoteSmtpPort: server.port },
  });
  world.send('1@a.test');
  for (let i = 0; i < 8 && !world.kinds.includes('D'); i += 1) {
    await world.turns();
    world.pass(121);
  }
  await world.until(() => world.kinds === 'TTD');
  assert.deepEqual(world.lookups, ['a.test', 'A a.test', 'a.test']);
});

test('OUT-25: a null MX fails the mail at once, and a plan is asked for again when its TTL has passed', async (t) => {
  const server = await startServer(t);
  let isNull = true;
  const world = new World(t, {
    isManual: true,
    dns: () => (isNull ? { kind: 'null-mx' } : plan('127.0.0.1')),
    options: { remoteSmtpPort: server.port, idleTimeout: 0 },
  });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'P');
  isNull = false;
  for (let i = 0; i < 2; i += 1) world.send(`${i}@a.test`);
  await world.until(() => world.kinds === 'PDD');
  assert.equal(world.lookups.length, 2);
  world.pass(61);
  world.send('3@a.test');
  await world.until(() => world.kinds === 'PDDD');
  assert.equal(world.lookups.length, 3);
});

test('OUT-21, OUT-22: gateway and routes of the options are where the mail goes', async (t) => {
  const server = await startServer(t);
  const byGateway = new World(t, { options: { gateway: `127.0.0.1:${server.port}` } });
  byGateway.send('1@a.test');
  await byGateway.until(() => byGateway.kinds === 'D');
  const byRoutes = new World(t, { options: { routes: ['127.0.0.1:1', `smtp://127.0.0.1?port=${server.port}`] } });
  byRoutes.send('1@a.test');
  await byRoutes.until(() => byRoutes.kinds === 'D');
  assert.deepEqual([...byGateway.lookups, ...byRoutes.lookups], []);
});

test('OUT-22: new connections spread over hosts of equal preference; a worse one is left alone while a better one works', async (t) => {
  const server = await startServer(t, { answer: (verb) => (verb === '.' ? SILENCE : undefined) });
  const world = new World(t, {
    dns: () => ({
      kind: 'hosts',
      hosts: [
        { name: 'a', preference: 10, addresses: ['127.0.0.1'] },
        { name: 'b', preference: 10, addresses: ['127.0.0.2'] },
        { name: 'c', preference: 20, addresses: ['127.0.0.3'] },
      ],
      ttl: 60,
    }),
    redirect: (to) => ({ ...to, ip: '127.0.0.1' }),
    options: { remoteSmtpPort: server.port, maxOutboundConnections: 20, connectionAllocationAggressiveness: 'high' },
  });
  for (let i = 0; i < 60; i += 1) world.send(`${i}@a.test`);
  await world.until(() => server.open === 20);
  const to = (ip: string): number => world.dials.filter((dial) => dial.ip === ip).length;
  assert.equal(to('127.0.0.3'), 0);
  assert.ok(to('127.0.0.1') >= 4 && to('127.0.0.2') >= 4, `${to('127.0.0.1')} and ${to('127.0.0.2')}`);
});

test('SHP-10: a connection that is not answered ends after Connect_Timeout with its own reply; lines() names its state', async (t) => {
  const world = new World(t, { isManual: true, connect: () => new Socket(), options: { connectTimeout: 20 } });
  world.send('1@a.test');
  await world.turns();
  world.pass(19);
  assert.equal(world.kinds, '');
  world.pass(1);
  assert.deepEqual(world.failures, ['T 0 450 4.4.1 [internal] Connection Timed Out']);

  const server = await startServer(t, { answer: (verb) => (verb === '.' ? SILENCE : undefined) });
  const busy = new World(t, { options: { remoteSmtpPort: server.port } });
  busy.send('1@a.test');
  await busy.until(() => [...busy.deliverer.lines()].some(({ state }) => state === 'reading confirmation'));
  assert.deepEqual(
    [...busy.deliverer.lines()],
    [{ binding: 'default', domain: 'a.test', remoteIp: '127.0.0.1', state: 'reading confirmation' }],
  );
});

test('Q-07: refresh domain lifts Host_Failure_Retry: a host that is up again gets its mail at once', async (t) => {
  const server = await startServer(t);
  let isDown = true;
  const world = new World(t, {
    isManual: true,
    options: { remoteSmtpPort: server.port, hostFailureRetry: 900, retryInterval: 1200 },
    redirect: (to) => (isDown ? { ...to, port: nobody } : to),
  });
  world.send('1@a.test');
  world.send('2@a.test');
  await world.until(() => world.kinds === 'T');
  isDown = false;
  const queue = world.queues.queueFor('default', 'default', 'a.test');
  assert.equal(world.deliverer.standing(queue).cause?.kind, 'host-failed');
  world.deliverer.refresh(queue);
  await world.until(() => world.kinds === 'TD');
  assert.equal(server.messages.length, 1);
});

test('OUT-28: an idle connection is not used for a host that the domain has no more; it is while DNS does not answer', async (t) => {
  const server = await startServer(t);
  let answer: () => MailPlan = () => plan('127.0.0.1');
  const world = new World(t, { isManual: true, dns: () => answer(), options: { remoteSmtpPort: server.port, idleTimeout: 600 } });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'D');
  world.pass(61);
  answer = () => ({ kind: 'temporary', reason: 'SERVFAIL', stage: 'mx' });
  world.send('2@a.test');
  await world.until(() => world.kinds === 'DD');
  assert.equal(server.connections, 1);
  answer = () => plan('127.0.0.2');
  world.send('3@a.test');
  await world.until(() => world.dials.length === 2);
  assert.equal(world.dials[1]?.ip, '127.0.0.2');
});

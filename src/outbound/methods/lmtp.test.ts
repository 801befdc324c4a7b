/**
 * LMTP: LHLO, a port of its own, and an answer for each recipient behind the message.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOSE, startServer, World } from '../fixtures.test.ts';
import { methodOf, portOf } from './method.ts';

const hello = '250-lmtp.test\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME';

test('OUT-40: LMTP says LHLO and never BDAT, and each recipient has the answer that was meant for it', async (t) => {
  const server = await startServer(t, {
    answer: (verb, line) => {
      if (verb === 'LHLO') return hello;
      if (verb === 'RCPT' && line.includes('nobody')) return '550 5.1.1 no such user';
      return verb === '.' ? '250 2.1.5 first has it\r\n452 4.2.2 second is full\r\n552 5.2.2 third is over quota' : undefined;
    },
  });
  const world = new World(t, { options: { deliveryMethod: 'LMTP', lmtpPort: server.port, maxOutboundConnections: 1 } });
  world.send(['1@a.test', 'nobody@a.test', '2@a.test', '3@a.test']);
  await world.until(() => world.records.length === 4);
  assert.deepEqual(world.failures.toSorted(), [
    'P 5 550 5.1.1 no such user',
    'P 9 552 5.2.2 third is over quota',
    'T 9 452 4.2.2 second is full',
  ]);
  assert.equal(world.kinds.match(/D/g)?.length, 1);
  assert.equal(server.lines[0], 'LHLO mx.impetus.test');
  assert.ok(!server.lines.some((line) => /^(?:BDAT|EHLO|HELO)/.test(line)), server.lines.join('|'));
});

test('OUT-40: LMTP goes on with the next message on the connection when the last recipient was answered, and not before', async (t) => {
  let messages = 0;
  const server = await startServer(t, {
    answer: (verb) => {
      if (verb === 'LHLO') return hello;
      if (verb === '.') messages += 1;
      return verb === '.' ? '250 one\r\n250 two' : undefined;
    },
  });
  const world = new World(t, { options: { deliveryMethod: 'LMTP', lmtpPort: server.port, maxOutboundConnections: 1 } });
  for (const letter of ['a', 'b', 'c']) world.send([`${letter}1@a.test`, `${letter}2@a.test`]);
  await world.until(() => world.kinds === 'DDDDDD');
  assert.equal(server.connections, 1);
  assert.equal(messages, 3);
});

test('OUT-40, Q-12: LMTP that ends in the middle of its answers defers those who had none, at stage 9, and delivers to nobody twice', async (t) => {
  let isBroken = true;
  const server = await startServer(t, {
    answer: (verb) => {
      if (verb === 'LHLO') return hello;
      if (verb !== '.') return undefined;
      return isBroken ? `250 first${CLOSE}` : '250 taken';
    },
  });
  const options = { deliveryMethod: 'LMTP', lmtpPort: server.port, retryInterval: 1, maxRetryInterval: 1 };
  const world = new World(t, { options, isManual: true });
  world.send(['1@a.test', '2@a.test']);
  await world.until(() => world.records.length === 2);
  assert.deepEqual(world.failures, ['T 9 451 4.4.2 [internal] connection closed by remote host']);
  isBroken = false;
  world.pass(2);
  await world.until(() => world.kinds === 'DTD');
  assert.deepEqual(server.messages.at(-1)?.to, ['RCPT TO:<2@a.test>']);
});

test('RFC 2033: a DATA that is taken although no recipient was ends the connection, for nobody knows how many answers follow', async (t) => {
  const server = await startServer(t, {
    answer: (verb) => {
      if (verb === 'LHLO') return hello;
      if (verb === 'RCPT') return '550 5.1.1 no';
      return verb === 'DATA' ? '354 go on whatever' : undefined;
    },
  });
  const world = new World(t, { options: { deliveryMethod: 'LMTP', lmtpPort: server.port, maxOutboundConnections: 1 } });
  world.send('1@a.test');
  world.send('2@a.test');
  await world.until(() => world.kinds === 'PP');
  assert.equal(server.messages.length, 0);
  assert.equal(server.connections, 2);
});

test('an LMTP server that says nothing to the second recipient is waited for as long as Body_Timeout', async (t) => {
  const server = await startServer(t, { answer: (verb) => (verb === 'LHLO' ? hello : verb === '.' ? '250 first' : undefined) });
  const world = new World(t, { options: { deliveryMethod: 'LMTP', lmtpPort: server.port, bodyTimeout: 30 }, isManual: true });
  world.send(['1@a.test', '2@a.test']);
  await world.until(() => world.kinds === '' && server.lines.includes('DATA'));
  await world.turns(200);
  world.pass(31);
  await world.until(() => world.records.length === 2);
  assert.deepEqual(world.failures, ['T 9 451 4.4.2 [internal] no BODY response']);
});

test('OUT-40: LMTP_Port is the port of LMTP, Remote_SMTP_Port that of the others; what nobody speaks has no method', () => {
  const ports = { remoteSmtpPort: 25, lmtpPort: 2003 };
  assert.deepEqual(
    ['ESMTP', 'SMTP', 'lmtp'].map((deliveryMethod) => portOf({ ...ports, deliveryMethod })),
    [25, 25, 2003],
  );
  assert.deepEqual(
    ['ESMTP', 'SMTP', 'LMTP', 'ECSTREAM', 'GCM'].map((deliveryMethod) => methodOf({ deliveryMethod })?.hello),
    ['EHLO', 'HELO', 'LHLO', undefined, undefined],
  );
});

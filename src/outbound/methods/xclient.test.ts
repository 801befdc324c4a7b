/**
 * XCLIENT towards the next hop: from whom each message came, and what a hop without it means.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SendingOptions } from '#queue';
import { startServer, World, type ServerScript } from '../fixtures.test.ts';
import { xclientCommand } from './xclient.ts';

const extensions = ['PIPELINING', 'XCLIENT NAME ADDR PORT PROTO HELO'];
const origin = { remoteIp: '192.0.2.9', remotePort: 999, helo: 'client.test' };

async function meeting(t: Parameters<typeof startServer>[0], xclient: SendingOptions['xclient'], script: ServerScript = {}) {
  const server = await startServer(t, { extensions, ...script });
  const world = new World(t, { options: { remoteSmtpPort: server.port, maxOutboundConnections: 1, xclient } });
  return { server, world };
}

test('OUT-45: each message is told of by an XCLIENT of its own, and the server that begins anew is greeted again', async (t) => {
  const { server, world } = await meeting(t, 'required', { answer: (verb) => (verb === 'XCLIENT' ? '220 begin again' : undefined) });
  world.send('1@a.test', origin);
  world.send('2@a.test', { remoteIp: '2001:db8::7', remotePort: 0, helo: 'x y+\r\nQUIT' });
  await world.until(() => world.kinds === 'DD');
  assert.deepEqual(
    server.lines.filter((line) => /^(?:XCLIENT|EHLO|MAIL)/.test(line)),
    [
      'EHLO mx.impetus.test',
      'XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.9 PORT=999 PROTO=ESMTP HELO=client.test',
      'EHLO mx.impetus.test',
      'MAIL FROM:<sender@origin.test>',
      'XCLIENT NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::7 PORT=[UNAVAILABLE] PROTO=ESMTP HELO=x+20y+2B+0D+0AQUIT',
      'EHLO mx.impetus.test',
      'MAIL FROM:<sender@origin.test>',
    ],
  );
  assert.equal(server.connections, 1);
});

test('OUT-45: required defers mail for a hop that does not offer it, with the documented text', async (t) => {
  const { server, world } = await meeting(t, 'required', { extensions: ['PIPELINING'] });
  world.send('1@a.test');
  await world.until(() => world.records.length === 1);
  assert.deepEqual(world.failures, ['T 11 451 4.7.6 [internal] XCLIENT required but not advertised']);
  assert.ok(!server.lines.some((line) => line.startsWith('MAIL')));
});

test('OUT-45: ifavailable sends on without it, where it is not offered and where it is refused; required then defers', async (t) => {
  const absent = await meeting(t, 'ifavailable', { extensions: ['PIPELINING'] });
  const refusing: ServerScript = { answer: (verb) => (verb === 'XCLIENT' ? '550 5.7.1 not from you' : undefined) };
  const refused = await meeting(t, 'ifavailable', refusing);
  const required = await meeting(t, 'required', refusing);
  for (const { world } of [absent, refused, required]) world.send('1@a.test');
  await absent.world.until(() => absent.world.kinds === 'D');
  await refused.world.until(() => refused.world.kinds === 'D');
  await required.world.until(() => required.world.records.length === 1);
  assert.deepEqual(required.world.failures, ['T 20 550 5.7.1 not from you']);
});

test('OUT-45: no says nothing, whatever is offered', async (t) => {
  const { server, world } = await meeting(t, 'no');
  world.send('1@a.test');
  await world.until(() => world.kinds === 'D');
  assert.ok(!server.lines.some((line) => line.startsWith('XCLIENT')));
});

test('Q-12: a hop that falls silent behind XCLIENT ends the attempt at stage 20', async (t) => {
  const server = await startServer(t, { extensions, answer: (verb) => (verb === 'XCLIENT' ? 'silence' : undefined) });
  const world = new World(t, { options: { remoteSmtpPort: server.port, xclient: 'required', ehloTimeout: 20 }, isManual: true });
  world.send('1@a.test');
  await world.until(() => server.lines.some((line) => line.startsWith('XCLIENT')));
  await world.turns();
  world.pass(21);
  await world.until(() => world.records.length === 1);
  assert.deepEqual(world.failures, ['T 20 451 4.4.2 [internal] no XCLIENT response']);
});

test('OUT-45: what the server offers after XCLIENT is what it offers: mail that needs more fails with the plain word', async (t) => {
  const { world } = await meeting(t, 'required', {
    extensions: [...extensions, 'SMTPUTF8', '8BITMIME'],
    answer: (verb, line, peer) => {
      if (verb === 'XCLIENT') peer.messages = 1;
      return verb === 'EHLO' && peer.messages === 1 ? '250-fake.test\r\n250 PIPELINING' : undefined;
    },
  });
  world.send('j\u00f6rg@a.test', { smtpUtf8: true });
  await world.until(() => world.records.length > 0);
  assert.deepEqual(world.failures, ['P 11 550 5.6.7 [internal] SMTPUTF8 required but not advertised']);
});

test('only what is offered is named, and a name that would make the line too long is unavailable', () => {
  assert.equal(xclientCommand({ origin: { ip: '192.0.2.1', port: 7, helo: 'x' } }, ['ADDR', 'LOGIN']), 'XCLIENT ADDR=192.0.2.1\r\n');
  const long = xclientCommand({ origin: { ip: '192.0.2.1', port: 7, helo: 'x'.repeat(600) } }, ['HELO', 'ADDR']);
  assert.equal(long, 'XCLIENT ADDR=192.0.2.1 HELO=[UNAVAILABLE]\r\n');
  assert.equal(xclientCommand({ origin: undefined }, ['ADDR', 'PORT']), 'XCLIENT ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE]\r\n');
});

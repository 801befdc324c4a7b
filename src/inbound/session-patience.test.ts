/**
 * Slow, silent and deaf clients, and a slow disk.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codes, settle, World, type FakeClient } from '../../test/kit/inbound.ts';

const OPTIONS = { relayDomains: ['here.test'], idleTime: 300 };

async function stateOf(world: World, state: 'greeted' | 'ehlo' | 'mail' | 'data'): Promise<FakeClient> {
  const client = await world.connect();
  if (state !== 'greeted') client.lines('EHLO c.test');
  if (state === 'mail' || state === 'data') client.lines('MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>');
  if (state === 'data') client.lines('DATA');
  return client;
}

for (const state of ['greeted', 'ehlo', 'mail', 'data'] as const) {
  test(`A silent client (${state}) is told 421 and closed after Idle_Time (LSN-09, A58, A59)`, async () => {
    const world = new World({ options: OPTIONS });
    const client = await stateOf(world, state);
    world.advance(299_000);
    assert.equal(client.take(), '');
    world.advance(2_000);
    assert.equal(client.take(), '421 idle for too long\r\n');
    await settle();
    world.advance(6_000);
    await settle();
    assert.ok(client.isGone);
    assert.equal(world.wheel.size, 0, 'no timer stays');
  });

  test(`One byte a second is no activity: the client (${state}) is closed after Idle_Time all the same (A58)`, async () => {
    const world = new World({ options: OPTIONS });
    const client = await stateOf(world, state);
    let seconds = 0;
    while (!client.isEnded && seconds < 1000) {
      world.advance(1000);
      client.say('x');
      if (++seconds % 50 === 0) await settle();
    }
    assert.ok(seconds <= 350, `${seconds} seconds`);
  });
}

test('A client that works is never idle, and without Idle_Time nobody is (LSN-09)', async () => {
  const world = new World({ options: OPTIONS });
  const client = await world.connect();
  for (let i = 0; i < 20; i++) {
    world.advance(200_000);
    assert.equal(codes(client.lines('NOOP')), '250');
  }
  const patient = new World({ options: { relayDomains: ['here.test'] } });
  const silent = await patient.connect();
  patient.advance(86_400_000);
  assert.equal(silent.isEnded, false);
});

test('While our own disk works the client is not idle (LSN-09)', async () => {
  const world = new World({ options: OPTIONS });
  const client = await stateOf(world, 'data');
  world.spool.isSlow = true;
  client.lines('Subject: x', '', 'x', '.');
  world.advance(900_000);
  assert.equal(client.take(), '');
  world.spool.answerAll();
  assert.match(client.take(), /^250 OK/);
});

test('A client that never reads its replies stops being read, holds a bounded amount of memory, and is closed (A60)', async () => {
  const world = new World({ options: OPTIONS });
  const client = await stateOf(world, 'ehlo');
  client.stream.isStuck = true;
  const flood = Buffer.from('NOOP\r\n'.repeat(10_000));
  client.stream.push(flood);
  for (let i = 0; i < 5; i++) await settle();
  assert.ok(client.stream.writableLength <= 40_000, `${client.stream.writableLength} bytes of replies wait`);
  assert.ok(client.stream.isPaused());
  world.advance(301_000);
  world.advance(6_000);
  await settle();
  assert.ok(client.isGone);
});

test('A client that reads late gets every reply, in order', async () => {
  const world = new World({ options: OPTIONS });
  const client = await stateOf(world, 'ehlo');
  client.stream.isStuck = true;
  client.stream.push(Buffer.from('NOOP\r\n'.repeat(20_000) + 'QUIT\r\n'));
  await settle();
  client.stream.unstick();
  for (let i = 0; i < 20; i++) await settle();
  const replies = client.take().split('\r\n');
  assert.equal(replies.length, 20_002);
  assert.equal(replies[20_000], '221 closing connection');
});

test('When the spool asks to wait the socket is paused, and goes on when there is room again', async () => {
  const world = new World({ options: OPTIONS });
  const client = await stateOf(world, 'data');
  world.spool.highBytes = 100_000;
  client.say('Subject: x\r\n\r\n');
  for (let i = 0; i < 30; i++) client.stream.push(Buffer.from(`${'y'.repeat(9_998)}\r\n`));
  await settle();
  const [draft] = world.spool.drafts;
  assert.ok(draft !== undefined && draft.waitingBytes < 130_000, `${draft?.waitingBytes} bytes wait`);
  assert.ok(client.stream.isPaused());
  for (let i = 0; i < 10; i++) {
    draft.drain();
    await settle();
  }
  assert.equal(codes(client.lines('.')), '250');
  assert.equal(world.spool.stored[0]?.text.match(/y{9998}\r\n/g)?.length, 30);
});

test('Commands that arrive while an answer is awaited stay unread, and are worked on afterwards in one write', async () => {
  const world = new World({ options: OPTIONS });
  const client = await stateOf(world, 'data');
  world.spool.isSlow = true;
  client.lines('Subject: x', '', 'x', '.', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>');
  client.lines('NOOP');
  await settle();
  assert.equal(client.take(), '');
  const { writes } = client.stream;
  world.spool.answerAll();
  assert.equal(codes(client.take()), '250 250 250');
  assert.equal(client.stream.writes, writes + 1);
  await settle();
  assert.equal(codes(client.take()), '250');
});

test('When the service stops an idle session hears 421, one in a transaction after it', async () => {
  const world = new World({ options: OPTIONS });
  const idle = await stateOf(world, 'ehlo');
  const busy = await stateOf(world, 'data');
  idle.session.drain();
  busy.session.drain();
  assert.equal(codes(idle.take()), '421');
  assert.equal(busy.take(), '');
  assert.equal(codes(busy.lines('Subject: x', '', 'x', '.')), '250 421');
});

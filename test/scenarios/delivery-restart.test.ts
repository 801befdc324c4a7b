/**
 * What a queue remembers over a stop, a kill and a reload.
 *
 * The one rule: every server here is a test's own, since it is stopped or killed; nothing answered 250 is lost, and what was tried
 * before a restart counts after it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mainMatching, mainRecords } from '../kit/log-lines.ts';
import { arrivals, handIn, mailFor } from '../kit/outgoing.ts';
import { command, startServer, until, type Server } from '../kit/server.ts';
import { startSink, type ScriptedReply } from '../kit/sink.ts';

const conf = (more: string): string => `
Relay_Hosts = ( 127.0.0.1 )
Routes = ( "127.0.0.1:{port:hop}" )
Host_Failure_Retry = 1
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
${more}
`;

async function summary(server: Server): Promise<string> {
  return (await command('ec_console', [server.path('control'), 'summary'])).out;
}

async function isEmpty(server: Server): Promise<boolean> {
  return /Total Queue Size:\s+0$/m.test(await summary(server));
}

for (const how of ['SIGTERM', 'SIGKILL'] as const) {
  test(`SD-1199 after ${how} the number of attempts and the time of the next one are as before`, async (t) => {
    let reply: ScriptedReply | undefined = '451 4.3.0 later';
    const hop = await startSink(t, { replies: { RCPT: () => reply } });
    const text = conf('Retry_Interval = 1 Max_Retry_Interval = 1 Domain "far.test" { Retry_Interval = 3600 Max_Retry_Interval = 3600 }');
    const server = await startServer(t, { conf: text, ports: { hop: hop.port } });
    await handIn(server, 'u@far.test');
    await handIn(server, 'u@near.test');
    await mainMatching(server, 'T', 2, ({ fields }) => fields[0] === 'near.test');
    await mainMatching(server, 'T', 1, ({ fields }) => fields[0] === 'far.test');
    // What was noted last is on the disk within the write that follows the record.
    await new Promise((done) => setTimeout(done, 300));
    await (how === 'SIGTERM' ? server.stop() : server.kill());
    const before = mainRecords(server, 'T').filter(({ fields }) => fields[0] === 'near.test').length;
    await server.start();
    await mainMatching(server, 'T', before + 1, ({ fields }) => fields[0] === 'near.test');
    reply = undefined;
    await arrivals(hop, 'near.test');
    const [delivery] = await mainMatching(server, 'D', 1, ({ fields }) => fields[0] === 'near.test');
    assert.ok(Number(delivery?.fields[4]) >= before, `${delivery?.fields[4]} retries, ${before} of them before the restart`);
    const retries = mainRecords(server, 'T').flatMap(({ fields }) => (fields[0] === 'near.test' ? [Number(fields[5])] : []));
    assert.deepEqual(
      retries,
      retries.map((_, i) => i),
      'attempts are counted on',
    );
    assert.equal(mailFor(hop, 'far.test').length, 0, 'its hour is not over');
    assert.match(await summary(server), /Total Queue Size:\s+1$/m);
  });
}

test('A66 a kill while the next hop has the message and has not answered: it is delivered, at most once more', async (t) => {
  const waiting: (() => void)[] = [];
  let isHeld = true;
  const hop = await startSink(t, { hold: () => (isHeld ? new Promise((done) => waiting.push(done)) : Promise.resolve()) });
  const server = await startServer(t, { conf: conf('Max_Outbound_Connections = 4'), ports: { hop: hop.port } });
  for (let i = 0; i < 10; i += 1) assert.match(await handIn(server, `u${i}@far.test`), /^250 /);
  await until(() => waiting.length > 0, 'a message whose answer is held back');
  await server.kill();
  isHeld = false;
  for (const done of waiting) done();
  await server.start();
  await until(() => isEmpty(server), 'the queue to be empty');
  const copies = new Map<string, number>();
  for (const { rcptTo } of hop.messages) copies.set(rcptTo[0]!, (copies.get(rcptTo[0]!) ?? 0) + 1);
  assert.equal(copies.size, 10);
  const doubled = [...copies.values()].filter((count) => count > 1);
  assert.ok(
    doubled.every((count) => count === 2) && doubled.length <= 8,
    `second copies only of what was under way, with one begun ahead per connection: ${[...copies.values()].join()}`,
  );
});

test('OUT-04 Suspend_Delivery comes and goes by SIGHUP while mail flows in, and over a restart', async (t) => {
  const hop = await startSink(t);
  const awake = conf('');
  const asleep = conf('Suspend_Delivery = true');
  const server = await startServer(t, { conf: awake, ports: { hop: hop.port } });
  await handIn(server, 'first@far.test');
  await arrivals(hop, 'far.test', 1);
  server.configure(asleep);
  server.signal('SIGHUP');
  await until(async () => {
    const { out } = await command('ec_console', [server.path('control'), 'config get Suspend_Delivery']);
    return /\btrue\b/.test(out);
  }, 'the reload to be over');
  await handIn(server, 'second@far.test');
  await handIn(server, 'third@far.test');
  const sent = 3;
  // What was handed in before the reload may still be under way; then every message is either held or with the hop.
  await until(async () => {
    const waiting = /Total Queue Size:\s+(\d+)$/m.exec(await summary(server))?.[1];
    return Number(waiting) + mailFor(hop, 'far.test').length === sent;
  }, 'what is held and what arrived to add up');
  const held = mailFor(hop, 'far.test').length;
  assert.ok(held < sent, 'something is held');
  await server.stop();
  await server.start();
  assert.match(await summary(server), new RegExp(`Total Queue Size:\\s+${sent - held}$`, 'm'));
  assert.equal(mailFor(hop, 'far.test').length, held);
  server.configure(awake);
  server.signal('SIGHUP');
  await arrivals(hop, 'far.test', sent);
  await until(() => isEmpty(server), 'the queue to be empty');
  assert.equal(mailFor(hop, 'far.test').length, sent);
});

test('a hop that is down when the mail comes gets it when it is up, without a restart', async (t) => {
  const hop = await startSink(t);
  const { port } = hop;
  await hop.close();
  const server = await startServer(t, { conf: conf('Retry_Interval = 1 Max_Retry_Interval = 1'), ports: { hop: port } });
  for (let i = 0; i < 5; i += 1) await handIn(server, `u${i}@far.test`);
  const [record] = await mainMatching(server, 'T', 1);
  assert.deepEqual(
    [record?.fields[4], record?.fields.at(-1)],
    ['0', '451 4.4.1 [internal] No valid hosts (unable to make any connections)'],
  );
  const again = await startSink(t, { port });
  await arrivals(again, 'far.test', 5);
  await until(() => isEmpty(server), 'the queue to be empty');
  assert.equal(again.messages.length, 5);
});

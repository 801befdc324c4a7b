/**
 * Mail through the whole house: Postfix's smtp-source in front, Postfix's smtp-sink behind, every message accounted for.
 *
 * The one rule: as many messages arrive as were answered 250, each once, and mainlog tells the same.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test, type TestContext } from 'node:test';
import { mainMatching, mainRecords } from '../kit/log-lines.ts';
import { command, freePorts, hasProgram, run, startServer, until, type Server } from '../kit/server.ts';
import { startSink } from '../kit/sink.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const conf = `
Relay_Hosts = ( 127.0.0.0/8 )
Gateway = "127.0.0.1:{port:sink}"
Retry_Interval = 1
Host_Failure_Retry = 1
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
EventLoop "pool" { Concurrency = 2 }`;

async function postfixSink(t: TestContext, port: number, dump: string): Promise<void> {
  const child = spawn('/usr/sbin/smtp-sink', ['-u', 'root', '-D', dump, `127.0.0.1:${port}`, '200'], { stdio: 'ignore', cwd: '/' });
  t.after(() => child.kill());
  await until(async () => {
    const client = await SmtpClient.open(port).catch(() => undefined);
    client?.socket.destroy();
    return client !== undefined;
  }, 'smtp-sink to listen');
}

async function total(server: Server): Promise<number> {
  const { out } = await command('ec_console', [server.path('control'), 'summary']);
  return Number(/Total Queue Size:\s+(\d+)/.exec(out)?.[1] ?? -1);
}

test('Two thousand messages from smtp-source in twenty sessions reach smtp-sink, each once, and leave an empty queue (LOG-10)', async (t) => {
  if (!hasProgram('smtp-source') || !hasProgram('smtp-sink')) return t.skip('smtp-source and smtp-sink are not installed');
  const [port] = await freePorts(1);
  const server = await startServer(t, { conf, ports: { sink: port! } });
  await postfixSink(t, port!, server.path('dump'));
  const source = await run('/usr/sbin/smtp-source', [
    '-s',
    '20',
    '-m',
    '2000',
    '-d',
    '-l',
    '4000',
    '-f',
    'a@client.test',
    '-t',
    'b@far.test',
    `127.0.0.1:${server.ports['smtp']!}`,
  ]);
  assert.equal(source.code, 0, source.err);
  await mainMatching(server, 'R', 2000);
  const delivered = await mainMatching(server, 'D', 2000);
  assert.equal(new Set(delivered.map(({ messageId }) => messageId)).size, 2000);
  assert.equal(mainRecords(server).length, 4000, 'nothing was tried twice');
  assert.equal(await total(server), 0);
  const dump = server.read('dump');
  assert.equal(dump.match(/^X-Mail-Args: <a@client\.test>/gm)?.length, 2000);
  const ids = [...dump.matchAll(/^\tid (\S+); /gm)].map((m) => m[1]);
  assert.equal(new Set(ids).size, 2000, 'each Received header names another batch');
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  return undefined;
});

test('Mail for a next hop that is not there yet waits, is retried, and goes out in the end, once (Q-02)', async (t) => {
  const [port] = await freePorts(1);
  const server = await startServer(t, { conf, ports: { sink: port! } });
  const client = await SmtpClient.greet(server.ports['smtp']!);
  for (let i = 0; i < 20; i++) assert.match(await client.send('a@client.test', `u${i}@far.test`, `Subject: ${i}\r\n\r\ntext`), /^250 OK/);
  await client.quit();
  await mainMatching(server, 'T', 1);
  const sink = await startSink(t, { port: port! });
  await mainMatching(server, 'D', 20);
  assert.equal(sink.messages.length, 20);
  assert.equal(new Set(sink.messages.map(({ rcptTo }) => rcptTo.join())).size, 20);
});

test('A message for three domains becomes one transaction for each next hop, and each recipient has a record of its own (SMTP-03, OUT-20)', async (t) => {
  const [one, two] = [await startSink(t), await startSink(t)];
  const server = await startServer(t, {
    conf: `
Relay_Hosts = ( 127.0.0.0/8 )
Domain "one.test" { Gateway = "127.0.0.1:{port:one}" }
Domain "two.test" { Gateway = "127.0.0.1:{port:two}" }
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }`,
    ports: { one: one.port, two: two.port },
  });
  const client = await SmtpClient.greet(server.ports['smtp']!);
  await client.send('a@client.test', ['x@one.test', 'y@two.test', 'z@one.test'], 'Subject: x\r\n\r\ntext');
  await client.quit();
  const records = await mainMatching(server, 'D', 3);
  assert.equal(new Set(records.map(({ messageId }) => messageId)).size, 3);
  assert.equal(new Set(records.map(({ batchId }) => batchId)).size, 1);
  assert.deepEqual(
    one.messages.map(({ rcptTo }) => rcptTo),
    [['RCPT TO:<x@one.test>', 'RCPT TO:<z@one.test>']],
  );
  assert.deepEqual(
    two.messages.map(({ rcptTo }) => rcptTo),
    [['RCPT TO:<y@two.test>']],
  );
  assert.ok(one.messages[0]!.data.equals(two.messages[0]!.data));
});

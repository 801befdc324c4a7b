/**
 * Two event loops: queues are owned by one of them each, so limits hold for the process and nothing is sent twice or left behind.
 *
 * The one rule: mail comes in over many connections, which land on both loops, for many domains, which belong to both.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConsoleUser } from '../kit/console.ts';
import { mainMatching } from '../kit/log-lines.ts';
import { mailOf } from '../kit/mailbox.ts';
import { handIn } from '../kit/outgoing.ts';
import { command, hasProgram, run, startServer, until } from '../kit/server.ts';
import { startSink } from '../kit/sink.ts';

const domains = Array.from({ length: 12 }, (_, i) => `d${i}.test`);

test('two event loops deliver every recipient of every message exactly once, and keep Max_Outbound_Connections of a queue', async (t) => {
  const hop = await startSink(t, {
    replies: { RCPT: (line) => (line.includes('<gone') ? '550 5.1.1 no' : undefined) },
    hold: () => new Promise((done) => setTimeout(done, 5)),
  });
  const single = await startSink(t, { hold: () => new Promise((done) => setTimeout(done, 5)) });
  const server = await startServer(t, {
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Routes = ( "127.0.0.1:{port:hop}" )
Connection_Allocation_Aggressiveness = high
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
EventLoop "pool" { Concurrency = 2 }
maildir { basedir = "{dir}/mail" domains = ( "home.test" ) createusers = true }
Domain "single.test" { Routes = ( "127.0.0.1:{port:single}" ) Max_Outbound_Connections = 2 }
`,
    ports: { hop: hop.port, single: single.port },
  });
  const count = 60;
  const letters = Array.from({ length: count }, (_, i) =>
    handIn(server, [...domains.map((domain) => `m${i}@${domain}`), `m${i}@single.test`, `gone${i}@d0.test`], { from: `s${i}@home.test` }),
  );
  for (const reply of await Promise.all(letters)) assert.match(reply, /^250 /);
  const expected = new Set(
    Array.from({ length: count }, (_, i) => [...domains, 'single.test'].map((domain) => `RCPT TO:<m${i}@${domain}>`)).flat(),
  );
  const arrived = (): string[] => [...hop.messages, ...single.messages].flatMap(({ rcptTo }) => rcptTo);
  await until(
    () => arrived().length >= expected.size,
    () => `${expected.size} recipients, ${arrived().length} arrived`,
  );
  await until(
    async () => /Total Queue Size:\s+0$/m.test((await command('ec_console', [server.path('control'), 'summary'])).out),
    'the queues to be empty',
  );
  assert.deepEqual(arrived().sort(), [...expected].sort());
  assert.ok(single.peak <= 2, `${single.peak} connections`);
  for (let i = 0; i < count; i += 1) await until(() => mailOf(server, `s${i}`).length > 0, `the notice for s${i}`);
  assert.equal(
    Array.from({ length: count }, (_, i) => mailOf(server, `s${i}`).length).reduce((a, b) => a + b),
    count,
  );
  assert.equal((await mainMatching(server, 'D', expected.size)).length, expected.size);
});

test(
  'two event loops take what smtp-source sends over many sessions and hand it on, each message once',
  { skip: !hasProgram('smtp-source') },
  async (t) => {
    const hop = await startSink(t);
    const server = await startServer(t, {
      conf: `
Relay_Hosts = ( 127.0.0.1 )
Routes = ( "127.0.0.1:{port:hop}" )
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
EventLoop "pool" { Concurrency = 2 }
`,
      ports: { hop: hop.port },
    });
    const to = `127.0.0.1:${server.ports['smtp']!}`;
    const sent = await run('/usr/sbin/smtp-source', [
      '-s',
      '20',
      '-m',
      '400',
      '-l',
      '2000',
      '-f',
      'a@s.test',
      '-t',
      'u@far.test',
      '-N',
      to,
    ]);
    assert.equal(sent.code, 0, sent.err);
    await until(
      () => hop.messages.length >= 400,
      () => `400 messages, ${hop.messages.length} arrived`,
    );
    await mainMatching(server, 'D', 400);
    assert.equal(hop.messages.length, 400);
    assert.equal(new Set(hop.messages.flatMap(({ rcptTo }) => rcptTo)).size, 400);
  },
);

test('Q-01 mail of many domains, rerouted to one, goes over to the loop that owns its queue: Max_Outbound_Connections is kept, each arrives once', async (t) => {
  const single = await startSink(t, { hold: () => new Promise((done) => setTimeout(done, 3)) });
  const server = await startServer(t, {
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Routes = ( "127.0.0.1:{port:single}" )
Connection_Allocation_Aggressiveness = high
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
EventLoop "pool" { Concurrency = 2 }
Suspend_Delivery = true
Max_Outbound_Connections = 1
`,
    ports: { single: single.port },
  });
  const count = 15;
  const letters = Array.from({ length: count }, (_, i) =>
    handIn(
      server,
      domains.map((domain) => `m${i}@${domain}`),
    ),
  );
  for (const reply of await Promise.all(letters)) assert.match(reply, /^250 /);
  const user = await ConsoleUser.open(server);
  for (const domain of domains) assert.match(await user.run(`reroute queue ${domain} target.test`), new RegExp(`^Moved ${count} messages`));
  await user.run('config set domain target.test Suspend_Delivery false');
  const expected = domains.flatMap((domain) => Array.from({ length: count }, (_, i) => `RCPT TO:<m${i}@${domain}>`));
  const arrived = (): string[] => single.messages.flatMap(({ rcptTo }) => rcptTo);
  await until(
    () => arrived().length >= expected.length,
    () => `${expected.length} recipients, ${arrived().length} arrived`,
  );
  await until(async () => /Total Queue Size:\s+0$/m.test(await user.run('summary')), 'the queues to be empty');
  user.close();
  assert.deepEqual(arrived().sort(), expected.sort());
  assert.equal(single.peak, 1);
});

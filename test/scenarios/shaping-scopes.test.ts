/**
 * Limits as the next hop sees them: bindings with addresses and limits of their own, shared limits, throttles, changes while mail flows.
 *
 * The one rule: what is judged is what the sink counted: connections open at a time, where they came from, when each message began. Nothing
 * is timed against the clock of the test: a throttle is judged by the stamps of the sink, with a margin for the way to it.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ConsoleUser } from '../kit/console.ts';
import { mailFor } from '../kit/outgoing.ts';
import { prepareServer, until, type Server } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

/** Milliseconds between two wake-ups of the sender and of the sink that may bring two messages closer to each other than they left. */
const NEARER_MS = 400;

/** One sink for each address, so that what is open at a time can be told apart. */
const slow = (): Sink => new Sink({ hold: () => new Promise((done) => setTimeout(done, 15)) });
let letGo: () => void = () => undefined;
const gate = new Promise<void>((done) => (letGo = done));
/** They answer to no message before letGo(). */
const [a, b] = [new Sink({ hold: () => gate }), new Sink({ hold: () => gate })];
const hops = { a, b, regex: slow(), group: slow(), rate: new Sink({}), live: slow(), host: slow(), header: new Sink({}) };
let server: Server;

before(async () => {
  await Promise.all(Object.values(hops).map((hop) => hop.listen()));
  server = await prepareServer({
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Idle_Timeout = 1
Retry_Interval = 3600
Connection_Allocation_Aggressiveness = high
Binding_Context = "vmta"
Binding_Header = "X-Vmta"
Binding_Header_Peers = ( 127.0.0.1/32 )
ESMTP_Listener {
  Listen "127.0.0.1:{port:smtp}" {
    Peer "127.0.0.1/32" { SMTP_Extensions = ( "XSETCONTEXT" "PIPELINING" ) }
  }
}
Binding "first" { Bind_Address = 127.0.0.11 Max_Outbound_Connections = 2 EHLO_Hostname = "first.test" }
Binding "second" { Bind_Address = "127.0.0.12" Max_Outbound_Connections = 5 }
Binding_Group "pool" {
  Bind_Address = 127.0.0.21
  Binding "awake" { Bind_Address = 127.0.0.22 }
  Binding "asleep" { Bind_Address = 127.0.0.23 Suspend_Delivery = true }
  Binding "inherits" { }
}
Domain "two.test" { Routes = ( "127.0.0.1:{port:a}" ) }
Domain "other-two.test" { Routes = ( "127.0.0.1:{port:b}" ) }
Domain "/^(orange|wanadoo)\\.test$/" { Scope_Max_Outbound_Connections = 3 Routes = ( "127.0.0.1:{port:regex}" ) }
Domain "group.test" { Routes = ( "127.0.0.1:{port:group}" ) }
Domain "/^rate\\d\\.test$/" { Outbound_Throttle_Messages = 5 Routes = ( "127.0.0.1:{port:rate}" ) }
Domain "live.test" { Max_Outbound_Connections = 1 Routes = ( "127.0.0.1:{port:live}" ) }
Domain "/^host\\d\\.test$/" { Routes = ( "127.0.0.1:{port:host}" ) }
Domain "header.test" { Routes = ( "127.0.0.1:{port:header}" ) }
Binding "hosted" { Host "127.0.0.1" { Max_Outbound_Connections = 2 } }
`,
    ports: Object.fromEntries(Object.entries(hops).map(([name, hop]) => [name, hop.port])),
  });
  await server.start();
});
after(async () => {
  letGo();
  await server.end();
  await Promise.all(Object.values(hops).map((hop) => hop.close()));
});

/** Hands in messages over one connection, for each address one, in the binding or group of that name. */
async function handInMany(to: readonly string[], vmta?: string): Promise<void> {
  const client = await SmtpClient.greet(server.ports['smtp']!);
  if (vmta !== undefined) assert.match(await client.say(`XSETCONTEXT vmta=${vmta}`), /^250/);
  for (const address of to) assert.match(await client.send('a@sender.test', address, 'Subject: x\r\n\r\nhello'), /^250/);
  await client.quit();
}

const many = (count: number, domain: string): string[] => Array.from({ length: count }, (_, i) => `u${i}@${domain}`);
const from = (hop: Sink): string[] => [...new Set(hop.messages.map((message) => message.from))].sort();
const taken = (hop: Sink, count: number): Promise<void> =>
  until(
    () => hop.messages.length >= count,
    () => `${count} messages; there are ${hop.messages.length}`,
  );

test('OUT-01 OUT-02 SHP-01 FB-04a two bindings send from their own addresses, each within its own limit for a domain', async () => {
  await handInMany(many(30, 'two.test'), 'first');
  await handInMany(many(30, 'other-two.test'), 'second');
  await until(() => hops.a.open === 2 && hops.b.open === 5, 'all connections that the limits allow');
  const user = await ConsoleUser.open(server);
  // Each binding is told of its own limit, at its own place.
  for (const [queue, limit] of [
    ['first two.test', 2],
    ['second other-two.test', 5],
  ] as const) {
    const [binding = ''] = queue.split(' ');
    const text = await user.run(`explain queue ${queue}`);
    assert.ok(text.includes(`Max_Outbound_Connections = ${limit}, ${limit} in use`) && text.includes(`Binding ${binding}`), text);
  }
  user.close();
  letGo();
  await Promise.all([taken(hops.a, 30), taken(hops.b, 30)]);
  assert.deepEqual([from(hops.a), from(hops.b)], [['127.0.0.11'], ['127.0.0.12']]);
  assert.ok(hops.a.said('EHLO').every((line) => line === 'EHLO first.test'));
  assert.equal(hops.a.peak, 2);
  assert.ok(hops.b.peak > 2 && hops.b.peak <= 5, `${hops.b.peak}`);
});

test('SHP-03 Scope_Max_Outbound_Connections of a regex domain is one limit for all that match, over all bindings', async () => {
  await Promise.all([
    handInMany(many(25, 'orange.test'), 'first'),
    handInMany(many(25, 'wanadoo.test'), 'second'),
    handInMany(many(25, 'orange.test')),
  ]);
  await taken(hops.regex, 75);
  assert.ok(hops.regex.peak <= 3, `${hops.regex.peak}`);
  assert.equal(mailFor(hops.regex, 'wanadoo.test').length, 25);
});

test('OUT-01 OUT-04 in a group the suspended member is passed over, and one without an address has the address of the group', async () => {
  await handInMany(many(8, 'group.test'), 'pool');
  await taken(hops.group, 8);
  assert.deepEqual(from(hops.group), ['127.0.0.21', '127.0.0.22']);
});

test('SHP-05 FB-14 a throttle of five a second is shared by all domains of its definition, never exceeded, and keeps mail moving', async () => {
  await handInMany([...many(12, 'rate1.test'), ...many(12, 'rate2.test')]);
  const user = await ConsoleUser.open(server);
  const texts: string[] = [];
  await until(
    async () => {
      texts.push(await user.run('explain queue default rate2.test'), await user.run('explain queue default rate1.test'));
      return texts.some((text) => text.includes('Outbound_Throttle_Messages = 5') && text.includes('Domain /^rate'));
    },
    () => `explain to name the throttle; it said:\n${texts.join('\n')}`,
  );
  user.close();
  await taken(hops.rate, 24);
  const at = hops.rate.messages.map((message) => message.at).sort((a, b) => a - b);
  // Of any six one must have waited until the first of them was a second old.
  for (let i = 5; i < at.length; i += 1) {
    const apart = at[i]! - at[i - 5]!;
    assert.ok(apart >= 1000 - NEARER_MS, `message ${i + 1} came ${apart} ms after the fifth one before it`);
  }
});

test('SHP-01 SHP-03 a limit of a Host in a binding holds over all domains that are sent to that address', async () => {
  const all = [0, 1, 2, 3].flatMap((n) => many(6, `host${n}.test`));
  await handInMany(all, 'hosted');
  await taken(hops.host, all.length);
  assert.ok(hops.host.peak <= 2, `${hops.host.peak}`);
});

test('OUT-01 a header names the binding where the client may say so; a name that is none leaves the mail in the default binding', async () => {
  const client = await SmtpClient.greet(server.ports['smtp']!);
  await client.send('a@sender.test', 'u@header.test', 'X-Vmta: second\r\nSubject: x\r\n\r\nhello');
  await taken(hops.header, 1);
  assert.deepEqual(from(hops.header), ['127.0.0.12']);
  await client.send('a@sender.test', 'v@header.test', 'X-Vmta: nobody\r\nSubject: x\r\n\r\nhello');
  await client.quit();
  await taken(hops.header, 2);
  assert.deepEqual(from(hops.header), ['127.0.0.1', '127.0.0.12']);
  await until(() => /there is no binding or group "nobody"/.test(server.read('paniclog.ec')), 'a line in the panic log');
});

test('SHP-01 OUT-04 a limit that is changed by config set holds for the queue that is sending, up and down, and a suspension stops it', async () => {
  const hop = hops.live;
  const user = await ConsoleUser.open(server);
  await handInMany(many(150, 'live.test'));
  await until(() => hop.messages.length > 5, 'the first messages');
  assert.equal(hop.peak, 1);
  await user.run('config set domain live.test Max_Outbound_Connections 4');
  await until(() => hop.open === 4, 'four connections');
  await user.run('config set domain live.test Max_Outbound_Connections 2');
  await until(() => hop.open <= 2, 'two connections');
  hop.peak = 0;
  await user.run('config set domain live.test Suspend_Delivery true');
  await until(() => hop.open === 0, 'no connection');
  const before = hop.messages.length;
  assert.ok(before < 150, 'it stopped in the middle');
  assert.ok(hop.peak <= 2, `${hop.peak}`);
  await user.run('config set domain live.test Suspend_Delivery false');
  await taken(hop, 150);
  assert.equal(new Set(hop.messages.map(({ rcptTo }) => rcptTo[0])).size, 150);
  assert.ok(hop.peak <= 2, `${hop.peak}`);
  user.close();
});

test('OUT-05 CFG-51 the mail of a binding that is removed while it waits goes to the default binding, and who removes it is told how much that is', async () => {
  const user = await ConsoleUser.open(server);
  await user.run('config set binding first Suspend_Delivery true');
  await handInMany(many(3, 'leaving.header.test'), 'first');
  await user.run('config set domain leaving.header.test Routes "127.0.0.1:' + String(hops.header.port) + '"');
  const before = hops.header.messages.length;
  const text = await user.run('config unset binding first');
  const told =
    'Binding "first" is removed: mail waits (3 messages) in it, which moves to the default binding and is sent as its options say';
  assert.ok(text.includes(told), text);
  await taken(hops.header, before + 3);
  // Neither its address nor its name: it is mail of the default binding now.
  assert.deepEqual([...new Set(hops.header.messages.slice(before).map((message) => message.from))], ['127.0.0.1']);
  await until(
    () =>
      server
        .read('mainlog.ec')
        .split('\n')
        .filter((line) => /@D@leaving\.header\.test@\d+@default@default@/.test(line)).length === 3,
    () => server.read('mainlog.ec'),
  );
  assert.ok(server.read('paniclog.ec').includes(told));
  user.close();
});

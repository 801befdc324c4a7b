/**
 * `search` and `simulate` on the real server: what is found, at what cost, how a cursor goes on; what a plan of mail would take.
 *
 * The one rule: mail waits because its domains are suspended, so that what is to be found is known.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ConsoleUser } from '../kit/console.ts';
import { handIn } from '../kit/outgoing.ts';
import { prepareServer, type Server } from '../kit/server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

let server: Server;
let user: ConsoleUser;

before(async () => {
  server = await prepareServer({
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Suspend_Delivery = true
EventLoop "pool" { Concurrency = 2 }
Binding_Context = "vmta"
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { Peer "127.0.0.1/32" { SMTP_Extensions = ( "XSETCONTEXT" "PIPELINING" ) } } }
Binding "first" { }
Domain "five.test" { Suspend_Delivery = false Outbound_Throttle_Messages = 5 }
Domain "one.test" {
  Suspend_Delivery = false
  Max_Outbound_Connections = 1
}
`,
  });
  await server.start();
  user = await ConsoleUser.open(server);
  const client = await SmtpClient.greet(server.ports['smtp']!);
  for (let i = 0; i < 30; i += 1)
    await client.send(
      `s${i % 3}@sender.test`,
      `u${i}@${i % 2 === 0 ? 'a' : 'b'}.test`,
      `X-Job: job ${i % 5}\r\nSubject: ${i}\r\n\r\nhello`,
    );
  await client.say('XSETCONTEXT vmta=first job=nightly');
  await client.send('s9@sender.test', 'u@a.test', 'Subject: \u001b[31m\r\n\r\nhello');
  await client.quit();
});
after(async () => {
  user.close();
  await server.end();
});

interface Answer {
  readonly messages: readonly {
    readonly binding: string;
    readonly sender: string;
    readonly recipients: readonly { readonly address: string }[];
  }[];
  readonly looked: number;
  readonly read: number;
  readonly cursor?: string;
}

async function search(what: string): Promise<Answer> {
  return (JSON.parse(await user.run(`json search ${what}`)) as { data: Answer }).data;
}
const count = async (what: string): Promise<number> => (await search(what)).messages.length;

test('CON search finds by sender, recipient, domain, binding, age and state, with patterns, and says what it cost', async () => {
  assert.equal(await count('sender s1@sender.test'), 10);
  assert.equal(await count('sender S1@*'), 10);
  assert.equal(await count('recipient *@b.test'), 15);
  assert.equal(await count('domain a.test sender s0@sender.test'), 5);
  assert.equal(await count('binding first'), 1);
  assert.equal(await count('sender s*@sender.test recipient u1*@*.test'), 11);
  assert.equal(await count('older 1h'), 0);
  assert.equal(await count('younger 1h state ready'), 31);
  assert.equal(await count('younger 1h state delayed'), 0);
  assert.equal(await count('reply anything'), 0);
  assert.match(await user.run('search sender s1@sender.test'), /\n10 found; \d+ looked at in [\d.]+ s, \d+ a second$/);
});

test('CON search in headers and contexts reads only what matches in everything else, and shows the rate', async () => {
  const found = await search('domain a.test header X-Job "job 2"');
  assert.deepEqual([found.messages.length, found.read], [3, 16]);
  assert.deepEqual(
    (await search('sender s9@sender.test context job night*')).messages.map(({ binding }) => binding),
    ['first'],
  );
  assert.equal(await count('header X-Job "job 2" sender s9@sender.test'), 0);
  assert.match(await user.run('search header x-job "job 2"'), /6 found; \d+ looked at .*; 31 read from the spool, \d+ a second$/);
});

test('CON search goes on from its cursor until everything was found once, over two event loops', async () => {
  const seen: string[] = [];
  let cursor: string | undefined;
  let rounds = 0;
  do {
    const found: Answer = await search(`recipient *.test limit 7${cursor === undefined ? '' : ` cursor ${cursor}`}`);
    seen.push(...found.messages.flatMap(({ recipients }) => recipients.map(({ address }) => address)));
    cursor = found.cursor;
    rounds += 1;
  } while (cursor !== undefined && rounds < 50);
  assert.deepEqual([seen.length, new Set(seen).size], [31, 31]);
  assert.ok(rounds >= 5, String(rounds));
  assert.match(await user.refused('search recipient *.test cursor nonsense'), /no cursor of a search/);
});

test('A64 CON a pattern of a stranger costs no more than its length: stars are no regular expression', async () => {
  assert.equal(await count(`sender ${'*a'.repeat(200)}b`), 0);
  assert.match(await user.refused('search older tomorrow'), /"tomorrow" is no age: expected 90, 90s, 30m, 2h or 1d/);
});

test('CON SHP-05 simulate says how long mail would take, what would hold it back, and where that is configured; nothing is sent', async () => {
  const text = await user.run('simulate rtt 20 takes 50 1000 five.test 100 one.test');
  assert.match(text, /^Binding +Domain +Messages +Sent +Time/);
  assert.match(
    text,
    /default +five\.test +1000 +1000 +3 min \d+ s +4\.9\d +\d+ +Outbound_Throttle_Messages = 5, Domain five\.test, \S+ecelerity\.conf:\d+ \(\d+ % of the time\)/,
  );
  assert.match(
    text,
    /default +one\.test +100 +100 +\d+\.?\d* s .* 1 +Max_Outbound_Connections = 1, Domain one\.test, \S+ecelerity\.conf:\d+/,
  );
  assert.match(text, /All of it was sent\.\nSimulated under the configuration in force: .*every host takes everything/);
  assert.doesNotMatch(await user.run('mailq'), /five\.test/);
  assert.match(await user.run('simulate 5 a.test'), /default +a\.test +5 +0 +never .*Suspend_Delivery, Global, \S+ecelerity\.conf:\d+/);
});

test('CON simulate answers for the open transaction: a draft is tried before it is committed', async () => {
  await user.run('config begin');
  await user.run('config set domain five.test Outbound_Throttle_Messages 50');
  assert.match(
    await user.run('simulate 1000 five.test'),
    /default +five\.test +1000 +1000 +\d\d s [\s\S]*Simulated under the open transaction/,
  );
  await user.run('config rollback');
  assert.match(await user.run('simulate 1000 five.test'), /default +five\.test +1000 +1000 +3 min \d+ s /);
  for (const wrong of ['', 'x', '5', '5 a.test 5 a.test', '0 a.test', 'binding nowhere 5 a.test', '2000000 a.test', 'rtt fast 5 a.test'])
    assert.match(await user.refused(`simulate ${wrong}`), /^Cannot simulate: /);
  assert.match(await handIn(server, 'after@a.test'), /^250/);
});

/**
 * The queue from the console: lists in the manual's form, whole queues and single messages steered, each counted and written down.
 *
 * The one rule: mail waits because its domain is suspended, so that what a command says is compared with what is known to wait; a test has domains
 * of its own.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ConsoleUser } from '../kit/console.ts';
import { arrivals, handIn, mailFor } from '../kit/outgoing.ts';
import { prepareServer, until, type Server } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const hop = new Sink({});
const notices = new Sink({});
const refusing = new Sink({ replies: { RCPT: '451 4.7.1 greylisted \u001b[31m"@', MAIL: '250 ok' } });
let server: Server;
let user: ConsoleUser;

before(async () => {
  await Promise.all([hop.listen(), notices.listen(), refusing.listen()]);
  server = await prepareServer({
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Retry_Interval = 3600
Binding_Context = "vmta"
ESMTP_Listener {
  Listen "127.0.0.1:{port:smtp}" { Peer "127.0.0.1/32" { SMTP_Extensions = ( "XSETCONTEXT" "PIPELINING" "SMTPUTF8" ) } }
}
Binding "first" { }
Binding "second" { }
Binding_Group "pool" { Binding "awake" { } Binding "asleep" { Suspend_Delivery = true } }
Routes = ( "127.0.0.1:{port:hop}" )
Domain "notices.test" { Gateway = "127.0.0.1:{port:notices}" }
Domain "/held\\\\.test$/" { Suspend_Delivery = true }
Domain "grey.test" { Routes = ( "127.0.0.1:{port:refusing}" ) }
ec_logger "acct" { mainlog = "" rejectlog = "" paniclog = "" acctlog = "{dir}/acctlog.ec" }
`,
    ports: { hop: hop.port, notices: notices.port, refusing: refusing.port },
  });
  await server.start();
  user = await ConsoleUser.open(server);
});
after(async () => {
  user.close();
  await server.end();
  await Promise.all([hop.close(), notices.close(), refusing.close()]);
});

async function many(count: number, domain: string, o: { from?: string; vmta?: string } = {}): Promise<void> {
  const client = await SmtpClient.greet(server.ports['smtp']!);
  if (o.vmta !== undefined) assert.match(await client.say(`XSETCONTEXT vmta=${o.vmta}`), /^250/);
  for (let i = 0; i < count; i += 1)
    assert.match(await client.send(o.from ?? 'a@notices.test', `u${i}@${domain}`, `Subject: ${i}\r\n\r\nhello`), /^250/);
  await client.quit();
}

async function data(line: string): Promise<Record<string, unknown>> {
  return (JSON.parse(await user.run(`json ${line}`)) as { data: Record<string, unknown> }).data;
}

const ids = async (line: string): Promise<string[]> => [...(await user.run(line)).matchAll(/^\[\S+\] (\S+) Created/gm)].map((m) => m[1]!);

test('CON Q-01 active, delayed, domain all, mailq and showqueue show what waits, in the manual’s columns and as data', async () => {
  await many(3, 'list.held.test');
  await many(2, 'list.held.test', { vmta: 'first' });
  assert.match(await user.run('active 4'), /^Domain: +list\.held\.test {2}C: {2}0 {2}A: {6}5 {2}D: {5}0 {2}S: {5}0\n +Total: +C:/);
  assert.doesNotMatch(await user.run('active 5'), /list\.held/);
  assert.match(await user.run('binding active first 1'), /list\.held\.test {2}C: {2}0 {2}A: {6}2 .*\n +Total: +C: {2}0 {2}A: {6}2 /);
  assert.match(await user.run('domain all'), /^Domain summary:\nDomain: [\s\S]*\n +Totals: /);
  assert.equal(
    await user.run('mailq -d list.held.test'),
    [
      'Group/Binding                                           Domain      AQ      DQ',
      '-'.repeat(78),
      'default/default                                 list.held.test       3       0',
      'default/first                                   list.held.test       2       0',
    ].join('\n'),
  );
  assert.equal(((await data('mailq -b first'))['queues'] as unknown[]).length, 1);
  const shown = await user.run('showqueue list.held.test 2,1');
  assert.match(shown, /^\[active\/default\] \S+ Created: \d{10}\n {2}From: <a@notices\.test> To: <u1@list\.held\.test>\n\[active/);
  assert.equal(shown.split('\n').length, 4);
  assert.equal((await ids('showqueue binding all list.held.test')).length, 5);
  assert.match(
    await user.run('binding summary first'),
    /^Summary Statistics For Binding first\n +Open Connections: +0\n +Active Queue Size: +2\n/,
  );
  assert.match(await user.run('summary table'), /^Group +Binding +Domains/);
  assert.match(await user.run('domain list.held.test'), /Statistics:\n[\s\S]*Server Totals: +5 +0 +0 +0 +5 +0\nActive Connections: 0/);
});

test('CON BNC-01 Q-14 fail domain counts what it failed and tells the senders; quiet forms tell nobody; a dry run touches nothing', async () => {
  await many(3, 'fail.held.test');
  await many(2, 'fail.held.test', { vmta: 'first' });
  assert.match(
    await user.run('fail domain fail.held.test --dry-run'),
    /^Would fail 5 messages in 2 queues\. Nothing was done\.\n {2}default fail\.held\.test: 3\n/,
  );
  assert.equal((await ids('showqueue binding all fail.held.test')).length, 5);
  assert.equal(await user.run('binding fail domain first fail.held.test 554 5.7.1 by Bob'), 'fail.held.test purged, 2 messages failed.');
  assert.equal(await user.run('fail domain fail.held.test'), 'fail.held.test purged, 3 messages failed.');
  assert.equal((await ids('showqueue binding all fail.held.test')).length, 0);
  await arrivals(notices, 'notices.test', 5);
  const told = notices.messages.map(({ data: text }) => text.toString());
  assert.equal(told.filter((text) => /Diagnostic-Code: smtp; 554 5\.7\.1 by Bob/.test(text)).length, 2);
  assert.equal(told.filter((text) => /Diagnostic-Code: smtp; 554 Message manually purged\./.test(text)).length, 3);
  await many(4, 'quiet.held.test');
  assert.equal(await user.run('fail domain quiet quiet.held.test'), 'quiet.held.test purged, 4 messages failed.');
  await until(() => (server.read('mainlog.ec').match(/@P@[^\n]*quiet\.held\.test/g) ?? []).length === 4, 'four records of failure');
  assert.equal(notices.messages.length, 5);
  await until(() => /fail domain fail\.held\.test: 3 messages in 1 queue/.test(server.read('acctlog.ec')), 'a line in the acctlog');
  assert.match(server.read('acctlog.ec'), /@Z@[^\n]*@1@fail domain quiet quiet\.held\.test: 4 messages in 1 queue/);
  assert.doesNotMatch(server.read('acctlog.ec'), /dry-run: \d/);
  assert.match(await user.refused('binding fail domain first x.test 250 fine'), /expected a code from 500 to 599/);
});

test('CON SMTP-03 message details, fail and retry act on one recipient of a message; what others wrote is shown harmlessly (A74, A75)', async () => {
  await handIn(server, ['u1@grey.test', 'u2@grey.test', 'u3@grey.test'], {
    from: 'b@notices.test',
    text: 'Subject: \u001b]0;x\u0007\r\n\r\nhi\u009b31m',
  });
  await until(async () => /D: {5}3/.test(await user.run('delayed 2')), 'three delayed messages');
  const [one = '', two = ''] = await ids('showqueue grey.test');
  const facts = await user.run(`message details ${one}`);
  assert.match(
    facts,
    new RegExp(`^Message: ${one}\\nMessage Type: full message\\n +Created: \\d{4}-\\d\\d-\\d\\d [\\d:]+ UTC\\n +Next Attempt: \\d{4}`),
  );
  assert.match(facts, /Retries: 1\n +Received Via: SMTP 127\.0\.0\.1 \(IPv4\)\n +Sender: b@notices\.test\n +Recipient: u1@grey\.test\n/);
  assert.match(facts, /Code: 451 4\.7\.1 greylisted/);
  const full = await user.run(`message details full ${one}`);
  assert.match(full, /Subject: \\x1b\]0;x\\x07/);
  for (const text of [facts, full, await user.run(`json message details full ${one}`), await user.run(`explain message ${one}`)])
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(text, /[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
  assert.equal(await user.run(`message fail quiet ${one}`), 'Message failed');
  assert.match(await user.refused(`message details ${one}`), /There is no message/);
  assert.equal((await ids('showqueue grey.test')).length, 2);
  assert.equal(await user.run(`message retry ${two}`), 'Message requeued for delivery');
  await until(async () => (await user.run(`message details ${two}`)).includes('Retries: 2'), 'a second attempt');
  assert.match(await user.run('search reply greylisted'), /2 found; \d+ looked at/);
});

test('CON Q-09 Q-11 flush domain sends delayed mail at once, and all means every domain', async () => {
  const before = refusing.commands.filter((line) => line.startsWith('RCPT')).length;
  assert.match(await user.run('flush domain all --dry-run'), /^Would try now 2 messages in 1 queue/);
  assert.equal(await user.run('flush domain grey.test'), 'grey.test flushed.  2 messages requeued.');
  await until(() => refusing.commands.filter((line) => line.startsWith('RCPT')).length >= before + 2, 'both attempts');
  await until(async () => /D: {5}2/.test(await user.run('delayed 1')), 'both delayed again');
  assert.equal(await user.run('binding flush domain default all'), 'All domains flushed.  2 messages requeued.');
});

test('CON POL-05 rebind asks policy anew, or moves mail to a binding; a member of a group that is suspended gives its mail away', async () => {
  await many(3, 'bound.held.test', { vmta: 'first' });
  assert.equal(
    await user.run('rebind first'),
    'Rebound 0 messages.\n5 messages were looked at; the others stay where they are.'.replace('5', String(await looked('first'))),
  );
  assert.match(await user.run('rebind first bound.held.test to second --dry-run'), /^Would rebind 3 messages/);
  assert.match(await user.refused('rebind first bound.held.test to nowhere'), /there is no binding or group "nowhere"/);
  assert.equal(
    await user.refused('rebind second nothing.held.test to nowhere'),
    'Cannot run "rebind second nothing.held.test to nowhere": there is no binding or group "nowhere"',
  );
  assert.match(
    await user.refused('binding fail domain Nobody x.test'),
    /^Cannot run "binding fail domain Nobody x\.test": there is no binding "Nobody"/,
  );
  assert.match(await user.refused('summary foo'), /"foo" is not what was expected, summary \[with-mobile\]/);
  assert.match(await user.refused('summary reset now'), /"now" is too much, expected summary reset/);
  assert.equal(await user.run('rebind first bound.held.test to second'), 'Rebound 3 messages.');
  assert.match(await user.run('mailq -d bound.held.test -b second'), /default\/second +bound\.held\.test +3 +0/);
  // Policy said first when it came in, and says so still.
  assert.equal(await user.run('rebind second bound.held.test'), 'Rebound 3 messages.');
  await user.run('config set binding_group pool binding awake Suspend_Delivery true');
  await many(4, 'pooled.test', { vmta: 'pool' });
  await user.run('config set binding_group pool binding awake Suspend_Delivery false');
  await arrivals(hop, 'pooled.test', 2);
  const left = Number(/pooled\.test +(\d+)/.exec(await user.run('mailq -b asleep'))?.[1]);
  assert.ok(left > 0);
  assert.equal(await user.run('rebind asleep pooled.test'), `Rebound ${left} messages.`);
  await arrivals(hop, 'pooled.test', 4);
});

async function looked(binding: string): Promise<number> {
  return (
    (await ids(`showqueue binding ${binding} bound.held.test`)).length + (await ids(`showqueue binding ${binding} list.held.test`)).length
  );
}

test('CON Q-01 rebound and rerouted mail stays where it was sent over kill -9', async () => {
  await many(3, 'lasting.held.test');
  await many(2, 'away.held.test');
  assert.equal(await user.run('rebind default lasting.held.test to second'), 'Rebound 3 messages.');
  assert.equal(
    await user.run('reroute queue away.held.test other.held.test'),
    "Moved 2 messages from 'away.held.test' to 'other.held.test'",
  );
  // What is noted goes out with the next message at the latest.
  await many(1, 'after.held.test');
  user.close();
  await server.kill();
  await server.start();
  user = await ConsoleUser.open(server);
  await until(async () => (await ids('showqueue binding all other.held.test')).length === 2, 'the rerouted mail');
  assert.equal((await ids('showqueue binding second lasting.held.test')).length, 3);
  assert.equal((await ids('showqueue binding all away.held.test')).length, 0);
  assert.match((await user.run('showqueue other.held.test')).split('\n')[1]!, /To: <u0@away\.held\.test>/);
  await user.run('config set domain other.held.test Suspend_Delivery false');
  await arrivals(hop, 'away.held.test', 2);
  assert.equal(mailFor(hop, 'away.held.test').length, 2);
});

test('CON refresh domain and show outbound answer; a command that is mistyped says what would be right', async () => {
  assert.equal(await user.run('refresh domain other.held.test'), 'other.held.test refreshed.');
  assert.match(await user.run('show outbound'), /\d+ connections$/);
  for (const wrong of [
    'showqueue',
    'mailq -x 1',
    'reroute queue a.test a.test',
    'search',
    'search older soon',
    'message retry',
    'active x',
  ])
    assert.match(await user.refused(wrong), /[Ee]xpected|nothing to look for/);
});

test('CON FB-10 a binding that is none is told, with the right name where there is one, and never "0 messages"; domain shows the pattern a domain falls under', async () => {
  await many(2, 'pattern.held.test');
  for (const line of [
    'binding fail domain FIRST all',
    'binding fail domain quiet FIRST all --dry-run',
    'binding flush domain FIRST all',
    'rebind FIRST --dry-run',
    'binding active FIRST 0',
    'binding summary FIRST',
    'mailq -b FIRST',
    'showqueue binding FIRST pattern.held.test',
    'explain binding FIRST',
    'explain queue FIRST pattern.held.test',
    'simulate binding FIRST 10 pattern.held.test',
    'trace smtp add FIRST *',
  ])
    assert.match(await user.refused(line), /there is no binding "FIRST": did you mean "first"\?/, line);
  assert.match(await user.refused('explain binding nowhere'), /there is no binding "nowhere": "config locate binding" lists them/);
  assert.match(await user.refused('explain binding pool'), /"pool" is a group, expected a binding: awake, asleep/);
  const asleep = await user.run('explain binding asleep');
  assert.match(
    asleep,
    /no mail is or was queued in it\.\n {2}It is suspended: Suspend_Delivery = true \(.*asleep, .*ecelerity\.conf:\d+\)/,
  );
  assert.match(
    await user.run('showqueue binding second pattern.held.test'),
    /^Nothing waits for pattern\.held\.test in binding second; "showqueue binding all pattern\.held\.test" looks in every one\.$/,
  );
  const held = await user.run('domain pattern.held.test');
  assert.match(
    held,
    /^Domain "\/held\\\.test\$\/" \{\n {2}Suspend_Delivery = true\n\}\nBinding default sends by Routes \(Global, .*ecelerity\.conf:\d+\)/,
  );
});

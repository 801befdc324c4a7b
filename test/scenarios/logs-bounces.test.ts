/**
 * Bounces as logs tell them: the bouncelog with its classes, a site's own rules and formats, from the real server.
 *
 * The one rule: what is waited for is a line; the rules are changed while the server runs, and the console says how it would judge.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { linesOf, panicMatching } from '../kit/log-lines.ts';
import { handIn } from '../kit/outgoing.ts';
import { command, prepareServer, until, type Server } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';

const hop = new Sink({
  replies: {
    RCPT: (line) => {
      if (line.includes('<gone')) return '550 5.1.1 No such account';
      if (line.includes('<full')) return '452 4.2.2 the mailbox is full';
      if (line.includes('<rude')) return { raw: '550 5.7.1 a@b \x1b[31m\\ blocked\r\n' };
      return undefined;
    },
  },
});
let server: Server;

before(async () => {
  await hop.listen();
  server = await prepareServer({
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Routes = ( "127.0.0.1:{port:hop}" )
Generate_Bounces = false
Bounce_Cache_Size = 100
Bounce_Cache_TTL = 1
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
Control_Listener { Listen "{dir}/console" { } }
bounce_logger "main" { bouncelog = "{dir}/bouncelog.ec" }
custom_bounce_logger "mine" { bouncelog = "{dir}/own-bounces" user_string = "for %{vctx_mess:mailfrom_domain}, %{vctx_conn:ehlo_domain} %{header:x}" }
bounce_classifier_override { user_smtp_classification_override = "{dir}/own.ovr" custom_classes = [ 99 = "gone for good" ] refresh = 1 }
custom_logger "mine" {
  delivery_logfile = "{dir}/deliveries"
  delivery_format = "%i %r@%R %h{Subject} %vctx_conn{ehlo_domain} %p %n"
  permanent_failure_logfile = "{dir}/failures"
  permanent_failure_format = "%C|%c|%r|%n"
  sanitize = "tr/ /_/"
}
`,
    ports: { hop: hop.port },
  });
  writeFileSync(server.path('own.ovr'), '');
  await server.start();
});
after(async () => {
  await server.end();
  await hop.close();
});

const bounces = (): string[] => linesOf(server, 'bouncelog.ec');
const console = (...words: string[]) => command('ec_console', [server.path('console'), ...words]);

test('LOG-02 BNC-01 what a next hop refuses is a line of the bouncelog with stage, class, whole size and the words of the reply', async () => {
  await handIn(server, ['gone@a.test', 'full@a.test', 'rude@a.test', 'good@a.test'], {
    text: 'Subject: a bounce\r\n\r\nhello',
    from: 'me@home.test',
  });
  await until(
    () => bounces().length >= 3,
    () => `three lines in ${bounces().join('\n')}`,
  );
  const byName = new Map(bounces().map((line) => [line.split('@')[5], line]));
  assert.match(
    byName.get('gone')!,
    /^\d+@\S+@\S+@\S+@B@gone@a\.test@me@home\.test@default@default@5@10@\d{3}@127\.0\.0\.1@550 5\.1\.1 No such account$/,
  );
  assert.match(
    byName.get('full')!,
    /@T@full@a\.test@me@home\.test@default@default@5@22@\d{3}@127\.0\.0\.1@452 4\.2\.2 the mailbox is full$/,
  );
  assert.match(byName.get('rude')!, /@B@rude@.*@5@50@\d{3}@127\.0\.0\.1@550 5\.7\.1 a\\@b {2}\[31m\\\\ blocked$/);
});

test('LOG-21 a custom_bounce_logger adds a field of the operator, with values of the contexts, and says what is no macro', async () => {
  await until(() => linesOf(server, 'own-bounces').length === 3, 'the lines of the custom bounce logger');
  assert.deepEqual(
    linesOf(server, 'own-bounces').sort(),
    bounces()
      .map((line) => `${line}@for home.test, client.test %{header:x}`)
      .sort(),
  );
  await panicMatching(server, /^custom_bounce_logger: user_string: printed as written, because it is no macro: %\{header:x\}$/);
});

test('a custom_logger writes deliveries and failures in the operator’s form, with a header and a context value of the message', async () => {
  await until(
    () => linesOf(server, 'deliveries').length === 1 && linesOf(server, 'failures').length === 2,
    'the lines of the custom logger',
  );
  assert.match(linesOf(server, 'deliveries')[0]!, /^[\dA-F/-]+ good@a\.test a_bounce \S+ esmtp 250_/);
  assert.deepEqual(linesOf(server, 'failures').sort(), [
    '10|Invalid Recipient|gone|550_5.1.1_No_such_account',
    '50|Mail Block|rude|550_5.7.1_a@b__[31m\\_blocked',
  ]);
});

test('BNC-10 Bounce_Cache_Size and Bounce_Cache_TTL do not keep a changed rule from counting: files are read again, and the console tells the class', async () => {
  const before = await console('bounce_classifier_override', 'test', '"550 5.1.1 No such account"', 'a.test');
  assert.equal(before.out, '10 Invalid Recipient\n10 | 5.1.1 |  | 550 5.1.1 nobody of that name\n');
  writeFileSync(server.path('own.ovr'), 'a.test,99,no such|account\n');
  await until(
    async () =>
      (await console('bounce_classifier_override', 'test', '"550 5.1.1 No such account"', 'a.test')).out.startsWith('99 gone for good'),
    'the rule',
  );
  await handIn(server, ['gone@a.test'], { from: 'me@home.test' });
  await until(() => bounces().some((line) => line.includes('@5@99@')), 'the new class in the log');
  writeFileSync(server.path('own.ovr'), 'a.test,98,x\n');
  const reload = await console('bounce_classifier_override', 'reload');
  assert.match(reload.out + reload.err, /own\.ovr:1: 98 is no class/);
  assert.equal((await console('bounce_logger:main', 'reopen', 'logs')).out, 'Logs reopened.\n');
});

/**
 * What receivers say by mail, on the real server: bounces to Bounce_Domains, complaints to the mailboxes of fbl, each found, attributed and logged.
 *
 * The one rule: mail goes out through a hop and comes back in a report that quotes what the hop got; forged copies differ in their mark alone.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ConsoleUser } from '../kit/console.ts';
import { linesOf } from '../kit/log-lines.ts';
import { mailOf } from '../kit/mailbox.ts';
import { arrivals, handIn } from '../kit/outgoing.ts';
import { prepareServer, until, type Server } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';

const hop = new Sink({ replies: { RCPT: (line) => (line.includes('<gone') ? '550 5.1.1 No such account' : undefined) } });
let server: Server;

before(async () => {
  await hop.listen();
  server = await prepareServer({
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Relay_Domains = ( "fbl.here.test" )
Bounce_Domains = ( "bounces.test" "*.hole.test" )
Bounce_Pattern = "^b-"
Bounce_Suppress_List = "helpdesk@far.test,@bounces.test"
Generate_Bounces = false
Routes = ( "127.0.0.1:{port:hop}" )
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
maildir { basedir = "{dir}/mail" domains = ( "bounces.test" "fbl.here.test" "x.hole.test" ) createusers = true }
bounce_logger { bouncelog = "{dir}/bouncelog.ec" heartbeat = 0 }
fbl {
  Auto_Log = true
  Log_Path = "{dir}/fbllog.ec"
  Addresses = ( "^.*@fbl\\.here\\.test$" )
  User_String = "%{vctx_conn:ehlo_domain}"
  Token_Key = "a secret of this site only"
  Trust_Unmarked_Bounces = true
  Message_Disposition = blackhole
}
Enable_FBL_Header_Insertion = enabled
Domain "unmarked.test" { Enable_FBL_Header_Insertion = disabled }
Domain "x.hole.test" { Bounce_Behavior = blackhole }
Binding_Group "grp" { Binding "one" { } }
Binding_Header = "X-Binding"
Binding_Header_Peers = ( 127.0.0.1 )
`,
    ports: { hop: hop.port },
  });
  await server.start();
});
after(async () => {
  await server.end();
  await hop.close();
});

const bounces = (): string[] => linesOf(server, 'bouncelog.ec').map((line) => line.split('@').slice(4).join('@'));

async function bounceOf(to: string, fields: string, headers = ''): Promise<string> {
  const text = `From: MAILER-DAEMON@far.test\r\nSubject: Undelivered\r\nContent-Type: multipart/report; boundary=B\r\n\r\n--B\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.far.test\r\n\r\n${fields}\r\n--B\r\nContent-Type: text/rfc822-headers\r\n\r\n${headers}Subject: o\r\n--B--`;
  return handIn(server, to, { from: '', text });
}

const failed = (who: string, words: string): string =>
  `Final-Recipient: rfc822; ${who}\r\nAction: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; ${words}`;

/** The header that the hop got. */
async function markFor(domain: string): Promise<string> {
  await handIn(server, `user@${domain}`, { from: 'b-1@bounces.test', text: 'X-Binding: one\r\nSubject: out\r\n\r\nx' });
  const [taken] = await arrivals(hop, domain);
  return /^X-MSFBL: .*\r\n(?:[ \t].*\r\n)*/m.exec(taken!.data.toString('latin1'))?.[0] ?? '';
}

test('BNC-06 BNC-07 LOG-02 Bounce_Domains, Bounce_Pattern and Bounce_Suppress_List: mail to a bounce mailbox is a line of the bouncelog at stage 21 with its recipient, class and binding', async () => {
  const mark = await markFor('marked.test');
  assert.match(mark, /^X-MSFBL: /);
  await bounceOf('b-1@bounces.test', failed('user@marked.test', '552 5.2.2 mailbox full'), mark);
  await bounceOf('b-2@bounces.test', failed('nobody@far.test', '550 5.1.1 user unknown'));
  await handIn(server, 'b-3@bounces.test', {
    from: '',
    text: 'From: d@far.test\r\nSubject: failure notice\r\n\r\nask helpdesk@far.test; real@far.test: 550 5.7.1 blocked using bl.example.net',
  });
  await handIn(server, 'b-4@bounces.test', { from: 'x@far.test', text: 'Subject: Out of office\r\n\r\nback on Monday' });
  await handIn(server, 'other@bounces.test', { from: '', text: 'Subject: failure\r\n\r\nnot a bounce mailbox, a@b.test' });
  await until(
    () => bounces().length >= 4,
    () => `four lines in ${bounces().join('\n')}`,
  );
  const lines = bounces().map((line) => line.replace(/@\d+@127\.0\.0\.1@/, '@N@IP@'));
  assert.deepEqual(lines, [
    'B@user@marked.test@b-1@bounces.test@grp@one@21@22@N@IP@552 5.2.2 mailbox full',
    'B@nobody@far.test@b-2@bounces.test@default@default@21@10@N@IP@550 5.1.1 user unknown',
    'B@real@far.test@b-3@bounces.test@default@default@21@51@N@IP@550 5.7.1 blocked using bl.example.net',
    'B@@@b-4@bounces.test@default@default@21@60@N@IP@Out of office',
  ]);
  // By default they are delivered like any mail.
  assert.equal(mailOf(server, 'b-1').length + mailOf(server, 'other').length, 2);
});

test('BNC-06 A53 a bounce with the mark of somebody else is not counted; in band only senders that match Bounce_Pattern are', async () => {
  const before = bounces().length;
  await bounceOf(
    'b-1@bounces.test',
    failed('user@marked.test', '550 5.1.1 forged'),
    'X-MSFBL: dXNlckBmYXIudGVzdEBiQGdAcw==|AAAAAAAAAAAAAAAAAAAAAA\r\n',
  );
  await handIn(server, 'gone@far.test', { from: 'a@sender.test' });
  await handIn(server, 'gone@far.test', { from: 'b-9@bounces.test' });
  await until(() => bounces().length > before, 'a line');
  assert.match(bounces().slice(before).join('\n'), /^B@gone@far\.test@b-9@bounces\.test@default@default@5@10@[^\n]*$/);
  await until(() => /a bounce with a forged X-MSFBL came from 127\.0\.0\.1/.test(server.read('paniclog.ec')), 'a line in the paniclog');
});

test('BNC-08 Bounce_Behavior = blackhole drops a bounce after it was logged, with a line of the reject log', async () => {
  assert.match(await bounceOf('b-5@x.hole.test', failed('u@far.test', '550 5.1.1 unknown')), /^250 /);
  await until(() => bounces().some((line) => line.includes('@b-5@x.hole.test@')), 'a line');
  await until(() => /E=550 .*5\.7\.1 \[internal\] discarded by policy/.test(server.read('rejectlog.ec')), 'a line in the reject log');
  assert.deepEqual(mailOf(server, 'b-5'), []);
});

test('BNC-13 A53 Enable_FBL_Header_Insertion marks mail that leaves; Addresses, Auto_Log, Log_Path, User_String, Message_Disposition: its report is a line of the fbllog; Token_Key refuses a forged one', async () => {
  const mark = await markFor('complains.test');
  assert.equal(await markFor('unmarked.test'), '');
  const report = (header: string): string =>
    `Content-Type: multipart/report; boundary=B\r\n\r\n--B\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n--B\r\nContent-Type: message/rfc822\r\n\r\n${header}Subject: out\r\n\r\nx\r\n--B--`;
  const forged = mark.replace(/\|\s*..../, '|AAAA');
  assert.match(await handIn(server, 'isp@fbl.here.test', { from: '', text: report(forged) }), /^550 .*about no message of ours/);
  assert.match(await handIn(server, 'isp@fbl.here.test', { from: '', text: report(mark) }), /^250 /);
  await until(() => linesOf(server, 'fbllog.ec').length > 0, 'a line in the fbllog');
  const lines = linesOf(server, 'fbllog.ec');
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^\d+@[0-9A-F/-]+@F@user@complains\.test@one@grp@abuse@fbl\.here\.test@client\.test$/);
  await until(
    () => /E=550 .*processed as FBL message, and disposition is blackhole/.test(server.read('rejectlog.ec')),
    'a line in the reject log',
  );
  assert.deepEqual(mailOf(server, 'isp'), []);
});

test('BNC-06 A53 without Trust_Unmarked_Bounces a bounce that shows no mark is a line of the bouncelog that names nobody; one with a mark is about whom it names', async () => {
  const user = await ConsoleUser.open(server);
  await user.run('config unset fbl Trust_Unmarked_Bounces');
  user.close();
  const before = bounces().length;
  const mark = await markFor('proven.test');
  await bounceOf('b-7@bounces.test', failed('victim@far.test', '550 5.1.1 user unknown'));
  await bounceOf('b-8@bounces.test', failed('victim@far.test', '550 5.1.1 user unknown'), mark);
  await until(() => bounces().length >= before + 2, 'two lines');
  assert.match(
    bounces().slice(before).join('\n'),
    /^B@@@b-7@bounces\.test@default@default@21@30@.*\nB@user@proven\.test@b-8@bounces\.test@grp@one@21@10@.*$/,
  );
});

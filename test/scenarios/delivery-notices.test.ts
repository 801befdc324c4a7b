/**
 * What a sender is told when mail fails for good: one RFC 3464 notice in a maildir, or nothing at all.
 *
 * The one rule: the notice is read as a mail program reads it, part by part; what must not be sent is shown by a later notice
 * that did arrive. Blackholes are here too, for what they tell and to whom.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { mainMatching, mainRecords } from '../kit/log-lines.ts';
import { mailOf } from '../kit/mailbox.ts';
import { handIn } from '../kit/outgoing.ts';
import { command, prepareServer, until, type Server } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const hop = new Sink({
  extensions: ['PIPELINING'],
  replies: {
    RCPT: (line) => {
      if (line.includes('<late')) return '451 4.2.1 Mailbox busy';
      if (line.includes('<gone')) return '550 5.1.1 No such account';
      if (line.includes('<rude')) return { raw: '550-5.7.1 first \x1b[31m line\r\n550 5.7.1 "quoted" \r\r\n' };
      return undefined;
    },
  },
});
let server: Server;

const eachRcpt = `
export function data_spool_each_rcpt(event) {
  if (event.recipient.local.startsWith('denied')) return { reject: 550, text: '5.7.1 denied by policy' };
}
`;

before(async () => {
  await hop.listen();
  server = await prepareServer({
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Routes = ( "127.0.0.1:{port:hop}" )
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
maildir { basedir = "{dir}/mail" domains = ( "home.test" ) createusers = true }
delay_dsn { }
policy "each" { file = "{dir}/policy.ts" }
Domain "late.test" { Generate_Delay_DSN = true Delay_DSN_Retry_Interval = 1 Delay_DSN_Max_Retry_Interval = 2 Retry_Interval = 3600 }
Domain "null.test" { MDN_Failures_Notify = "postmaster@home.test" }
Pathway "quiet" { Generate_Bounces_For_Multi_Recipient_Policy_Rejections = false }
ESMTP_Listener { Listen "127.0.0.1:{port:quiet}" { Pathway = "quiet" } }
Domain "silent.test" { Generate_Bounces = false }
Domain "full.test" { Bounces_Inline_Original = all }
Domain "none.test" { Bounces_Inline_Original = none }
Domain "hole.test" { Blackhole = internal }
Domain "inline.test" { Blackhole = inline }
Domain "true.test" { Blackhole = true }
`,
    ports: { hop: hop.port },
    files: { 'policy.ts': eachRcpt },
  });
  await server.start();
});
after(async () => {
  await server.end();
  await hop.close();
});

interface Part {
  readonly type: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Headers (unfolded, last one wins) and body. */
function split(text: string): Part {
  const at = text.indexOf('\r\n\r\n');
  const lines = text
    .slice(0, at)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
  const headers = new Map(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]));
  return { type: headers.get('content-type') ?? '', headers, body: text.slice(at + 4) };
}

/** A multipart message as its parts; a text that is none is an error. */
function parse(text: string): { top: Part; parts: Part[] } {
  const top = split(text);
  const boundary = /boundary="([^"]+)"/.exec(top.type)?.[1];
  assert.ok(boundary, `no boundary in ${top.type}`);
  const pieces = `\r\n${top.body}`.split(`\r\n--${boundary}`);
  assert.match(pieces.at(-1) ?? '', /^--\r\n/);
  return { top, parts: pieces.slice(1, -1).map((piece) => split(piece.replace(/^\r\n/, ''))) };
}

/** Blocks of fields of a message/delivery-status. */
function status(part: Part | undefined): Map<string, string>[] {
  assert.match(part?.type ?? '', /^message\/delivery-status/);
  return part!.body
    .trim()
    .split('\r\n\r\n')
    .map((block) => split(`${block}\r\n\r\n`).headers as Map<string, string>);
}

async function notices(user: string, count = 1): Promise<string[]> {
  await until(() => mailOf(server, user).length >= count, `${count} notices for ${user}`, 20);
  return mailOf(server, user);
}

test('BNC-02 BNC-12 RFC 3464 a permanent failure is told in one notice with three parts, and its fields say what happened', async () => {
  await handIn(server, ['gone1@far.test', 'good@far.test', 'gone2@far.test'], {
    from: 'first@home.test',
    text: 'Subject: the original\r\nMessage-ID: <o@home.test>\r\n\r\nsecret text',
    mail: ' ENVID=QQ1',
  });
  const [text = '', ...more] = await notices('first');
  assert.equal(more.length, 0);
  assert.match(text, /^Return-Path: <>\r\n/);
  const { top, parts } = parse(text);
  assert.match(top.type, /^multipart\/report; *report-type=delivery-status/);
  assert.equal(top.headers.get('to'), '<first@home.test>');
  assert.match(top.headers.get('from') ?? '', /<mailer-daemon@mx\.impetus\.test>/);
  assert.match(top.headers.get('auto-submitted') ?? '', /^auto-replied/);
  assert.equal(top.headers.get('in-reply-to'), '<o@home.test>');
  assert.equal(parts.length, 3);
  assert.match(parts[0]?.body ?? '', /gone1@far\.test[^]*gone2@far\.test/);
  const [message, ...recipients] = status(parts[1]);
  assert.equal(message?.get('reporting-mta'), 'dns; mx.impetus.test');
  assert.equal(message?.get('original-envelope-id'), 'QQ1');
  assert.ok(message?.has('arrival-date'));
  assert.deepEqual(
    recipients.map((fields) => ['final-recipient', 'action', 'status', 'diagnostic-code'].map((name) => fields.get(name))),
    ['gone1@far.test', 'gone2@far.test'].map((address) => [`rfc822; ${address}`, 'failed', '5.1.1', 'smtp; 550 5.1.1 No such account']),
  );
  assert.match(recipients[0]?.get('remote-mta') ?? '', /127\.0\.0\.1/);
  assert.match(parts[2]?.type ?? '', /^text\/rfc822-headers/);
  assert.match(parts[2]?.body ?? '', /Subject: the original/);
  assert.doesNotMatch(text, /secret text/);
  const [reception] = await mainMatching(server, 'R', 1, ({ fields }) => fields[0] === 'first');
  assert.deepEqual([reception?.fields[2], reception?.fields[3], reception?.fields[6]], ['', '', 'internal']);
});

test('BNC-02 Bounces_Inline_Original chooses what is quoted: all of it, or nothing', async () => {
  await handIn(server, 'gone@full.test', { from: 'full@home.test', text: 'Subject: f\r\n\r\nwhole body' });
  await handIn(server, 'gone@none.test', { from: 'none@home.test', text: 'Subject: n\r\n\r\nwhole body' });
  const full = parse((await notices('full'))[0]!).parts;
  assert.match(full[2]?.type ?? '', /^message\/rfc822/);
  assert.match(full[2]?.body ?? '', /whole body/);
  assert.equal(parse((await notices('none'))[0]!).parts.length, 2);
});

test('A75 a reply of several lines with terminal codes comes into the notice as one clean line', async () => {
  await handIn(server, 'rude@far.test', { from: 'rude@home.test' });
  const [text = ''] = await notices('rude');
  // oxlint-disable-next-line no-control-regex
  assert.doesNotMatch(text, /\x1b/);
  assert.match(status(parse(text).parts[1])[1]?.get('diagnostic-code') ?? '', /^smtp; 550 5\.7\.1 first/);
});

test('A51 BNC-03 mail of the null sender that fails is told to nobody, and a notice that fails makes no other notice', async () => {
  await handIn(server, 'gone@null.test', { from: '' });
  await mainMatching(server, 'P', 1, ({ fields }) => fields[0] === 'null.test');
  // The sender of this one is an account that does not exist: its notice fails in its turn.
  await handIn(server, 'gone@far.test', { from: 'gone@sender.test' });
  await mainMatching(server, 'P', 1, ({ fields }) => fields[0] === 'sender.test');
  await handIn(server, 'gone@far.test', { from: 'later@home.test' });
  await notices('later');
  const internal = mainRecords(server, 'R').filter(({ fields }) => fields[6] === 'internal');
  assert.deepEqual(
    internal.map(({ fields }) => `${fields[0]}@${fields[1]}`).filter((address) => !address.endsWith('@home.test')),
    ['gone@sender.test'],
  );
});

test('RFC 3461 NOTIFY=NEVER and Generate_Bounces = false keep the notice back; NOTIFY=FAILURE asks for it', async () => {
  await handIn(server, 'gone@far.test', { from: 'quiet@home.test', rcpt: ' NOTIFY=NEVER' });
  await handIn(server, 'gone@silent.test', { from: 'quiet@home.test' });
  await handIn(server, 'gone@far.test', { from: 'asked@home.test', rcpt: ' NOTIFY=FAILURE' });
  await notices('asked');
  await mainMatching(server, 'P', 1, ({ fields }) => fields[0] === 'silent.test');
  assert.deepEqual(mailOf(server, 'quiet'), []);
});

test('Q-16 Blackhole inline (and true) refuses at RCPT; internal accepts, fails and tells', async () => {
  assert.equal(await handIn(server, 'u@inline.test'), '551 recipient blackholed');
  assert.equal(await handIn(server, 'u@true.test'), '551 recipient blackholed');
  assert.match(await handIn(server, 'u@hole.test', { from: 'hole@home.test' }), /^250 /);
  const [failure] = await mainMatching(server, 'P', 1, ({ fields }) => fields[0] === 'hole.test');
  assert.equal(failure?.fields.at(-1), '554 5.7.0 [internal] Blackholed');
  assert.match((await notices('hole'))[0]!, /554 5\.7\.0 \[internal\] Blackholed/);
  assert.ok(!hop.commands.some((line) => line.includes('@hole.test')));
});

test('BNC-11 BNC-12 Generate_Delay_DSN, Delay_DSN_Retry_Interval and Delay_DSN_Max_Retry_Interval: whose mail is late hears so, again and again, and the console shows when next', async () => {
  await handIn(server, ['late1@late.test', 'late2@late.test'], {
    from: 'patient@home.test',
    rcpt: ' NOTIFY=DELAY ORCPT=rfc822;first@old.test',
  });
  const [text = ''] = await notices('patient', 2);
  const { top, parts } = parse(text);
  assert.match(top.headers.get('subject') ?? '', /delayed/);
  const [, ...recipients] = status(parts[1]);
  assert.deepEqual(
    recipients.map((fields) =>
      ['original-recipient', 'final-recipient', 'action', 'status', 'diagnostic-code'].map((name) => fields.get(name)),
    ),
    ['late1', 'late2'].map((name) => [
      'rfc822; first@old.test',
      `rfc822; ${name}@late.test`,
      'delayed',
      '4.2.1',
      'smtp; 451 4.2.1 Mailbox busy',
    ]),
  );
  assert.ok(recipients[0]?.has('will-retry-until'));
  const { out } = await command('ec_console', [server.path('control'), 'delay_dsn', 'show', 'pending', 'events']);
  assert.match(out, /^1 pending events:\n\d{4}-\S+Z [0-9A-F/-]+$/m);
});

test('RFC 3461 section 5.2 NOTIFY=SUCCESS: relayed to a server without DSN, delivered into a mailbox of this host', async () => {
  await handIn(server, 'good@far.test', { from: 'glad@home.test', rcpt: ' NOTIFY=SUCCESS' });
  const relayed = status(parse((await notices('glad'))[0]!).parts[1])[1];
  assert.deepEqual(
    ['action', 'status', 'diagnostic-code'].map((name) => relayed?.get(name)),
    ['relayed', '2.0.0', 'smtp; 250 2.0.0 taken'],
  );
  await handIn(server, 'here@home.test', { from: 'sure@home.test', rcpt: ' NOTIFY=SUCCESS,FAILURE' });
  const delivered = status(parse((await notices('sure'))[0]!).parts[1])[1];
  assert.deepEqual(
    ['action', 'status', 'final-recipient'].map((name) => delivered?.get(name)),
    ['delivered', '2.1.5', 'rfc822; here@home.test'],
  );
});

test('BNC-03 MDN_Failures_Notify: the postmaster hears of failed mail that has no sender', async () => {
  await notices('postmaster');
  const [, recipient] = status(parse(mailOf(server, 'postmaster')[0]!).parts[1]);
  assert.equal(recipient?.get('final-recipient'), 'rfc822; gone@null.test');
});

test('BNC-05 Generate_Bounces_For_Multi_Recipient_Policy_Rejections: some refused by policy are told of by mail, all refused is a refusal', async () => {
  assert.match(await handIn(server, ['denied1@far.test', 'good@far.test'], { from: 'some@home.test' }), /^250 /);
  const [, ...recipients] = status(parse((await notices('some'))[0]!).parts[1]);
  assert.deepEqual(
    recipients.map((fields) => ['final-recipient', 'status', 'diagnostic-code'].map((name) => fields.get(name))),
    [['rfc822; denied1@far.test', '5.7.1', 'smtp; 550 5.7.1 denied by policy']],
  );
  await until(() => / P="?each_rcpt"? E=550 M="?policy .*denied by policy/.test(server.read('rejectlog.ec')), 'a line in the reject log');
  assert.match(await handIn(server, ['denied1@far.test', 'denied2@far.test'], { from: 'some@home.test' }), /^550 .*denied by policy$/);
  const client = await SmtpClient.greet(server.ports['quiet']!);
  assert.match(await client.send('quiet5@home.test', ['denied1@far.test', 'good@far.test'], 'Subject: q\r\n\r\nx'), /^250 /);
  await client.quit();
  await handIn(server, ['denied1@far.test', 'good@far.test'], { from: 'after@home.test' });
  await notices('after');
  assert.deepEqual([mailOf(server, 'quiet5'), mailOf(server, 'some').length], [[], 1]);
});

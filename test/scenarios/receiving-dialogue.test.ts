/**
 * The ordinary dialogue: greeting, EHLO, one message, the replies word for word, and what is stored and logged of it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mainMatching } from '../kit/log-lines.ts';
import { maildir, mailOf, onlyMail, whole, withoutTrace } from '../kit/mailbox.ts';
import { SharedServer } from '../kit/shared-server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const shared = new SharedServer({
  conf: `
Relay_Domains = ( "inbox.test" )
ESMTP_Listener {
  Listen "127.0.0.1:{port:smtp}" {}
  Listen "127.0.0.1:{port:coded}" { SMTP_Extensions = ( "ENHANCEDSTATUSCODES" ) Max_Message_Size = 100000 }
  Listen "127.0.0.1:{port:less}" { SMTP_Extensions = ( "-CHUNKING" "-SMTPUTF8" "-DSN" ) }
  Listen "127.0.0.1:{port:static}" { Static_Banner = "220 nobody ESMTP" Require_EHLO = true }
  Listen "127.0.0.1:{port:named}" { Banner_Hostname = "front.test" }
}
Relay_Hosts = ( 127.0.0.9/32 )
${maildir}`,
});
const body = `Subject: x\r\n${whole}\r\ntext\r\n`;
const always = ['PIPELINING', '8BITMIME'];

async function keywords(port: string): Promise<string[]> {
  const client = await SmtpClient.open(shared.port(port));
  await client.reply();
  const lines = (await client.say('EHLO client.test')).split('\n').map((line) => line.slice(4));
  await client.quit();
  return lines.slice(1);
}

test('A session says the documented texts, greeting to goodbye (SMTP-01, LSN-14)', async () => {
  const client = await SmtpClient.open(shared.port());
  assert.match(
    await client.reply(),
    /^220 mx\.impetus\.test ESMTP Impetus \d+\.\d+\.\d+ \w{3}, \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}$/,
  );
  assert.match(await client.say('HELO client.test'), /^250 mx\.impetus\.test says HELO to 127\.0\.0\.1$/);
  assert.match(await client.say('EHLO client.test'), /^250-mx\.impetus\.test says EHLO to 127\.0\.0\.1\n/);
  assert.equal(await client.say('MAIL FROM:<a@client.test>'), '250 MAIL FROM accepted');
  assert.equal(await client.say('RCPT TO:<b@inbox.test>'), '250 RCPT TO accepted.');
  assert.equal(await client.say('DATA'), String.raw`354 continue.  finished with "\r\n.\r\n"`);
  client.write(`${body}.\r\n`);
  assert.match(await client.reply(), /^250 OK [0-9A-F]{2}\/[0-9A-F]{2}-\d{5}-[0-9A-F]{8}$/);
  assert.match(await client.say('QUIT'), /^221 /);
  assert.equal(await client.codesToEnd(), '');
  assert.equal(onlyMail(shared.server, 'b'), body);
});

test('EHLO always offers PIPELINING, 8BITMIME and SIZE, and CHUNKING, SMTPUTF8 and DSN unless removed; the rest only when listed (SMTP-02, EXT-01)', async () => {
  assert.deepEqual(await keywords('smtp'), [...always, 'SIZE', 'CHUNKING', 'SMTPUTF8', 'DSN']);
  assert.deepEqual(await keywords('coded'), [
    'PIPELINING',
    'ENHANCEDSTATUSCODES',
    '8BITMIME',
    'SIZE 100000',
    'CHUNKING',
    'SMTPUTF8',
    'DSN',
  ]);
  assert.deepEqual(await keywords('less'), [...always, 'SIZE']);
  const client = await shared.greet('less');
  for (const line of ['MAIL FROM:<a@client.test> RET=HDRS', 'MAIL FROM:<a@client.test> SMTPUTF8'])
    assert.match(await client.say(line), /^555 /);
  assert.equal(await client.say('AUTH PLAIN'), '500 unrecognized command');
  await client.quit();
});

test('With ENHANCEDSTATUSCODES every reply but greeting, EHLO and 354 carries its code, in the reply and in the record (SMTP-02, SMTP-04)', async () => {
  const client = await shared.greet('coded');
  assert.equal(await client.say('MAIL FROM:<a@client.test>'), '250 2.1.0 MAIL FROM accepted');
  assert.equal(await client.say('RCPT TO:<b@elsewhere.test>'), '550 5.7.1 relaying denied');
  assert.equal(await client.say('FROB'), '500 5.5.2 unrecognized command');
  assert.equal(await client.say('RCPT TO:<coded@inbox.test>'), '250 2.1.5 RCPT TO accepted.');
  assert.match(await client.say('DATA'), /^354 continue/);
  client.write(`${body}.\r\n`);
  assert.match(await client.reply(), /^250 2\.0\.0 OK /);
  await client.quit();
});

test('Static_Banner is the whole greeting, Banner_Hostname its host, and Require_EHLO wants a name before MAIL (LSN-14, SMTP-04)', async () => {
  const plain = await SmtpClient.open(shared.port('static'));
  assert.equal(await plain.reply(), '220 nobody ESMTP');
  assert.equal(await plain.say('MAIL FROM:<a@client.test>'), '550 RFC2821 HELO/EHLO needed');
  await plain.quit();
  const named = await SmtpClient.open(shared.port('named'));
  assert.match(await named.reply(), /^220 front\.test ESMTP /);
  assert.match(await named.say('EHLO c.test'), /^250-front\.test says EHLO/);
  await named.quit();
});

test('Without EHLO mail is taken all the same, with HELO it is "with SMTP", and 8-bit content is as sent (SMTP-16, SMTP-04)', async () => {
  const client = await SmtpClient.open(shared.port());
  await client.reply();
  const eight = `Subject: \xe4\r\n${whole}\r\n\xf6\xfc\xff\r\n`;
  assert.match(await client.send('a@client.test', 'nohelo@inbox.test', eight.slice(0, -2)), /^250 OK/);
  await client.say('HELO old.test');
  assert.match(await client.send('a@client.test', 'helo@inbox.test', eight.slice(0, -2)), /^250 OK/);
  assert.equal(onlyMail(shared.server, 'nohelo'), eight);
  const [stored] = mailOf(shared.server, 'helo');
  assert.match(stored!, /helo=old\.test\)[\s\S]* with SMTP\r\n/);
  assert.equal(withoutTrace(stored!), eight);
  await client.quit();
});

test('Each recipient is a message with an id of its own under one batch and one connection, as the 250 and the R records say (SMTP-03, LOG-10)', async () => {
  const client = await shared.greet();
  const replies = [];
  for (const n of [1, 2])
    replies.push(
      await client.send('Info.Desk@Client.Test', [`one${n}@inbox.test`, `Two${n}@Inbox.Test`, `three${n}@inbox.test`], body.slice(0, -2)),
    );
  await client.quit();
  const batches = replies.map((reply) => /^250 OK (\S+)$/.exec(reply)![1]!);
  const records = await mainMatching(shared.server, 'R', 6, ({ fields }) => /^(?:one|Two|three)\d$/.test(fields[0]!));
  assert.equal(records.length, 6);
  assert.equal(new Set(records.map(({ messageId }) => messageId)).size, 6);
  assert.deepEqual([...new Set(records.map(({ batchId }) => batchId))], batches);
  assert.equal(new Set(records.map(({ connectionId }) => connectionId)).size, 1);
  const [first, second] = records;
  const size = mailOf(shared.server, 'one1')[0]!.length;
  assert.deepEqual(first!.fields, [
    'one1',
    'inbox.test',
    'Info.Desk',
    'Client.Test',
    '127.0.0.1',
    String(size),
    'esmtp',
    'default',
    'default',
  ]);
  assert.deepEqual(second!.fields.slice(0, 2), ['Two1', 'inbox.test']);
  assert.ok(Math.abs(first!.at - Date.now() / 1000) < 3600);
  for (const user of ['one1', 'two1', 'three2']) assert.equal(onlyMail(shared.server, user), body);
});

test('Many messages on one connection, pipelined in groups, are answered in order, each with its own batch (SMTP-03, A27)', async () => {
  const client = await shared.greet();
  const group = `MAIL FROM:<a@client.test>\r\nRCPT TO:<many@inbox.test>\r\nBDAT ${body.length} LAST\r\n${body}`;
  client.write(group.repeat(50));
  const batches = new Set<string>();
  for (let i = 0; i < 50; i++) {
    assert.equal(await client.reply(), '250 MAIL FROM accepted');
    assert.equal(await client.reply(), '250 RCPT TO accepted.');
    batches.add(/^250 OK (\S+)$/.exec(await client.reply())![1]!);
  }
  assert.equal(batches.size, 50);
  assert.equal(mailOf(shared.server, 'many').length, 50);
  await client.quit();
});

/**
 * Who may send to whom: relay_hosts, relay_domains, open_relay, sending domains, and the classic ways round them.
 *
 * The one rule: what is not allowed by name is 550 5.7.1, recorded with the state "relaying denied", and stores nothing.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rejectMatching, rejectRecords } from '../kit/log-lines.ts';
import { mailboxes, maildir, onlyMail, whole } from '../kit/mailbox.ts';
import { SharedServer } from '../kit/shared-server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const shared = new SharedServer({
  conf: `
Relay_Domains = ( "inbox.test" "*.wild.test" "*glob.test" "Case.Test" )
Bounce_Domains = ( "bounces.test" )
Pathway "own" { Relay_Domains = ( "own.test" ) }
ESMTP_Listener {
  SMTP_Extensions = ( "ENHANCEDSTATUSCODES" )
  Listen "127.0.0.1:{port:smtp}" {}
  Listen "127.0.0.1:{port:hosts}" { Relay_Hosts = ( 127.0.0.2/32 127.1.0.0/16 ) }
  Listen "127.0.0.1:{port:open}" { Open_Relay = true }
  Listen "127.0.0.1:{port:senders}" { Relay_For_Sending_Domains = ( "*.foo.test" "bar.test" ) }
  Listen "127.0.0.1:{port:all}" { Relay_For_Sending_Domains = ( ) }
  Listen "127.0.0.1:{port:own}" { Pathway = own }
}
${maildir}`,
});
const denied = '550 5.7.1 relaying denied';
const accepted = '250 2.1.5 RCPT TO accepted.';

async function ask(port: string, sender: string, recipient: string, from?: string): Promise<string> {
  const client = await SmtpClient.open(shared.port(port), from);
  await client.reply();
  await client.codes('EHLO client.test', `MAIL FROM:<${sender}>`);
  const reply = await client.say(`RCPT TO:<${recipient}>`);
  await client.quit();
  return reply;
}

test('Relay domains and bounce domains are let in from anybody, by left-globs and in any case; all else is 550 5.7.1 (SMTP-06, SMTP-07)', async () => {
  for (const domain of [
    'inbox.test',
    'INBOX.Test',
    'a.wild.test',
    'b.a.wild.test',
    'glob.test',
    'badglob.test',
    'a.glob.test',
    'case.test',
    'bounces.test',
  ]) {
    assert.equal(await ask('smtp', 'a@client.test', `b@${domain}`), accepted, domain);
  }
  for (const domain of ['wild.test', 'a.inbox.test', 'badinbox.test', 'glob.test.evil.test', 'elsewhere.test', 'own.test']) {
    assert.equal(await ask('smtp', 'a@client.test', `b@${domain}`), denied, domain);
  }
});

test('A pathway has relay domains of its own in place of the global ones (SMTP-06, LSN-16)', async () => {
  assert.equal(await ask('own', 'a@client.test', 'b@own.test'), accepted);
  assert.equal(await ask('own', 'a@client.test', 'b@inbox.test'), denied);
});

test('Relay_Hosts lets its networks relay anywhere, and no other address (SMTP-06)', async () => {
  for (const [from, expected] of [
    ['127.0.0.1', denied],
    ['127.0.0.2', accepted],
    ['127.1.255.3', accepted],
    ['127.2.0.1', denied],
  ] as const) {
    assert.equal(await ask('hosts', 'a@client.test', 'b@elsewhere.test', from), expected, from);
  }
});

test('Relay_For_Sending_Domains allows by the domain of the sender; its empty value and Open_Relay allow everybody (SMTP-06)', async () => {
  assert.equal(await ask('senders', 'a@x.foo.test', 'b@elsewhere.test'), accepted);
  assert.equal(await ask('senders', 'a@BAR.test', 'b@elsewhere.test'), accepted);
  for (const sender of ['a@foo.test', 'a@evilbar.test', '', 'a@bar.test.evil.test']) {
    assert.equal(await ask('senders', sender, 'b@elsewhere.test'), denied, sender);
  }
  assert.equal(await ask('all', '', 'b@elsewhere.test'), accepted);
  assert.equal(await ask('open', 'a@client.test', 'b@elsewhere.test'), accepted);
});

test('The classic open-relay forms are refused, from strangers to relay domains and to others alike (A33)', async () => {
  const forms = [
    'u@elsewhere.test',
    'u%elsewhere.test@inbox.test',
    'u%elsewhere.test@[127.0.0.1]',
    'u%elsewhere.test%inbox.test@elsewhere.test',
    '"u@elsewhere.test"@inbox.test',
    '"u%elsewhere.test"@inbox.test',
    '"u@elsewhere.test"',
    '"u%elsewhere.test"',
    'u%elsewhere.test',
    'elsewhere.test!u',
    'elsewhere.test!u@inbox.test',
    'inbox.test!u@elsewhere.test',
    'inbox.test!elsewhere.test!u',
    '@inbox.test:u@elsewhere.test',
    '@inbox.test,@mx.impetus.test:u@elsewhere.test',
    '@elsewhere.test:u@inbox.test',
    'u@[127.0.0.1]',
    'u@[IPv6:::1]',
    'u@mx.impetus.test',
    'u@localhost',
    'u@elsewhere.test@inbox.test',
    'u@inbox.test@elsewhere.test',
    'u@inbox.test.',
    'u@elsewhere.test.',
    'u@INBOX.TEST.elsewhere.test',
    'u@inbox.test%00.elsewhere.test',
    '',
  ];
  for (const sender of ['', 'a@client.test', 'u@inbox.test', 'u@mx.impetus.test', 'u@[127.0.0.1]', 'u@localhost']) {
    for (const form of forms) {
      const reply = await ask('smtp', sender, form);
      assert.ok(reply === denied || /^50[013] |^553 /.test(reply) || reply === '', `<${sender}> to <${form}>: ${reply}`);
    }
  }
});

test('A refusal is recorded with its reply, its state and the envelope, and nothing is stored but what was allowed (SMTP-06, SMTP-21, A33)', async () => {
  const client = await shared.greet();
  await client.say('MAIL FROM:<a@client.test>');
  assert.equal(await client.say('RCPT TO:<b@elsewhere.test>'), denied);
  assert.equal(await client.say('RCPT TO:<ok@inbox.test>'), accepted);
  const text = `Subject: x\r\n${whole}\r\ntext\r\n`;
  await client.say('DATA');
  client.write(`${text}.\r\n`);
  assert.match(await client.reply(), /^250 2\.0\.0 OK/);
  await client.quit();
  assert.deepEqual(mailboxes(shared.server), ['ok']);
  assert.equal(onlyMail(shared.server, 'ok'), text);
  const record = await rejectMatching(shared.server, ({ message }) => message.get('rcptto_string') === 'RCPT TO:<b@elsewhere.test>');
  assert.equal(`${record.code} ${record.text}`, denied);
  assert.equal(record.phase, 'relaying denied');
  assert.equal(record.message.get('mailfrom_domain'), 'client.test');
  assert.ok(rejectRecords(shared.server).length > 100);
});

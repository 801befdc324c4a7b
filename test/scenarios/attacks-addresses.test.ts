/**
 * The address zoo: what RFC 5321 allows is accepted and stored under its meaning, everything else is refused at the socket.
 *
 * The one rule: one command names one mailbox or none; no form reaches a domain that is not relayed to.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mainMatching, mainRecords, rejectRecords } from '../kit/log-lines.ts';
import { mailboxes, maildir, onlyMail, whole } from '../kit/mailbox.ts';
import { SharedServer } from '../kit/shared-server.ts';

const shared = new SharedServer({
  conf: `
Relay_Domains = ( "inbox.test" "xn--bcher-kva.test" "*.wild.test" "*glob.test" )
Pathway "lenient" {
  RFC2821_Pedantic_Address_Rules = false
  RFC2821_Allow_Whitespace_In_Envelope = true
  Allow_Trailing_Whitespace_In_Commands = true
}
ESMTP_Listener {
  Listen "127.0.0.1:{port:smtp}" {}
  Listen "127.0.0.1:{port:lenient}" { Pathway = lenient }
  Listen "127.0.0.1:{port:strict}" { Allow_IP_Literal = false Allow_Null_Envelope_Sender = false Require_EHLO = true }
  Listen "127.0.0.1:{port:unqualified}" {
    Domain_For_Unqualified_Recipient_Addresses = "inbox.test"
    Domain_For_Unqualified_Sender_Address = "client.test"
  }
  Listen "127.0.0.1:{port:trusted}" { Relay_Hosts = ( 127.0.0.0/8 ) }
}
${maildir}`,
});
const mail = 'MAIL FROM:<a@client.test>';
const body = `Subject: x\r\n${whole}\r\ntext\r\n`;

/** The code for each RCPT TO of a list, in one transaction. */
async function offer(port: string, paths: readonly string[], parameters = ''): Promise<Map<string, string>> {
  const client = await shared.greet(port);
  assert.match(await client.say(`${mail}${parameters}`), /^250/);
  const codes = new Map<string, string>();
  for (const path of paths) {
    client.write(Buffer.from(`RCPT TO:${path}\r\n`, 'utf8'));
    codes.set(path, (await client.reply()).slice(0, 3));
  }
  await client.quit();
  return codes;
}

function assertAll(codes: ReadonlyMap<string, string>, expected: string): void {
  assert.deepEqual(
    [...codes].filter(([, code]) => code !== expected),
    [],
    `expected ${expected}`,
  );
}

test('Addresses as RFC 5321 has them are accepted: quoted, long, literal for those who may relay, A-labels, any case (A32)', async () => {
  assertAll(
    await offer('smtp', [
      '<b@inbox.test>',
      '<B@INBOX.Test>',
      '<"b c"@inbox.test>',
      String.raw`<"a\"q\ "@inbox.test>`,
      `<${'l'.repeat(64)}@inbox.test>`,
      '<__proto__@inbox.test>',
      '<u@x.wild.test>',
      '<u@badglob.test>',
    ]),
    '250',
  );
  assertAll(
    await offer('trusted', [
      '<u@[127.0.0.1]>',
      '<u@[IPv6:::1]>',
      '<@a.test,@b.test:u@c.test>',
      '<u%x@c.test>',
      '<a!b@c.test>',
      '<constructor@prototype.test>',
    ]),
    '250',
  );
});

test('Addresses that are none are 501: no brackets, bad dots, long parts, bad literals, trailing dots, encoded words, two domains (A32)', async () => {
  assertAll(
    await offer('smtp', [
      '<>',
      '<b>>',
      'b@inbox.test',
      '<b@inbox.test',
      '<b@inbox.test>x',
      '< b@inbox.test>',
      '<b @inbox.test>',
      '<b@@inbox.test>',
      '<b@inbox.test@inbox.test>',
      '<a..b@inbox.test>',
      '<.b@inbox.test>',
      '<b.@inbox.test>',
      `<${'l'.repeat(65)}@inbox.test>`,
      `<b@${'d'.repeat(64)}.inbox.test>`,
      `<b@${'d.'.repeat(130)}inbox.test>`,
      '<b@[999.1.1.1]>',
      '<b@[127.0.0.1>',
      '<b@[IPv6:zz::1]>',
      '<b@-inbox.test>',
      '<b@inbox..test>',
      '<=?utf-8?q?a=40b?=@inbox.test@inbox.test>',
      '<"b@inbox.test>',
      '<b"c@inbox.test>',
      '<@a.test:>',
      '<b@__proto__>',
    ]),
    '501',
  );
});

test('8-bit addresses without SMTPUTF8 are refused; with it U-labels mean their A-labels and homoglyphs are another domain (A32)', async () => {
  assert.match((await offer('smtp', ['<b@bücher.test>'])).get('<b@bücher.test>')!, /^5/);
  const codes = await offer(
    'smtp',
    ['<b@bücher.test>', '<b@xn--bcher-kva.test>', '<jürgen@inbox.test>', '<b@іnbox.test>', '<b@inbox。test>'],
    ' SMTPUTF8',
  );
  assert.equal(codes.get('<b@bücher.test>'), '250');
  assert.equal(codes.get('<b@xn--bcher-kva.test>'), '250');
  assert.equal(codes.get('<jürgen@inbox.test>'), '250');
  assert.equal(codes.get('<b@іnbox.test>'), '550', 'the first letter is Cyrillic');
});

test('allow_trailing_whitespace, whitespace in the envelope and relaxed address rules admit what strictness refuses (SMTP-11, SMTP-12)', async () => {
  const paths = [' <b@inbox.test>', '<b@inbox.test> ', '<a..b@inbox.test>', '<ab.@inbox.test>', '<b@inbox.test >', '< b@inbox.test>'];
  assertAll(await offer('smtp', paths), '501');
  assertAll(await offer('lenient', paths), '250');
});

test('Literals, null senders and MAIL before EHLO are refused where the options say so (SMTP-10, SMTP-04)', async () => {
  const codes = await offer('strict', ['<b@[127.0.0.1]>']);
  assert.equal(codes.get('<b@[127.0.0.1]>'), '501');
  const client = await shared.greet('strict');
  assert.match(await client.say('MAIL FROM:<>'), /^550 /);
  assert.match(await client.say('MAIL FROM:<a@[192.0.2.1]>'), /^501 /);
  await client.quit();
  const open = await shared.greet();
  assert.equal(await open.codes('MAIL FROM:<>', 'RCPT TO:<null@inbox.test>', 'RSET', 'MAIL FROM:<a@[192.0.2.1]>'), '250 250 250 250');
  await open.quit();
});

test('Unqualified addresses get the domain of the options in the envelope, and the headers stay as written (SMTP-13)', async () => {
  assert.equal((await offer('smtp', ['<b>'])).get('<b>'), '501');
  const client = await shared.greet('unqualified');
  const text = `From: info\r\nTo: short\r\n${body}`;
  assert.match(await client.send('info', 'short', text.slice(0, -2)), /^250 OK/);
  await client.quit();
  assert.equal(onlyMail(shared.server, 'short'), text);
  const [record] = await mainMatching(shared.server, 'R', 1, ({ fields }) => fields[0] === 'short');
  assert.deepEqual(record!.fields.slice(0, 4), ['short', 'inbox.test', 'info', 'client.test']);
});

test('Local parts that are paths, dots or keys of objects name plain mailboxes or none; nothing is written elsewhere (A32)', async () => {
  const client = await shared.greet();
  const users = ['__proto__', 'constructor', 'tostring', 'hasownproperty'];
  for (const user of users) assert.match(await client.send('a@client.test', `${user}@inbox.test`, body.slice(0, -2)), /^250 OK/);
  for (const user of users) assert.equal(onlyMail(shared.server, user), body);
  await client.say(mail);
  for (const local of ['"../../evil"', '"."', '".."', '"a/b"', '"/etc/passwd"', String.raw`"\."`]) {
    assert.match(await client.say(`RCPT TO:<${local}@inbox.test>`), /^550 /, local);
  }
  await client.quit();
  assert.deepEqual(mailboxes(shared.server), [...users, 'short'].sort());
});

test('Every line of the logs parses after the zoo, and addresses in them are what was meant (A32, A75)', async () => {
  await mainMatching(shared.server, 'R', 5);
  assert.equal(mainRecords(shared.server).length, 5);
  assert.ok(rejectRecords(shared.server).length > 30);
});

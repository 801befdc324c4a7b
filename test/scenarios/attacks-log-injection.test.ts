/**
 * What a peer writes into names and addresses in the hope that a log, its reader or a terminal obeys.
 *
 * The one rule: every line of every log parses by the strict grammars of the kit, has the fields of its kind, and no more
 * lines are there than things that happened.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linesOf, mainMatching, mainRecords, panicTexts, rejectMatching, rejectRecords } from '../kit/log-lines.ts';
import { maildir, onlyMail, mailOf, whole } from '../kit/mailbox.ts';
import { SharedServer } from '../kit/shared-server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const shared = new SharedServer({
  conf: `
Relay_Domains = ( "inbox.test" )
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
${maildir}`,
});
const nasty = [
  '\r',
  '\n',
  '\x1b[2J\x1b]0;pwned\x07',
  '"',
  '\\',
  '@',
  ',',
  ']',
  '] CTXMESS=[x=y] ',
  '%s%n',
  '\xff\xfe',
  '\xc3\x28',
  '\u202e',
  '\u2028',
  '\x00',
  '\x7f',
  '\x85',
  ' ',
];

function bytesOf(text: string): Buffer {
  return Buffer.from(text, /[^\x00-\xff]/.test(text) ? 'utf8' : 'latin1'); // oxlint-disable-line no-control-regex
}

test('Control characters, quotes, separators and broken UTF-8 in EHLO, MAIL, RCPT and unknown commands leave whole lines only (A75)', async () => {
  for (const bad of nasty) {
    const client = await SmtpClient.open(shared.port());
    await client.reply();
    for (const line of [
      `EHLO x${bad}y`,
      'EHLO client.test',
      `MAIL FROM:<a${bad}b@client.test>`,
      `MAIL FROM:<"a${bad}b"@client.test> SMTPUTF8`,
      'RSET',
      'MAIL FROM:<a@client.test> SMTPUTF8',
      `RCPT TO:<x${bad}y@elsewhere.test>`,
      `RCPT TO:<"x${bad}y"@elsewhere.test>`,
      `RCPT TO:<x@else${bad}where.test>`,
      `${bad}`,
      `VRFY ${bad}`,
    ]) {
      client.write(Buffer.concat([bytesOf(line), Buffer.from('\r\n')]));
      assert.match(await client.reply(), /^[2345]\d\d/, JSON.stringify(line));
    }
    await client.quit();
  }
  await rejectMatching(shared.server, ({ text }) => text.includes('relaying denied'));
  const records = rejectRecords(shared.server);
  assert.ok(records.length > 20);
  assert.ok(records.every(({ code, remote }) => code >= 400 && /^127\.0\.0\.1:\d+$/.test(remote)));
});

test('A quoted local part with separators is one field, escaped, and reads back as it was sent (A75, LOG-01, LOG-10)', async () => {
  const client = await shared.greet();
  const sender = String.raw`"a@b\"c\\d e"@client.test`;
  const text = `Subject: =?utf-8?q?x?=\r\n${whole}X-Evil: \x1b[31m"@\\\r\n\r\ntext\r\n`;
  assert.match(await client.send(sender, 'plain@inbox.test', text.slice(0, -2)), /^250 OK/);
  const [record] = await mainMatching(shared.server, 'R', 1);
  assert.equal(record!.fields[2], String.raw`"a@b\"c\\d e"`);
  assert.equal(record!.fields[3], 'client.test');
  assert.equal(record!.fields[4], '127.0.0.1');
  assert.match(record!.fields[5]!, /^\d+$/);
  assert.deepEqual(record!.fields.slice(6), ['esmtp', 'default', 'default']);
  assert.equal(onlyMail(shared.server, 'plain'), text);
  await client.quit();
});

test('The line a client sent stands whole in its reject record, whatever is in it (A75, CTX-04)', async () => {
  const client = await shared.greet();
  const line = String.raw`RCPT TO:<"a, b=\"c\"] x\\"@elsewhere.test>`;
  assert.equal(await client.codes('MAIL FROM:<a@client.test>', line), '250 550');
  const record = await rejectMatching(shared.server, ({ message }) => message.get('rcptto_string') === line);
  assert.equal(record.message.get('rcptto_localpart'), 'a, b="c"] x\\');
  assert.equal(record.message.get('rcptto_domain'), 'elsewhere.test');
  await client.quit();
});

test('Names and headers of a message stand in its Received header in a form that ends no header line (A75, SMTP-16)', async () => {
  const client = await SmtpClient.open(shared.port());
  await client.reply();
  await client.say('EHLO [IPv6:::1]');
  assert.match(await client.send(String.raw`"a\"(b)\\"@client.test`, 'trace@inbox.test', `Subject: x\r\n${whole}\r\ntext`), /^250 OK/);
  const [message] = mailOf(shared.server, 'trace');
  const head = message!.slice(0, message!.indexOf('Subject: x'));
  assert.match(
    head,
    /^Return-Path: <[^\r\n]+>\r\nReceived: from \[127\.0\.0\.1\] \(\[127\.0\.0\.1:\d+\] helo=\[IPv6:::1\]\)\r\n(?:\t[^\r\n]+\r\n){3}$/,
  );
  await client.quit();
});

test('There are as many lines as things that happened, and nothing went to the paniclog (A75)', async () => {
  await mainMatching(shared.server, 'R', 2);
  assert.equal(mainRecords(shared.server).length, 2);
  assert.equal(linesOf(shared.server, 'mainlog.ec').length, 2);
  assert.deepEqual(
    panicTexts(shared.server).filter((text) => !text.includes('security fixes')),
    [],
  );
});

/**
 * Lines that are no commands, commands out of order, other protocols, group commands: answered, bounded, never executed.
 *
 * The one rule: after each case the session is either closed or works as before, and no case stores a message.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mainRecords, rejectMatching, rejectRecords } from '../kit/log-lines.ts';
import { maildir, mailboxes, onlyMail, whole } from '../kit/mailbox.ts';
import { run } from '../kit/server.ts';
import { SharedServer } from '../kit/shared-server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const shared = new SharedServer({
  conf: `
Relay_Domains = ( "inbox.test" )
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
${maildir}`,
});
const mail = 'MAIL FROM:<a@client.test>';
const rcpt = 'RCPT TO:<b@inbox.test>';
const small = `Subject: x\r\n${whole}\r\ntext\r\n`;

/** Connects without a word and gives everything that is said to `bytes`, until the server closes. */
async function sayAndListen(bytes: string): Promise<{ greeting: string; codes: string }> {
  const client = await SmtpClient.open(shared.port());
  const greeting = await client.reply();
  client.write(bytes);
  const codes = await client.codesToEnd();
  client.socket.destroy();
  return { greeting, codes };
}

test('A command line over the cap is 500 once and the session lives; one without an end is 500 once and the connection ends (A17)', async () => {
  const client = await shared.greet();
  assert.equal(await client.say(`NOOP ${'x'.repeat(5000)}`), '500 command line too long');
  assert.equal(await client.say(`NOOP ${'x'.repeat(500)}`), '250 OK');
  let sent = 0;
  const piece = Buffer.alloc(16_384, 'y');
  while (!client.isClosed && sent < 64 * 1024 * 1024) {
    await client.writeDrained(piece);
    sent += piece.length;
    await new Promise((done) => setImmediate(done));
  }
  assert.ok(sent < 4 * 1024 * 1024, `${sent} octets were read of a line without an end`);
  assert.equal(await client.codesToEnd(), '500');
});

test('NUL, control characters, 8-bit octets and broken UTF-8 in a command are 500 or 501, and the session lives (A18)', async () => {
  const client = await shared.greet();
  for (const line of [
    'NO\0OP',
    '\0',
    'NOOP \x07',
    'NOOP \xff\xfe',
    'NOOP \xc3\x28',
    '\x80\x81',
    'HELP \x1b[2J',
    'EHLO \xe4.test',
    'VRFY \0',
  ]) {
    assert.match(await client.say(line), /^50[01] /, JSON.stringify(line));
  }
  for (const line of [
    'MAIL FROM:<a\0@client.test>',
    'MAIL FROM:<\xc3\x28@client.test>',
    'RCPT TO:<b\x7f@inbox.test>',
    'MAIL FROM:<a@\xff.test>',
  ]) {
    assert.match(await client.say(line), /^501 /, JSON.stringify(line));
  }
  assert.match(await client.say('MAIL FROM:<\xc3\xa4@client.test>'), /^553 /, '8-bit addresses want SMTPUTF8');
  assert.equal(await client.codes('NOOP', mail, rcpt, 'RSET'), '250 250 250 250');
  await client.quit();
});

test('A lone CR or LF in a command line is one 500, and nothing behind it is executed (A18, A32)', async () => {
  const client = await shared.greet();
  await client.codes(mail);
  for (const line of ['RCPT TO:<b@inbox.test>\nRCPT TO:<x@inbox.test>', 'NOOP\rQUIT', 'NOOP\nQUIT', 'RSET\n\nRSET']) {
    assert.match(await client.say(line), /^50[01] /, JSON.stringify(line));
  }
  assert.equal(await client.say('DATA'), '503 DATA without RCPT TO', 'the transaction is as it was');
  await client.quit();
});

test('DATA, BDAT and RCPT out of order are 503; after a failed MAIL and after failed RCPTs too (A19, SMTP-04)', async () => {
  const client = await shared.greet();
  assert.equal(await client.say('DATA'), '503 DATA without MAIL FROM');
  assert.equal(await client.say('BDAT 6 LAST\r\nQUIT'), '503 DATA without MAIL FROM');
  assert.equal(await client.say(rcpt), '503 RCPT TO without MAIL FROM');
  assert.match(await client.say('MAIL FROM:<a@@client.test>'), /^501 MAIL FROM syntax error/);
  assert.equal(await client.say(rcpt), '503 RCPT TO without MAIL FROM');
  assert.equal(await client.codes(mail, 'RCPT TO:<x@elsewhere.test>', 'RCPT TO:<>'), '250 550 501');
  assert.equal(await client.say('DATA'), '503 DATA without RCPT TO');
  assert.equal(await client.say(mail), '501 MAIL FROM already established');
  assert.equal(await client.say('RSET'), '250 OK');
  assert.equal(await client.say(rcpt), '503 RCPT TO without MAIL FROM');
  await client.quit();
});

test('The documented texts for arguments that do not belong there (SMTP-04)', async () => {
  const client = await shared.greet();
  assert.equal(await client.say('DATA now'), '501 unexpected argument to DATA');
  assert.equal(await client.say('RSET all'), '501 invalid arguments to RSET');
  assert.equal(await client.say('QUIT now'), '501 Syntax error (no parameters allowed)');
  assert.equal(await client.say('EHLO'), '501 invalid EHLO');
  assert.equal(await client.say('HELO'), '501 invalid HELO');
  assert.equal(await client.say('MAIL a@client.test'), '501 MAIL FROM syntax error');
  assert.equal(await client.say('RCPT b@inbox.test'), '501 RCPT TO syntax error');
  assert.equal(await client.say('FROBNICATE'), '500 unrecognized command');
  assert.equal(await client.say(''), '500 unrecognized command');
  await client.quit();
});

test('A second EHLO, HELO or LHLO in a transaction ends it and makes the capabilities anew (A26)', async () => {
  const client = await shared.greet();
  await client.codes(mail, rcpt);
  assert.match(await client.say('EHLO again.test'), /^250-.*\n(?:.*\n)*250-CHUNKING$/m);
  assert.equal(await client.say('DATA'), '503 DATA without MAIL FROM');
  await client.codes(mail, rcpt);
  assert.match(await client.say('HELO again.test'), /^250 [^\n]*$/);
  assert.equal(await client.say('DATA'), '503 DATA without MAIL FROM');
  assert.match(await client.say(`${mail} SIZE=100`), /^555 /, 'HELO offers no SIZE');
  await client.say('EHLO again.test');
  await client.codes(mail, rcpt);
  assert.equal(await client.say('LHLO again.test'), '500 unrecognized command');
  assert.match(await client.say('DATA'), /^354/);
  client.write('.\r\n');
  assert.match(await client.reply(), /^550 /);
  await client.quit();
});

test('Commands pipelined behind a DATA that is refused are a body nobody wants: the reply, then the end (A27)', async () => {
  const { codes } = await sayAndListen(`EHLO c.test\r\n${mail}\r\nDATA\r\nSubject: x\r\n\r\nMAIL FROM:<evil@client.test>\r\n.\r\nQUIT\r\n`);
  assert.equal(codes, '250 250 503');
});

test('A message pipelined behind DATA before 354 is that message, and what follows its dot are commands (A27)', async () => {
  const group = `EHLO c.test\r\n${mail}\r\nRCPT TO:<eager@inbox.test>\r\nDATA\r\n${small}.\r\nNOOP\r\nQUIT\r\nQUIT\r\nNOOP\r\n`;
  const { codes } = await sayAndListen(group);
  assert.equal(codes, '250 250 250 354 250 250 221', 'nothing is answered behind QUIT');
  assert.equal(onlyMail(shared.server, 'eager'), small);
});

test('A client that talks before the banner is greeted and answered in order, and its refusals are recorded (A27)', async () => {
  const client = await SmtpClient.open(shared.port());
  client.write(`EHLO eager.test\r\n${mail}\r\nRCPT TO:<x@elsewhere.test>\r\nQUIT\r\n`);
  assert.equal(await client.codesToEnd(), '220 250 250 550 221');
  const record = await rejectMatching(shared.server, ({ connection }) => connection.get('ehlo_domain') === 'eager.test');
  assert.equal(record.code, 550);
});

test('HTTP, a TLS ClientHello, an SSH banner on the SMTP port: 5xx and the end, and no line of them is executed (A28)', async () => {
  const hidden = `EHLO x\r\n${mail}\r\nRCPT TO:<alpaca@inbox.test>\r\nDATA\r\n${small}.\r\nQUIT\r\n`;
  for (const first of [
    'GET / HTTP/1.1',
    'POST / HTTP/1.1',
    'PUT /x HTTP/1.0',
    'Host: victim.test',
    'User-Agent: x',
    'CONNECT a:25 HTTP/1.1',
    'SSH-2.0-OpenSSH_9.2',
  ]) {
    const { codes } = await sayAndListen(`${first}\r\nContent-Length: 1000\r\n\r\n${hidden}`);
    assert.equal(codes, '554', first);
  }
  const { codes } = await sayAndListen(`\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${'\0'.repeat(100)}\r\n${hidden}`);
  assert.equal(codes, '554');
  assert.ok(!mailboxes(shared.server).includes('alpaca'));
});

test('curl with http:// and openssl s_client against the SMTP port get their refusal and the server goes on (A28)', async () => {
  const http = await run('curl', ['--silent', '--show-error', '--http0.9', '--max-time', '10', `http://127.0.0.1:${shared.port()}/`]);
  assert.match(http.out + http.err, /^220 .*\r\n554 this is an SMTP server\r\n$/s);
  const tls = await run('openssl', ['s_client', '-connect', `127.0.0.1:${shared.port()}`]);
  assert.notEqual(tls.code, 0);
  const client = await shared.greet();
  assert.equal(await client.say('NOOP'), '250 OK');
  await client.quit();
});

test('MAIL and RCPT with duplicate, contradictory, unknown or absurd parameters are 501, 552 or 555, never obeyed (A29)', async () => {
  const client = await shared.greet();
  for (const [parameters, code] of [
    ['SIZE=1 SIZE=2', '501'],
    ['BODY=7BIT BODY=8BITMIME', '501'],
    ['BODY=7BIT BODY=BINARYMIME', '5'],
    ['BODY=', '501'],
    ['SIZE=99999999999999999999', '552'],
    ['SIZE=-1', '501'],
    ['SIZE=0x10', '501'],
    ['RET=FULL RET=HDRS', '501'],
    ['UNKNOWN=1', '555'],
    ['AUTH=<>', '555'],
    ['__proto__=1', '5'],
    ['=1', '501'],
    ['  SIZE=1', '501'],
    ['SIZE=1,BODY=7BIT', '501'],
  ] as const) {
    const reply = await client.say(`${mail} ${parameters}`);
    assert.ok(reply.startsWith(code), `${parameters}: ${reply}`);
  }
  await client.say(mail);
  for (const parameters of ['NOTIFY=NEVER,SUCCESS', 'NOTIFY=NEVER NOTIFY=SUCCESS', 'NOTIFY=', 'SIZE=1', 'ORCPT=x', 'constructor=1']) {
    assert.match(await client.say(`${rcpt} ${parameters}`), /^5(01|55) /, parameters);
  }
  await client.quit();
});

test('xtext that smuggles control characters, lone plus signs, or 10 KB of it is 501 and reaches no log as it is (A30)', async () => {
  const client = await shared.greet();
  for (const value of ['+00', 'a+0D+0Ab', '+', 'a+', '+4', '+zz', '+0a', 'a=b', 'x'.repeat(10_000), 'ä']) {
    assert.match(await client.say(`${mail} ENVID=${value}`), /^50[01] /, `ENVID=${value.slice(0, 40)}`);
  }
  await client.say(mail);
  for (const value of ['rfc822;+00', 'rfc822;a+0D+0A', 'rfc822;+', ';x', 'rfc822', `rfc822;${'x'.repeat(10_000)}`]) {
    assert.match(await client.say(`${rcpt} ORCPT=${value}`), /^50[01] /, `ORCPT=${value.slice(0, 40)}`);
  }
  assert.equal(
    await client.codes(`${rcpt} ORCPT=rfc822;b+2Bc@inbox.test NOTIFY=FAILURE,DELAY`, 'RSET', `${mail} RET=HDRS ENVID=QQ314159`),
    '250 250 250',
  );
  await client.quit();
});

test('Of all this nothing was stored but what was meant, and every line of the logs parses (A17-A30)', async () => {
  await rejectMatching(shared.server, ({ text }) => text === '5.5.1 this is an SMTP server');
  assert.deepEqual(mailboxes(shared.server), ['eager']);
  assert.equal(mainRecords(shared.server).length, 1);
  assert.ok(rejectRecords(shared.server).length > 10);
});

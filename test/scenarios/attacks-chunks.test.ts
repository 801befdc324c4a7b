/**
 * BDAT as an attacker sends it: sizes that are none, chunks that never end, chunks given up, commands between them.
 *
 * The one rule: octets of a chunk are never commands, and a message exists only when its last chunk was read whole.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mainMatching, rejectMatching } from '../kit/log-lines.ts';
import { drafts, maildir, mailboxes, mailOf, onlyMail, whole } from '../kit/mailbox.ts';
import { residentKb } from '../kit/process.ts';
import { SharedServer } from '../kit/shared-server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const shared = new SharedServer({
  conf: `
Relay_Domains = ( "inbox.test" )
ESMTP_Listener {
  Listen "127.0.0.1:{port:smtp}" {}
  Listen "127.0.0.1:{port:plain}" { SMTP_Extensions = ( "-CHUNKING" ) }
}
${maildir}`,
});
const mail = 'MAIL FROM:<a@client.test>';
const head = `Subject: x\r\n${whole}\r\n`;

async function begin(user: string, port = 'smtp'): Promise<SmtpClient> {
  const client = await shared.greet(port);
  assert.equal(await client.codes(mail, `RCPT TO:<${user}@inbox.test>`), '250 250');
  return client;
}

function chunk(text: string, last = false): string {
  return `BDAT ${text.length}${last ? ' LAST' : ''}\r\n${text}`;
}

test('A message in chunks arrives byte for byte, whole or octet by octet: dots, CRLF . CRLF and NUL are content (A14, A12)', async () => {
  const body = '.dot\r\n.\r\n..two\r\n\0\r\nMAIL FROM:<evil@client.test>\r\n.\r\nQUIT\r\n';
  const bytes = `${chunk(head)}${chunk(body.slice(0, 9))}${chunk(body.slice(9))}${chunk('', true)}QUIT\r\n`;
  for (const [user, pieces] of [
    ['chunks', [bytes]],
    ['octets', bytes],
  ] as const) {
    const client = await begin(user);
    await client.writePieces(pieces);
    assert.equal(await client.codesToEnd(), '250 250 250 250 221');
    assert.equal(onlyMail(shared.server, user), head + body);
  }
});

test('A size that is none, negative, hexadecimal, exponential or beyond 2^31 and 2^53 is 501 or 552, and what follows is never executed (A21)', async () => {
  for (const size of [
    '',
    ' ',
    ' -1',
    ' 1e9',
    ' 0x10',
    ' 4294967297',
    ' 9007199254740993',
    ` ${'9'.repeat(40)}`,
    ' 5 6',
    ' LAST',
    ' 5 LAST LAST',
    ' +5',
    ' ٣',
  ]) {
    const client = await begin('sizes');
    client.write(Buffer.from(`BDAT${size}\r\n${head}.\r\nMAIL FROM:<evil@client.test>\r\nQUIT\r\n`));
    assert.match(await client.codesToEnd(), /^5(00|01|52)$/, `BDAT${size}`);
  }
});

test('Ten thousand empty chunks and then 0 LAST make one message and leave no history behind (A21)', async () => {
  const client = await begin('empties');
  client.write(chunk(`${head}text\r\n`));
  assert.match(await client.reply(), /^250 /);
  const before = residentKb(shared.server.pid);
  const replies = (async () => {
    for (let i = 0; i < 10_000; i++) assert.equal(await client.reply(), '250 chunk received');
  })();
  for (let i = 0; i < 100; i++) await client.writeDrained(Buffer.from('BDAT 0\r\n'.repeat(100)));
  await replies;
  assert.ok(residentKb(shared.server.pid) - before < 20_000);
  assert.match(await client.say('BDAT 0 LAST'), /^250 OK/);
  assert.equal(onlyMail(shared.server, 'empties'), `${head}text\r\n`);
  await client.quit();
});

test('Fewer octets than announced and then the end of the connection make no message (A22)', async () => {
  const client = await begin('cut');
  client.write(chunk(head));
  assert.match(await client.reply(), /^250 /);
  client.write(`BDAT 1000 LAST\r\n${'x'.repeat(999)}`);
  client.socket.end();
  assert.equal(await client.codesToEnd(), '');
  const whole = await begin('cut2');
  whole.write(chunk(`${head}text\r\n`, true));
  assert.match(await whole.reply(), /^250 OK/);
  assert.ok(!mailboxes(shared.server).includes('cut'));
  await whole.quit();
});

test('Near-limit chunks begun and given up by RSET again and again are shown out with 421, in bounded memory (A22)', async () => {
  const before = residentKb(shared.server.pid);
  const piece = Buffer.from(chunk(head + 'y'.repeat(4_000_000)));
  const client = await shared.greet();
  let rounds = 0;
  let last = '';
  for (; rounds < 1000 && !last.startsWith('421') && !client.isClosed; rounds++) {
    await client.codes(mail, 'RCPT TO:<reset@inbox.test>');
    await client.writeDrained(piece);
    last = await client.reply();
    if (last.startsWith('250')) last = await client.say('RSET');
  }
  assert.match(last, /^421 allocated resources exceeded/);
  assert.ok(rounds < 200, `${rounds} rounds of 4 MB were allowed`);
  assert.ok(residentKb(shared.server.pid) - before < 120_000);
  const record = await rejectMatching(shared.server, ({ code }) => code === 421);
  assert.match(record.remote, /^127\.0\.0\.1:\d+$/);
});

test('BDAT behind DATA is body, DATA, MAIL and RCPT between chunks are refused, and the chunks go on (A23)', async () => {
  const client = await begin('between');
  assert.match(await client.say('DATA'), /^354/);
  client.write(`${head}BDAT 5 LAST\r\nabcde\r\n.\r\n`);
  assert.match(await client.reply(), /^250 OK/);
  assert.equal(onlyMail(shared.server, 'between'), `${head}BDAT 5 LAST\r\nabcde\r\n`);
  await client.codes(mail, 'RCPT TO:<between2@inbox.test>');
  client.write(chunk(head));
  assert.match(await client.reply(), /^250 /);
  assert.equal(await client.say('DATA'), '503 bad sequence of commands');
  assert.equal(await client.say(mail), '501 MAIL FROM already established');
  assert.equal(await client.say('RCPT TO:<late@inbox.test>'), '503 bad sequence of commands');
  client.write(chunk('text\r\n', true));
  assert.match(await client.reply(), /^250 OK/);
  assert.equal(onlyMail(shared.server, 'between2'), `${head}text\r\n`);
  await client.quit();
});

test('Where CHUNKING was removed BDAT is 500, and the octets of its chunk are no commands (A23, EXT-01)', async () => {
  const client = await begin('none', 'plain');
  client.write(chunk('MAIL FROM:<evil@client.test>\r\nQUIT\r\n'));
  assert.equal(await client.reply(), '500 unrecognized command');
  assert.equal(await client.say('NOOP'), '250 OK');
  await client.quit();
});

test('Only the messages that were finished are recorded (A21, A22, A23, LOG-10)', async () => {
  const expected = ['between', 'between2', 'chunks', 'cut2', 'empties', 'octets'];
  await mainMatching(shared.server, 'R', expected.length);
  const records = await mainMatching(shared.server, 'R', expected.length);
  assert.deepEqual(records.map(({ fields }) => fields[0]).sort(), expected);
  // Large bodies begin on the disk before they are finished: the folder may be there, but nothing in it.
  const held = mailboxes(shared.server).filter((user) => mailOf(shared.server, user).length > 0);
  assert.deepEqual(held, expected);
  assert.deepEqual(drafts(shared.server), []);
});

/**
 * Bodies of unusual lines and shapes: very long lines, empty messages, no header, mbox separators.
 *
 * The one rule: what is accepted arrives byte for byte; what is refused leaves nothing; memory does not follow the length.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { residentKb } from '../kit/process.ts';
import { maildir, mailOf, onlyMail, whole } from '../kit/mailbox.ts';
import { SharedServer } from '../kit/shared-server.ts';

const shared = new SharedServer({
  conf: `
Relay_Domains = ( "inbox.test" )
Pathway "strict" { RFC2822_Max_Line_Length = pedantic }
Pathway "folding" { RFC2822_Max_Line_Length = fix }
Pathway "short" { RFC2822_Max_Line_Length = 500 RFC2822_Max_Line_Length_Policy = reject }
Pathway "lenient" { RFC2822_Missing_Headers = allow }
ESMTP_Listener {
  Listen "127.0.0.1:{port:smtp}" {}
  Listen "127.0.0.1:{port:strict}" { Pathway = strict }
  Listen "127.0.0.1:{port:folding}" { Pathway = folding }
  Listen "127.0.0.1:{port:short}" { Pathway = short }
  Listen "127.0.0.1:{port:lenient}" { Pathway = lenient }
  Listen "127.0.0.1:{port:small}" { Max_Message_Size = 2000 }
}
${maildir}`,
});

const head = `Subject: x\r\n${whole}\r\n`;
let serial = 0;

/** Sends a body (dots stuffed by the caller) to a new mailbox: the reply and what arrived. */
async function send(port: string, body: string, parameters = ''): Promise<{ reply: string; mail: string[] }> {
  const user = `u${serial++}`;
  const client = await shared.greet(port);
  assert.equal(await client.codes(`MAIL FROM:<a@client.test>${parameters}`, `RCPT TO:<${user}@inbox.test>`, 'DATA'), '250 250 354');
  client.write(`${body}.\r\n`);
  const reply = await client.reply();
  await client.quit();
  return { reply, mail: reply.startsWith('250') ? [onlyMail(shared.server, user)] : mailOf(shared.server, user) };
}

test('Body lines of 998, 999, 1000 and a million octets arrive as sent by default, and one of dots stays one line of dots (A15)', async () => {
  for (const length of [998, 999, 1000, 1_000_000]) {
    const { mail } = await send('smtp', `${head}${'x'.repeat(length)}\r\n..${'.'.repeat(length - 1)}\r\nend\r\n`);
    assert.deepEqual(mail, [`${head}${'x'.repeat(length)}\r\n${'.'.repeat(length)}\r\nend\r\n`], String(length));
  }
});

test('rfc2822_max_line_length=pedantic refuses body and header lines over 998 octets, a number with the policy reject its own (A15, SMTP-04, SMTP-14)', async () => {
  for (const length of [998, 999, 1000, 1_000_000]) {
    const body = await send('strict', `${head}${'x'.repeat(length)}\r\n`);
    const header = await send('strict', `X-Long: ${'x'.repeat(length - 8)}\r\n${head}text\r\n`);
    if (length === 998) {
      assert.equal(body.reply.slice(0, 3) + header.reply.slice(0, 3), '250250');
    } else {
      assert.equal(body.reply, '550 Body line too long (see RFC2822 section 3.5)');
      assert.equal(header.reply, '550 Header line too long (see RFC2822 section 3.5)');
      assert.deepEqual([...body.mail, ...header.mail], []);
    }
  }
  assert.match((await send('short', `${head}${'x'.repeat(500)}\r\n`)).reply, /^250/);
  assert.match((await send('short', `${head}${'x'.repeat(501)}\r\n`)).reply, /^550/);
});

test('rfc2822_max_line_length=fix folds, loses nothing, and no fold begins with a dot or is a line of one dot (A15, SMTP-14)', async () => {
  for (const text of ['x'.repeat(10_000), 'word '.repeat(3000), `${'x'.repeat(998)}${'.'.repeat(5000)}`]) {
    const { mail } = await send('folding', `X-Long: ${'word '.repeat(500)}end\r\n${head}${text}\r\n`);
    const lines = mail[0]!.split('\r\n');
    assert.ok(lines.every((line) => line.length <= 998 && line !== '.'));
    assert.ok(lines.length > 5);
    const bodyText = mail[0]!.slice(mail[0]!.indexOf('\r\n\r\n') + 4).replaceAll('\r\n', '');
    assert.equal(bodyText.replaceAll(' ', ''), text.replaceAll(' ', ''));
  }
});

test('A line of 120 MB without an end is taken or refused in flat memory (A15)', async () => {
  const user = 'endless';
  const before = residentKb(shared.server.pid);
  const client = await shared.greet();
  await client.codes('MAIL FROM:<a@client.test>', `RCPT TO:<${user}@inbox.test>`, 'DATA');
  client.write(head);
  const piece = Buffer.alloc(1024 * 1024, 'x');
  for (let i = 0; i < 120; i++) await client.writeDrained(piece);
  client.write('\r\n.\r\n');
  assert.match(await client.reply(), /^250 /);
  const grown = residentKb(shared.server.pid) - before;
  assert.ok(grown < 80_000, `the server grew by ${grown} kB`);
  assert.equal(onlyMail(shared.server, user).length, head.length + 120 * 1024 * 1024 + 2);
  await client.quit();
});

test('An empty message, one of one dot, no header, no blank line, mbox separators: 250 with its bytes or a documented 550 (A16, SMTP-04)', async () => {
  const shapes: readonly (readonly [string, string])[] = [
    ['', '550 Required headers not found (see RFC2822 section 3.6)'],
    ['..\r\n', '550 Required headers not found (see RFC2822 section 3.6)'],
    ['just a text\r\nof two lines\r\n', '550 Required headers not found (see RFC2822 section 3.6)'],
    ['From someone Mon Jan  1 00:00:00 2024\r\nSubject: x\r\n\r\ntext\r\n', '550 Required headers not found (see RFC2822 section 3.6)'],
    [`>From ${'x'.repeat(1_000_000)}\r\nSubject: x\r\n\r\ntext\r\n`, '550 Required headers not found (see RFC2822 section 3.6)'],
    ['\r\ntext\r\n', '550 Required headers not found (see RFC2822 section 3.6)'],
    [' folded first\r\nSubject: x\r\n\r\ntext\r\n', '550 Invalid header found (see RFC2822 section 3.6)'],
    ['Subject: x\r\nno header\r\n\r\ntext\r\n', '550 Invalid header found (see RFC2822 section 3.6)'],
  ];
  for (const [body, refusal] of shapes) {
    const { reply, mail } = await send('smtp', body);
    assert.equal(reply, refusal, JSON.stringify(body.slice(0, 40)));
    assert.deepEqual(mail, []);
  }
  const { reply, mail } = await send('smtp', `Subject: headers only\r\n${whole}`);
  assert.match(reply, /^250 /);
  assert.deepEqual(mail, [`Subject: headers only\r\n${whole}`]);
});

test('rfc2822_missing_headers=allow takes the same shapes as bodies behind the headers of the server (A16, SMTP-14)', async () => {
  const long = `>From ${'x'.repeat(1_000_000)}\r\n`;
  const shapes: readonly (readonly [string, string])[] = [
    ['', ''],
    ['..x\r\n', '\r\n.x\r\n'],
    ['just a text\r\n', '\r\njust a text\r\n'],
    ['From someone\r\ntext\r\n', '\r\nFrom someone\r\ntext\r\n'],
    [long, `\r\n${long}`],
    ['\r\ntext\r\n', '\r\ntext\r\n'],
  ];
  for (const [body, expected] of shapes) {
    const { reply, mail } = await send('lenient', body);
    assert.match(reply, /^250 /, JSON.stringify(body.slice(0, 40)));
    const added = /^Date: [^\r\n]+\r\nMessage-ID: <[^\r\n]+>\r\n/.exec(mail[0]!)?.[0] ?? '';
    assert.notEqual(added, '');
    assert.equal(mail[0]!.slice(added.length), expected);
  }
});

test('The size limit counts every octet that was sent, header, dots and line ends: 552 and nothing stored (A16, SMTP-04)', async () => {
  const room = 2000 - head.length;
  assert.match((await send('small', `${head}${'x'.repeat(room - 2)}\r\n`)).reply, /^250 /);
  assert.equal((await send('small', `${head}${'x'.repeat(room - 1)}\r\n`)).reply, '552 message size limit exceeded');
  const { reply, mail } = await send('small', `${head}${'\r\n'.repeat(room)}`);
  assert.equal(reply, '552 message size limit exceeded');
  assert.deepEqual(mail, []);
  const client = await shared.greet('small');
  assert.equal(await client.say('MAIL FROM:<a@client.test> SIZE=2001'), '552 message size limit exceeded');
  assert.match(await client.say('MAIL FROM:<a@client.test> SIZE=2000'), /^250/);
  await client.quit();
});

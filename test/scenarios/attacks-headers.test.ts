/**
 * Header bombs and MIME monsters: kept byte for byte in bounded memory and time, or refused by a documented reply.
 *
 * The one rule: a server that does not have to look into MIME does not: what arrives is what was sent.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { residentKb } from '../kit/process.ts';
import { maildir, mailOf, onlyMail, whole, withoutTrace } from '../kit/mailbox.ts';
import { SharedServer } from '../kit/shared-server.ts';

const shared = new SharedServer({
  conf: `
Relay_Domains = ( "inbox.test" )
Pathway "strict" { RFC2822_Date_Header = pedantic }
Pathway "bare" { RFC2822_Date_Header = ignore RFC2822_MessageID_Header = ignore RFC2822_Trace_Headers = false }
ESMTP_Listener {
  Listen "127.0.0.1:{port:smtp}" {}
  Listen "127.0.0.1:{port:strict}" { Pathway = strict }
  Listen "127.0.0.1:{port:bare}" { Pathway = bare }
  Listen "127.0.0.1:{port:named}" { Received_Hostname = "front.test" Banner_Hostname = "banner.test" }
}
${maildir}`,
});
let serial = 0;

async function send(message: string, port = 'smtp'): Promise<{ reply: string; user: string }> {
  const user = `h${serial++}`;
  const client = await shared.greet(port);
  const stuffed = message.replace(/(^|\r\n)\./g, '$1..');
  await client.codes('MAIL FROM:<a@client.test>', `RCPT TO:<${user}@inbox.test>`, 'DATA');
  await client.writeDrained(Buffer.from(`${stuffed}.\r\n`, 'latin1'));
  const reply = await client.reply();
  await client.quit();
  return { reply, user };
}

async function arrives(message: string, why: string): Promise<void> {
  const { reply, user } = await send(message);
  assert.match(reply, /^250 OK/, why);
  assert.ok(onlyMail(shared.server, user) === message, `${why}: changed on the way`);
}

test('A hundred thousand headers, a header of 1 MB, 100,000 addresses in To: as sent, in bounded memory (A47)', async () => {
  const bombs: Readonly<Record<string, string>> = {
    '100,000 headers': `${whole}${'X-A: b\r\n'.repeat(100_000)}\r\ntext\r\n`,
    'a header of 1 MB': `${whole}X-Long: ${'x'.repeat(1_000_000)}\r\n\r\ntext\r\n`,
    '100,000 addresses': `${whole}To: a@b.test${',\r\n a@b.test'.repeat(100_000)}\r\n\r\ntext\r\n`,
    '100,000 folds': `${whole}X-Folded: a${'\r\n b'.repeat(100_000)}\r\n\r\ntext\r\n`,
  };
  for (const [why, message] of Object.entries(bombs)) await arrives(message, why);
  // A second round on the warm server must find room in what the first one used.
  const before = residentKb(shared.server.pid);
  for (const [why, message] of Object.entries(bombs)) await arrives(message, why);
  assert.ok(residentKb(shared.server.pid) - before < 40_000);
});

test('Names of 997, 998 and 1000 characters, __proto__, empty and odd values, control characters in values: as sent or 550 5.6.0 (A47, SMTP-04)', async () => {
  for (const name of ['n'.repeat(77), 'n'.repeat(997), 'n'.repeat(998), '__proto__', 'constructor', 'a!#$%&']) {
    await arrives(`${name}: v\r\n${whole}\r\ntext\r\n`, name.slice(0, 20));
  }
  for (const value of ['', ' ', '\t', '\x01\x02\x1b[2J', '\xff\xfe', '\0', ':::', 'Date: nested'])
    await arrives(`X-V:${value}\r\n${whole}\r\ntext\r\n`, JSON.stringify(value));
  for (const header of ['No colon here', ': no name', 'Sp ace: x', '\xc3\xa9: x', '\0: x', `${'n'.repeat(2000)}: v`]) {
    const { reply, user } = await send(`${whole}${header}\r\n\r\ntext\r\n`);
    assert.equal(reply, '550 Invalid header found (see RFC2822 section 3.6)', header.slice(0, 20));
    assert.deepEqual(mailOf(shared.server, user), []);
  }
});

test('MIME of any depth and cyclic, empty, malformed or nameless parts is not looked into and arrives as it is (A48)', async () => {
  const deep = Array.from({ length: 10_000 }, (_, i) => `--b${i}\r\nContent-Type: multipart/mixed; boundary=b${i + 1}\r\n\r\n`).join('');
  const monsters: Readonly<Record<string, string>> = {
    'depth 10,000': `Content-Type: multipart/mixed; boundary=b0\r\n${whole}\r\n${deep}`,
    'cyclic boundaries': `Content-Type: multipart/mixed; boundary="a"\r\n${whole}\r\n--a\r\nContent-Type: multipart/mixed; boundary="a"\r\n\r\n--a\r\n--a--\r\n`,
    'prefix boundaries': `Content-Type: multipart/mixed; boundary="a"\r\n${whole}\r\n--ab\r\n\r\n--a\r\n\r\n--abc--\r\n--a--\r\n`,
    'only line ends': `Content-Type: multipart/mixed; boundary=x\r\n${whole}\r\n--x\r\n${'\r\n'.repeat(10_000)}--x--\r\n`,
    'nothing in it': `Content-Type: multipart/mixed; boundary=\r\n${whole}\r\n`,
    continuations: `Content-Type: text/plain; ${Array.from({ length: 1000 }, (_, i) => `n*${i}*=%41`).join(';\r\n ')}\r\n${whole}\r\nx\r\n`,
    'bad base64 and quoted-printable': `Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: quoted-printable\r\n${whole}\r\n====\r\n=ZZ=\r\n.=\r\n`,
    '8-bit': `Content-Type: text/plain\r\n${whole}\r\n${String.fromCharCode(...Array.from({ length: 242 }, (_, i) => i + 14))}\r\n`,
  };
  for (const [why, message] of Object.entries(monsters)) await arrives(message, why);
});

test('Dates of the year 0, of the year 9999, of no calendar and none at all: kept, added where missing, refused with pedantic (A65, SMTP-14)', async () => {
  for (const date of ['Mon, 1 Jan 0000 00:00:00 +0000', 'Fri, 31 Dec 9999 23:59:60 -9959', 'yesterday', '', '99999999999999999999']) {
    await arrives(`Date: ${date}\r\nMessage-ID: <1@client.test>\r\n\r\ntext\r\n`, date);
  }
  const { user } = await send('Subject: no date\r\n\r\ntext\r\n');
  const added =
    /^Subject: no date\r\nDate: (\w{3}, \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4})\r\nMessage-ID: <([0-9A-F]{2})\.([0-9A-F]{2})\.(\d{5})\.([0-9A-F]{8})@mx\.impetus\.test>\r\n\r\ntext\r\n$/.exec(
      onlyMail(shared.server, user),
    );
  assert.ok(added, onlyMail(shared.server, user));
  assert.ok(!Number.isNaN(Date.parse(added[1]!)));
  assert.equal(
    (await send('Subject: no date\r\n\r\ntext\r\n', 'strict')).reply,
    '550 Missing required RFC2822 Date field (see RFC2822 section 3.6)',
  );
});

test('Trace headers: Return-Path is replaced, one Received is added in the documented form, and none of it where they are off (SMTP-16, SMTP-17, LSN-14, LSN-15)', async () => {
  const message = `Return-Path: <forged@client.test>\r\nReceived: from a by b; yesterday\r\n${whole}rEtUrN-pAtH: <forged@client.test>\r\n\tfolded\r\nSubject: x\r\n\r\ntext\r\n`;
  const { user, reply } = await send(message, 'named');
  const [stored] = mailOf(shared.server, user);
  const id = /^250 OK (.*)$/.exec(reply)![1]!;
  assert.match(id, /^[0-9A-F]{2}\/[0-9A-F]{2}-\d{5}-[0-9A-F]{8}$/);
  const trace = new RegExp(
    `^Return-Path: <a@client\\.test>\\r\\nReceived: from \\[127\\.0\\.0\\.1\\] \\(\\[127\\.0\\.0\\.1:\\d+\\] helo=client\\.test\\)\\r\\n\\tby front\\.test \\(envelope-from <a@client\\.test>\\)\\r\\n\\t\\(Impetus [\\d.]+\\) with ESMTP\\r\\n\\tid ${id}; [^\\r\\n]+\\r\\n`,
  );
  assert.match(stored!, trace);
  assert.equal(withoutTrace(stored!), `Received: from a by b; yesterday\r\n${whole}Subject: x\r\n\r\ntext\r\n`);
  const off = await send(`Return-Path: <forged@client.test>\r\nSubject: x\r\n\r\ntext\r\n`, 'bare');
  assert.deepEqual(mailOf(shared.server, off.user), ['Return-Path: <forged@client.test>\r\nSubject: x\r\n\r\ntext\r\n']);
});

test('A message that went through a hundred servers is going round and is refused (A52, SMTP-04)', async () => {
  const { reply, user } = await send(`${'Received: from a by b; now\r\n'.repeat(101)}${whole}\r\ntext\r\n`);
  assert.equal(reply, '554 too many hops');
  assert.deepEqual(mailOf(shared.server, user), []);
});

/**
 * Postfix, Exim and Dovecot's LMTP as receivers: content byte for byte, the parameters of DSN, addresses in UTF-8.
 *
 * The one rule: what counts is what they keep in their own files, and what they understood of the envelope.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasDovecot, startDovecot } from '../kit/dovecot.ts';
import { hasExim, startExim } from '../kit/exim.ts';
import { mainMatching, mainRecords } from '../kit/log-lines.ts';
import { whole } from '../kit/mailbox.ts';
import { handIn } from '../kit/outgoing.ts';
import { startPostfix } from '../kit/postfix.ts';
import { hasProgram, startServer, until, type Server } from '../kit/server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';
import { kept, trickyBodies } from '../kit/tricky-bodies.ts';

const hasPostfix = hasProgram('postfix') && process.getuid?.() === 0;
const common = `
Relay_Hosts = ( 127.0.0.1 )
Retry_Interval = 3600
Send_8BITMIME = ifavailable
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
`;

/** Hands in each tricky body once for each domain, and gives what should be kept of each, by its X-Case. */
async function handInAll(server: Server, domains: readonly string[]): Promise<Map<string, string>> {
  const expected = new Map<string, string>();
  const client = await SmtpClient.greet(server.ports['smtp']!);
  for (const domain of domains)
    for (const [i, body] of trickyBodies.entries()) {
      assert.equal(await client.codes(`MAIL FROM:<m${i}@client.test>`, `RCPT TO:<u@${domain}>`), '250 250');
      const bytes = Buffer.from(`X-Case: ${domain} ${i}\r\n${whole}\r\n${body}`, 'latin1');
      await client.writeDrained(Buffer.concat([Buffer.from(`BDAT ${bytes.length} LAST\r\n`), bytes]));
      assert.match(await client.reply(), /^250 /);
      expected.set(`${domain} ${i}`, kept(body));
    }
  await client.quit();
  return expected;
}

/** Every message is there once and whole, and nothing else is. */
async function compare(server: Server, mail: () => string[], expected: ReadonlyMap<string, string>): Promise<void> {
  await until(
    () => mail().length >= expected.size,
    () => `${expected.size} messages, ${mail().length} are there; ${mainRecords(server, 'T').length} were deferred`,
  );
  await mainMatching(server, 'D', expected.size);
  assert.equal(mainRecords(server).length, 2 * expected.size, 'nothing was tried twice or refused');
  assert.equal(mail().length, expected.size);
  const found = new Map(mail().map((text) => [/^X-Case: (.*)$/m.exec(text)?.[1], text.slice(text.indexOf('\n\n') + 2)]));
  for (const [name, body] of expected) assert.ok(found.get(name) === body, `${name}: ${JSON.stringify(found.get(name)?.slice(0, 200))}`);
}

test(
  'A13, A14: Exim gets each message once and whole, by DATA and by BDAT, and never one that was hidden in another',
  { skip: !hasExim },
  async (t) => {
    const exim = await startExim(t);
    const server = await startServer(t, {
      conf: `${common}
Domain "chunks.test" { Routes = ( "127.0.0.1:{port:chunks}" ) }
Domain "data.test" { Routes = ( "127.0.0.1:{port:data}" ) }
`,
      ports: exim.ports,
    });
    await compare(server, () => exim.mail, await handInAll(server, ['chunks.test', 'data.test']));
  },
);

test('OUT-40, A13: Dovecot gets each message once and whole over LMTP, by port and by Unix socket', { skip: !hasDovecot }, async (t) => {
  const dovecot = await startDovecot(t);
  const server = await startServer(t, {
    conf: `${common}
Delivery_Method = LMTP
Domain "port.test" { LMTP_Port = {port:lmtp} Routes = ( "127.0.0.1" ) }
Domain "socket.test" { Routes = ( "unix:${dovecot.socket}" ) }
`,
    ports: { lmtp: dovecot.port },
  });
  await compare(server, () => dovecot.mail('u'), await handInAll(server, ['port.test', 'socket.test']));
  // Several recipients at once, each with an answer of its own.
  assert.match(await handIn(server, ['one@port.test', 'two@port.test'], { from: '' }), /^250 /);
  await until(() => dovecot.mail('one').length === 1 && dovecot.mail('two').length === 1, 'both mailboxes');
});

test(
  'RFC 3461, RFC 6531, RFC 6152: Exim understands the envelope that we pass on: RET, ENVID, NOTIFY, ORCPT, SMTPUTF8, BODY',
  { skip: !hasExim },
  async (t) => {
    const exim = await startExim(t);
    const server = await startServer(t, { conf: `${common}Routes = ( "127.0.0.1:{port:chunks}" )\n`, ports: exim.ports });
    const rcpt = ' NOTIFY=FAILURE,DELAY ORCPT=rfc822;first+2Bone@x.test';
    const text = 'Subject: gr\xc3\xbc\xc3\x9fe\r\n\r\n\xc3\xa9t\xc3\xa9';
    const mail = ' BODY=8BITMIME RET=HDRS ENVID=QQ+2B1 SMTPUTF8';
    assert.match(await handIn(server, 'j\xc3\xb6rg@exim.test', { from: 's\xc3\xa9nder@client.test', mail, rcpt, text }), /^250 /);
    await until(() => exim.mail.length === 1, 'the message');
    const [got = ''] = exim.mail;
    assert.match(got, /^X-Mail: MAIL FROM:<s\xc3\xa9nder@client\.test>/m);
    for (const part of [/SMTPUTF8/, /BODY=8BITMIME/, /RET=HDRS/, /ENVID=QQ\+2B1/, /SIZE=\d+/])
      assert.match(/^X-Mail: (.*)$/m.exec(got)?.[1] ?? '', part);
    const said = /^X-Rcpt: (.*)$/m.exec(got)?.[1] ?? '';
    for (const part of [/<j\xc3\xb6rg@exim\.test>/, /NOTIFY=FAILURE,DELAY/, /ORCPT=rfc822;first\+2Bone@x\.test/]) assert.match(said, part);
    assert.match(got, /^Subject: gr\xc3\xbc\xc3\x9fe$/m);
    assert.match(got, /\n\n\xc3\xa9t\xc3\xa9\n$/);
  },
);

test(
  'RFC 3461, RFC 6531: Postfix tells of a success with the ENVID and ORCPT that we passed on, and takes an address in UTF-8',
  { skip: !hasPostfix },
  async (t) => {
    const postfix = await startPostfix(t);
    const server = await startServer(t, { conf: `${common}Routes = ( "127.0.0.1:{port:chunks}" )\n`, ports: postfix.ports });
    const letter = { from: 'owner@victim.test', mail: ' RET=HDRS ENVID=id+2B7', rcpt: ' NOTIFY=SUCCESS ORCPT=rfc822;orig@x.test' };
    assert.match(await handIn(server, 'u@chunks.test', letter), /^250 /);
    await until(
      () => postfix.mail.length === 2,
      () => `the message and the notice: ${postfix.mail.length}`,
    );
    const notice = postfix.mail.find((text) => text.includes('delivery-status')) ?? '';
    assert.match(notice, /^Original-Envelope-Id: id\+7$/m);
    assert.match(notice, /^Original-Recipient: rfc822;\s*orig@x\.test$/m);
    assert.match(notice, /^Action: delivered$/m);
    assert.doesNotMatch(notice, /^hello$/m, 'RET=HDRS: headers alone');
    assert.match(await handIn(server, 'j\xc3\xb6rg@chunks.test', { mail: ' SMTPUTF8', text: 'Subject: \xc3\xa9\r\n\r\nx' }), /^250 /);
    await until(() => postfix.mail.some((text) => text.includes('j\xc3\xb6rg@chunks.test')), 'the message in UTF-8');
  },
);

test(
  'RFC 6531: Dovecot has no SMTPUTF8: a UTF-8 address fails with the plain word and is not mangled',
  { skip: !hasDovecot },
  async (t) => {
    const dovecot = await startDovecot(t);
    const server = await startServer(t, {
      conf: `${common}Delivery_Method = LMTP\nRoutes = ( "127.0.0.1:{port:lmtp}" )\n`,
      ports: { lmtp: dovecot.port },
    });
    assert.match(await handIn(server, 'j\xc3\xb6rg@utf.test', { from: '', mail: ' SMTPUTF8' }), /^250 /);
    const [failure] = await mainMatching(server, 'P', 1);
    assert.equal(failure?.fields.at(-1), '550 5.6.7 [internal] SMTPUTF8 required but not advertised');
  },
);

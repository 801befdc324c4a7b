/**
 * The bytes that could make two messages of one, handed to a real Postfix: what it keeps is what was sent, message for message.
 *
 * The one rule: Postfix decides here where a message ends. It is skipped where Postfix is not installed or we are not root.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mainMatching, mainRecords } from '../kit/log-lines.ts';
import { whole } from '../kit/mailbox.ts';
import { startPostfix } from '../kit/postfix.ts';
import { hasProgram, startServer, until } from '../kit/server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';
import { kept, trickyBodies as bodies } from '../kit/tricky-bodies.ts';

const isReady = hasProgram('postfix') && process.getuid?.() === 0;

test(
  'A13 A14 Postfix gets each message once and whole, by DATA and by BDAT, and never one that was hidden in another',
  { skip: !isReady },
  async (t) => {
    const postfix = await startPostfix(t);
    const server = await startServer(t, {
      conf: `
Relay_Hosts = ( 127.0.0.1 )
Retry_Interval = 1
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
Domain "chunks.test" { Routes = ( "127.0.0.1:{port:chunks}" ) }
Domain "data.test" { Routes = ( "127.0.0.1:{port:data}" ) }
`,
      ports: postfix.ports,
    });
    const client = await SmtpClient.greet(server.ports['smtp']!);
    for (const door of ['chunks', 'data'])
      for (const [i, body] of bodies.entries()) {
        assert.equal(await client.codes(`MAIL FROM:<m${i}@client.test>`, `RCPT TO:<u@${door}.test>`), '250 250');
        const bytes = Buffer.from(`X-Case: ${door} ${i}\r\n${whole}\r\n${body}`, 'latin1');
        await client.writeDrained(Buffer.concat([Buffer.from(`BDAT ${bytes.length} LAST\r\n`), bytes]));
        assert.match(await client.reply(), /^250 /);
      }
    await client.quit();
    const count = bodies.length * 2;
    await until(
      () => postfix.mail.length >= count,
      () => `${count} messages at Postfix, ${postfix.mail.length} are there`,
    );
    assert.equal((await mainMatching(server, 'D', count)).length, count);
    assert.equal(mainRecords(server).length, 2 * count, 'nothing was tried twice or refused');
    const mail = postfix.mail;
    assert.equal(mail.length, count);
    assert.ok(!mail.some((text) => /^Return-Path: <evil/m.test(text) || /^Delivered-To: b@victim/m.test(text)));
    const byCase = new Map(mail.map((text) => [/^X-Case: (.*)$/m.exec(text)?.[1], text.slice(text.indexOf('\n\n') + 2)]));
    for (const door of ['chunks', 'data'])
      for (const [i, body] of bodies.entries())
        assert.ok(byCase.get(`${door} ${i}`) === kept(body), `${door} ${i}: ${JSON.stringify(byCase.get(`${door} ${i}`)?.slice(0, 200))}`);
  },
);

/**
 * Memory above its marks: bodies are let go first, then new mail is refused, and all is well again below them.
 *
 * The one rule: the marks are moved by reloads, so that the test needs no memory to waste; what was accepted is never lost.
 * Not here: how much memory is in use (the loop's own tests).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { panicMatching } from '../kit/log-lines.ts';
import { maildir, onlyMail, whole } from '../kit/mailbox.ts';
import { startServer, until } from '../kit/server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const conf = (marks: string) => `
Relay_Domains = ( "inbox.test" )
${marks}
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
${maildir}`;
const body = `Subject: x\r\n${whole}\r\ntext\r\n`;

test('Above Memory_HWM new connections hear 421 4.3.4 and a message in progress is finished; below it mail is taken again, all without a restart (A63, SMTP-19)', async (t) => {
  const server = await startServer(t, { conf: conf('') });
  const port = server.ports['smtp']!;
  const inside = await SmtpClient.greet(port);
  assert.equal(await inside.codes('MAIL FROM:<a@client.test>', 'RCPT TO:<begun@inbox.test>', 'DATA'), '250 250 354');

  server.configure(conf('Memory_Goal = 0 Memory_HWM = 0'));
  server.signal('SIGHUP');
  await panicMatching(server, /above Memory_HWM: new mail is refused/);
  const late = await SmtpClient.open(port);
  assert.equal(await late.reply(), '421 allocated resources exceeded');
  assert.equal(await late.codesToEnd(), '');
  inside.write(`${body}.\r\n`);
  assert.match(await inside.reply(), /^250 OK/);
  assert.equal(onlyMail(server, 'begun'), body);
  assert.match(await inside.say('MAIL FROM:<a@client.test>'), /^4(?:21|52) /);
  inside.socket.destroy();

  server.configure(conf(''));
  server.signal('SIGHUP');
  await until(async () => {
    const client = await SmtpClient.open(port);
    if (!(await client.reply()).startsWith('220')) return false;
    await client.say('EHLO client.test');
    assert.match(await client.send('a@client.test', 'after@inbox.test', body.slice(0, -2)), /^250 OK/);
    await client.quit();
    return true;
  }, 'mail to be taken again');
  assert.equal(onlyMail(server, 'after'), body);
});

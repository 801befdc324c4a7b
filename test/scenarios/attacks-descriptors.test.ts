/**
 * More connections than the process may have files: it survives, says so, and goes on when there is room again.
 *
 * The one rule: the limit is a real one (prlimit), the connections are real, and mail that comes in between is either refused
 * or durable, never half taken.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { panicMatching, panicTexts } from '../kit/log-lines.ts';
import { maildir, mailOf, onlyMail, whole } from '../kit/mailbox.ts';
import { run, startServer, until } from '../kit/server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const body = `Subject: x\r\n${whole}\r\ntext\r\n`;

test('Out of descriptors the server keeps running, says so once, does not spin, and takes mail again when connections end (A61)', async (t) => {
  const server = await startServer(t, {
    conf: `
Relay_Domains = ( "inbox.test" )
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
${maildir}`,
    limits: 'nofile=160:160',
  });
  const port = server.ports['smtp']!;
  const clients: SmtpClient[] = [];
  for (let i = 0; i < 400; i++) {
    const client = await SmtpClient.open(port).catch(() => undefined);
    if (client !== undefined) clients.push(client);
  }
  await panicMatching(server, /accepting rests/);
  assert.equal(server.child!.exitCode, null);
  const [before] = await Promise.all([cpuTicks(server.pid), new Promise((done) => setTimeout(done, 500))]);
  const spent = (await cpuTicks(server.pid)) - before;
  assert.ok(spent < 40, `${spent} ticks of processor time in half a second of doing nothing`);

  const [first] = clients;
  assert.match(await first!.reply(), /^220 /);
  await first!.say('EHLO first.test');
  const during = await first!.send('a@client.test', 'during@inbox.test', body.slice(0, -2));
  assert.match(during, /^(?:250 OK|452 |451 )/);
  assert.equal(mailOf(server, 'during').length, during.startsWith('250') ? 1 : 0);
  assert.equal(panicTexts(server).filter((text) => text.includes('accepting rests')).length, 1, 'said once, not for each connection');

  for (const client of clients) client.socket.destroy();
  let answer = '';
  await until(
    async () => {
      const client = await SmtpClient.open(port).catch(() => undefined);
      if (client === undefined || (await client.reply()) === '') return false;
      await client.say('EHLO client.test');
      answer = await client.send('a@client.test', 'after@inbox.test', body.slice(0, -2));
      await client.quit();
      return answer.startsWith('250');
    },
    () => `mail to be taken again; the last answer was ${JSON.stringify(answer)}`,
  );
  assert.equal(onlyMail(server, 'after'), body);
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
});

async function cpuTicks(pid: number): Promise<number> {
  const { out } = await run('cat', [`/proc/${pid}/stat`]);
  const fields = out.slice(out.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

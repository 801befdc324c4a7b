/**
 * Recipients by the thousand: limits, time that grows with the number, and one message for each of them.
 *
 * The one rule: limits answer 421 with the texts of the response table, and what was accepted before the limit still goes through.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mainMatching, rejectMatching } from '../kit/log-lines.ts';
import { residentKb } from '../kit/process.ts';
import { maildir, mailOf, onlyMail, whole } from '../kit/mailbox.ts';
import { SharedServer } from '../kit/shared-server.ts';

const shared = new SharedServer({
  conf: `
Relay_Domains = ( "inbox.test" )
ESMTP_Listener {
  Listen "127.0.0.1:{port:smtp}" {}
  Listen "127.0.0.1:{port:message}" { Max_Recipients_Per_Message = 3 }
  Listen "127.0.0.1:{port:connection}" { Max_Recipients_Per_Connection = 4 }
  Listen "127.0.0.1:{port:receptions}" { Max_Receptions_Per_Connection = 2 }
}
${maildir}`,
});
const mail = 'MAIL FROM:<a@client.test>';
const body = `Subject: x\r\n${whole}\r\ntext\r\n`;

async function data(client: { say(line: string): Promise<string>; write(bytes: string): void; reply(): Promise<string> }): Promise<string> {
  assert.match(await client.say('DATA'), /^354/);
  client.write(`${body}.\r\n`);
  return client.reply();
}

test('Max_Recipients_Per_Message: the recipient over the limit is 421 4.5.3, those before it are delivered (SMTP-05, A31)', async () => {
  const client = await shared.greet('message');
  assert.equal(
    await client.codes(mail, 'RCPT TO:<m1@inbox.test>', 'RCPT TO:<m2@inbox.test>', 'RCPT TO:<m3@inbox.test>'),
    '250 250 250 250',
  );
  for (let i = 0; i < 100; i++) {
    assert.equal(await client.say(`RCPT TO:<m${i + 4}@inbox.test>`), '421 Service unavailable, recipients per message limit reached');
  }
  assert.match(await data(client), /^250 OK/);
  for (const user of ['m1', 'm2', 'm3']) assert.equal(onlyMail(shared.server, user), body);
  assert.equal(await client.codes(mail, 'RCPT TO:<m1@inbox.test>'), '250 250', 'the next message counts anew');
  await client.quit();
});

test('Max_Recipients_Per_Connection counts over messages and answers 421 4.5.3 (SMTP-05, A31)', async () => {
  const client = await shared.greet('connection');
  for (const user of ['c1', 'c2']) {
    assert.equal(await client.codes(mail, `RCPT TO:<${user}@inbox.test>`, `RCPT TO:<${user}x@inbox.test>`), '250 250 250');
    assert.match(await data(client), /^250 OK/);
  }
  assert.equal(await client.say(mail), '421 Service unavailable, recipients per connection limit reached');
  assert.equal(await client.codesToEnd(), '');
  const record = await rejectMatching(shared.server, ({ text }) => text.endsWith('recipients per connection limit reached'));
  assert.equal(`${record.code} ${record.text.slice(0, 5)} ${record.phase}`, '421 4.5.3 awaiting mailfrom');
});

test('Max_Receptions_Per_Connection answers the MAIL FROM behind the last message with 421 4.5.3 (SMTP-05)', async () => {
  const client = await shared.greet('receptions');
  assert.match(await client.send('a@client.test', 'r1@inbox.test', body), /^250 OK/);
  assert.match(await client.send('a@client.test', 'r2@inbox.test', body), /^250 OK/);
  assert.equal(await client.say(mail), '421 Service unavailable, batch limit reached');
  assert.equal(await client.codesToEnd(), '');
});

test('The same recipient again and again is as many messages in one batch, each with an id of its own (A31, SMTP-03)', async () => {
  const client = await shared.greet();
  const names = Array.from({ length: 200 }, (_, i) => `n${i}@inbox.test`);
  client.write(`${mail}\r\n${[...names, ...names.map(() => 'same@inbox.test')].map((name) => `RCPT TO:<${name}>\r\n`).join('')}`);
  for (let i = 0; i < 401; i++) assert.match(await client.reply(), /^250 /);
  assert.match(await data(client), /^250 OK/);
  assert.equal(mailOf(shared.server, 'same').length, 200);
  for (const i of [0, 100, 199]) assert.equal(onlyMail(shared.server, `n${i}`), body);
  const records = await mainMatching(shared.server, 'R', 400, ({ fields }) => /^(?:n\d+|same)$/.test(fields[0]!));
  assert.equal(new Set(records.map(({ messageId }) => messageId)).size, 400);
  assert.equal(new Set(records.map(({ batchId }) => batchId)).size, 1);
  assert.equal(new Set(records.map(({ connectionId }) => connectionId)).size, 1);
  await client.quit();
});

test('Twenty thousand recipients, refused and accepted in turn, pipelined: every one is answered, memory stays small, the server is quick for others (A31)', async () => {
  const before = residentKb(shared.server.pid);
  const client = await shared.greet();
  await client.say(mail);
  const other = await shared.greet();
  const answered = (async () => {
    let accepted = 0;
    for (let i = 0; i < 20_000; i++) if ((await client.reply()).startsWith('250 ')) accepted++;
    return accepted;
  })();
  for (let i = 0; i < 20_000; i += 500) {
    const lines = Array.from({ length: 500 }, (_, k) => `RCPT TO:<u${i + k}@${k % 2 === 0 ? 'inbox' : 'elsewhere'}.test>\r\n`);
    await client.writeDrained(Buffer.from(lines.join('')));
    assert.equal(await other.say('NOOP'), '250 OK');
  }
  assert.equal(await answered, 10_000);
  assert.ok(residentKb(shared.server.pid) - before < 60_000);
  assert.equal(await client.say('RSET'), '250 OK');
  await Promise.all([client.quit(), other.quit()]);
});

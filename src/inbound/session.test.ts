/**
 * A whole session, from the greeting to the message in the spool.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codes, settle, World } from '../../test/kit/inbound.ts';

const MESSAGE = ['Subject: hello', 'Date: Mon, 1 Jan 2024 00:00:00 +0000', 'Message-ID: <1@a.test>', '', 'Hello.', '.'];

test('A client is greeted, says its message, and hears 250 with the batch id once it is durable (LSN-14, SMTP-01, SPL-04)', async () => {
  const world = new World();
  const client = world.dial();
  await settle();
  assert.match(client.take(), /^220 mx\.here\.test ESMTP Impetus 0\.1\.0 \w{3}, \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r\n$/);
  const ehlo = client.lines('EHLO client.test');
  assert.match(ehlo, /^250-mx\.here\.test says EHLO to 192\.0\.2\.7\r\n250-PIPELINING\r\n/);
  assert.equal(client.lines('MAIL FROM:<a@a.test>'), '250 MAIL FROM accepted\r\n');
  assert.equal(client.lines('RCPT TO:<b@here.test>'), '250 RCPT TO accepted.\r\n');
  assert.equal(client.lines('DATA'), '354 continue.  finished with "\\r\\n.\\r\\n"\r\n');
  world.spool.isSlow = true;
  assert.equal(client.lines(...MESSAGE), '', 'nothing is said while the disk works');
  world.spool.answerAll();
  const [message] = world.spool.stored;
  assert.ok(message !== undefined);
  assert.equal(client.take(), `250 OK ${message.envelope.batchId}\r\n`);
  assert.equal(client.lines('QUIT'), '221 closing connection\r\n');
  await settle();
  assert.ok(client.isEnded);
  assert.equal(world.accepted.length, 1);
  assert.equal(world.accepted[0]?.body?.toString('latin1'), message.text);
  assert.deepEqual(
    world.records.map((record) => record.kind),
    ['R'],
  );
});

test('A pipelined group is answered in one write, in order, and several messages follow each other on a connection', async () => {
  const world = new World();
  const client = await world.connect();
  const writes = client.stream.writes;
  const said = client.lines(
    'EHLO c.test',
    'MAIL FROM:<a@a.test>',
    'RCPT TO:<b@here.test>',
    'RCPT TO:<c@far.test>',
    'RCPT TO:<d@here.test>',
    'DATA',
  );
  assert.equal(codes(said), '250 250 250 550 250 354');
  assert.equal(client.stream.writes, writes + 1);
  assert.equal(codes(client.lines(...MESSAGE, 'MAIL FROM:<>', 'RCPT TO:<b@here.test>', 'DATA')), '250 250 250 354');
  assert.equal(codes(client.lines(...MESSAGE)), '250');
  assert.deepEqual(
    world.spool.stored.map(({ envelope }) => envelope.recipients.map((recipient) => recipient.address)),
    [['b@here.test', 'd@here.test'], ['b@here.test']],
  );
});

/**
 * BDAT: chunks by count.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codes, settle, World, type FakeClient } from '../../../test/kit/inbound.ts';

const HEAD = 'Subject: x\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@a.test>\r\n\r\n';

async function ready(world: World): Promise<FakeClient> {
  const client = await world.connect();
  client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>');
  return client;
}

function chunk(text: string, last = false): string {
  return `BDAT ${text.length}${last ? ' LAST' : ''}\r\n${text}`;
}

test('Chunks become one message, octets untouched: dots are not unstuffed and CRLF . CRLF ends nothing (EXT-01, A14)', async () => {
  const world = new World();
  const client = await ready(world);
  const body = '.dot\r\n.\r\n..two\r\nMAIL FROM:<evil@a.test>\r\n';
  assert.equal(codes(client.say(chunk(HEAD) + chunk(body) + chunk('', true))), '250 250 250');
  assert.equal(world.spool.stored[0]?.text.endsWith(`\r\n\r\n${body}`), true);
  assert.equal(world.spool.stored.length, 1);
});

test('A chunk split at every byte gives the same message (A12)', async () => {
  const texts = new Set<string>();
  const bytes = `${chunk(HEAD)}${chunk('a\r\n.\r\nb\r\n', true)}NOOP\r\n`;
  for (let at = 1; at < bytes.length; at++) {
    const world = new World();
    const client = await ready(world);
    assert.equal(codes(client.say(bytes.slice(0, at)) + client.say(bytes.slice(at))), '250 250 250', `split at ${at}`);
    texts.add(world.spool.stored[0]?.text.slice(-9) ?? '');
  }
  assert.deepEqual([...texts], ['a\r\n.\r\nb\r\n'.slice(-9)]);
});

test('BDAT without MAIL or recipients is 503 after its octets were read, and none of them is a command (A19, A23, SMTP-04)', async () => {
  const world = new World();
  const client = await world.connect();
  client.lines('EHLO c.test');
  assert.equal(client.say('BDAT 12 LAST\r\nMAIL FROM:<>'), '503 DATA without MAIL FROM\r\n');
  client.lines('MAIL FROM:<a@a.test>');
  assert.equal(client.say('BDAT 4\r\nQUIT'), '503 DATA without RCPT TO\r\n');
  assert.equal(codes(client.lines('NOOP')), '250');
});

test('DATA, MAIL and RCPT within chunks are 503 or 501, and the chunks go on (A23)', async () => {
  const world = new World();
  const client = await ready(world);
  assert.equal(codes(client.say(chunk(HEAD))), '250');
  assert.equal(client.lines('DATA'), '503 bad sequence of commands\r\n');
  assert.equal(client.lines('MAIL FROM:<c@c.test>'), '501 MAIL FROM already established\r\n');
  assert.equal(client.lines('RCPT TO:<c@here.test>'), '503 bad sequence of commands\r\n');
  assert.equal(codes(client.say(chunk('x\r\n', true))), '250');
  assert.equal(world.spool.stored.length, 1);
});

test('Sizes that are none, negative, hexadecimal, exponential or beyond 2^31 are refused and the connection ends (A21)', async () => {
  for (const size of ['', ' -1', ' 1e9', ' 0x10', ' 2147483648', ' 9007199254740993', ' 99999999999999999999', ' 5 LAST x']) {
    const world = new World();
    const client = await ready(world);
    const said = client.say(`BDAT${size}\r\nMAIL FROM:<evil@a.test>\r\n`);
    await settle();
    assert.match(codes(said + client.take()), /^(501|552)$/, `BDAT${size}`);
    assert.ok(client.isEnded);
    assert.equal(world.spool.stored.length, 0);
  }
});

test('Many empty chunks leave nothing behind, and 0 LAST ends the message (A21)', async () => {
  const world = new World();
  const client = await ready(world);
  client.say(chunk(`${HEAD}x\r\n`));
  const said = client.say('BDAT 0\r\n'.repeat(500));
  assert.equal(said, '250 chunk received\r\n'.repeat(500));
  assert.equal(codes(client.lines('BDAT 0 LAST')), '250');
  assert.equal(world.spool.stored.length, 1);
});

test('Fewer octets than announced and a closed connection leave no message (A22)', async () => {
  const world = new World();
  const client = await ready(world);
  client.say(`BDAT 100 LAST\r\n${HEAD}`);
  client.hangUp();
  await settle();
  await settle();
  assert.ok(client.isGone);
  assert.equal(world.spool.stored.length, 0);
  assert.equal(world.spool.aborted, 1);
});

test('A client that begins large bodies and gives them up again and again is shown out (A22)', async () => {
  const world = new World();
  const client = await ready(world);
  const mega = HEAD + 'y'.repeat(1_000_000);
  let said = '';
  for (let i = 0; i < 400 && !client.isEnded; i++) {
    said = client.say(chunk(mega)) + client.lines('RSET', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>');
    if (i % 16 === 0) await settle();
    world.spool.drafts.length = 0;
  }
  await settle();
  assert.match(said, /421 allocated resources exceeded/);
  assert.ok(client.isEnded);
});

test('A chunk that makes the message too large is refused when it was read, and then only RSET helps (SMTP-04, A23)', async () => {
  const world = new World({ options: { relayDomains: ['here.test'], maxMessageSize: 200 } });
  const client = await ready(world);
  assert.equal(codes(client.say(chunk(HEAD))), '250');
  assert.equal(client.say(chunk('z'.repeat(300))), '552 message size limit exceeded\r\n');
  assert.equal(client.say(chunk('more', true)), '503 bad sequence of commands\r\n');
  assert.equal(codes(client.lines('RSET', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>')), '250 250 250');
  assert.equal(codes(client.say(chunk(`${HEAD}x\r\n`, true))), '250');
});

/**
 * The end of a message: durable or refused, and what is written into it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ValidationModule, Verdict } from '#hooks';
import { codes, NO_BINDINGS, settle, World, type FakeClient } from '../../test/kit/inbound.ts';

const FULL = ['Subject: x', 'Date: Mon, 1 Jan 2024 00:00:00 +0000', 'Message-ID: <1@a.test>', '', 'text', '.'];

async function ready(world: World): Promise<FakeClient> {
  const client = await world.connect();
  client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'DATA');
  return client;
}

test('Return-Path and one Received header in the documented form stand in front; an older Return-Path goes (SMTP-16, LSN-15)', async () => {
  const world = new World({ options: { relayDomains: ['here.test'], receivedHostname: 'edge.test' } });
  const client = await ready(world);
  client.lines('Return-Path: <old@a.test>', 'Received: from before', ...FULL);
  const { text, envelope } = world.spool.stored[0] ?? assert.fail('not stored');
  const id = envelope.batchId.replaceAll('/', String.raw`\/`);
  const form =
    '^Return-Path: <a@a\\.test>\r\nReceived: from \\[192\\.0\\.2\\.7\\] \\(\\[192\\.0\\.2\\.7:4025\\] helo=c\\.test\\)\r\n' +
    '\tby edge\\.test \\(envelope-from <a@a\\.test>\\)\r\n\t\\(Impetus 0\\.1\\.0\\) with ESMTP\r\n' +
    `\tid ${id}; \\w{3}, [^\r]* [+-]\\d{4}\r\nReceived: from before\r\nSubject: x\r\n`;
  assert.match(text, new RegExp(form));
  assert.equal(envelope.size, text.length);
});

test('Rfc2822_Trace_Headers=false adds neither and leaves an existing Return-Path alone (SMTP-16)', async () => {
  const world = new World({ options: { relayDomains: ['here.test'], rfc2822TraceHeaders: false } });
  const client = await ready(world);
  client.lines('Return-Path: <old@a.test>', ...FULL);
  assert.ok(world.spool.stored[0]?.text.startsWith('Return-Path: <old@a.test>\r\nSubject: x\r\n'));
});

test('A missing Date or Message-ID is added, and rfc2822_date_missing noted; Message-ID is made of the batch id (SMTP-14, SMTP-17, CTX-04)', async () => {
  const world = new World();
  const client = await ready(world);
  client.lines('Subject: x', '', 'text', '.');
  const { text, envelope } = world.spool.stored[0] ?? assert.fail('not stored');
  assert.match(text, /^Date: \w{3}, .*\r$/m);
  assert.ok(text.includes(`Message-ID: <${envelope.batchId.replace(/[/-]/g, '.')}@mx.here.test>\r\n`));
  assert.equal(envelope.contextMessage['rfc2822_date_missing'], 'true');
});

test('Rfc2822_Date_Header=pedantic refuses, ignore adds nothing; Missing headers are refused or allowed (SMTP-04, SMTP-14)', async () => {
  const pedantic = await ready(new World({ options: { relayDomains: ['here.test'], rfc2822DateHeader: 'pedantic' } }));
  assert.equal(pedantic.lines('Subject: x', '', 't', '.'), '550 Missing required RFC2822 Date field (see RFC2822 section 3.6)\r\n');
  const plain = { relayDomains: ['here.test'], rfc2822DateHeader: 'ignore', rfc2822MessageidHeader: 'ignore' };
  const world = new World({ options: plain });
  (await ready(world)).lines('Subject: x', '', 't', '.');
  assert.doesNotMatch(world.spool.stored[0]?.text ?? 'Date:', /^(Date|Message-ID):/m);
  const strict = await ready(new World());
  assert.equal(strict.lines('no header at all', '.'), '550 Required headers not found (see RFC2822 section 3.6)\r\n');
});

test('A message over Max_Message_Size is read to its end, refused with 552, and the session goes on (SMTP-04, A16)', async () => {
  const world = new World({ options: { relayDomains: ['here.test'], maxMessageSize: 300 } });
  const client = await ready(world);
  assert.equal(client.lines(...FULL.slice(0, 4), 'y'.repeat(300), '.'), '552 message size limit exceeded\r\n');
  assert.equal(world.spool.aborted, 1);
  assert.equal(codes(client.lines('MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'DATA', ...FULL)), '250 250 354 250');
});

test('A refused body is read for a while only: who goes on sending is cut off (A16)', async () => {
  const world = new World({ options: { relayDomains: ['here.test'], maxMessageSize: 300 } });
  const client = await ready(world);
  const mega = 'y'.repeat(1_000_000);
  client.say('Subject: x\r\n\r\n');
  for (let i = 0; i < 80 && !client.isEnded; i++) {
    client.stream.push(Buffer.from(mega, 'latin1'));
    if (i % 8 === 0) await settle();
  }
  await settle();
  assert.ok(client.isEnded);
  assert.equal(client.take(), '552 message size limit exceeded\r\n');
});

test('A message that went through a hundred servers is going in circles and is refused (A52)', async () => {
  const client = await ready(new World());
  assert.match(client.lines(...Array.from({ length: 101 }, () => 'Received: by x'), ...FULL), /^554 /);
});

test('When the disk says no the client hears 452, nothing is handed on, and the next message is taken (A62, SPL-04)', async () => {
  const world = new World();
  const client = await ready(world);
  world.spool.failWith = new Error('ENOSPC');
  assert.equal(client.lines(...FULL), '452 insufficient system storage\r\n');
  assert.equal(world.accepted.length, 0);
  assert.deepEqual(
    world.records.map((record) => record.kind),
    ['J'],
  );
  world.spool.failWith = undefined;
  assert.equal(codes(client.lines('MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'DATA', ...FULL)), '250 250 354 250');
});

test('Default_Binding=none refuses for now what would land in the default binding (OUT-03)', async () => {
  const client = await ready(new World({ bindings: { ...NO_BINDINGS, isDefaultForbidden: true } }));
  assert.equal(client.lines(...FULL), '451 transaction failed\r\n');
});

test('A client that vanished before the final dot leaves no message (A68)', async () => {
  const world = new World();
  const client = await ready(world);
  client.lines(...FULL.slice(0, -1));
  client.hangUp();
  await settle();
  await settle();
  assert.ok(client.isGone);
  assert.deepEqual([world.spool.stored.length, world.spool.aborted], [0, 1]);
});

test('A client that vanished while policy ran on its message leaves none; after the commit it stays (A68)', async () => {
  let answer: (verdict: Verdict) => void = () => undefined;
  const slow: ValidationModule = {
    name: 'slow',
    hooks: {
      data_spool: (_view, later) => {
        answer = later;
        return 'later';
      },
    },
  };
  const world = new World({ modules: [slow] });
  const client = await ready(world);
  client.lines(...FULL);
  client.hangUp();
  await settle();
  await settle();
  answer({ kind: 'continue' });
  assert.deepEqual([world.spool.stored.length, world.spool.aborted], [0, 1]);

  const committed = new World();
  committed.spool.isSlow = true;
  const late = await ready(committed);
  late.lines(...FULL);
  late.hangUp();
  await settle();
  committed.spool.answerAll();
  await settle();
  await settle();
  assert.equal(committed.spool.stored.length, 1);
  assert.match(late.take(), /^250 OK /, 'who only closed its sending side still hears the answer');
  assert.ok(late.isGone);
});

test('Modules of the data phases see the message, and may refuse, discard or disconnect (POL-01, POL-22)', async () => {
  const seen: string[] = [];
  let verdict: Verdict = { kind: 'continue' };
  const judge: ValidationModule = {
    name: 'judge',
    hooks: {
      data: (view) => {
        seen.push(`${view.phase} ${view.message?.body?.includes('text') === true}`);
        return verdict;
      },
    },
  };
  const world = new World({ modules: [judge] });
  const client = await world.connect();
  const send = (): string =>
    client
      .lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'DATA', ...FULL)
      .split('\r\n')
      .at(-2) ?? '';
  assert.match(send(), /^250 OK \S/);
  verdict = { kind: 'reject', reply: { code: 550, text: 'not this one' } };
  assert.equal(send(), '550 not this one');
  verdict = { kind: 'discard' };
  assert.equal(send(), '250 OK');
  verdict = { kind: 'disconnect', reply: { code: 421, text: 'go away' } };
  assert.equal(send(), '421 go away');
  await settle();
  assert.ok(client.isEnded);
  assert.deepEqual([seen.length, world.spool.stored.length], [4, 1]);
  assert.equal(seen[0], 'data true');
  const refusal = world.records.find((record) => record.kind === 'J');
  assert.equal(refusal?.module, 'judge');
});

test('OUT-49, CTX-03: mail_loop refuses what went round too often with its code; code 250 tells scripts and takes it', async () => {
  const trace = Array.from({ length: 3 }, (_, i) => `Received: from hop${i}`);
  const world = new World({ options: { relayDomains: ['here.test'] }, mailLoop: { receivedMax: 2, code: 554 } });
  assert.equal((await ready(world)).lines(...trace, ...FULL), '554 too many hops\r\n');
  assert.match((await ready(world)).lines(...trace.slice(1), ...FULL), /^250 /, 'two are not more than two');
  const later = new World({ options: { relayDomains: ['here.test'] }, mailLoop: { receivedMax: 2, code: 451 } });
  assert.equal((await ready(later)).lines(...trace, ...FULL), '451 too many hops\r\n');
  const telling = new World({ options: { relayDomains: ['here.test'] }, mailLoop: { receivedMax: 2, code: undefined } });
  assert.match((await ready(telling)).lines(...trace, ...FULL), /^250 /);
  assert.equal(telling.spool.stored[0]?.envelope.contextConnection['mail_loop_header_count'], '3');
});

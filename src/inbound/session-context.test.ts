/**
 * What a session writes down: contexts, reject records, counters.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ValidationModule, Verdict } from '#hooks';
import type { RejectionRecord } from '#observe';
import { codes, settle, World } from '../../test/kit/inbound.ts';

const BODY = ['Subject: x', '', 'x', '.'];

test('The connection context has the documented keys, those of Context first (CTX-02, CTX-06, LSN-12, LSN-16)', async () => {
  const options = {
    relayHosts: ['192.0.2.0/24'],
    context: new Map([
      ['site', 'A'],
      ['ehlo_domain', 'faked'],
    ]),
    pathway: 'inside',
  };
  const world = new World({ options });
  const client = await world.connect();
  assert.deepEqual(Object.fromEntries(client.session.context.connection), {
    site: 'A',
    ehlo_domain: 'faked',
    pathway: 'inside',
    can_relay: 'true',
  });
  client.lines(
    'EHLO kubuntu',
    'MAIL FROM:<a@a.test>',
    'RCPT TO:<b@x.test>',
    'RCPT TO:<broken',
    'DATA',
    ...BODY,
    'MAIL FROM:<>',
    'RCPT TO:<c@y.test>',
  );
  const { connection, message } = client.session.context;
  assert.deepEqual(Object.fromEntries(connection), {
    site: 'A',
    pathway: 'inside',
    can_relay: 'true',
    ehlo_domain: 'kubuntu',
    ehlo_string: 'EHLO kubuntu',
    connection_message_count: '1',
    connection_rcpt_count: '2',
    message_rcpt_count: '1',
  });
  assert.equal(message.get('rcptto_string'), 'RCPT TO:<c@y.test>');
});

test('The message context has the documented keys, is stored with the message, and is empty after RSET (CTX-01, CTX-04, CTX-09)', async () => {
  const world = new World();
  const client = await world.connect();
  client.lines('EHLO c.test', 'MAIL FROM:<Joe@a.test> BODY=8BITMIME', 'RCPT TO:<b@HERE.test>');
  const expected = {
    mailfrom_string: 'MAIL FROM:<Joe@a.test> BODY=8BITMIME',
    mailfrom_localpart: 'Joe',
    mailfrom_domain: 'a.test',
    '#8bitmime': 'true',
    rcptto_string: 'RCPT TO:<b@HERE.test>',
    rcptto_localpart: 'b',
    rcptto_domain: 'here.test',
  };
  assert.deepEqual(Object.fromEntries(client.session.context.message), expected);
  client.lines('DATA', ...BODY);
  const stored = world.spool.stored[0]?.envelope;
  assert.deepEqual({ ...stored?.contextMessage }, { ...expected, rfc2822_date_missing: 'true' });
  assert.equal(stored?.contextConnection['ehlo_domain'], 'c.test');
  client.lines('MAIL FROM:<a@a.test>', 'RSET');
  assert.equal(client.session.context.message.size, 0);
});

test('Reception and refusal leave one record each, with what a log line needs, and are counted (SMTP-21, LOG-10, A75)', async () => {
  const world = new World();
  const client = await world.connect();
  client.lines(
    'EHLO c.test',
    'MAIL FROM:<Joe@a.test>',
    'RCPT TO:<x@far.test>',
    'RCPT TO:<b@here.test>',
    'RCPT TO:<c@here.test>',
    'DATA',
    ...BODY,
  );
  const [refusal, first, second] = world.records;
  assert.ok(refusal?.kind === 'J' && first?.kind === 'R' && second?.kind === 'R');
  assert.deepEqual(
    [refusal.code, refusal.phase, refusal.text, refusal.remoteIp, refusal.remotePort, refusal.localIp, refusal.localPort],
    [550, 'relaying denied', '5.7.1 relaying denied', '192.0.2.7', 4025, '192.0.2.1', 25],
  );
  assert.ok(refusal.contextMessage.includes('rcptto_domain'));
  assert.deepEqual(
    [first.senderLocal, first.senderDomain, first.recipientLocal, first.recipientDomain],
    ['Joe', 'a.test', 'b', 'here.test'],
  );
  assert.deepEqual(
    [first.protocol, first.binding, first.bindingGroup, first.connectionId],
    ['esmtp', 'default', 'default', refusal.connectionId],
  );
  assert.equal(first.batchId, second.batchId);
  assert.notEqual(first.messageId, second.messageId);
  assert.equal(first.size, world.spool.stored[0]?.text.length);
  assert.deepEqual([world.counts.get('receptions'), world.counts.get('rejections')], [2, 1]);
});

test('Typing errors are not recorded, so that a peer cannot fill the reject log with them (A75)', async () => {
  const world = new World();
  const client = await world.connect();
  client.lines(...Array.from({ length: 50 }, (_, i) => `FOO${i}\x1b[31m"`));
  assert.equal(world.records.length, 0);
});

test('A module may answer at connect, at once or later, and a client that talks before the greeting is an early talker (POL-01, LSN-19, A27)', async () => {
  let answer: (verdict: Verdict) => void = () => undefined;
  const gate: ValidationModule = {
    name: 'gate',
    hooks: {
      connect: (_view, later) => {
        answer = later;
        return 'later';
      },
    },
  };
  const world = new World({ modules: [gate] });
  const client = world.dial();
  await settle();
  assert.equal(client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>'), '', 'nothing is said before the module answered');
  answer({ kind: 'continue' });
  assert.equal(codes(client.take()), '220 250 250');
  assert.equal(client.session.context.connection.get('early_talker'), 'true');

  const refused = world.dial();
  await settle();
  answer({ kind: 'reject', reply: { code: 554, text: 'not you' } });
  await settle();
  assert.equal(refused.take(), '554 not you\r\n');
  assert.ok(refused.isEnded);
});

test('A module is passed over when the connection says so, and one that throws refuses for now (LSN-13, POL-20)', async () => {
  const broken: ValidationModule = {
    name: 'spf_v1',
    hooks: {
      mailfrom: () => {
        throw new Error('boom');
      },
    },
  };
  const world = new World({ modules: [broken] });
  const client = await world.connect();
  assert.equal(codes(client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>')), '250 451 503');
  assert.match(world.panics[0] ?? '', /spf_v1: mailfrom failed: boom/);
  world.options = { context: new Map([['__bypass_spf_v1', 'true']]) };
  const passed = await world.connect();
  assert.equal(codes(passed.lines('EHLO c.test', 'MAIL FROM:<a@a.test>')), '250 250');
});

test('An exception ends its own session with 421 and a panic line; others go on', async () => {
  const world = new World();
  const other = await world.connect();
  const client = await world.connect();
  client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'DATA');
  world.spool.finish = () => {
    throw new Error('impossible');
  };
  assert.equal(client.lines(...BODY), '421 Service unavailable\r\n');
  await settle();
  assert.ok(client.isEnded);
  assert.match(world.panics[0] ?? '', /session \S+ with 192\.0\.2\.7 ended: Error: impossible/);
  assert.equal(codes(other.lines('NOOP')), '250');
});

test('A discarded recipient or sender is accepted and nothing is stored for it (POL-07)', async () => {
  const discard: ValidationModule = {
    name: 'sink',
    hooks: { rcptto: (view) => (view.recipient?.local === 'b' ? { kind: 'discard' } : { kind: 'continue' }) },
  };
  const world = new World({ modules: [discard] });
  const client = await world.connect();
  client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>');
  assert.equal(codes(client.lines('DATA', ...BODY)), '354 250');
  assert.equal(world.spool.drafts.length, 0);
  client.lines('MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'RCPT TO:<c@here.test>', 'DATA', ...BODY);
  assert.deepEqual(
    world.spool.stored.map(({ envelope }) => envelope.recipients.map(({ local }) => local)),
    [['c']],
  );
  const record = world.records.filter((r): r is RejectionRecord => r.kind === 'J');
  assert.equal(record.length, 0);
});

test('The list of recipients is looked at once, before the body: refused at DATA, or at the first BDAT, whose octets are then no commands (POL-01)', async () => {
  const lists: string[] = [];
  const module: ValidationModule = {
    name: 'p',
    hooks: {
      rcptto_list: ({ recipients }) => {
        lists.push(recipients?.join(' ') ?? '');
        return recipients?.length === 2 ? { kind: 'reject', reply: { code: 452, text: 'too many' } } : { kind: 'continue' };
      },
    },
  };
  const world = new World({ modules: [module] });
  const client = await world.connect();
  client.lines('EHLO c.test');
  const two = ['MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'RCPT TO:<c@here.test>'];
  assert.equal(codes(client.lines(...two, 'DATA')), '250 250 250 452');
  assert.equal(codes(client.lines(...two, 'BDAT 6', 'NOOP')), '250 250 250 452', 'NOOP and its line end are the chunk');
  assert.equal(codes(client.lines('BDAT 0 LAST', 'RSET', 'NOOP')), '503 250 250');
  assert.equal(codes(client.lines(...two.slice(0, 2), 'DATA', 'Subject: x', '', 'x', '.')), '250 250 354 250');
  assert.deepEqual(lists, ['b@here.test c@here.test', 'b@here.test c@here.test', 'b@here.test']);
  assert.equal(codes(client.lines(...two, 'DATA', 'Subject: x', '', 'QUIT', '.')), '250 250 250 452');
  assert.equal(client.isEnded, true, 'a body that nobody wants is never run as commands (A27)');
});

test('A module rewrites the sender and the recipient that is offered; what is no address changes nothing (POL-07)', async () => {
  const results: (boolean | undefined)[] = [];
  const module: ValidationModule = {
    name: 'p',
    hooks: {
      mailfrom: ({ sender }) => {
        results.push(sender?.rewrite('no address'), sender?.rewrite('new@sender.test'));
        return { kind: 'continue' };
      },
      rcptto: ({ recipient, sender }) => {
        results.push(
          recipient?.rewrite('x@'),
          recipient?.rewrite('jörg@else.test'),
          recipient?.rewrite('"a b"@Else.test'),
          sender?.rewrite(''),
        );
        return { kind: 'continue' };
      },
    },
  };
  const world = new World({ modules: [module] });
  const client = await world.connect();
  client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'DATA', 'Subject: x', '', 'x', '.');
  assert.deepEqual(results, [false, true, false, false, true, true]);
  const [stored] = world.spool.stored;
  assert.deepEqual([stored?.envelope.sender, stored?.envelope.recipients[0]?.address], ['', '"a b"@Else.test']);
  assert.deepEqual([stored?.envelope.recipients[0]?.local, stored?.envelope.recipients[0]?.domain], ['a b', 'else.test']);
  assert.match(stored?.text ?? '', /^Return-Path: <>/);
});

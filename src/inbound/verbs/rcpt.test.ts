/**
 * RCPT TO: order, limits, odd addresses, mailboxes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTINUE, type MailboxStore } from '#hooks';
import { codes, settle, World, type FakeClient } from '../../../test/kit/inbound.ts';

async function ready(world: World): Promise<FakeClient> {
  const client = await world.connect();
  client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>');
  return client;
}

test('RCPT without MAIL, after a refused MAIL, and DATA after only refused recipients are 503 (A19, SMTP-04)', async () => {
  const client = await new World().connect();
  client.lines('EHLO c.test');
  assert.equal(client.lines('RCPT TO:<b@here.test>'), '503 RCPT TO without MAIL FROM\r\n');
  client.lines('MAIL FROM:<broken');
  assert.equal(client.lines('RCPT TO:<b@here.test>'), '503 RCPT TO without MAIL FROM\r\n');
  assert.equal(client.lines('DATA'), '503 DATA without MAIL FROM\r\n');
  client.lines('MAIL FROM:<a@a.test>', 'RCPT TO:<b@far.test>');
  assert.equal(client.lines('DATA'), '503 DATA without RCPT TO\r\n');
  assert.equal(client.lines('DATA now'), '501 unexpected argument to DATA\r\n');
});

test('Recipients beyond Max_Recipients_Per_Message hear 421 4.5.3, and those accepted still get their message (SMTP-05, A31)', async () => {
  const options = { relayDomains: ['here.test'], maxRecipientsPerMessage: 2, smtpExtensions: ['ENHANCEDSTATUSCODES'] };
  const world = new World({ options });
  const client = await ready(world);
  client.lines('RCPT TO:<b@here.test>', 'RCPT TO:<b@here.test>');
  assert.equal(client.lines('RCPT TO:<c@here.test>'), '421 4.5.3 Service unavailable, recipients per message limit reached\r\n');
  assert.equal(codes(client.lines('DATA', 'Subject: x', '', 'x', '.')), '354 250');
  assert.equal(world.spool.stored[0]?.envelope.recipients.length, 2);
});

test('Max_Recipients_Per_Connection ends with 421, within a message and at the next MAIL (SMTP-05)', async () => {
  const world = new World({ options: { relayDomains: ['here.test'], maxRecipientsPerConnection: 2 } });
  const client = await ready(world);
  client.lines('RCPT TO:<b@here.test>', 'RCPT TO:<c@here.test>');
  assert.equal(client.lines('RCPT TO:<d@here.test>'), '421 Service unavailable, recipients per connection limit reached\r\n');
  assert.equal(codes(client.lines('DATA', 'Subject: x', '', 'x', '.', 'MAIL FROM:<a@a.test>')), '354 250 421');
  await settle();
  assert.ok(client.isEnded);
});

test('Ten thousand recipients, or one ten thousand times, one a packet, are taken up to the limit in linear work (A31)', async () => {
  const world = new World({ options: { relayDomains: ['here.test'], maxRecipientsPerMessage: 5000 } });
  const client = await ready(world);
  let accepted = 0;
  let refused = 0;
  for (let i = 0; i < 10_000; i++) {
    const said = client.lines(`RCPT TO:<same@here.test>`);
    if (said.startsWith('250')) accepted++;
    else if (said.startsWith('421')) refused++;
  }
  assert.deepEqual({ accepted, refused }, { accepted: 5000, refused: 5000 });
  assert.equal(client.session.context.connection.get('message_rcpt_count'), '10000');
  client.lines('DATA', 'Subject: x', '', 'x', '.');
  const ids = world.spool.stored[0]?.envelope.recipients.map((recipient) => recipient.id) ?? [];
  assert.equal(new Set(ids).size, 5000, 'each recipient has an id of its own (SMTP-03)');
});

test('The zoo of addresses gets what the RFC gives it, and never a second recipient (A32)', async () => {
  const world = new World({ options: { relayHosts: ['0.0.0.0/0'] } });
  const client = await ready(world);
  const good: readonly (readonly [string, string])[] = [
    ['<"a b"@c.test>', 'c.test'],
    [String.raw`<"a\"@b"@c.test>`, 'c.test'],
    ['<@a.test,@b.test:u@c.test>', 'c.test'],
    ['<u@[127.0.0.1]>', '[127.0.0.1]'],
    ['<u@[IPv6:::1]>', '[ipv6:::1]'],
    ['<u@XN--BCHER-KVA.Test>', 'xn--bcher-kva.test'],
    ['<u%v@c.test>', 'c.test'],
    ['<u!v@c.test>', 'c.test'],
    ['<=?utf-8?q?a=40b?=@c.test>', 'c.test'],
    [`<${'l'.repeat(64)}@c.test>`, 'c.test'],
  ];
  for (const [path] of good) assert.match(client.lines(`RCPT TO:${path}`), /^250 /, path);
  const bad = [
    '<>',
    `<${'l'.repeat(65)}@c.test>`,
    `<u@${'d'.repeat(63)}.${'d'.repeat(63)}.${'d'.repeat(63)}.${'d'.repeat(63)}.test>`,
    '<u@[999.1.1.1]>',
    '<u@[IPv6:1::2::3]>',
    '<u@c.test.>',
    '<u@-c.test>',
    '<u@b\u00fccher.test>',
    '<u v@c.test>',
    '<u@c.test> <x@y.test>',
    '<u@1.2.3.4>',
  ];
  for (const path of bad) assert.match(client.lines(`RCPT TO:${path}`), /^5\d\d /, path);
  assert.equal(codes(client.say('RCPT TO:<u@c.test\r\nRCPT TO:<x@y.test>\r\n')), '501 250', 'two lines are two commands');
  client.lines('DATA', 'Subject: x', '', 'x', '.');
  const domains = world.spool.stored[0]?.envelope.recipients.map((recipient) => recipient.domain);
  assert.deepEqual(domains, [...good.map(([, domain]) => domain), 'y.test']);
});

test('SMTPUTF8 lets an address have any script; the routing domain is its A-label form (EXT-01, A32)', async () => {
  const world = new World({ options: { relayHosts: ['0.0.0.0/0'] } });
  const client = await world.connect();
  const utf8 = (text: string): string => Buffer.from(text).toString('latin1');
  client.lines('EHLO c.test', utf8('MAIL FROM:<jos\u00e9@b\u00fccher.test> SMTPUTF8'));
  assert.match(client.lines(utf8('RCPT TO:<\u7528\u6237@b\u00fccher.test>')), /^250 /);
  assert.match(client.lines('RCPT TO:<\xff@c.test>'), /^501 /);
  client.lines('DATA', 'Subject: x', '', 'x', '.');
  const envelope = world.spool.stored[0]?.envelope;
  assert.equal(envelope?.sender, 'jos\u00e9@b\u00fccher.test');
  assert.equal(envelope?.smtpUtf8, true);
  assert.deepEqual(
    envelope?.recipients.map(({ address, domain }) => [address, domain]),
    [['\u7528\u6237@b\u00fccher.test', 'xn--bcher-kva.test']],
  );
  assert.match(world.spool.stored[0]?.text ?? '', /with UTF8SMTP/);
});

test('An unqualified recipient gets the domain of its option; without it only postmaster may stand alone, and must be let in (SMTP-13)', async () => {
  const world = new World({ options: { relayDomains: ['here.test'], domainForUnqualifiedRecipientAddresses: 'here.test' } });
  const client = await ready(world);
  assert.match(client.lines('RCPT TO:<alice>'), /^250 /);
  assert.equal(client.session.context.message.get('rcptto_string'), 'RCPT TO:<alice>');
  client.lines('DATA', 'Subject: x', '', 'x', '.');
  assert.equal(world.spool.stored[0]?.envelope.recipients[0]?.address, 'alice@here.test');

  const bare = await ready(new World({ options: { relayDomains: ['mx.here.test'] } }));
  assert.match(bare.lines('RCPT TO:<alice>'), /^501 /);
  assert.match(bare.lines('RCPT TO:<Postmaster>'), /^250 /);
  const closed = await ready(new World({ options: {} }));
  assert.match(closed.lines('RCPT TO:<postmaster>'), /^550 /);
});

test('NOTIFY and ORCPT travel in the envelope; Allow_IP_Literal=false refuses literals (SMTP-10)', async () => {
  const world = new World({ options: { relayHosts: ['0.0.0.0/0'], allowIpLiteral: false } });
  const client = await ready(world);
  client.lines('RCPT TO:<b@c.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x+2By@z.test');
  assert.match(client.lines('RCPT TO:<b@[192.0.2.1]>'), /^501 /);
  client.lines('DATA', 'Subject: x', '', 'x', '.');
  const [recipient] = world.spool.stored[0]?.envelope.recipients ?? [];
  assert.deepEqual([recipient?.notify, recipient?.orcpt], [['SUCCESS', 'FAILURE'], 'rfc822;x+2By@z.test']);
});

test('A mailbox that a store does not have is refused at RCPT, also when the store answers later (OUT-48)', async () => {
  let asked = 0;
  const store: MailboxStore = {
    name: 'maildir',
    claims: (domain) => domain === 'here.test',
    check: (local, _domain, answer) => {
      asked++;
      setImmediate(() => answer(local === 'b' ? CONTINUE : { kind: 'reject', reply: { code: 550, text: 'no such mailbox' } }));
    },
    open: () => assert.fail('no message was sent'),
  };
  const client = await ready(new World({ stores: [store] }));
  client.lines('RCPT TO:<b@here.test>', 'RCPT TO:<c@here.test>', 'RCPT TO:<c@far.test>', 'NOOP');
  for (let i = 0; i < 4; i++) await settle();
  assert.equal(client.take(), '250 RCPT TO accepted.\r\n550 no such mailbox\r\n550 relaying denied\r\n250 OK\r\n');
  assert.equal(asked, 2, 'nobody is asked about mail that is not let in');
});

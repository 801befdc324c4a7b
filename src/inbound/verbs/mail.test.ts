/**
 * MAIL FROM: order, parameters, senders.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codes, settle, World } from '../../../test/kit/inbound.ts';

async function answer(line: string, options: Record<string, unknown> = {}): Promise<string> {
  const client = await new World({ options }).connect();
  client.lines('EHLO c.test');
  return client.lines(line);
}

test('A nested MAIL FROM is refused with the documented text (SMTP-04, A19)', async () => {
  const client = await new World().connect();
  client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>');
  assert.equal(client.lines('MAIL FROM:<b@a.test>'), '501 MAIL FROM already established\r\n');
  assert.equal(client.session.transaction.sender, 'a@a.test');
});

test('Contradictory, repeated, unknown and absurd parameters are refused (A29)', async () => {
  for (const parameters of ['SIZE=1 SIZE=2', 'BODY=7BIT BODY=8BITMIME', 'SIZE=', 'SIZE=-1', 'SIZE=1e3', 'BODY=9BIT', 'RET=SOME', 'RET']) {
    assert.match(await answer(`MAIL FROM:<a@a.test> ${parameters}`), /^501 /, parameters);
  }
  for (const parameters of ['BODY=BINARYMIME', 'FOO=bar', 'AUTH=<>', 'MTRK=x']) {
    assert.match(await answer(`MAIL FROM:<a@a.test> ${parameters}`), /^5(01|55) /, parameters);
  }
  assert.match(await answer('MAIL FROM:<a@a.test> SIZE=99999999999999999999'), /^(501|552) /);
  assert.match(await answer('MAIL FROM:<a@a.test> SIZE=1000 BODY=8BITMIME RET=HDRS ENVID=x'), /^250 /);
});

test('xtext that decodes to a newline or is no xtext is refused, and nothing of it reaches the envelope (A30)', async () => {
  for (const value of ['a+0D+0Ab', '+', 'a+', '+0d', '+00', 'x'.repeat(10_000)]) {
    assert.match(await answer(`MAIL FROM:<a@a.test> ENVID=${value}`), /^50[01] /, value.slice(0, 12));
    const client = await new World().connect();
    client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>');
    assert.match(client.lines(`RCPT TO:<b@here.test> ORCPT=rfc822;${value}`), /^50[01] /, value.slice(0, 12));
  }
});

test('A declared size over Max_Message_Size is refused at MAIL FROM, the limit itself is not (SMTP-04)', async () => {
  const options = { maxMessageSize: 1000 };
  assert.equal(await answer('MAIL FROM:<a@a.test> SIZE=1001', options), '552 message size limit exceeded\r\n');
  assert.match(await answer('MAIL FROM:<a@a.test> SIZE=1000', options), /^250 /);
});

test('The null sender is taken unless Allow_Null_Envelope_Sender says no (SMTP-10)', async () => {
  assert.match(await answer('MAIL FROM:<>'), /^250 /);
  assert.match(await answer('MAIL FROM:<>', { allowNullEnvelopeSender: false }), /^550 /);
});

test('An address literal is taken unless Allow_IP_Literal says no (SMTP-10)', async () => {
  assert.match(await answer('MAIL FROM:<a@[192.0.2.5]>'), /^250 /);
  assert.match(await answer('MAIL FROM:<a@[192.0.2.5]>', { allowIpLiteral: false }), /^501 /);
});

test('A bare local part gets Domain_For_Unqualified_Sender_Address, else it is refused; the context keeps the line (SMTP-13)', async () => {
  assert.match(await answer('MAIL FROM:<root>'), /^501 /);
  const world = new World({ options: { domainForUnqualifiedSenderAddress: 'Here.TEST', relayDomains: ['here.test'] } });
  const client = await world.connect();
  client.lines('EHLO c.test', 'MAIL FROM:<root>', 'RCPT TO:<b@here.test>');
  const { message } = client.session.context;
  assert.equal(message.get('mailfrom_string'), 'MAIL FROM:<root>');
  assert.equal(message.get('mailfrom_domain'), 'here.test');
  client.lines('DATA', 'Subject: x', '', 'x', '.');
  assert.equal(world.spool.stored[0]?.envelope.sender, 'root@here.test');
});

test('Whitespace is strict, and each switch loosens its own place (SMTP-11)', async () => {
  assert.match(await answer('MAIL FROM:<a@a.test >'), /^501 /);
  assert.match(await answer('MAIL FROM:<a@a.test >', { allowTrailingWhitespaceInCommands: true }), /^250 /);
  assert.match(await answer('MAIL FROM:<a@a.test>  ', { rfc2821AllowWhitespaceInEnvelope: true }), /^250 /);
  assert.match(await answer('MAIL FROM:<a..b@a.test>'), /^501 /);
  assert.match(await answer('MAIL FROM:<a..b@a.test>', { rfc2821PedanticAddressRules: false }), /^250 /);
});

test('Above the memory high-water mark new mail is refused for now, below it is taken again (SMTP-19, A63)', async () => {
  const world = new World();
  const client = await world.connect();
  client.lines('EHLO c.test');
  world.pressure = 'refuse';
  assert.match(client.lines('MAIL FROM:<a@a.test>'), /^452 Resource limitations, please try later/);
  world.pressure = 'shed';
  assert.match(client.lines('MAIL FROM:<a@a.test>'), /^250 /);
});

test('Max_Receptions_Per_Connection answers 421 to the message beyond it and closes (SMTP-05)', async () => {
  const world = new World({ options: { relayDomains: ['here.test'], maxReceptionsPerConnection: 2 } });
  const client = await world.connect();
  client.lines('EHLO c.test');
  for (let i = 0; i < 2; i++) {
    assert.equal(
      codes(client.lines('MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'DATA', 'Subject: x', '', 'x', '.')),
      '250 250 354 250',
    );
  }
  assert.equal(client.lines('MAIL FROM:<a@a.test>'), '421 Service unavailable, batch limit reached\r\n');
  await settle();
  assert.ok(client.isEnded);
});

test('Above Inbound_Throttle_Messages MAIL is refused for now; a message counts when its body begins, so who only asks takes nothing (SMTP-18)', async () => {
  const world = new World({ options: { relayDomains: ['here.test'], inboundThrottleMessages: { count: 1, periodSeconds: 1 } } });
  world.room = 1;
  const asking = await world.connect();
  for (let i = 0; i < 5; i++)
    assert.equal(codes(asking.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'RSET')), '250 250 250 250');
  assert.equal(world.room, 1);
  const second = await world.connect();
  const late = await world.connect();
  for (const client of [asking, second, late]) client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>');
  assert.equal(codes(asking.lines('DATA', 'Subject: x', '', 'x', '.')), '354 250');
  assert.match(second.lines('DATA'), /^452 /);
  // Octets of a chunk are read and never run as commands.
  assert.match(late.say('BDAT 24 LAST\r\nMAIL FROM:<x@evil.test>\r\n'.slice(0, 14 + 24)), /^452 /);
  assert.match(late.lines('BDAT 0 LAST'), /^503 /);
  assert.match(late.lines('RSET', 'MAIL FROM:<a@a.test>'), /^250 [^]*^452 too many messages for now, please try later/m);
  assert.equal(world.spool.stored.length, 1);
  world.room = 1;
  assert.equal(codes(late.lines('MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'DATA', 'Subject: x', '', 'x', '.')), '250 250 354 250');
});

test('A body pipelined behind a DATA that the throttle refuses ends the connection, and none of it is a command (SMTP-18, A27)', async () => {
  const world = new World({ options: { relayDomains: ['here.test'], inboundThrottleMessages: { count: 1, periodSeconds: 1 } } });
  const client = await world.connect();
  client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>');
  world.room = 0;
  const said = client.lines('DATA', 'MAIL FROM:<x@evil.test>', '.');
  assert.match(said, /^452 [^\n]*\n$/);
  assert.ok(client.isEnded);
});

/**
 * EHLO, HELO and the greeting.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle, World } from '../../../test/kit/inbound.ts';

const always = '250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE\r\n';

test('EHLO lists the extensions in the documented order, HELO answers one line (SMTP-01, SMTP-02)', async () => {
  const client = await new World().connect();
  const first = '250-mx.here.test says EHLO to 192.0.2.7\r\n';
  assert.equal(client.lines('EHLO c.test'), `${first}${always}250-CHUNKING\r\n250-SMTPUTF8\r\n250 DSN\r\n`);
  assert.equal(client.lines('HELO c.test'), '250 mx.here.test says HELO to 192.0.2.7\r\n');
});

test('A minus in SMTP_Extensions removes CHUNKING, SMTPUTF8 and DSN, and with them what they mean (EXT-01)', async () => {
  const world = new World({ options: { smtpExtensions: ['-CHUNKING', '-smtputf8', '-DSN'] } });
  const client = await world.connect();
  assert.ok(client.lines('EHLO c.test').endsWith('250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n'));
  assert.match(client.lines('MAIL FROM:<a@a.test> RET=FULL'), /^555 /);
  assert.match(client.lines('MAIL FROM:<a@a.test> SMTPUTF8'), /^555 /);
  assert.match(client.lines('MAIL FROM:<a@a.test>'), /^250 /);
  assert.equal(client.say('BDAT 6 LAST\r\nNOOP\r\n'), '500 unrecognized command\r\n', 'the octets of the chunk are no commands');
});

test('ENHANCEDSTATUSCODES is offered, and replies carry codes, only when listed (SMTP-02, EXT-01)', async () => {
  const plain = await new World().connect();
  assert.doesNotMatch(plain.lines('EHLO c.test'), /ENHANCED/);
  assert.equal(plain.lines('MAIL FROM:<a@a.test>'), '250 MAIL FROM accepted\r\n');
  const world = new World({ options: { smtpExtensions: ['ENHANCEDSTATUSCODES'], relayDomains: ['here.test'] } });
  const coded = await world.connect();
  const said = coded.lines('EHLO c.test');
  assert.ok(said.includes('250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n'));
  assert.doesNotMatch(said, /250[- ]2\./);
  assert.equal(coded.lines('MAIL FROM:<a@a.test>'), '250 2.1.0 MAIL FROM accepted\r\n');
  assert.equal(coded.lines('RCPT TO:<b@far.test>'), '550 5.7.1 relaying denied\r\n');
});

test('SIZE shows Max_Message_Size when there is one (SMTP-02)', async () => {
  const client = await new World({ options: { maxMessageSize: 102_400 } }).connect();
  assert.match(client.lines('EHLO c.test'), /^250-SIZE 102400\r$/m);
});

test('Banner_Hostname replaces the host in greeting and EHLO; Static_Banner the whole greeting, on one line (LSN-14)', async () => {
  const named = new World({ options: { bannerHostname: 'front.test' } }).dial();
  await settle();
  assert.match(named.take(), /^220 front\.test ESMTP /);
  assert.match(named.lines('EHLO c.test'), /^250-front\.test says EHLO to /);
  const fixed = new World({ options: { staticBanner: '220 my.mail.server ESMTP\r\n220 injected' } }).dial();
  await settle();
  assert.equal(fixed.take(), '220 my.mail.server ESMTP 220 injected\r\n');
});

test('A second EHLO or HELO mid-transaction forgets the transaction and computes the offer anew (A26)', async () => {
  const client = await new World().connect();
  client.lines('EHLO c.test', 'MAIL FROM:<a@a.test> BODY=8BITMIME', 'RCPT TO:<b@here.test>');
  client.lines('HELO c.test');
  assert.match(client.lines('RCPT TO:<b@here.test>'), /^503 /);
  assert.match(client.lines('MAIL FROM:<a@a.test> BODY=8BITMIME'), /^555 /);
  assert.match(client.lines('LHLO c.test'), /^500 /);
  client.lines('EHLO c.test');
  assert.match(client.lines('MAIL FROM:<a@a.test> BODY=8BITMIME'), /^250 /);
});

test('A name that is no name is refused with 501 and the session lives (SMTP-04, A18)', async () => {
  const client = await new World().connect();
  assert.equal(client.lines('EHLO'), '501 invalid EHLO\r\n');
  assert.equal(client.lines('HELO a b'), '501 invalid HELO\r\n');
  assert.match(client.lines('EHLO a\x00b'), /^50[01] /);
  assert.match(client.lines('EHLO \xff\xfe'), /^50[01] /);
  assert.match(client.lines('NOOP \xc3\x28'), /^50[01] /);
  assert.match(client.lines('EHLO [192.0.2.7]'), /^250-/);
});

test('Require_EHLO refuses MAIL before a name was given (SMTP-04)', async () => {
  const client = await new World({ options: { requireEhlo: true } }).connect();
  assert.equal(client.lines('MAIL FROM:<a@a.test>'), '550 RFC2821 HELO/EHLO needed\r\n');
  client.lines('HELO c.test');
  assert.match(client.lines('MAIL FROM:<a@a.test>'), /^250 /);
});

/**
 * XCLIENT, XREMOTEIP, XSETCONTEXT, XDUMPCONTEXT: for whom they are, what they change, and what they never lend.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codes, World, type FakeClient } from '../../../test/kit/inbound.ts';

const GATEWAY = '192.0.2.10';
const ALL = ['XCLIENT', 'XREMOTEIP', 'XSETCONTEXT', 'XDUMPCONTEXT'];

/** A gateway that may relay and is trusted, and a world that is neither. */
function world(): World {
  const made = new World({ options: { relayDomains: ['here.test'], relayHosts: ['192.0.2.0/24'] } });
  made.optionsByIp.set(GATEWAY, { relayDomains: ['here.test'], relayHosts: ['192.0.2.0/24'], openRelay: true, smtpExtensions: ALL });
  made.elsewhere = [...ALL];
  return made;
}

async function gateway(w: World): Promise<FakeClient> {
  const client = await w.connect(GATEWAY);
  client.lines('EHLO gw.test');
  return client;
}

test("The seed's transcript of XDUMPCONTEXT, byte for byte, with its order of EHLO lines (EXT-05, CTX-07, SMTP-02)", async () => {
  const client = await new World({ options: { smtpExtensions: ['XDUMPCONTEXT', '-CHUNKING', '-SMTPUTF8', '-DSN'] } }).connect();
  const keywords = client.lines('ehlo there').split('\r\n').slice(1, -1);
  assert.deepEqual(keywords, ['250-PIPELINING', '250-XDUMPCONTEXT', '250-8BITMIME', '250 SIZE']);
  assert.equal(
    client.lines('XDUMPCONTEXT'),
    '250-[connection] ehlo_domain there\r\n250-[connection] ehlo_string ehlo there\r\n250 XDUMPCONTEXT complete\r\n',
  );
  client.lines('MAIL FROM:<a@a.test>');
  assert.match(client.lines('xdumpcontext'), /250-\[message\] mailfrom_domain a\.test\r\n/);
  assert.equal(codes(client.lines('XDUMPCONTEXT all')), '501');
});

test('Who is not trusted hears 550 where others are, and 500 where nobody is (EXT-01, A55, A80)', async () => {
  const verbs = ['XCLIENT ADDR=1.2.3.4', 'XREMOTEIP 1.2.3.4', 'XSETCONTEXT a=b', 'XDUMPCONTEXT'];
  const w = world();
  const stranger = await w.connect('198.51.100.1');
  assert.doesNotMatch(stranger.lines('EHLO x.test'), /-X/);
  for (const verb of verbs) assert.equal(stranger.lines(verb), '550 not allowed for this client\r\n', verb);
  w.elsewhere = [];
  for (const verb of verbs) assert.equal(stranger.lines(verb), '500 unrecognized command\r\n', verb);
  assert.equal(stranger.session.facts.remoteIp, '198.51.100.1');
});

test('XSETCONTEXT sets keys from xtext, all or none (EXT-04, CTX-08, A30)', async () => {
  const client = await gateway(world());
  const { connection } = client.session.context;
  assert.equal(client.lines('XSETCONTEXT option1=value1 option+2B=a+20b+3Dc'), '250 OK\r\n');
  assert.deepEqual([connection.get('option1'), connection.get('option+')], ['value1', 'a b=c']);
  for (const bad of ['', 'a', '=b', 'x=1 y', 'x=1  y=2', 'x=a+0D+0Ab', 'x=+2', 'x=a=b', '+0A=x']) {
    assert.equal(codes(client.lines(`XSETCONTEXT ${bad}`)), '501', bad);
  }
  assert.equal(connection.get('x'), undefined);
  client.lines('XSETCONTEXT option1=again __proto__=p');
  assert.deepEqual([connection.get('option1'), connection.get('__proto__')], ['again', 'p']);
});

test('XREMOTEIP changes the address everywhere, at any time, and takes the rights of the old one away (EXT-03)', async () => {
  const w = world();
  const client = await gateway(w);
  assert.equal(client.session.context.connection.get('can_relay'), 'true');
  client.lines('MAIL FROM:<a@a.test>');
  assert.equal(client.lines('XREMOTEIP 198.51.100.9'), '250 OK\r\n');
  assert.equal(client.session.facts.remoteIp, '198.51.100.9');
  assert.match(client.lines('RCPT TO:<b@far.test>'), /^550 /);
  assert.equal(codes(client.lines('RCPT TO:<b@here.test>', 'DATA', 'Subject: x', '', 'x', '.')), '250 354 250');
  const stored = w.spool.stored[0];
  assert.equal(stored?.envelope.remoteIp, '198.51.100.9');
  assert.match(stored?.text ?? '', /Received: from \[198\.51\.100\.9\]/);
  assert.equal(client.lines('XREMOTEIP 2001:db8::0001'), '250 OK\r\n', 'and again, since the peer is the same');
  assert.equal(client.session.facts.remoteIp, '2001:db8::1');
  for (const bad of ['', 'x', '1.2.3', '1.2.3.4 5.6.7.8', '[UNAVAILABLE]'])
    assert.equal(codes(client.lines(`XREMOTEIP ${bad}`)), '501', bad);
  assert.equal(client.lines('XREMOTEIP 192.0.2.77'), '250 OK\r\n');
  assert.equal(client.session.context.connection.get('can_relay'), 'true', 'an address that may relay by itself');
});

test('XCLIENT begins the session anew as another client, with a greeting (EXT-02, A80)', async () => {
  const client = await gateway(world());
  assert.match(client.lines('EHLO gw.test'), /250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n/);
  const line = 'XCLIENT NAME=c.test ADDR=IPV6:2001:db8::5 PORT=99 PROTO=ESMTP HELO=c.test DESTADDR=192.0.2.2 DESTPORT=587';
  assert.match(client.lines(line), /^220 mx\.here\.test ESMTP /);
  const { facts, context } = client.session;
  assert.deepEqual(
    [facts.remoteIp, facts.remotePort, facts.localIp, facts.localPort, facts.helo, facts.isEsmtp],
    ['2001:db8::5', 99, '192.0.2.2', 587, 'c.test', true],
  );
  assert.deepEqual([context.connection.get('can_relay'), context.connection.get('xclient_name')], [undefined, 'c.test']);
  client.lines('EHLO other.test', 'MAIL FROM:<a@a.test>');
  assert.match(client.lines('RCPT TO:<b@far.test>'), /^550 /, 'the gateway lends nothing');
  assert.match(client.lines('XCLIENT ADDR=1.2.3.4'), /^503 /, 'not within a transaction');
  client.lines('RSET');
  assert.match(client.lines('XCLIENT NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] PORT=[unavailable] HELO=[TEMPUNAVAIL]'), /^220 /);
  assert.deepEqual([facts.remoteIp, facts.remotePort, facts.helo], ['0.0.0.0', 0, '']);
  assert.equal(context.connection.get('xclient_name'), undefined);
});

test('XCLIENT LOGIN is an identity like that of AUTH, and goes with it (EXT-02, AUTH-05)', async () => {
  const client = await gateway(world());
  assert.match(client.lines('XCLIENT ADDR=198.51.100.3 LOGIN=joe+20smith'), /^220 /);
  const { connection } = client.session.context;
  assert.deepEqual(
    [connection.get('auth_user'), connection.get('auth_status'), connection.get('can_relay')],
    ['joe smith', 'pass', 'true'],
  );
  assert.match(client.lines('XCLIENT ADDR=198.51.100.4'), /^220 /);
  assert.deepEqual([connection.get('auth_user'), connection.get('can_relay')], [undefined, undefined]);
  client.lines('XCLIENT LOGIN=joe');
  client.lines('XCLIENT LOGIN=[UNAVAILABLE]');
  assert.equal(connection.get('auth_user'), undefined);
});

test('Attributes of XCLIENT that are none are 501 and change nothing (A80, A30)', async () => {
  const client = await gateway(world());
  const bad = [
    '',
    'ADDR',
    'ADDR=',
    'ADDR=x',
    'ADDR=999.1.1.1',
    'ADDR=1.2.3.4 ADDR=1.2.3.5',
    'ADDR=1.2.3.4  PORT=1',
    'PORT=70000',
    'PORT=-1',
    'PROTO=HTTP',
    'FOO=bar',
    'ADDR=1.2.3.4 HELO=a+0D+0AMAIL',
    'ADDR=1.2.3.4 HELO=a+20b',
    `ADDR=1.2.3.4 NAME=${'x'.repeat(300)}`,
    'ADDR=1.2.3.4 LOGIN=+0Ax',
  ];
  for (const words of bad) assert.equal(codes(client.lines(`XCLIENT ${words}`)), '501', words);
  assert.equal(client.session.facts.remoteIp, GATEWAY);
  assert.equal(client.session.facts.helo, 'gw.test');
});

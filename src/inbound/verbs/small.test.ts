/**
 * The verbs of one line, and those that no listener offers.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codes, settle, World } from '../../../test/kit/inbound.ts';

test('RSET forgets the transaction; NOOP, HELP and VRFY leave it alone (SMTP-01)', async () => {
  const client = await new World().connect();
  client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>');
  assert.equal(codes(client.lines('NOOP', 'NOOP with words', 'HELP', 'VRFY b', 'RCPT TO:<b@here.test>')), '250 250 214 252 250');
  assert.equal(client.lines('RSET'), '250 OK\r\n');
  assert.equal(client.lines('RCPT TO:<b@here.test>'), '503 RCPT TO without MAIL FROM\r\n');
  assert.equal(client.lines('RSET x'), '501 invalid arguments to RSET\r\n');
});

test('What is not offered is 500, whatever its form (SMTP-04, EXT-01)', async () => {
  const client = await new World().connect();
  client.lines('EHLO c.test');
  const verbs = [
    'AUTH PLAIN AAAA',
    'STARTTLS',
    'STARTTLS now',
    'XCLIENT NAME=x',
    'XREMOTEIP 1.2.3.4',
    'XSETCONTEXT a=b',
    'XDUMPCONTEXT',
    'EXPN a',
  ];
  for (const verb of [...verbs, 'ETRN a', 'TURN', 'FOO', '', ' ']) {
    assert.equal(client.lines(verb), '500 unrecognized command\r\n', `"${verb}"`);
  }
});

test('QUIT says 221 and closes; a second QUIT and what follows is not answered (A27)', async () => {
  const client = await new World().connect();
  assert.equal(codes(client.lines('QUIT', 'QUIT', 'NOOP')), '221');
  await settle();
  assert.ok(client.isEnded);
  assert.equal(client.lines('NOOP'), '');
});

test('A session that began before a reload, or whose own options changed, hears Reconfig_Message at MAIL or RSET, and not within a transaction (LSN-10)', async () => {
  const world = new World();
  const client = await world.connect();
  client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'DATA');
  world.version = 2;
  world.reloads = 1;
  assert.equal(codes(client.lines('Subject: x', '', 'x', '.')), '250', 'the transaction in progress is finished');
  assert.equal(client.lines('MAIL FROM:<a@a.test>'), '421 4.3.2 Reconfiguration in progress\r\n');
  await settle();
  assert.ok(client.isEnded);

  world.options = { reconfigMessage: 'back in a minute', smtpExtensions: ['ENHANCEDSTATUSCODES'] };
  const other = await world.connect();
  world.version = 3;
  assert.equal(codes(other.lines('RSET')), '250', 'a change that does not concern it');
  world.version = 4;
  world.options = { ...world.options };
  assert.equal(codes(other.lines('NOOP')), '250');
  assert.equal(other.lines('RSET'), '421 back in a minute\r\n');
  await settle();
  assert.ok(other.isEnded);
});

test('A line without end is answered once and the connection closed after a bounded amount (A17)', async () => {
  const world = new World();
  const client = await world.connect();
  assert.equal(client.say(`NOOP ${'x'.repeat(5000)}`), '');
  let said = '';
  for (let i = 0; i < 100 && !client.isEnded; i++) said += client.say('x'.repeat(1000));
  await settle();
  assert.equal(codes(said + client.take()), '500');
  assert.ok(client.isEnded);
  const long = await world.connect();
  assert.equal(codes(long.lines(`NOOP ${'x'.repeat(5000)}`, 'NOOP')), '500 250', 'an over-long line with an end costs one reply');
});

test('Peers that speak another protocol hear one 5xx and are closed, and nothing they say is executed (A28)', async () => {
  const world = new World();
  const hello = Buffer.concat([Buffer.from([0x16, 3, 1, 0, 5]), Buffer.from('\r\nMAIL FROM:<a@a.test>\r\n')]).toString('latin1');
  const web = 'GET / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@here.test>\r\n';
  const post = 'POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\nMAIL FROM:<a@a.test>\r\n';
  for (const greeting of [web, post, 'SSH-2.0-OpenSSH_9.9\r\nNOOP\r\n', hello, 'Host: x\r\nNOOP\r\n']) {
    const client = await world.connect();
    const said = client.say(greeting);
    await settle();
    assert.match(said + client.take(), /^5\d\d [^\r]*\r\n$/, JSON.stringify(greeting.slice(0, 20)));
    assert.ok(client.isEnded);
    assert.equal(client.session.transaction.isOpen, false);
  }
});

/**
 * DATA: when it is refused, and what stays as it was.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World } from '../../../test/kit/inbound.ts';

test('A refused DATA or BDAT leaves the session in its state, so that later records name the right phase (SMTP-21, A19)', async () => {
  const world = new World();
  const client = await world.connect();
  client.lines('EHLO c.test', 'DATA');
  assert.equal(client.session.state, 'awaiting mailfrom');
  client.say('BDAT 4 LAST\r\nQUIT');
  assert.equal(client.session.state, 'awaiting mailfrom');
  client.lines('MAIL FROM:<a@a.test>', 'RCPT TO:<b@far.test>', 'DATA');
  assert.equal(client.session.state, 'awaiting rcptto');
  client.lines('RCPT TO:<b@here.test>');
  assert.match(client.lines('DATA'), /^354 /);
  assert.equal(client.session.state, 'reading body');
});

test('DATA that is refused with more bytes behind it closes, because they are a body (A27, A28)', async () => {
  const world = new World();
  const client = await world.connect();
  assert.match(client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'DATA', 'MAIL FROM:<evil@a.test>'), /503 DATA without RCPT TO\r\n$/);
  assert.ok(client.isEnded);
});

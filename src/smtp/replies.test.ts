/**
 * Tests of the reply texts: those of the manual as they stand there, and the form of all.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ehloReply, greeting, heloReply, replies } from './replies.ts';
import { formatReply } from './reply.ts';

test('SMTP-01: the documented success texts', () => {
  assert.equal(formatReply(replies.mailAccepted, false), '250 MAIL FROM accepted\r\n');
  assert.equal(formatReply(replies.rcptAccepted, false), '250 RCPT TO accepted.\r\n');
  assert.equal(formatReply(replies.startData, true), '354 continue.  finished with "\\r\\n.\\r\\n"\r\n');
  assert.equal(formatReply(replies.messageAccepted, false), '250 OK\r\n');
});

test('SMTP-01 SMTP-02: the EHLO reply has the host line and one keyword a line, never an enhanced code', () => {
  const text = formatReply(ehloReply('mx.example', '192.0.2.1', ['PIPELINING', '8BITMIME']), true);
  assert.equal(text, '250-mx.example says EHLO to 192.0.2.1\r\n250-PIPELINING\r\n250 8BITMIME\r\n');
  assert.equal(formatReply(ehloReply('h', 'p', []), true), '250 h says EHLO to p\r\n');
  assert.equal(formatReply(heloReply('h', 'p'), true), '250 h says HELO to p\r\n');
  assert.equal(formatReply(greeting({ host: 'h', product: 'impetus 1', date: 'd' }), true), '220 h ESMTP impetus 1 d\r\n');
});

test('SMTP-04 SMTP-05: every reply has a code, a printable text of one line and an enhanced code of its class; limits answer 421', () => {
  for (const [name, reply] of Object.entries(replies)) {
    assert.ok(reply.code >= 200 && reply.code < 600, name);
    assert.match(reply.text as string, /^[ -~]+$/, name);
    const enhanced = (reply as { enhanced?: string }).enhanced;
    if (enhanced !== undefined) assert.equal(enhanced[0], String(reply.code)[0], name);
  }
  for (const limit of [replies.batchLimit, replies.recipientsPerConnectionLimit, replies.recipientsPerMessageLimit]) {
    assert.equal(limit.code, 421);
    assert.equal(limit.enhanced, '4.5.3');
  }
});

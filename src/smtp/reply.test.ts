/**
 * Tests of replies: their form on the wire and the texts that stand in the manual.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ehloReply, greeting, heloReply, replies } from './replies.ts';
import { formatReply, replyFromText, replyText } from './reply.ts';
import { decodeXtext, encodeXtext } from './xtext.ts';

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

test('an enhanced code is written on every line and only when asked for', () => {
  const reply = { code: 550, enhanced: '5.7.1', text: ['no', 'never'] };
  assert.equal(formatReply(reply, true), '550-5.7.1 no\r\n550 5.7.1 never\r\n');
  assert.equal(formatReply(reply, false), '550-no\r\n550 never\r\n');
});

test('A75: a text cannot break its line, and a long one becomes several lines of at most 512 octets', () => {
  assert.equal(formatReply({ code: 550, text: 'a\r\n250 ok\r\n\0é' }, false), '550 a 250 ok \r\n');
  const lines = formatReply({ code: 550, enhanced: '5.0.0', text: `${'word '.repeat(300)}${'x'.repeat(1000)}` }, true).split('\r\n');
  assert.ok(lines.length > 3 && lines.every((line) => line.length <= 510));
  assert.ok(lines.slice(0, -2).every((line) => line.startsWith('550-5.0.0 ')));
  assert.ok(lines.at(-2)?.startsWith('550 5.0.0 '));
});

test('a configured text may begin with its own enhanced code', () => {
  assert.deepEqual(replyFromText(421, '4.3.2 Reconfiguration in progress'), {
    code: 421,
    enhanced: '4.3.2',
    text: 'Reconfiguration in progress',
  });
  assert.deepEqual(replyFromText(421, '5.3.2 x'), { code: 421, text: '5.3.2 x' });
  assert.deepEqual(replyFromText(421, 'busy'), { code: 421, text: 'busy' });
  assert.equal(replyText({ code: 550, enhanced: '5.7.1', text: ['a\n', 'b'] }), '5.7.1 a  b');
});

test('A30: xtext goes there and back, and strict decoding refuses the rest', () => {
  for (const text of ['', 'plain', 'a+b=c d', '~!']) assert.equal(decodeXtext(encodeXtext(text)), text);
  assert.equal(encodeXtext('a+b=c ü'), 'a+2Bb+3Dc+20+C3+BC');
  for (const bad of ['+', '+2', '+2b', '+0A', '+0D', '+00', '+7F', '+80', 'a=b', 'a b', 'é'])
    assert.equal(decodeXtext(bad), undefined, bad);
});

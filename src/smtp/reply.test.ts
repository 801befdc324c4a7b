/**
 * Tests of replies as data: their form on the wire.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatReply, replyText } from './reply.ts';

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

test('for a log a reply is one line, its enhanced code in front', () => {
  assert.equal(replyText({ code: 550, enhanced: '5.7.1', text: ['a\n', 'b'] }), '5.7.1 a  b');
});

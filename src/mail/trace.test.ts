/**
 * Tests of trace headers, dates and one-line text.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDate } from './date.ts';
import { asciiLine, oneLine, oneLineOfBytes } from './one-line.ts';
import { dateHeader, newMessageIdHeader, receivedHeader, returnPathHeader, traceHeaders } from './trace.ts';
import type { Hop } from './trace.ts';

const HOP: Hop = {
  remoteIp: '192.168.0.5',
  remotePort: 47_780,
  helo: 'kubuntu',
  by: 'centos',
  sender: 'peter@kubuntu',
  product: 'impetus 0.1.0',
  with: 'ESMTP',
  id: '00/00-02001-C6DD1CA4',
  at: 1_254_219_116_000,
  offsetMinutes: -240,
};

test('SMTP-16: the Received header has the documented form and folds', () => {
  assert.equal(
    receivedHeader(HOP),
    'Received: from [192.168.0.5] ([192.168.0.5:47780] helo=kubuntu)\r\n' +
      '\tby centos (envelope-from <peter@kubuntu>)\r\n' +
      '\t(impetus 0.1.0) with ESMTP\r\n' +
      '\tid 00/00-02001-C6DD1CA4; Tue, 29 Sep 2009 06:11:56 -0400\r\n',
  );
});

test('SMTP-16: IPv6 peers carry their tag, and a Unix socket has no address', () => {
  assert.ok(
    receivedHeader({ ...HOP, remoteIp: '2001:db8::1' }).startsWith(
      'Received: from [IPv6:2001:db8::1] ([2001:db8::1]:47780 helo=kubuntu)\r\n',
    ),
  );
  assert.ok(receivedHeader({ ...HOP, remoteIp: '' }).startsWith('Received: from local (helo=kubuntu)\r\n'));
});

test('SMTP-16: Return-Path holds the sender, brackets alone for the null sender, and stands in front', () => {
  assert.equal(returnPathHeader('a@b'), 'Return-Path: <a@b>\r\n');
  assert.equal(returnPathHeader(''), 'Return-Path: <>\r\n');
  assert.equal(traceHeaders(HOP).toString(), returnPathHeader(HOP.sender) + receivedHeader(HOP));
});

test('SMTP-14: Date and Message-ID as added when missing', () => {
  assert.equal(dateHeader(0), 'Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n');
  assert.equal(newMessageIdHeader('00/00-02001-C6DD1CA4', 'centos'), 'Message-ID: <00.00.02001.C6DD1CA4@centos>\r\n');
});

test('A75 A32: a HELO name or sender made of line ends and parentheses stays one header', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), fc.string({ maxLength: 2000 }), (helo, sender) => {
      const lines = receivedHeader({ ...HOP, helo, sender }).split('\r\n');
      assert.equal(lines.length, 5);
      assert.ok(lines.slice(1, 4).every((line) => line.startsWith('\t')));
      assert.ok(lines.every((line) => Buffer.byteLength(line) <= 998 && !/\p{Cc}/u.test(line.replaceAll('\t', ''))));
    }),
  );
  assert.ok(receivedHeader({ ...HOP, sender: '"a)b\\\\"@c' }).includes('(envelope-from <"a\\)b\\\\\\\\"@c>)'));
});

test('dates are those of RFC 5322 in the offset asked for, and the second is formatted once', () => {
  assert.equal(formatDate(Date.UTC(2026, 10, 22, 21, 38, 32)), 'Sun, 22 Nov 2026 21:38:32 +0000');
  assert.equal(formatDate(Date.UTC(2026, 10, 22, 21, 38, 32, 999)), 'Sun, 22 Nov 2026 21:38:32 +0000');
  assert.equal(formatDate(Date.UTC(2024, 1, 28, 23, 59, 59), 330), 'Thu, 29 Feb 2024 05:29:59 +0530');
  assert.equal(formatDate(Date.UTC(2024, 2, 1, 0, 0, 0), -90), 'Thu, 29 Feb 2024 22:30:00 -0130');
});

test('A65: impossible times give a date of four digits', () => {
  const form = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}$/;
  for (const time of [-1, -1e15, 1e18, Number.NaN, Number.POSITIVE_INFINITY, 253_402_300_799_000]) {
    for (const offset of [0, 1439, -1439, 100_000]) assert.match(formatDate(time, offset), form, `${time} ${offset}`);
  }
});

test('A75: oneLine leaves no control character, separator or direction mark and is whole', () => {
  assert.equal(oneLine('a\r\nb\0c\u001b[0m\u2028d\u202ee\ud800f'), 'a b c [0m d e\ufffdf');
  assert.equal(oneLine('x'.repeat(20), 10), 'xxxxxxx...');
  assert.equal(oneLine('abcdef😀ghi', 10), 'abcdef...');
  assert.equal(oneLine('abc', 2), '..');
  assert.equal(asciiLine('größe\n'), 'gr??e ');
  assert.equal(oneLineOfBytes(Buffer.from('größe')), 'größe');
  assert.equal(oneLineOfBytes(Buffer.from([0x61, 0xff, 0x0a, 0x62])), 'a? b');
  assert.equal(oneLineOfBytes(Buffer.alloc(100_000, 'a'), 10), 'aaaaaaa...');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(50), (text, max) => {
      const line = oneLine(text, max);
      assert.ok(line.length <= max && line.isWellFormed() && !/\p{Cc}|\u2028|\u2029/u.test(line));
    }),
  );
});

/**
 * Tests of the headers added on the way.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
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

/**
 * Tests of the commands we send: parameters only where they were offered, nothing that could break a line.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_CAPABILITIES, parseEhlo } from './capabilities.ts';
import { formatHello, formatMail, formatRcpt, needsSmtpUtf8 } from './format-command.ts';
import { parseCommand, STRICT_RULES } from './parse-command.ts';

const ALL = parseEhlo(['h', 'SIZE 0', '8BITMIME', 'SMTPUTF8', 'DSN', 'CHUNKING', 'BINARYMIME']);
const WISHES = { size: 10, body: '8BITMIME', smtpUtf8: true, ret: 'HDRS', envid: 'a+2Bb' } as const;

test('MAIL carries what the server offers and nothing else', () => {
  assert.equal(formatMail('a@b.c', WISHES, ALL), 'MAIL FROM:<a@b.c> SIZE=10 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb\r\n');
  assert.equal(formatMail('a@b.c', WISHES, NO_CAPABILITIES), 'MAIL FROM:<a@b.c>\r\n');
  assert.equal(formatMail('', {}, ALL), 'MAIL FROM:<>\r\n');
  assert.equal(formatMail('a@b', { body: 'BINARYMIME' }, parseEhlo(['h', '8BITMIME'])), 'MAIL FROM:<a@b>\r\n');
});

test('RCPT carries NOTIFY and ORCPT only to a server with DSN', () => {
  const wishes = { notify: ['SUCCESS', 'DELAY'], orcpt: 'rfc822;x+2By' };
  assert.equal(formatRcpt('a@b.c', wishes, ALL), 'RCPT TO:<a@b.c> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x+2By\r\n');
  assert.equal(formatRcpt('a@b.c', wishes, NO_CAPABILITIES), 'RCPT TO:<a@b.c>\r\n');
  assert.equal(formatRcpt('a@b.c', { orcpt: 'utf-8;jörg@b' }, ALL), 'RCPT TO:<a@b.c> ORCPT=utf-8;j\\x{F6}rg@b\r\n');
  assert.equal(formatRcpt('a@b.c', { orcpt: 'utf-8;jörg@b', smtpUtf8: true }, ALL), 'RCPT TO:<a@b.c> ORCPT=utf-8;jörg@b\r\n');
});

test('A30 A32: an address or parameter with a line end is never sent', () => {
  assert.throws(() => formatMail('a@b\r\nRCPT TO:<x@y>', {}, ALL));
  assert.throws(() => formatMail('a@b', { envid: 'x\n' }, ALL));
  assert.throws(() => formatRcpt('a@b\nDATA', {}, ALL));
  assert.throws(() => formatHello('EHLO', 'a\rb'));
});

test('what we send as a client, our server reads', () => {
  const mail = parseCommand(formatMail('"a b"@c.example', WISHES, ALL).slice(0, -2), STRICT_RULES);
  assert.ok(mail.verb === 'MAIL');
  assert.deepEqual(mail.parameters, WISHES);
  assert.equal(parseCommand(formatHello('EHLO', 'mx.example').trimEnd(), STRICT_RULES).verb, 'EHLO');
});

test('an address outside ASCII needs SMTPUTF8', () => {
  assert.equal(needsSmtpUtf8('jörg@b'), true);
  assert.equal(needsSmtpUtf8('joerg@b'), false);
});

/** Who sends and who receives a message of which only the text is there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderBlock } from './header-block.ts';
import { headerEnvelope } from './header-envelope.ts';

function envelope(...lines: string[]): unknown {
  const found = headerEnvelope(HeaderBlock.parse(Buffer.from(`${lines.join('\r\n')}\r\n\r\nbody\r\n`)));
  return 'problem' in found ? found.problem : [found.sender, ...found.recipients.map(({ text }) => text)];
}

test('RFC 5322: names, comments, groups and folds are no addresses; each recipient is there once', () => {
  assert.deepEqual(
    envelope(
      'From: "Ada, Countess" <ada@a.test>',
      'To: Grace (of the, navy) <grace@b.test>,',
      ' friends: alan@c.test, <kurt@d.test>;, "odd one"@e.test',
      'Cc: grace@b.test',
      'Bcc: undisclosed <hidden@f.test>',
    ),
    ['ada@a.test', 'grace@b.test', 'alan@c.test', 'kurt@d.test', '"odd one"@e.test', 'hidden@f.test'],
  );
});

test('RFC 5322: Return-Path comes before Sender and From, and Resent- fields before all others', () => {
  assert.deepEqual(envelope('Return-Path: <>', 'From: a@a.test', 'To: b@b.test'), ['', 'b@b.test']);
  assert.deepEqual(envelope('Return-Path: <r@a.test>', 'From: a@a.test', 'To: b@b.test'), ['r@a.test', 'b@b.test']);
  assert.deepEqual(envelope('Sender: s@a.test', 'From: a@a.test, b@a.test', 'To: b@b.test'), ['s@a.test', 'b@b.test']);
  assert.deepEqual(envelope('From: a@a.test', 'To: b@b.test', 'Resent-From: r@a.test', 'Resent-To: c@b.test'), ['r@a.test', 'c@b.test']);
});

test('an address that is none, nobody to send to, or nobody who sends is said', () => {
  assert.match(String(envelope('From: a@a.test', 'To: b@b.test, b@-')), /"b@-" in To, Cc or Bcc is no address/);
  assert.match(String(envelope('From: a@a.test', 'Subject: x')), /neither To, Cc nor Bcc/);
  assert.match(String(envelope('Subject: x', 'To: b@b.test')), /names its sender/);
});

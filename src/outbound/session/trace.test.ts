/** What a record of a conversation holds, and what never. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#base';
import type { ServerReply } from '#smtp';
import { Tracers } from './trace.ts';

const queue = { binding: 'first', domain: 'a.test' };

function reply(code: number, ...lines: string[]): ServerReply {
  return { kind: 'reply', code, class: code < 400 ? 'positive' : 'transient', lines, mixed: false };
}

test('A45: from AUTH to the end of the exchange a record has neither answers nor challenges, whatever the mechanism; afterwards it has all', () => {
  const tracers = new Tracers(new ManualClock());
  assert.equal(tracers.of(queue, '192.0.2.1'), undefined);
  tracers.set([{ id: 1, binding: '*', domain: 'a.test' }]);
  const conversation = tracers.of(queue, '192.0.2.1');
  assert.ok(conversation !== undefined);
  conversation.said(['EHLO us\r\n']);
  conversation.heard(reply(250, 'them', 'AUTH LOGIN'));
  conversation.said(['AUTH LOGIN\r\n']);
  conversation.heard(reply(334, 'VXNlcm5hbWU6'));
  conversation.said(['dXNlcg==\r\n']);
  conversation.heard(reply(334, 'UGFzc3dvcmQ6'));
  conversation.said(['cGFzcw==\r\n']);
  conversation.heard(reply(235, 'in'));
  conversation.said(['MAIL FROM:<a@b>\r\nRCPT TO:<\x1b[31m@a.test>\r\n', Buffer.from('Subject: x\r\n\r\ntext')]);
  const [taken] = tracers.take();
  assert.deepEqual(
    taken?.lines.map((line) => line.slice(line.indexOf('192.0.2.1 ') + 10)),
    [
      '> EHLO us',
      '< 250-them',
      '< 250 AUTH LOGIN',
      '> AUTH LOGIN (what follows is not shown)',
      '< 334 (a challenge, not shown)',
      '> (an answer to the challenge, not shown)',
      '< 334 (a challenge, not shown)',
      '> (an answer to the challenge, not shown)',
      '< 235 in',
      '> MAIL FROM:<a@b>',
      String.raw`> RCPT TO:<\x1b[31m@a.test>`,
      '> (18 octets of a message)',
    ],
  );
});

test('a tracer is asked for by binding and domain, goes on when others come and go, and keeps a bounded number of lines that nobody takes', () => {
  const tracers = new Tracers(new ManualClock());
  tracers.set([{ id: 1, binding: 'first', domain: '*' }]);
  assert.equal(tracers.of({ binding: 'second', domain: 'a.test' }, '192.0.2.1'), undefined);
  const conversation = tracers.of(queue, '192.0.2.1');
  const line = 'x'.repeat(2_000);
  for (let i = 0; i < 10_000; i += 1) conversation?.note(line);
  assert.equal(
    tracers.set([
      { id: 1, binding: 'first', domain: '*' },
      { id: 2, binding: '*', domain: '*' },
    ]),
    true,
  );
  const [first, second] = tracers.take();
  assert.deepEqual([first?.id, second?.id, second?.lines.length], [1, 2, 0]);
  assert.ok(first !== undefined && first.lost > 0 && first.lost + first.lines.length === 10_000);
  assert.ok(first.lines.reduce((sum, each) => sum + each.length, 0) <= 1_100_000);
  assert.equal(tracers.set([]), true);
  assert.equal(tracers.of(queue, '192.0.2.1'), undefined);
});

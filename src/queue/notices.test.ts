import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTICE_BYTES_AT_ONCE, NOTICE_RETRY_MS } from './notices.ts';
import { permanent, recipient, Surroundings, delivered, transient } from './fixtures.test.ts';

test('BNC-01, BNC-02: recipients that fail together make one notice, with the reply of each and the original', () => {
  const s = new Surroundings();
  s.accept(['1@a.test', '2@a.test', '3@a.test']);
  const queue = s.queue('a.test');
  const delivery = queue.take();
  assert.ok(delivery);
  queue.finish(delivery, [permanent, delivered, { ...permanent, reply: '552 full' }]);
  assert.equal(s.notices.length, 1);
  const [notice] = s.notices;
  assert.deepEqual(
    notice?.recipients.map((f) => [f.address, f.reply]),
    [
      ['1@a.test', '550 no such user'],
      ['3@a.test', '552 full'],
    ],
  );
  assert.equal(notice?.to, 'sender@origin.test');
  assert.equal(notice?.original?.toString(), 'Subject: hello\r\n\r\n');
  assert.equal(s.kinds(), 'DPP');
});

test('A51, BNC-03: the null sender is never told', () => {
  const s = new Surroundings();
  s.accept(['1@a.test'], { sender: '' });
  s.attempt('a.test', permanent);
  assert.equal(s.notices.length, 0);
  assert.equal(s.settled.length, 1);
});

test('BNC-01: Generate_Bounces = false, and NOTIFY without FAILURE, make no notice', () => {
  const s = new Surroundings();
  s.options = { generateBounces: false };
  s.accept(['1@a.test']);
  s.attempt('a.test', permanent);
  s.options = {};
  s.queues.reconfigured();
  s.queues.accepted(
    s.envelope([recipient('1@b.test', { notify: ['NEVER'] }), recipient('2@b.test', { notify: ['SUCCESS', 'DELAY'] })]),
    undefined,
  );
  s.attempt('b.test', permanent);
  assert.equal(s.notices.length, 0);
  s.queues.accepted(s.envelope([recipient('1@b.test', { notify: ['NEVER'] }), recipient('2@b.test', { notify: ['FAILURE'] })]), undefined);
  s.attempt('b.test', permanent);
  assert.deepEqual(
    s.notices.map((n) => n.recipients.map((f) => f.address)),
    [['2@b.test']],
  );
  assert.equal(s.settled.length, 3);
});

test('SD-2558: a failure is noted only when its notice is durable; while the door is shut the notice waits and comes again', () => {
  const s = new Surroundings();
  s.noticeError = Object.assign(new Error('452'), { code: 'storage' });
  s.accept(['1@a.test']);
  s.attempt('a.test', permanent);
  assert.deepEqual(s.notes, []);
  assert.deepEqual(s.settled, []);
  s.noticeError = undefined;
  s.pass(NOTICE_RETRY_MS / 1000);
  assert.equal(s.notices.length, 2);
  assert.equal(s.notes.length, 1);
  assert.equal(s.settled.length, 1);
  assert.equal(s.queues.noticesPending, 0);
});

test('a notice that policy refuses is given up with a line in the panic log', () => {
  const s = new Surroundings();
  s.noticeError = Object.assign(new Error('no'), { code: 'refused' });
  s.accept(['1@a.test']);
  s.attempt('a.test', permanent);
  assert.equal(s.settled.length, 1);
  assert.match(s.panics[0] ?? '', /notice about message .* was refused/);
});

test('a partly deferred batch tells of its failures now and of the rest when they fail', () => {
  const s = new Surroundings();
  s.options = { maxRetries: 1 };
  s.accept(['1@a.test', '2@a.test']);
  const queue = s.queue('a.test');
  const delivery = queue.take();
  assert.ok(delivery);
  queue.finish(delivery, [permanent, transient]);
  assert.equal(s.notices.length, 1);
  assert.equal(s.settled.length, 0);
  s.pass(1200);
  s.attempt('a.test', transient);
  assert.equal(s.notices.length, 2);
  assert.equal(s.notices[1]?.recipients[0]?.address, '2@a.test');
  assert.equal(s.settled.length, 1);
});

test('NOTIFY=SUCCESS where the next hop tells nobody: one notice of relaying, and the message is kept until it is made', () => {
  const s = new Surroundings();
  s.noticeError = Object.assign(new Error('452'), { code: 'storage' });
  const success = { notify: ['SUCCESS', 'FAILURE'] };
  s.queues.accepted(s.envelope([recipient('1@a.test', success), recipient('2@a.test'), recipient('3@a.test', success)]), undefined);
  s.attempt('a.test', { ...delivered, success: 'relayed' });
  assert.deepEqual(
    s.notices.map((n) => [n.action, n.recipients.map((r) => [r.address, r.reply])]),
    [
      [
        'relayed',
        [
          ['1@a.test', '250 ok'],
          ['3@a.test', '250 ok'],
        ],
      ],
    ],
  );
  assert.deepEqual([s.settled.length, s.kinds()], [0, 'DDD']);
  s.noticeError = undefined;
  s.pass(NOTICE_RETRY_MS / 1000);
  assert.equal(s.settled.length, 1);
  // A hop that offers DSN tells by itself, and the null sender is never told.
  s.queues.accepted(s.envelope([recipient('1@b.test', success)]), undefined);
  s.queues.accepted(s.envelope([recipient('1@c.test', success)], { sender: '' }), undefined);
  s.attempt('b.test', delivered);
  s.attempt('c.test', { ...delivered, success: 'relayed' });
  assert.deepEqual([s.notices.length, s.settled.length], [2, 3]);
});

test('BNC-03 MDN_Failures_Notify hears of failed mail without a sender, and never of a failure of what it was sent (A51)', () => {
  const s = new Surroundings();
  s.options = { mdnFailuresNotify: 'Postmaster@here.test' };
  s.accept(['1@a.test'], { sender: '' });
  s.attempt('a.test', permanent);
  assert.deepEqual(
    s.notices.map(({ to, recipients }) => [to, recipients[0]?.address]),
    [['Postmaster@here.test', '1@a.test']],
  );
  s.accept(['postmaster@here.test'], { sender: '' });
  s.attempt('here.test', permanent);
  assert.equal(s.notices.length, 1);
  // Where nobody is to be told at all, nobody is.
  s.options = { mdnFailuresNotify: 'postmaster@here.test', generateBounces: false };
  s.queues.reconfigured();
  s.accept(['2@a.test'], { sender: '' });
  s.attempt('a.test', permanent);
  assert.deepEqual([s.notices.length, s.settled.length], [1, 3]);
});

test('BNC-04 Async_Bounce_Rendering makes notices in turns of their own, Soft_Bounce_Drain_Rate of them in each; without it they are made at once', () => {
  const rendering = { isAsync: true, perPass: 2 };
  const s = new Surroundings({ rendering: () => rendering });
  for (let i = 0; i < 5; i += 1) {
    s.accept([`${i}@a.test`]);
    s.attempt('a.test', permanent);
  }
  assert.deepEqual([s.notices.length, s.queues.noticesPending], [0, 5]);
  const made: number[] = [];
  for (let turn = 0; turn < 4; turn += 1) {
    s.pass(0);
    made.push(s.notices.length);
  }
  assert.deepEqual(made, [2, 4, 5, 5]);
  assert.equal(s.settled.length, 5);
  rendering.isAsync = false;
  s.accept(['6@a.test']);
  s.attempt('a.test', permanent);
  assert.equal(s.notices.length, 6);
});

test('BNC-04 A47 originals of notices that are being made are bounded together: a large one waits for its turn', () => {
  const s = new Surroundings();
  s.holdsNotices = true;
  for (let i = 0; i < 4; i += 1) {
    s.accept([`${i}@a.test`], { size: NOTICE_BYTES_AT_ONCE / 2 });
    s.attempt('a.test', permanent);
  }
  assert.deepEqual([s.notices.length, s.queues.noticesPending], [2, 4]);
  s.releaseNotice();
  assert.equal(s.notices.length, 3);
  while (s.releaseNotice());
  assert.deepEqual([s.notices.length, s.queues.noticesPending, s.settled.length], [4, 0, 4]);
});

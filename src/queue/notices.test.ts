import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTICE_RETRY_MS } from './notices.ts';
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
    notice?.failed.map((f) => [f.address, f.reply]),
    [
      ['1@a.test', '550 no such user'],
      ['3@a.test', '552 full'],
    ],
  );
  assert.equal(notice?.sender, 'sender@origin.test');
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
    s.notices.map((n) => n.failed.map((f) => f.address)),
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
  assert.equal(s.notices[1]?.failed[0]?.address, '2@a.test');
  assert.equal(s.settled.length, 1);
});

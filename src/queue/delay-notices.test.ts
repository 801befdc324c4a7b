/*
 * Notices of delay: the schedule of the manual, and that what has left, or nobody wants to hear of, is told of no more.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextDelayNotice } from './delay-notices.ts';
import { delivered, recipient, Surroundings, transient } from './fixtures.test.ts';

const hour = 3600;

function schedule(base: number, longest: number, count: number): number[] {
  const ages: number[] = [];
  for (let age = 0; ages.length < count; ages.push(age))
    age = nextDelayNotice(age, { delayDsnRetryInterval: base, delayDsnMaxRetryInterval: longest });
  return ages.map((age) => age / hour);
}

test('BNC-11 the gaps between notices of delay double up to the longest: 3 h, 9 h, 21 h, 45 h, then every 24 h', () => {
  assert.deepEqual(schedule(10_800, 86_400, 7), [3, 9, 21, 45, 69, 93, 117]);
  assert.deepEqual(schedule(3600, 43_200, 6), [1, 3, 7, 15, 27, 39]);
  assert.deepEqual(schedule(7200, 3600, 3), [1, 2, 3], 'a longest gap below the first');
  assert.deepEqual(schedule(3600, 0, 4), [1, 3, 7, 15], 'no longest gap');
  assert.equal(nextDelayNotice(1e9, { delayDsnRetryInterval: 0, delayDsnMaxRetryInterval: 0 }) > 1e9, true);
});

test('BNC-11 Generate_Delay_DSN, Delay_DSN_Retry_Interval and Delay_DSN_Max_Retry_Interval: the sender hears at these ages, whatever attempts are made, until the mail has left', () => {
  const s = new Surroundings();
  s.options = {
    generateDelayDsn: true,
    delayDsnRetryInterval: hour,
    delayDsnMaxRetryInterval: 2 * hour,
    messageExpiration: 3 * 86_400,
    maxRetries: 'none',
  };
  s.accept(['1@a.test', '2@a.test']);
  s.attempt('a.test', transient);
  s.pass(hour - 60);
  assert.equal(s.notices.length, 0);
  assert.deepEqual(
    s.queues.delaysPending(10).map(({ at }) => Math.round((at - s.clock.now()) / 1000)),
    [60],
  );
  s.pass(60);
  const [notice] = s.notices;
  assert.deepEqual(
    [notice?.action, notice?.to, notice?.recipients.map(({ address }) => address)],
    ['delayed', 'sender@origin.test', ['1@a.test', '2@a.test']],
  );
  assert.equal(notice?.recipients[0]?.reply, '451 later');
  assert.equal(notice?.retryUntil, s.clock.now() - (hour * 1000 + 20) + 3 * 86_400_000);
  // Attempts between change nothing.
  s.attempt('a.test', transient);
  s.pass(2 * hour);
  s.attempt('a.test', transient);
  assert.equal(s.notices.length, 2);
  s.pass(2 * hour);
  assert.equal(s.notices.length, 3);
  s.queue('a.test').flush();
  s.pass(1);
  assert.equal(s.attempt('a.test', delivered), true);
  s.pass(20 * hour);
  assert.equal(s.notices.length, 3);
  assert.deepEqual(s.queues.delaysPending(10), []);
  assert.equal(s.settled.length, 1);
});

test('BNC-11 BNC-03 no delay is told without Generate_Delay_DSN, to the null sender, or where NOTIFY does not ask for it', () => {
  const s = new Surroundings();
  s.accept(['1@a.test']);
  s.options = { generateDelayDsn: true };
  s.accept(['1@b.test'], { sender: '' });
  s.queues.accepted(s.envelope([recipient('1@c.test', { notify: ['NEVER'] }), recipient('2@c.test', { notify: ['FAILURE'] })]), undefined);
  s.queues.accepted(s.envelope([recipient('1@d.test', { notify: ['FAILURE'] }), recipient('2@d.test', { notify: ['DELAY'] })]), undefined);
  for (const domain of ['a.test', 'b.test', 'c.test', 'd.test']) s.attempt(domain, transient);
  s.pass(hour);
  assert.deepEqual(
    s.notices.map(({ recipients }) => recipients.map(({ address }) => address)),
    [['2@d.test']],
  );
});

test('BNC-11 after a restart no notice is repeated: only ages that are still to come count', () => {
  const s = new Surroundings();
  s.options = { generateDelayDsn: true, retryInterval: 7200 };
  const envelope = s.envelope([recipient('1@a.test')]);
  const states = [{ outcome: 'open', attempts: 3, nextAt: s.clock.now() + 5 * hour * 1000, reply: '451 later' }];
  s.queues.recovered({ envelope: { ...envelope, receivedAt: s.clock.now() - 2 * hour * 1000 }, states });
  s.pass(hour - 60);
  assert.equal(s.notices.length, 0);
  s.pass(60);
  assert.equal(s.notices.length, 1);
});

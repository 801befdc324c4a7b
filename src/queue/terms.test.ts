/** What senders were promised for the time in the queue: held until, delivered by, and never told in clear. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { delivered, permanent, Surroundings, transient } from './fixtures.test.ts';

const HOUR = 3_600_000;

test('FUTURERELEASE: a message that is to be held is not ready before its time, then like any other (EXT-01)', () => {
  const s = new Surroundings();
  s.accept(['1@a.test', '2@a.test'], { notBefore: s.clock.now() + HOUR });
  const queue = s.queue('a.test');
  assert.deepEqual([queue.ready, queue.delayed, queue.statistics.receptions], [0, 2, 2]);
  s.pass(3590);
  assert.equal(queue.ready, 0);
  s.pass(10);
  assert.equal(queue.ready, 1);
  assert.ok(s.attempt('a.test', delivered));
  assert.equal(s.kinds(), 'DD');
  s.accept(['1@a.test'], { notBefore: s.clock.now() - 1 });
  assert.equal(queue.ready, 1, 'a time that is over means now');
});

test('FUTURERELEASE: a held message that is found at start is still held, and its life begins with its release', () => {
  const s = new Surroundings();
  const envelope = { ...s.envelope([], { notBefore: s.clock.now() + 48 * HOUR }) };
  envelope.recipients = [{ id: 'x', address: '1@a.test', local: '1', domain: 'a.test', binding: 'default', bindingGroup: 'default' }];
  s.clock.advance(HOUR);
  s.queues.recovered({ envelope, states: [{ outcome: 'open', attempts: 0, nextAt: 0 }] });
  assert.equal(s.queue('a.test').ready, 0);
  s.pass(47 * 3600);
  assert.equal(s.queue('a.test').ready, 1);
  s.attempt('a.test', transient);
  assert.equal(s.kinds(), 'T', 'two days old, and not expired: it was held for them');
});

test('DELIVERBY with return: what is not delivered in time goes back at that time, not at the next retry', () => {
  const s = new Surroundings();
  s.accept(['1@a.test'], { deliverBy: { at: s.clock.now() + 300_000, mode: 'return', trace: false } });
  s.attempt('a.test', transient);
  s.pass(290);
  assert.equal(s.queue('a.test').ready, 0);
  s.pass(10);
  assert.equal(s.queue('a.test').take(), undefined, 'nobody connects for it any more');
  assert.equal(s.kinds(), 'TP');
  assert.match(s.notices[0]?.recipients[0]?.reply ?? '', /^554 5\.4\.7 /);
  assert.equal(s.notices[0]?.action, 'failed');
  assert.equal(s.settled.length, 1);
});

test('DELIVERBY with notice: the sender hears once that the message is late, and it is tried on', () => {
  const s = new Surroundings();
  s.accept(['1@a.test'], { deliverBy: { at: s.clock.now() + 1500_000, mode: 'notify', trace: false } });
  s.attempt('a.test', transient);
  assert.equal(s.notices.length, 0, 'the next attempt is in time');
  s.pass(1200);
  s.attempt('a.test', transient);
  assert.deepEqual(
    s.notices.map(({ action, recipients }) => [action, recipients[0]?.address]),
    [['delayed', '1@a.test']],
  );
  s.pass(2400);
  s.attempt('a.test', transient);
  assert.equal(s.notices.length, 1);
  s.pass(4800);
  s.attempt('a.test', delivered);
  assert.equal(s.kinds(), 'TTTD');
});

test('REQUIRETLS: a notice about such a message quotes nothing of it', () => {
  const s = new Surroundings();
  s.options = { bouncesInlineOriginal: 'all' };
  s.accept(['1@a.test'], { requireTls: true });
  s.attempt('a.test', permanent);
  assert.deepEqual([s.notices[0]?.quote, s.notices[0]?.original], ['none', undefined]);
});

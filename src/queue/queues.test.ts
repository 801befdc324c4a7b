import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_QUEUES_MAX } from './queues.ts';
import { delivered, permanent, recipient, Surroundings, transient } from './fixtures.test.ts';

test('FB: 10,000 messages on one queue cause one call of the resolver', () => {
  const s = new Surroundings({ bodies: 'some' });
  for (let i = 0; i < 10_000; i += 1) s.accept([`u${i}@a.test`]);
  assert.equal(s.resolverCalls, 1);
  assert.equal(s.queue('a.test').active, 10_000);
  s.queues.reconfigured();
  s.accept(['u@a.test']);
  assert.equal(s.resolverCalls, 2);
});

test('OUT-43: recipients of one message for one domain leave together, at most Max_Recipients_Per_Batch of them', () => {
  const s = new Surroundings({ bodies: 'some' });
  s.options = { maxRecipientsPerBatch: 2 };
  s.accept(['1@a.test', '2@a.test', 'x@b.test', '3@a.test']);
  const queue = s.queue('a.test');
  assert.equal(queue.nextRecipients, 3);
  const first = queue.take();
  const second = queue.take();
  assert.deepEqual(
    first?.recipients.map((r) => r.address),
    ['1@a.test', '2@a.test'],
  );
  assert.deepEqual(
    second?.recipients.map((r) => r.address),
    ['3@a.test'],
  );
  assert.equal(queue.take(), undefined);
  assert.equal(queue.active, 3);
  assert.equal(s.queue('b.test').active, 1);
});

test('a batch is settled when its last recipient, on whichever queue, has an outcome', () => {
  const s = new Surroundings({ bodies: 'some' });
  const { batchId } = s.accept(['1@a.test', 'x@b.test'], { sender: '' });
  s.attempt('a.test', delivered);
  assert.deepEqual(s.settled, []);
  s.attempt('b.test', permanent);
  assert.deepEqual(s.settled, [batchId]);
  assert.deepEqual(
    s.notes.map(([, note]) => note),
    [
      { kind: 'delivered', recipient: 0 },
      { kind: 'failed', recipient: 1 },
    ],
  );
  assert.equal(s.counts.get('totalQueue'), 0);
  assert.equal(s.counts.get('activeQueue'), 0);
});

test('Q-02, SD-1087: a transient failure delays by the curve, is noted in the spool and never becomes a permanent one by itself', () => {
  const s = new Surroundings({ bodies: 'some' });
  const start = s.clock.now();
  s.accept(['1@a.test']);
  s.attempt('a.test', transient);
  assert.equal(s.queue('a.test').delayed, 1);
  assert.deepEqual(s.notes[0]?.[1], { kind: 'deferred', recipients: [0], attempts: 1, nextAt: start + 1_200_000, reply: '451 later' });
  const gaps = [s.wait('a.test')];
  for (let i = 0; i < 3; i += 1) {
    s.attempt('a.test', transient);
    gaps.push(s.wait('a.test'));
  }
  assert.deepEqual(gaps, [1200, 2400, 4800, 9600]);
  assert.equal(s.kinds(), 'TTTT');
  assert.deepEqual(
    s.records.map((r) => (r.kind === 'T' ? r.retries : -1)),
    [0, 1, 2, 3],
  );
});

test('Q-05: the end of the schedule is a T record with the reply of the peer and a P record with ours, and a notice', () => {
  const s = new Surroundings({ bodies: 'some' });
  s.options = { maxRetries: 1 };
  s.accept(['1@a.test']);
  s.attempt('a.test', transient);
  s.pass(1200);
  s.attempt('a.test', transient);
  assert.equal(s.kinds(), 'TTP');
  const last = s.records[2];
  assert.equal(last?.kind === 'P' ? `${last.retries} ${last.reply}` : '', '1 554 5.4.7 [internal] exceeded max retries without delivery');
  assert.equal(s.notices.length, 1);
  assert.equal(s.settled.length, 1);
});

test('Q-05: Never_Attempt_Expired_Messages ends expired mail without an attempt', () => {
  const s = new Surroundings({ bodies: 'some' });
  s.options = { neverAttemptExpiredMessages: true, messageExpiration: 1000 };
  s.accept(['1@a.test']);
  s.attempt('a.test', transient);
  s.pass(1200);
  assert.equal(s.queue('a.test').take(), undefined);
  const last = s.records.at(-1);
  assert.equal(last?.kind === 'P' ? last.reply : '', '554 5.4.5 [internal] Delivery not attempted (message expired)');
});

test('A65: a clock set a day forth or back neither fires the delayed mail nor freezes it, nor lets mail expire', () => {
  for (const day of [86_400_000, -86_400_000]) {
    const s = new Surroundings({ bodies: 'some' });
    s.options = { messageExpiration: 7200 };
    s.accept(['1@a.test']);
    s.attempt('a.test', transient);
    s.clock.set(s.clock.now() + day);
    s.wheel.advance();
    assert.equal(s.queue('a.test').ready, 0);
    assert.equal(s.wait('a.test'), 1200);
    s.attempt('a.test', transient);
    assert.equal(s.kinds(), 'TT', 'not expired');
  }
});

test('SD-1199: attempts and next attempt survive a restart; A65: never later than the schedule allows', () => {
  const s = new Surroundings({ bodies: 'some' });
  const now = s.clock.now();
  const envelope = s.envelope([recipient('1@a.test'), recipient('2@a.test'), recipient('3@b.test'), recipient('4@c.test')]);
  s.queues.recovered({
    envelope,
    states: [
      { outcome: 'delivered', attempts: 0, nextAt: 0 },
      { outcome: 'open', attempts: 2, nextAt: now + 500_000 },
      { outcome: 'open', attempts: 1, nextAt: now + 90_000_000 },
      { outcome: 'open', attempts: 0, nextAt: 0, binding: 'other', bindingGroup: 'group' },
    ],
  });
  assert.equal(s.queue('a.test').delayed, 1);
  assert.equal(s.queue('c.test', 'other').ready, 1);
  assert.equal(s.wait('a.test'), 500);
  s.attempt('a.test', transient);
  const record = s.records[0];
  assert.equal(record?.kind === 'T' ? record.retries : -1, 2);
  assert.equal(s.wait('b.test'), 700, 'a next attempt of a broken clock is pulled in to the 1200 s of the schedule');
});

test('a recovered message without an open recipient is settled', () => {
  const s = new Surroundings({ bodies: 'some' });
  const envelope = s.envelope([recipient('1@a.test')]);
  s.queues.recovered({ envelope, states: [{ outcome: 'dropped', attempts: 0, nextAt: 0 }] });
  assert.deepEqual(s.settled, [envelope.batchId]);
});

test('OUT-04, SD-1542: a suspended queue fills, hands nothing out and rewrites no next attempt', () => {
  const s = new Surroundings({ bodies: 'some' });
  s.options = { suspendDelivery: true };
  s.accept(['1@a.test']);
  assert.equal(s.queue('a.test').take(), undefined);
  s.pass(5000);
  assert.deepEqual(s.notes, []);
  assert.equal(s.queue('a.test').active, 1);
  s.options = {};
  s.announced.length = 0;
  s.queues.reconfigured();
  assert.equal(s.announced.length, 1);
  assert.ok(s.attempt('a.test', delivered));
});

test('Q-16: Blackhole fails mail instead of delivering it, and what is queued already when it is set', () => {
  const s = new Surroundings({ bodies: 'some' });
  for (let i = 0; i < 1200; i += 1) s.accept([`${i}@a.test`], { sender: '' });
  s.attempt('a.test', transient);
  s.options = { blackhole: 'internal' };
  s.queues.reconfigured();
  for (let i = 0; i < 5; i += 1) s.pass(0.02);
  assert.equal(s.settled.length, 1200);
  assert.equal(s.queue('a.test').isEmpty, true);
  s.accept(['late@a.test']);
  assert.equal(s.queue('a.test').take(), undefined);
  const last = s.records.at(-1);
  assert.equal(last?.kind === 'P' ? last.reply : '', '554 5.7.0 [internal] Blackholed');
  assert.equal(s.notices.length, 1, 'the sender is told where Generate_Bounces says so');
});

test('Q-16: mail for a blackholed domain fails by itself: nobody looks for a way to it, and a suspension does not keep it', () => {
  const s = new Surroundings({ bodies: 'some' });
  s.options = { blackhole: 'internal', suspendDelivery: true };
  for (let i = 0; i < 1200; i += 1) s.accept([`${i}@a.test`], { sender: '' });
  assert.deepEqual(s.settled, []);
  for (let i = 0; i < 5; i += 1) s.pass(0.02);
  assert.equal(s.settled.length, 1200);
  assert.deepEqual(s.announced, [], 'outbound hears nothing of it');
  assert.equal(s.queue('a.test').isEmpty, true);
  s.accept(['late@a.test']);
  s.options = {};
  s.queues.reconfigured();
  s.pass(0.02);
  assert.equal(s.queue('a.test').active, 1, 'the option went before the mail did');
  assert.ok(s.announced.length > 0);
});

test('POL-06 POL-26: mail of priority 1 is taken first', () => {
  const s = new Surroundings({ bodies: 'some' });
  s.accept(['slow@a.test']);
  s.queues.accepted(s.envelope([recipient('fast@a.test', { priority: 1 })]), undefined);
  assert.equal(s.queue('a.test').take()?.recipients[0]?.address, 'fast@a.test');
});

test('OUT-21: mail of a domain whose Domain scope has a Gateway is queued under the gateway name; #3855: to itself does not spin', () => {
  const s = new Surroundings({ bodies: 'some' });
  s.gateways = new Map([
    ['a.test', 'hub.test'],
    ['b.test', 'hub.test'],
    ['hub.test', 'hub.test'],
    ['c.test', 'a.test'],
  ]);
  s.accept(['1@a.test', '2@b.test', '3@hub.test', '4@c.test']);
  assert.deepEqual(
    [...s.queues.queues()].map((queue) => [queue.domain, queue.active, queue.gateway]),
    [
      ['hub.test', 3, 'hub.test'],
      ['a.test', 1, 'a.test'],
    ],
  );
});

test('POL-06: a message with a gateway of its own waits under that name, alone and among others, and after a restart', () => {
  const s = new Surroundings({ bodies: 'some' });
  const own = recipient('1@a.test', { gateway: 'Hub.test:2525' });
  s.queues.accepted(s.envelope([own]), undefined);
  s.queues.accepted(s.envelope([recipient('2@a.test', { gateway: 'hub.test:2525' }), recipient('3@a.test')]), undefined);
  const envelope = s.envelope([recipient('4@a.test', { gateway: 'hub.test:2525' })]);
  s.queues.recovered({ envelope, states: [{ outcome: 'open', attempts: 0, nextAt: 0 }] });
  assert.deepEqual(
    [...s.queues.queues()].map((queue) => [queue.domain, queue.active, queue.gateway, queue.optionsName]),
    [
      ['hub.test:2525', 3, 'Hub.test:2525', 'hub.test'],
      ['a.test', 1, undefined, 'a.test'],
    ],
  );
});

test('MO-465: a released delivery is next again and has not spent an attempt', () => {
  const s = new Surroundings({ bodies: 'some' });
  s.accept(['1@a.test']);
  s.accept(['2@a.test']);
  const queue = s.queue('a.test');
  const delivery = queue.take();
  assert.ok(delivery);
  queue.release(delivery);
  const again = queue.take();
  assert.deepEqual([again?.batch, again?.recipients, again?.attempts], [delivery.batch, delivery.recipients, 0]);
  assert.equal(queue.active, 2);
});

test('Q-08: the whole active queue is deferred in slices, with one more attempt for each message', () => {
  const s = new Surroundings({ bodies: 'some' });
  for (let i = 0; i < 1300; i += 1) s.accept([`${i}@a.test`]);
  const queue = s.queue('a.test');
  queue.deferAll({ ...transient, reply: '451 4.4.1 [internal] No valid hosts (unable to make any connections)', stage: 0 });
  assert.equal(queue.take(), undefined, 'nothing is handed out meanwhile');
  assert.equal(queue.delayed, 500);
  for (let i = 0; i < 4; i += 1) s.pass(0.02);
  assert.equal(queue.delayed, 1300);
  assert.equal(queue.active, 0);
  assert.equal(s.counts.get('delayedQueue'), 1300);
  assert.equal(s.counts.get('activeQueue'), 0);
  assert.equal(queue.flush(), 1300);
  for (let i = 0; i < 4; i += 1) s.pass(0.02);
  assert.equal(queue.ready, 1300);
});

test('SPL-09: bodies are kept within the budget and read from the spool beyond it', () => {
  const s = new Surroundings({ residentBytesMax: 40 });
  for (let i = 0; i < 4; i += 1) s.accept([`${i}@a.test`]);
  const queue = s.queue('a.test');
  assert.equal(s.queues.residency.messages, 2);
  let bodies = '';
  for (let delivery = queue.take(); delivery !== undefined; delivery = queue.take()) {
    s.queues.residency.load(delivery.batch, (_error, body) => (bodies += body?.toString() ?? '?'));
    queue.finish(delivery, [delivered]);
  }
  assert.equal(s.loaded.length, 2);
  assert.match(bodies, /Subject: hello.*body of/s);
  assert.equal(s.queues.residency.bytes, 0);
});

test('#3820: a flood of domains leaves a bounded number of queues behind', () => {
  const s = new Surroundings({ bodies: 'some' });
  for (let i = 0; i < EMPTY_QUEUES_MAX * 2; i += 1) {
    s.accept([`u@d${i}.test`], { sender: '' });
    s.attempt(`d${i}.test`, permanent);
  }
  assert.ok([...s.queues.queues()].length <= EMPTY_QUEUES_MAX);
});

test('OUT-21: a domain is not led to a queue that was forgotten, under its own name or that of a gateway', () => {
  const s = new Surroundings({ bodies: 'some' });
  s.gateways = new Map([['renamed.test', 'gateway.test']]);
  const first = ['own.test', 'renamed.test'].map((domain) => s.queues.queueFor('default', 'default', domain));
  s.accept(['u@own.test', 'u@renamed.test'], { sender: '' });
  for (const name of ['own.test', 'gateway.test']) s.attempt(name, permanent);
  for (let i = 0; i < EMPTY_QUEUES_MAX; i += 1) {
    s.accept([`u@d${i}.test`], { sender: '' });
    s.attempt(`d${i}.test`, permanent);
  }
  assert.equal(s.queues.find('default', 'own.test'), undefined);
  assert.equal(s.queues.find('default', 'gateway.test'), undefined);
  const again = ['own.test', 'renamed.test'].map((domain) => s.queues.queueFor('default', 'default', domain));
  assert.deepEqual(
    again.map(({ domain }) => domain),
    ['own.test', 'gateway.test'],
  );
  assert.equal(
    again.some((queue) => first.includes(queue)),
    false,
  );
  assert.deepEqual(again, [s.queues.find('default', 'own.test'), s.queues.find('default', 'gateway.test')]);
});

test('FB: what is known of other domains stays known when queues without mail are forgotten', () => {
  const s = new Surroundings({ bodies: 'some' });
  s.accept(['u@stays.test'], { sender: '' });
  for (let i = 0; i < EMPTY_QUEUES_MAX * 2; i += 1) {
    s.accept([`u@d${i}.test`], { sender: '' });
    s.attempt(`d${i}.test`, permanent);
  }
  const before = s.gatewayCalls;
  s.accept(['u@stays.test'], { sender: '' });
  assert.equal(s.gatewayCalls, before);
});

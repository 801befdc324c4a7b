/** What operators do to waiting mail, one message or a whole queue, and how they look along a queue. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { delivered, permanent, recipient, Surroundings, transient } from './fixtures.test.ts';

function passes(s: Surroundings, count = 6): void {
  for (let i = 0; i < count; i += 1) s.pass(0.02);
}

test('a message is found by its id and by that of its batch, in every state, and not when it is over', () => {
  const s = new Surroundings({ bodies: 'some' });
  const envelope = s.accept(['1@a.test', '2@b.test']);
  const [one, two] = envelope.recipients;
  assert.ok(one && two);
  assert.equal(s.queues.findMessage(one.id)?.state, 'ready');
  assert.deepEqual(
    s.queues.findMessage(two.id)?.recipients.map((r) => [r.id, r.address, r.index]),
    [[two.id, '2@b.test', 1]],
  );
  assert.equal(s.queues.findMessage(envelope.batchId)?.batchId, envelope.batchId);
  const delivery = s.queue('a.test').take();
  assert.ok(delivery);
  assert.equal(s.queues.findMessage(one.id)?.state, 'underway');
  s.queue('a.test').finish(delivery, [transient]);
  const delayed = s.queues.findMessage(one.id);
  assert.deepEqual([delayed?.state, delayed?.attempts, delayed?.lastReply], ['delayed', 1, '451 later']);
  assert.equal(Math.round(((delayed?.nextAt ?? 0) - s.clock.now()) / 1000), 1200);
  s.attempt('b.test', delivered);
  assert.equal(s.queues.findMessage(two.id), undefined);
  s.pass(1200);
  s.attempt('a.test', permanent);
  assert.equal(s.queues.findMessage(one.id), undefined);
  assert.equal(s.queues.findMessage(envelope.batchId), undefined);
});

test('a waiting message is failed, tried now, bound anew or sent elsewhere by its view; one under way is left alone', () => {
  const s = new Surroundings({ bodies: 'some' });
  for (let i = 0; i < 5; i += 1) s.accept([`${i}@a.test`], { sender: '' });
  const queue = s.queue('a.test');
  const delivery = queue.take();
  assert.ok(delivery);
  const views = queue.walk(0, 10).entries;
  assert.equal(views.length, 4);
  const busy = s.queues.findMessage(delivery.recipients[0]?.id ?? '');
  assert.ok(busy);
  assert.equal(queue.fail(busy, '550 no'), false);
  const [a, b, c] = views;
  assert.ok(a && b && c);
  assert.equal(queue.fail(a, '550 by hand'), true);
  assert.equal(queue.fail(a, '550 by hand'), false, 'it is gone');
  assert.equal(queue.rebind(b, 'group', 'other'), true);
  assert.deepEqual(s.notes.at(-1)?.[1], { kind: 'rebind', recipients: [0], binding: 'other', bindingGroup: 'group' });
  assert.equal(s.queue('a.test', 'other').ready, 1);
  assert.equal(queue.reroute(c, 'c.test'), true);
  assert.deepEqual(s.notes.at(-1)?.[1], { kind: 'reroute', recipients: [0], domain: 'c.test' });
  assert.equal(s.queue('c.test').ready, 1);
  assert.equal(s.queues.findMessage(c.recipients[0]?.id ?? '')?.queue.domain, 'c.test');
  queue.finish(delivery, [transient]);
  const later = s.queues.findMessage(delivery.recipients[0]?.id ?? '');
  assert.ok(later);
  assert.equal(queue.delayed, 1);
  assert.equal(queue.retryNow(later), true);
  assert.deepEqual([queue.delayed, queue.ready], [0, 2]);
  assert.equal(s.counts.get('totalQueue'), 4);
  assert.equal(s.counts.get('activeQueue'), 4);
  assert.equal(s.counts.get('delayedQueue'), 0);
});

test('Q-01: a queue is walked in slices, ready mail before delayed mail, and a walk goes on behind what left its place meanwhile', () => {
  const s = new Surroundings({ bodies: 'some' });
  const queue = s.queue('a.test');
  for (let i = 0; i < 3; i += 1) s.accept([`late${i}@a.test`]);
  for (let i = 0; i < 3; i += 1) s.attempt('a.test', transient);
  for (let i = 0; i < 5; i += 1) s.accept([`${i}@a.test`]);
  s.queues.accepted(s.envelope([recipient('fast@a.test', { priority: 1 })]), undefined);
  const seen: string[] = [];
  let cursor: number | undefined = 0;
  while (cursor !== undefined) {
    const { entries, next } = queue.walk(cursor, 2);
    for (const { recipients } of entries) seen.push(recipients[0]?.address.split('@')[0] ?? '');
    cursor = next;
    // What comes next in the walk is taken away each time.
    if (seen.length === 2) queue.retryNow(queue.walk(0, 100).entries.at(-1)!);
    if (seen.length === 4) queue.fail(queue.walk(0, 100).entries[4]!, '550 no');
  }
  assert.deepEqual(seen, ['fast', '0', '1', '2', '4', 'late2', 'late0', 'late1']);
});

test('A64: failing, flushing, binding anew and rerouting a whole queue go in slices and say how many messages they found', () => {
  const s = new Surroundings({ bodies: 'some' });
  for (let i = 0; i < 1200; i += 1) s.accept([`${i}@a.test`], { sender: '' });
  const queue = s.queue('a.test');
  for (let i = 0; i < 10; i += 1) s.attempt('a.test', transient);
  const first = queue.walk(0, 1).entries[0];
  assert.equal(queue.rebindAll('default', 'other'), 1200);
  assert.equal(s.queue('a.test', 'other').active, 500, 'one slice at once');
  passes(s);
  assert.ok(queue.isEmpty);
  const other = s.queue('a.test', 'other');
  assert.deepEqual([other.active, other.delayed], [1190, 10]);
  assert.equal(s.queues.findMessage(first?.batchId ?? '')?.queue, other);
});

test('SMTP-03 a view of one of several recipients fails or retries that one alone; the others wait as they did', () => {
  const s = new Surroundings();
  const envelope = s.accept(['1@a.test', '2@a.test', '3@a.test'], { sender: '' });
  const queue = s.queue('a.test');
  const one = (id: string) => {
    const view = s.queues.findMessage(id);
    assert.ok(view);
    return { ...view, recipients: view.recipients.filter((recipient) => recipient.id === id) };
  };
  const [first, second, third] = envelope.recipients.map(({ id }) => id);
  assert.ok(first && second && third);
  assert.equal(queue.fail(one(second), '554 by hand'), true);
  assert.deepEqual(s.notes.at(-1)?.[1], { kind: 'failed', recipient: 1 });
  assert.equal(s.queues.findMessage(second), undefined);
  assert.deepEqual([queue.active, s.counts.get('totalQueue'), s.counts.get('activeQueue')], [2, 2, 2]);
  s.attempt('a.test', transient);
  assert.equal(queue.delayed, 2);
  assert.equal(queue.retryNow(one(third)), true);
  assert.deepEqual([queue.delayed, queue.active], [1, 1]);
  assert.equal(s.queues.findMessage(first)?.state, 'delayed');
  s.attempt('a.test', delivered);
  s.pass(1200);
  s.attempt('a.test', delivered);
  assert.deepEqual([queue.isEmpty, s.settled.length, s.counts.get('totalQueue')], [true, 1, 0]);
});

test('sweeps that follow one another are all done, and say at their end for how many messages that was', () => {
  const s = new Surroundings({ bodies: 'some' });
  for (let i = 0; i < 1200; i += 1) s.accept([`${i}@a.test`], { sender: 's@sender.test' });
  for (let i = 0; i < 10; i += 1) s.attempt('a.test', transient);
  const told: [string, number][] = [];
  const note = (what: string) => (messages: number) => void told.push([what, messages]);
  const queue = s.queue('a.test');
  queue.flush(note('flush'));
  queue.rebindAll('default', 'other', note('rebind'));
  queue.failAll('554 no', { done: note('fail') });
  queue.flush(note('again'));
  passes(s, 12);
  assert.deepEqual(told, [
    ['flush', 10],
    ['rebind', 1200],
    ['fail', 0],
    ['again', 0],
  ]);
  s.queue('a.test', 'other').failAll('554 5.7.0 by hand', { isQuiet: true, done: note('quiet') });
  passes(s);
  assert.deepEqual([told.at(-1), s.notices.length, s.settled.length], [['quiet', 1200], 0, 1200]);
});

test('rerouteAll, flush and failAll leave the counts right', () => {
  const s = new Surroundings({ bodies: 'some' });
  for (let i = 0; i < 1200; i += 1) s.accept([`${i}@a.test`], { sender: '' });
  for (let i = 0; i < 700; i += 1) s.attempt('a.test', transient);
  assert.equal(s.queue('a.test').rerouteAll('b.test'), 1200);
  passes(s);
  const queue = s.queue('b.test');
  assert.deepEqual([queue.active, queue.delayed, s.queue('a.test').isEmpty], [500, 700, true]);
  assert.equal(queue.flush(), 700);
  passes(s);
  assert.deepEqual([queue.ready, queue.delayed], [1200, 0]);
  assert.equal(queue.failAll('554 5.7.0 by hand'), 1200);
  passes(s);
  assert.equal(s.settled.length, 1200);
  assert.deepEqual([s.counts.get('totalQueue'), s.counts.get('activeQueue'), s.counts.get('delayedQueue')], [0, 0, 0]);
});

test('Q-05, A64: a look at what is over goes through a long queue in slices, moves nothing that stays, and mail can be taken meanwhile', () => {
  const s = new Surroundings({ bodies: 'some' });
  s.options = { messageExpiration: 3600, suspendDelivery: true };
  for (let i = 0; i < 3_000; i += 1) {
    if (i === 1_500) s.pass(1800);
    s.accept([`${i}@a.test`], { sender: '' });
  }
  const queue = s.queue('a.test');
  s.pass(1800 + 61);
  // The first half of it is over, and has been found in slices.
  for (let i = 0; i < 10; i += 1) s.pass(0);
  assert.equal(s.records.filter(({ kind }) => kind === 'P').length, 1_500);
  assert.equal(queue.waiting, 1_500);
  const first = queue.walk(0, 1).entries[0];
  assert.equal(first?.recipients[0]?.address, '1500@a.test');
  // Now the rest, with mail taken from the place at which the look stops for a turn.
  s.options = { messageExpiration: 1, suspendDelivery: true };
  s.queues.reconfigured();
  s.pass(61);
  s.options = { messageExpiration: 1 };
  s.queues.reconfigured();
  assert.ok(queue.waiting > 0 && queue.waiting < 1_500, `${queue.waiting}`);
  const taken = queue.take();
  assert.ok(taken);
  for (let i = 0; i < 10; i += 1) s.pass(0);
  assert.equal(queue.waiting, 0);
  queue.finish(taken, [delivered]);
  assert.equal(s.records.filter(({ kind }) => kind === 'P').length, 2_999);
});

test('OUT-05 the mail of a binding that is removed goes to the default binding, delayed mail for the rest of its time, and nothing is sent as that binding', () => {
  const s = new Surroundings({ bodies: 'some' });
  const b1 = (address: string) => recipient(address, { binding: 'b1' });
  s.options = { suspendDelivery: true };
  s.queues.accepted(s.envelope([b1('1@a.test'), b1('2@b.test')]), undefined);
  const envelope = s.envelope([b1('3@a.test')]);
  const nextAt = s.clock.now() + 600_000;
  s.queues.recovered({ envelope, states: [{ outcome: 'open', attempts: 1, nextAt }] });
  const queue = s.queue('a.test', 'b1');
  assert.deepEqual([queue.active, queue.delayed], [1, 1]);
  s.goneBindings.add('b1');
  s.options = {};
  s.queues.reconfigured();
  s.pass(0);
  assert.equal(queue.ready, 0, 'also before it has moved');
  assert.equal(queue.take(), undefined);
  passes(s);
  assert.deepEqual([queue.isEmpty, s.queue('b.test', 'b1').isEmpty], [true, true]);
  assert.deepEqual([s.queue('a.test').ready, s.queue('a.test').delayed, s.queue('b.test').ready], [1, 1, 1]);
  assert.ok(Math.abs((s.queues.findMessage(envelope.recipients[0]?.id ?? '')?.nextAt ?? 0) - nextAt) < 100);
  assert.equal(s.notes.filter(([, note]) => note.kind === 'rebind' && note.binding === 'default').length, 3);
  assert.deepEqual([s.counts.get('totalQueue'), s.counts.get('activeQueue'), s.counts.get('delayedQueue')], [3, 2, 1]);
});

test('OUT-05 mail on the wire when its binding is removed, and mail found at a start for one that is not there, goes to the default binding too', () => {
  const s = new Surroundings({ bodies: 'some' });
  const b1 = (address: string) => recipient(address, { binding: 'b1' });
  s.queues.accepted(s.envelope([b1('1@a.test')]), undefined);
  const queue = s.queue('a.test', 'b1');
  const delivery = queue.take();
  assert.ok(delivery);
  s.goneBindings.add('b1');
  s.queues.reconfigured();
  passes(s);
  queue.finish(delivery, [transient]);
  passes(s);
  assert.deepEqual([queue.isEmpty, s.queue('a.test').delayed], [true, 1]);
  assert.deepEqual(s.panics, [], 'it is told by who changes the configuration');
  s.queues.recovered({
    envelope: s.envelope([b1('2@c.test'), b1('3@d.test')]),
    states: [0, 1].map(() => ({ outcome: 'open', attempts: 0, nextAt: 0 })),
  });
  assert.equal(
    s.announced.some(({ binding, domain }) => binding === 'b1' && domain === 'c.test'),
    false,
  );
  passes(s);
  assert.deepEqual([s.queue('c.test').ready, s.queue('d.test').ready], [1, 1]);
  assert.deepEqual(s.panics, ['there is no binding "b1": its mail goes to the default binding']);
});

test('OUT-05 mail of a removed binding that another loop cannot take now stays, is tried again without hurry, and is sent there if the binding comes back', () => {
  const s = new Surroundings({ bodies: 'some' });
  let asked = 0;
  const home = {
    note: () => undefined,
    depart: () => ((asked += 1), 'refused' as const),
    settled: () => undefined,
    loadBody: () => undefined,
  };
  s.queues.accepted(s.envelope([recipient('1@a.test', { binding: 'b1' })]), undefined, home);
  const queue = s.queue('a.test', 'b1');
  s.goneBindings.add('b1');
  s.queues.reconfigured();
  for (let i = 0; i < 100; i += 1) {
    s.clock.advance(1);
    s.wheel.advance();
  }
  assert.ok(asked >= 2 && asked <= 10, `${asked}`);
  assert.deepEqual([queue.waiting, queue.ready], [1, 0]);
  s.goneBindings.clear();
  s.queues.reconfigured();
  passes(s);
  assert.equal(queue.ready, 1);
  assert.equal(s.announced.at(-1), queue);
});

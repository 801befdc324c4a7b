/**
 * Which bodies stay in memory: by the options of the queue and of the server.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Surroundings, transient } from './fixtures.test.ts';

const resident = (s: Surroundings): number => s.counts.get('residentMessages') ?? 0;

test('SPL-09: Max_Resident_Active_Queue bodies of one queue are kept; 0 keeps none, -1 sets no bound', () => {
  for (const [most, kept] of [
    [2, 2],
    [0, 0],
    [-1, 5],
  ] as const) {
    const s = new Surroundings();
    s.options = { maxResidentActiveQueue: most };
    for (let i = 0; i < 5; i += 1) s.accept([`${i}@a.test`]);
    assert.equal(resident(s), kept, `Max_Resident_Active_Queue = ${most}`);
    assert.equal(s.queue('a.test').active, 5);
  }
});

test('Max_Resident_Active_Queue_Size, as some pages of the manual call it, means the same and counts where both are set', () => {
  const s = new Surroundings();
  s.options = { maxResidentActiveQueue: 250, maxResidentActiveQueueSize: 3 };
  for (let i = 0; i < 5; i += 1) s.accept([`${i}@a.test`]);
  assert.equal(resident(s), 3);
});

test('SPL-09: Max_Resident_Messages bounds the bodies of all queues; what is over it is read back when its turn comes', () => {
  const s = new Surroundings();
  s.queues.residency.messagesMax = 3;
  const ids = ['a', 'b', 'c', 'd'].map((name) => s.accept([`u@${name}.test`]).batchId);
  assert.equal(resident(s), 3);
  const delivery = s.queue('d.test').take();
  assert.ok(delivery);
  s.queues.residency.load(delivery.batch, () => undefined);
  assert.deepEqual(s.loaded, [ids[3]]);
});

test('SPL-10: Drop_Body_After_Trans_Fail failures leave a body in memory, one more takes it out; -1 never does', () => {
  const s = new Surroundings();
  s.options = { dropBodyAfterTransFail: 1, maxRetries: 'none', messageExpiration: 1e9 };
  s.accept(['u@a.test']);
  s.attempt('a.test', transient);
  assert.equal(resident(s), 1);
  s.wait('a.test', 60);
  s.attempt('a.test', transient);
  assert.equal(resident(s), 0);

  const forever = new Surroundings();
  forever.options = { dropBodyAfterTransFail: -1, maxRetries: 'none', messageExpiration: 1e9 };
  forever.accept(['u@a.test']);
  for (let i = 0; i < 5; i += 1) {
    forever.attempt('a.test', transient);
    forever.wait('a.test', 600);
  }
  assert.equal(resident(forever), 1);
});

test('Delayed_Binding_Domain_Fuzz spreads a bulk deferral over so many seconds', () => {
  const waits = (fuzz: number): number[] => {
    const s = new Surroundings();
    s.options = { delayedBindingDomainFuzz: fuzz, retryInterval: 100 };
    for (let i = 0; i < 20; i += 1) s.accept([`${i}@a.test`]);
    s.queue('a.test').deferAll(transient);
    s.wheel.advance();
    const now = s.clock.now();
    return s.notes.flatMap(([, note]) => (note.kind === 'deferred' ? [Math.round((note.nextAt - now) / 1000)] : []));
  };
  assert.deepEqual(new Set(waits(0)), new Set([100]));
  const spread = waits(1000);
  assert.equal(spread.length, 20);
  assert.ok(new Set(spread).size > 10, spread.join(' '));
  assert.ok(Math.min(...spread) >= 100 && Math.max(...spread) < 1100, spread.join(' '));
});

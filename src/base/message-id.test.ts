// Proves the manual's form of ids, both ways, and that they never repeat: eight loops, clocks set back, crashes and restarts.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatMessageId, ManualClock, messageIdHeader, MessageIdSource, parseMessageId } from '#base';

test('SMTP-17 the sample of the manual decodes to slot 1254219116, pid 2001, counter 0 and back', () => {
  assert.deepEqual(parseMessageId('00/00-02001-C6DD1CA4'), { counter: 0, instance: 2001, slot: 1_254_219_116 });
  assert.equal(formatMessageId({ counter: 0, instance: 2001, slot: 1_254_219_116 }), '00/00-02001-C6DD1CA4');
});

test('SMTP-17 the counter is four hexadecimal digits in reverse order: 1, 2 and 12', () => {
  const first = (counter: number): string => formatMessageId({ counter, instance: 1, slot: 1 }).slice(0, 5);
  assert.deepEqual([1, 2, 12, 0x1234, 65_535].map(first), ['10/00', '20/00', 'C0/00', '43/21', 'FF/FF']);
});

test('SMTP-17 the Message-ID header is the id with dots and the host', () => {
  assert.equal(messageIdHeader('00/00-02001-C6DD1CA4', 'mx.example'), '<00.00.02001.C6DD1CA4@mx.example>');
});

test('any parts in range survive the way to text and back, and other texts are no id', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 65_535 }),
      fc.integer({ min: 0, max: 99_999 }),
      fc.integer({ min: 0, max: 0xffffffff }),
      (counter, instance, slot) => {
        assert.deepEqual(parseMessageId(formatMessageId({ counter, instance, slot })), { counter, instance, slot });
      },
    ),
  );
  for (const text of [
    '',
    '00/00-2001-C6DD1CA4',
    '00/00-02001-c6dd1ca4',
    '00/00-02001-C6DD1CA4 ',
    '0000-02001-C6DD1CA4',
    '../00-02001-C6DD1CA4',
    '00/00-02001-C6DD1CA4\n',
  ])
    assert.equal(parseMessageId(text), undefined, text);
});

test('SMTP-17 the slot follows the clock and never goes back with it', () => {
  const clock = new ManualClock(1_000_000_000_000);
  const ids = new MessageIdSource({ instance: 7, clock, lastSlot: 0, persistSlot: () => {} });
  const slotOf = (): number => parseMessageId(ids.next())?.slot ?? -1;
  assert.equal(slotOf(), 1_000_000_000);
  clock.advance(2_000);
  assert.equal(slotOf(), 1_000_000_002);
  clock.set(1_000_000_000_000 - 86_400_000);
  assert.equal(slotOf(), 1_000_000_002);
});

test('SMTP-17 a slot holds 65,536 ids, then the next one begins though the clock stands still', () => {
  const ids = new MessageIdSource({ instance: 7, clock: new ManualClock(5_000), lastSlot: 0, persistSlot: () => {} });
  const seen = new Set<string>();
  for (let i = 0; i < 65_537; i += 1) seen.add(ids.next());
  assert.equal(seen.size, 65_537);
  assert.deepEqual(parseMessageId([...seen].at(-1) ?? ''), { counter: 0, instance: 7, slot: 6 });
});

test('SMTP-17 a slot is promised before its first id is given, in runs, and a refused promise gives no id', () => {
  const clock = new ManualClock(10_000);
  const promised: number[] = [];
  let isDiskFull = false;
  const ids = new MessageIdSource({
    instance: 7,
    clock,
    lastSlot: 3,
    slotsAhead: 5,
    persistSlot: (upTo) => {
      if (isDiskFull) throw new Error('disk full');
      promised.push(upTo);
    },
  });
  assert.deepEqual(promised, []);
  ids.next();
  assert.deepEqual(promised, [14]);
  clock.advance(4_000);
  ids.next();
  assert.deepEqual(promised, [14]);
  clock.advance(1_000);
  isDiskFull = true;
  assert.throws(() => ids.next(), /disk full/);
  assert.throws(() => ids.next(), /disk full/);
  isDiskFull = false;
  assert.equal(parseMessageId(ids.next())?.slot, 15);
  assert.deepEqual(promised, [14, 19]);
});

test('SMTP-17 A65 A66 ids never repeat: eight loops, clocks jumping a day either way, crashes and restarts', () => {
  const act = fc.oneof(
    fc.record({ kind: fc.constant('ids' as const), loop: fc.nat(7), n: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ kind: fc.constant('restart' as const), loop: fc.nat(7) }),
    fc.record({ kind: fc.constant('clock' as const), ms: fc.integer({ min: -86_400_000, max: 86_400_000 }) }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 200_000 }) }),
  );
  fc.assert(
    fc.property(fc.array(act, { maxLength: 120 }), (acts) => {
      const clock = new ManualClock();
      const disk = new Map<number, number>();
      const begin = (instance: number): MessageIdSource =>
        new MessageIdSource({
          instance,
          clock,
          lastSlot: disk.get(instance) ?? 0,
          slotsAhead: 3,
          persistSlot: (upTo) => void disk.set(instance, upTo),
        });
      const loops = Array.from({ length: 8 }, (_, i) => begin(i));
      const seen = new Set<string>();
      let given = 0;
      for (const a of acts) {
        if (a.kind === 'clock') clock.set(clock.now() + a.ms);
        else if (a.kind === 'pass') clock.advance(a.ms);
        else if (a.kind === 'restart') loops[a.loop] = begin(a.loop);
        else {
          for (let i = 0; i < a.n; i += 1) {
            seen.add(loops[a.loop]?.next() ?? '');
            given += 1;
          }
        }
      }
      assert.equal(seen.size, given);
    }),
  );
});

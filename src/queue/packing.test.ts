/** Entries as bytes and back, and the memory under them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualClock, messageIdOf } from '#base';
import { Arena, PIECE_MAX } from './arena.ts';
import type { Batch, Recipient } from './batch.ts';
import type { DomainQueue } from './domain-queue.ts';
import { Entry } from './entry.ts';
import { NameTable } from './name-table.ts';
import { Packing } from './packing.ts';
import type { QueueSpool } from './ports.ts';

const home = {} as QueueSpool;
const queue = { domain: 'queue.test' } as DomainQueue;
const clock = new ManualClock();

function entryOf(
  o: { batch?: Partial<Batch>; recipient?: Partial<Recipient>; attempts?: number; lastReply?: string; priority?: 0 | 1 } = {},
): Entry {
  const ordinal = 1_700_000_000 * 65_536 + 17;
  const batch: Batch = {
    id: messageIdOf(ordinal, 3),
    connectionId: messageIdOf(ordinal - 40, 3),
    sender: 'sender@origin.test',
    receivedAt: 1_700_000_000_123,
    bornMono: clock.mono() - 5000,
    size: 5000,
    bodyType: undefined,
    smtpUtf8: false,
    ret: undefined,
    envid: undefined,
    terms: undefined,
    facts: [],
    origin: undefined,
    home,
    isToldLate: false,
    open: 1,
    body: undefined,
    residentIn: undefined,
    ...o.batch,
  };
  const recipient = {
    index: 0,
    id: messageIdOf(ordinal + 1, 3),
    address: 'to@queue.test',
    notify: undefined,
    orcpt: undefined,
    ...o.recipient,
  };
  const entry = new Entry(queue, batch, [recipient], o.priority ?? 0);
  entry.attempts = o.attempts ?? 0;
  entry.lastReply = o.lastReply;
  return entry;
}

const text = fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: 'grapheme', maxLength: 30 }));
const address = fc.oneof(
  fc
    .tuple(text, fc.constantFrom('queue.test', 'Queue.TEST', 'other.test', 'xqueue.test', '[192.0.2.1]', 'bücher.test', ''))
    .map(([l, d]) => `${l}@${d}`),
  text,
);

test('an entry comes back from its bytes as it was, whatever addresses, texts, times and wishes it has', () => {
  const packing = new Packing(clock);
  fc.assert(
    fc.property(
      fc.record({
        sender: address,
        to: address,
        connectionId: fc.oneof(fc.constant(messageIdOf(5, 3)), fc.constant(messageIdOf(5, 4)), text),
        receivedAt: fc.oneof(fc.integer({ min: 0, max: 4e12 }), fc.constant(1_700_000_000_123)),
        bornMono: fc.integer({ min: -4e11, max: 4e11 }),
        size: fc.maxSafeNat(),
        bodyType: fc.constantFrom(undefined, '7BIT' as const, '8BITMIME' as const, 'BINARYMIME' as const),
        ret: fc.constantFrom(undefined, 'FULL' as const, 'HDRS' as const),
        smtpUtf8: fc.boolean(),
        envid: fc.option(text, { nil: undefined }),
        notify: fc.constantFrom(undefined, [], ['NEVER'], ['SUCCESS', 'FAILURE', 'DELAY']),
        orcpt: fc.option(text, { nil: undefined }),
        facts: fc.array(text, { maxLength: 3 }),
        attempts: fc.nat(100_000),
        lastReply: fc.option(fc.oneof(text, fc.constantFrom('451 later', '421 4.7.0 slow down')), { nil: undefined }),
        priority: fc.constantFrom(0 as const, 1 as const),
      }),
      ({ to, notify, orcpt, attempts, lastReply, priority, ...batch }) => {
        const entry = entryOf({
          batch,
          recipient: { address: to, notify, orcpt },
          attempts,
          priority,
          ...(lastReply === undefined ? {} : { lastReply }),
        });
        const place = packing.pack(entry);
        if (place < 0) return;
        assert.deepEqual(packing.unpack(place, queue), entry);
        assert.deepEqual(packing.takeOut(place, queue), entry);
      },
    ),
    { seed: 5, numRuns: 3000 },
  );
  assert.equal(packing.names, 0, 'shared texts go with the last entry that used them');
  assert.ok(packing.bytes <= 128 * 64 * 1024);
});

test('what bytes cannot say stays an object: several recipients, a body in memory, terms, an origin, strange ids, very long texts', () => {
  const packing = new Packing(clock);
  assert.ok(packing.pack(entryOf()) >= 0);
  const strange: Parameters<typeof entryOf>[0][] = [
    { batch: { open: 2 } },
    { batch: { body: Buffer.from('x') } },
    { batch: { terms: { requireTls: true } } },
    { batch: { origin: { ip: '192.0.2.1', port: 1, helo: 'x' } } },
    { batch: { id: 'batch-1' } },
    { recipient: { id: 'recipient-1' } },
    { recipient: { id: messageIdOf(99, 3) } },
    { recipient: { index: 1 } },
    { batch: { sender: `${'x'.repeat(PIECE_MAX)}@a.test` } },
    { lastReply: `451 ${'x'.repeat(PIECE_MAX)}` },
  ];
  for (const one of strange) assert.equal(packing.pack(entryOf(one)), -1, JSON.stringify(one));
});

test('an ordinary delayed message takes at most 64 octets', () => {
  const packing = new Packing(clock);
  for (let n = 0; n < 20_000; n += 1) {
    const ordinal = 1_700_000_000 * 65_536 + n * 2;
    const ids = { id: messageIdOf(ordinal, 3), connectionId: messageIdOf(ordinal - 40, 3), sender: `bounce-${n}@mail.sender.test` };
    const recipient = { id: messageIdOf(ordinal + 1, 3), address: `customer.${n}@queue.test` };
    packing.pack(entryOf({ batch: ids, recipient, attempts: 2, lastReply: '451 4.7.1 come back later' }));
  }
  assert.ok(packing.bytes / 20_000 <= 64 + 4, String(packing.bytes / 20_000));
});

test('pieces of an arena never overlap, and chunks go when their pieces have come back', () => {
  const arena = new Arena();
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: PIECE_MAX }), fc.nat(2)), { maxLength: 400 }), (steps) => {
      const held: { place: number; length: number; mark: number }[] = [];
      const check = ({ place, length, mark }: (typeof held)[number]): void => {
        const from = arena.offsetOf(place);
        assert.ok(
          arena
            .bufferOf(place)
            .subarray(from, from + length)
            .every((octet) => octet === mark),
        );
      };
      for (const [n, [length, what]] of steps.entries()) {
        if (what > 0 || held.length === 0) {
          const place = arena.take(length);
          const from = arena.offsetOf(place);
          arena.bufferOf(place).fill(n & 255, from, from + length);
          held.push({ place, length, mark: n & 255 });
        } else {
          const [gone] = held.splice(length % held.length, 1);
          if (gone === undefined) return;
          check(gone);
          arena.give(gone.place);
        }
      }
      for (const one of held) check(one);
      for (const one of held) arena.give(one.place);
    }),
    { seed: 6, numRuns: 100 },
  );
  assert.ok(arena.bytes <= 128 * 64 * 1024, 'one chunk of each size is kept');
  const places = Array.from({ length: 50_000 }, () => arena.take(56));
  const full = arena.bytes;
  for (const place of places) arena.give(place);
  assert.ok(arena.bytes < full - 40 * 64 * 1024);
});

test('a table of names is bounded, and a number is used again when nobody uses its text', () => {
  const names = new NameTable(2);
  assert.deepEqual([names.add('a'), names.add('b'), names.add('a'), names.add('c')], [0, 1, 0, -1]);
  names.give(0);
  assert.equal(names.add('c'), -1);
  names.give(0);
  assert.equal(names.add('c'), 0);
  assert.equal(names.textOf(0), 'c');
});

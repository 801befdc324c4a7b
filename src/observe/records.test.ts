/*
 * The flat form of records: what goes in comes out, in order, for all kinds and all texts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contextPairs, contextPairsMax, contextValueMax, flatten, unflatten, type FlatRecords, type MailRecord } from './records.ts';

const text = fc.string({ unit: 'binary', maxLength: 12 });
const n = fc.nat();
const ids = { at: n, messageId: text, batchId: text, connectionId: text };
const path = { domain: text, size: n, bindingGroup: text, binding: text };
const pairs = fc.array(fc.tuple(text, text), { maxLength: 3 }).map((list) => list.flat());
const addressed = { sender: text, recipient: text, messageSize: n, facts: pairs };

const anyRecord: fc.Arbitrary<MailRecord> = fc.oneof(
  fc.record({
    kind: fc.constant('R' as const),
    ...ids,
    recipientLocal: text,
    recipientDomain: text,
    senderLocal: text,
    senderDomain: text,
    remoteIp: text,
    size: n,
    protocol: fc.constantFrom('esmtp', 'ecstream', 'xfer', 'internal'),
    bindingGroup: text,
    binding: text,
    facts: pairs,
  }),
  fc.record({ kind: fc.constantFrom('D', 'X'), ...ids, ...path, retries: n, elapsedMs: n, remoteIp: text, reply: text, ...addressed }),
  fc.record({
    kind: fc.constantFrom('T', 'P'),
    ...ids,
    ...path,
    stage: n,
    retries: n,
    elapsedMs: n,
    remoteIp: text,
    reply: text,
    isBounce: fc.boolean(),
    ...addressed,
  }),
  fc.record({
    kind: fc.constant('B' as const),
    ...ids,
    recipient: text,
    sender: text,
    bindingGroup: text,
    binding: text,
    bounceClass: n,
    size: n,
    remoteIp: text,
    reply: text,
  }),
  fc.record({
    kind: fc.constant('F' as const),
    at: n,
    messageId: text,
    recipientLocal: text,
    recipientDomain: text,
    binding: text,
    bindingGroup: text,
    feedbackType: text,
    reportDomain: text,
    userString: text,
  }),
  fc.record({
    kind: fc.constant('J' as const),
    at: n,
    remoteIp: text,
    remotePort: n,
    localIp: text,
    localPort: n,
    connectionId: text,
    pathway: text,
    pathwayGroup: text,
    phase: text,
    code: n,
    module: text,
    contextConnection: pairs,
    contextMessage: pairs,
    text,
  }),
) as fc.Arbitrary<MailRecord>;

test('LOG-02 a batch of any records survives its way through a flat array of primitives', () => {
  fc.assert(
    fc.property(fc.array(anyRecord, { maxLength: 20 }), (records) => {
      const flat: FlatRecords = [];
      for (const record of records) flatten(record, flat);
      assert.ok(flat.every((word) => typeof word === 'string' || typeof word === 'number'));
      assert.deepEqual(
        unflatten(flat),
        records.map((record) => ({ ...record })),
      );
    }),
    { numRuns: 200 },
  );
});

test('A75 a context of any size is carried within its bounds', () => {
  const big = new Map(Array.from({ length: 1000 }, (_, i) => [`key ${i}`, 'v'.repeat(100_000)] as const));
  const carried = contextPairs(big);
  assert.equal(carried.length, contextPairsMax * 2);
  assert.deepEqual(carried.slice(0, 2), ['key 0', 'v'.repeat(contextValueMax)]);
});

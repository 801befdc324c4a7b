// Cleaning: what is dead goes, what is mostly dead is copied forward, and notes survive the segment that they were written in.
//
// The rule to know: every case ends with a restart that finds exactly what should live, with its state.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '#base';
import { FaultyDisk } from '../../test/kit/faulty-disk.ts';
import { load, recoverAll, store, testBody, testEnvelope, testId, testSpool } from '../../test/kit/spool.ts';
import type { Spool } from './spool.ts';

const turns = async (n: number): Promise<void> => {
  for (let i = 0; i < n; i += 1) await new Promise<void>((resolve) => setImmediate(resolve));
};

async function fill(spool: Spool, from: number, count: number): Promise<void> {
  for (let n = from; n < from + count; n += 1) assert.equal(await store(spool, testEnvelope(n, 2), testBody(n, 3000)), undefined);
}

test('one message that waits for days does not keep the segments of all others, and its notes move with the log', async () => {
  const disk = new FaultyDisk(seededRandom(1));
  const s = await testSpool(disk);
  const spool = await s.open();
  await fill(spool, 0, 3);
  spool.settled(testId(0));
  for (let round = 1; round <= 60; round += 1) {
    spool.note(testId(1), { kind: 'deferred', recipients: [0, 1], attempts: round, nextAt: round * 10 });
    if (round === 5) spool.note(testId(1), { kind: 'delivered', recipient: 1 });
    await fill(spool, round * 100, 10);
    for (let n = round * 100; n < round * 100 + 10; n += 1) spool.settled(testId(n));
    await turns(20);
  }
  await turns(200);
  const segments = disk.paths.filter((p) => p.endsWith('.seg')).length;
  assert.ok(segments <= 8, `${segments} segments after 60 rounds`);
  await spool.close();
  const found = await recoverAll(await (await testSpool(disk)).open());
  assert.deepEqual(
    found.map((b) => b.envelope.batchId),
    [testId(1), testId(2)],
  );
  assert.deepEqual(found[0]?.states, [
    { outcome: 'open', attempts: 60, nextAt: 600 },
    // Of deferrals of the whole batch only the latest is kept, and it came after the delivery.
    { outcome: 'delivered', attempts: 0, nextAt: 0 },
  ]);
});

test('mostly dead segments are copied forward, and the copies are the messages', async () => {
  const disk = new FaultyDisk(seededRandom(2));
  const s = await testSpool(disk);
  const spool = await s.open();
  const kept: number[] = [];
  for (let n = 0; n < 400; n += 1) {
    await fill(spool, n, 1);
    if (n % 10 === 0) kept.push(n);
    else spool.settled(testId(n));
    await turns(2);
  }
  await turns(500);
  const segments = disk.paths.filter((p) => p.endsWith('.seg')).length;
  assert.ok(segments <= 11, `${segments} segments for 40 live messages of 3 KB; without copying it would be 20`);
  for (const n of kept) assert.deepEqual(await load(spool, testId(n)), testBody(n, 3000));
  await spool.close();
  const again = await (await testSpool(disk)).open();
  assert.deepEqual((await recoverAll(again)).map((b) => b.envelope.batchId).sort(), kept.map(testId).sort());
});

test('a reader keeps its segment: a body that is being read is whole although its message was settled meanwhile', async () => {
  const disk = new FaultyDisk(seededRandom(3));
  const s = await testSpool(disk);
  const spool = await s.open({ largeMessageBytes: 1000 });
  await store(spool, testEnvelope(1), testBody(1, 600_000));
  const reading = load(spool, testId(1));
  spool.settled(testId(1));
  await turns(30);
  assert.deepEqual(await reading, testBody(1, 600_000));
  await turns(50);
  assert.equal(disk.paths.filter((p) => p.endsWith('.seg') && disk.bytesOf(p).length > 100_000).length, 0);
});

test('old segments whose mail is settled after a restart are cleaned too', async () => {
  const disk = new FaultyDisk(seededRandom(4));
  const first = await (await testSpool(disk)).open();
  await fill(first, 0, 200);
  await first.close();
  const s = await testSpool(disk);
  const spool = await s.open();
  for (const b of await recoverAll(spool)) spool.settled(b.envelope.batchId);
  await spool.flush();
  await turns(300);
  const segments = disk.paths.filter((p) => p.endsWith('.seg')).length;
  assert.ok(segments <= 4, `${segments} segments`);
  await spool.close();
  assert.equal((await recoverAll(await s.open())).length, 0);
});

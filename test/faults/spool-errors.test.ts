// The 1st, 2nd, ... n-th operation of the disk fails (ENOSPC, EIO, a short write), or all do for a while; mail that was accepted is safe.
//
// The rule to know: with one failure every commit is answered, nothing answered durable is lost, nothing refused comes back, and the spool takes mail
// again without a restart. SPOOL_CUTS=all fails every operation of more seeds.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '#base';
import { FaultyDisk } from '../kit/faulty-disk.ts';
import { load, recoverAll, store, testBody, testEnvelope, testId, testSpool } from '../kit/spool.ts';
import { judge, live } from '../kit/spool-campaign.ts';

const isThorough = process.env['SPOOL_CUTS'] === 'all';
const seeds = isThorough ? Array.from({ length: 20 }, (_, i) => 200 + i) : [1, 2];
const stride = isThorough ? 1 : 5;

for (const error of ['EIO', 'ENOSPC', 'short'] as const) {
  test(`A62 each ${stride}th operation fails once with ${error}: all is answered, nothing is lost, nothing refused comes back`, async () => {
    for (const seed of seeds) {
      const total = (await live({ seed, messages: 60 })).disk.operations.length;
      for (let index = seed % stride; index < total; index += stride) {
        const life = await live({ seed, messages: 60, plan: (o) => (o.index === index ? error : undefined) });
        const where = `seed ${seed}, operation ${index} (${life.disk.operations[index]?.name ?? 'none'})`;
        try {
          assert.equal(life.acknowledged.size + life.refused.size, life.committed.size, 'every commit is answered');
          if (error === 'short') assert.equal(life.refused.size, 0, 'a short write is no failure');
          for (const e of life.errors) assert.equal(e.reply.code, 452);
          await judge(life, index % 2 === 0 ? 'none' : 'power');
        } catch (reason) {
          throw new Error(`${where}: ${String(reason)}`, { cause: reason });
        }
      }
    }
  });

  if (error === 'short') continue;
  test(`A62 every third operation fails with ${error} for a while, and the power goes afterwards`, async () => {
    for (const seed of seeds) {
      const random = seededRandom(seed);
      const life = await live({
        seed,
        messages: 60,
        plan: (o) => (o.index > 40 && o.index < 240 && random.int(3) === 0 ? error : undefined),
      });
      assert.equal(life.acknowledged.size + life.refused.size, life.committed.size);
      await judge(life, 'power');
    }
  });
}

test('A62 a full disk: mail is refused with 452, existing mail is read and settled, and mail is taken again when there is space', async () => {
  const disk = new FaultyDisk(seededRandom(3));
  const s = await testSpool(disk);
  const spool = await s.open({ later: s.later });
  const kept: number[] = [];
  for (let n = 0; n < 20; n += 1) {
    assert.equal(await store(spool, testEnvelope(n), testBody(n, 3000)), undefined);
    kept.push(n);
  }
  let isFull = true;
  // Blocks that a file has already can be written; new ones cannot be had.
  disk.plan = (o) => (isFull && (o.name === 'write new' || o.name === 'open create new') ? 'ENOSPC' : undefined);
  const refused: number[] = [];
  for (let n = 20; n < 200; n += 1) {
    const error = await store(spool, testEnvelope(n), testBody(n, 3000));
    if (error === undefined) kept.push(n);
    else {
      assert.equal(error.code, 'full');
      assert.deepEqual(error.reply, { code: 452, enhanced: '4.3.1', text: 'Insufficient system storage' });
      refused.push(n);
    }
  }
  assert.ok(refused.length > 50, `${refused.length} refused`);
  for (const n of kept) assert.deepEqual(await load(spool, testId(n)), testBody(n, 3000));
  const settled = kept.splice(0, 10);
  for (const n of settled) spool.settled(testId(n));
  spool.note(testId(kept[0] ?? 0), { kind: 'deferred', recipients: [0], attempts: 3, nextAt: 9 });
  // Notes fill what is left of the segment, then the reserve takes them.
  for (let n = 0; n < 60; n += 1) {
    spool.note(testId(kept[0] ?? 0), { kind: 'deferred', recipients: [0], attempts: 3, nextAt: n, reply: 'x'.repeat(500) });
    await spool.flush();
  }
  assert.ok(
    s.panics.some((line) => line.includes('notes go to the reserve')),
    s.panics.join('; '),
  );

  isFull = false;
  s.clock.advance(1000);
  assert.equal(await store(spool, testEnvelope(500), testBody(500)), undefined);
  kept.push(500);
  const after = disk.after('power');
  const again = await testSpool(after);
  const found = await recoverAll(await again.open());
  assert.deepEqual(found.map((b) => b.envelope.batchId).sort(), kept.map(testId).sort());
  assert.equal(found.find((b) => b.envelope.batchId === testId(kept[0] ?? 0))?.states[0]?.attempts, 3);
  assert.ok(s.panics.some((line) => line.includes('writing again')));
});

test('A62 a failed write seals the segment; the messages in it get 452, the ones before and after are safe, and none comes twice', async () => {
  const disk = new FaultyDisk(seededRandom(5));
  const s = await testSpool(disk);
  const spool = await s.open();
  await store(spool, testEnvelope(1), testBody(1));
  let isBad = true;
  disk.plan = (o) => {
    if (!isBad || o.name !== 'write seg') return undefined;
    isBad = false;
    return 'EIO';
  };
  const errors = await Promise.all([2, 3, 4].map((n) => store(spool, testEnvelope(n), testBody(n))));
  assert.deepEqual(
    errors.map((e) => e?.reply.code),
    [452, undefined, undefined].map((_, i) => errors[i]?.reply.code),
  );
  assert.equal(errors[0]?.reply.code, 452);
  assert.equal(await store(spool, testEnvelope(5), testBody(5)), undefined);
  const found = await recoverAll(await (await testSpool(disk.after('kill'))).open());
  const expected = [1, 5, ...[2, 3, 4].filter((_, i) => errors[i] === undefined)];
  assert.deepEqual(found.map((b) => b.envelope.batchId).sort(), expected.map(testId).sort());
});

test('a disk that stays bad: every commit is answered 452 at once and no more than one attempt is made in 250 ms', async () => {
  const disk = new FaultyDisk(seededRandom(6));
  const s = await testSpool(disk);
  const spool = await s.open();
  await store(spool, testEnvelope(1), testBody(1));
  disk.plan = (o) => (o.name.startsWith('write') ? 'EIO' : undefined);
  for (let n = 2; n < 10; n += 1) assert.equal((await store(spool, testEnvelope(n), testBody(n)))?.reply.code, 452);
  const before = disk.operations.length;
  for (let n = 10; n < 500; n += 1) assert.equal((await store(spool, testEnvelope(n), testBody(n)))?.reply.code, 452);
  assert.ok(disk.operations.length - before < 10, `${disk.operations.length - before} operations for 490 refusals`);
  assert.deepEqual(await load(spool, testId(1)), testBody(1));
  disk.plan = () => undefined;
  s.clock.advance(300);
  assert.equal(await store(spool, testEnvelope(1000), testBody(1000)), undefined);
  await spool.close();
});

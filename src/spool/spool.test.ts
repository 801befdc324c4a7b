// What a loop asks of its spool, on a real disk: durable, readable, settled, recovered.
//
// The rule to know: failing disks and power cuts are in test/faults; here everything works.

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { claimSpool, SpoolError } from './index.ts';
import { seededRandom } from '#base';
import { FaultyDisk } from '../../test/kit/faulty-disk.ts';
import { load, recoverAll, store, testBody, testEnvelope, testId, testSpool } from '../../test/kit/spool.ts';

test('SPL-04 a committed message can be read, is there after a restart, and is gone when it was settled', async (t) => {
  const s = await testSpool();
  t.after(s.remove);
  let spool = await s.open();
  assert.equal(await store(spool, testEnvelope(1), testBody(1)), undefined);
  assert.equal(await store(spool, testEnvelope(2), testBody(2)), undefined);
  assert.deepEqual(await load(spool, testId(1)), testBody(1));
  await spool.close();

  spool = await s.open();
  const found = await recoverAll(spool);
  assert.deepEqual(
    found.map((b) => b.envelope),
    [testEnvelope(1), testEnvelope(2)],
  );
  assert.deepEqual(await load(spool, testId(2)), testBody(2));
  spool.settled(testId(1));
  await spool.close();

  spool = await s.open();
  assert.deepEqual(
    (await recoverAll(spool)).map((b) => b.envelope.batchId),
    [testId(2)],
  );
  await spool.close();
  assert.deepEqual(s.panics, []);
});

test('SD-1199 attempts, next attempt, reply, outcomes and rebinds come back for each recipient', async (t) => {
  const s = await testSpool();
  t.after(s.remove);
  let spool = await s.open();
  await store(spool, testEnvelope(1, 4), testBody(1));
  spool.note(testId(1), { kind: 'deferred', recipients: [0, 1, 2, 3], attempts: 1, nextAt: 1000, reply: '451 later' });
  spool.note(testId(1), { kind: 'delivered', recipient: 0 });
  spool.note(testId(1), { kind: 'failed', recipient: 1 });
  spool.note(testId(1), { kind: 'deferred', recipients: [2], attempts: 2, nextAt: 3000 });
  spool.note(testId(1), { kind: 'rebind', recipients: [3], binding: 'other', bindingGroup: 'group' });
  await spool.close();
  spool = await s.open();
  const [batch] = await recoverAll(spool);
  assert.deepEqual(batch?.states, [
    { outcome: 'delivered', attempts: 1, nextAt: 1000, reply: '451 later' },
    { outcome: 'failed', attempts: 1, nextAt: 1000, reply: '451 later' },
    { outcome: 'open', attempts: 2, nextAt: 3000 },
    { outcome: 'open', attempts: 1, nextAt: 1000, reply: '451 later', binding: 'other', bindingGroup: 'group' },
  ]);
  await spool.close();
});

test('a batch whose recipients all have an outcome is settled at the next start, though nobody said so', async (t) => {
  const s = await testSpool();
  t.after(s.remove);
  let spool = await s.open();
  await store(spool, testEnvelope(1, 2), testBody(1));
  spool.note(testId(1), { kind: 'delivered', recipient: 0 });
  spool.note(testId(1), { kind: 'delivered', recipient: 1 });
  await spool.close();
  spool = await s.open();
  assert.equal((await recoverAll(spool)).length, 0);
  assert.equal(spool.size, 0);
  await spool.close();
});

test('SPL-08 a large message goes to a segment of its own, comes back whole, and its file goes when it is settled', async (t) => {
  const s = await testSpool();
  t.after(s.remove);
  let spool = await s.open();
  const body = testBody(5, 3_000_000);
  const draft = spool.openDraft();
  for (let at = 0; at < body.length; at += 60_000) {
    if (!draft.append(body.subarray(at, at + 60_000))) await new Promise<void>((resolve) => (draft.onDrain = resolve));
  }
  assert.equal(draft.size, body.length);
  assert.equal(await new Promise((resolve) => draft.commit(testEnvelope(5), resolve)), undefined);
  assert.deepEqual(await load(spool, testId(5)), body);
  await spool.close();
  spool = await s.open();
  const found = await recoverAll(spool);
  assert.deepEqual(found[0]?.envelope, testEnvelope(5));
  assert.deepEqual(await load(spool, testId(5)), body);
  const parts: Buffer[] = [];
  await spool.loadBodyParts(testId(5), (part) => void parts.push(part));
  assert.ok(parts.length > 5);
  assert.deepEqual(Buffer.concat(parts), body);
  spool.settled(testId(5));
  await spool.flush();
  await spool.close();
  const large = readdirSync(join(s.dir, '0')).filter((name) => name.endsWith('.seg') && statSync(join(s.dir, '0', name)).size > 1_000_000);
  assert.deepEqual(large, []);
});

test('a draft that is aborted leaves nothing, small or large', async (t) => {
  const s = await testSpool();
  t.after(s.remove);
  const spool = await s.open();
  const small = spool.openDraft();
  small.append(testBody(1));
  small.abort();
  const large = spool.openDraft();
  large.append(testBody(2, 1_000_000));
  large.abort();
  await store(spool, testEnvelope(3), testBody(3));
  await spool.close();
  const again = await s.open();
  assert.equal((await recoverAll(again)).length, 1);
  await again.close();
  assert.deepEqual(
    readdirSync(join(s.dir, '0')).filter((n) => n.endsWith('.new')),
    [],
  );
});

test('A16 an empty message is stored and comes back empty', async (t) => {
  const s = await testSpool();
  t.after(s.remove);
  const spool = await s.open();
  assert.equal(await store(spool, testEnvelope(1), Buffer.alloc(0)), undefined);
  assert.equal((await load(spool, testId(1))).length, 0);
  await spool.close();
});

test('segments are reused: much more mail than disk, when it is settled', async (t) => {
  const s = await testSpool();
  t.after(s.remove);
  let spool = await s.open();
  for (let round = 0; round < 40; round += 1) {
    const numbers = Array.from({ length: 50 }, (_, i) => round * 50 + i);
    await Promise.all(numbers.map((n) => store(spool, testEnvelope(n), testBody(n, 1000))));
    for (const n of numbers) if (n % 100 !== 3) spool.settled(testId(n));
    await spool.flush();
  }
  await spool.close();
  const bytes = readdirSync(join(s.dir, '0')).reduce((sum, name) => sum + statSync(join(s.dir, '0', name)).size, 0);
  assert.ok(bytes < 1_048_576 + 900_000, `${bytes} bytes for 20 live messages, after 2.6 MB of mail`);
  spool = await s.open();
  const found = await recoverAll(spool);
  assert.deepEqual(found.map((b) => b.envelope.batchId).sort(), Array.from({ length: 20 }, (_, i) => testId(i * 100 + 3)).sort());
  for (const b of found) assert.deepEqual(await load(spool, b.envelope.batchId), testBody(Number(b.envelope.contextMessage['x-n']), 1000));
  await spool.close();
  assert.deepEqual(s.panics, []);
});

test('fewer loops than before own the logs of those that are gone, and notes about old mail supersede when loops come back', async (t) => {
  const s = await testSpool();
  t.after(s.remove);
  for (const loop of [0, 1, 2, 3]) {
    const spool = await s.open({ loop, loops: 4 });
    await store(spool, testEnvelope(loop), testBody(loop));
    await store(spool, testEnvelope(10 + loop), testBody(10 + loop));
    await spool.close();
  }
  const one = await s.open({ loop: 0, loops: 1 });
  assert.equal((await recoverAll(one)).length, 8);
  for (const loop of [0, 1, 2, 3]) one.settled(testId(loop));
  one.note(testId(13), { kind: 'deferred', recipients: [0], attempts: 4, nextAt: 77 });
  await one.close();
  const found: string[] = [];
  for (const loop of [0, 1]) {
    const spool = await s.open({ loop, loops: 2 });
    for (const b of await recoverAll(spool)) {
      found.push(b.envelope.batchId);
      if (b.envelope.batchId === testId(13)) assert.deepEqual(b.states, [{ outcome: 'open', attempts: 4, nextAt: 77 }]);
    }
    await spool.close();
  }
  assert.deepEqual(found.sort(), [10, 11, 12, 13].map(testId).sort());
});

test('new mail is taken while old mail is handed out', async (t) => {
  const s = await testSpool();
  t.after(s.remove);
  const first = await s.open();
  await Promise.all(Array.from({ length: 200 }, (_, n) => store(first, testEnvelope(n), testBody(n, 1000))));
  await first.close();
  const spool = await s.open();
  let count = 0;
  for await (const batch of spool.recover()) {
    count += 1;
    assert.equal(await store(spool, testEnvelope(1000 + count), testBody(1000 + count)), undefined);
    spool.settled(batch.envelope.batchId);
  }
  assert.equal(count, 200);
  await spool.close();
  const again = await s.open();
  assert.equal((await recoverAll(again)).length, 200);
  await again.close();
});

test('the spool refuses a directory with content that is not ours, and touches nothing', async (t) => {
  const s = await testSpool();
  t.after(s.remove);
  const dir = join(s.dir, 'home');
  mkdirSync(dir);
  writeFileSync(join(dir, 'thesis.txt'), 'years of work');
  const claim = claimSpool({ dir, random: seededRandom(1) });
  await assert.rejects(claim, (e) => e instanceof SpoolError && e.code === 'foreign' && e.message.includes('thesis.txt'));
  assert.deepEqual(readdirSync(dir), ['thesis.txt']);
  const file = claimSpool({ dir: join(dir, 'thesis.txt'), random: seededRandom(1) });
  await assert.rejects(file, (e) => e instanceof SpoolError && e.code === 'foreign');
});

test('a spool in use is refused to a second claim', async (t) => {
  const s = await testSpool();
  t.after(s.remove);
  const claim = await claimSpool({ dir: s.dir, random: seededRandom(1) });
  await assert.rejects(claimSpool({ dir: s.dir, random: seededRandom(1) }), (e) => e instanceof SpoolError && e.code === 'locked');
  claim.release();
  const second = await claimSpool({ dir: s.dir, random: seededRandom(1) });
  second.release();
});

test('Spool_mode is respected whatever the umask is; directories are 0750', async (t) => {
  const s = await testSpool();
  t.after(s.remove);
  const old = process.umask(0o077);
  t.after(() => process.umask(old));
  const spool = await s.open({ fileMode: 0o644 });
  await store(spool, testEnvelope(1), testBody(1));
  await spool.close();
  const log = join(s.dir, '0');
  assert.equal(statSync(log).mode & 0o777, 0o750);
  for (const name of readdirSync(log)) assert.equal(statSync(join(log, name)).mode & 0o777, 0o644, name);
});

test('SPL-04 Force_Fsync = false is obeyed: nothing is synced for a message, and a kill still loses nothing', async () => {
  const disk = new FaultyDisk(seededRandom(1));
  const s = await testSpool(disk);
  const spool = await s.open({ durable: false, segmentBytes: 1_000_000 });
  await store(spool, testEnvelope(1), testBody(1));
  // What is made ahead is synced in any case: let that be over.
  for (let i = 0; i < 100; i += 1) await new Promise<void>((resolve) => setImmediate(resolve));
  const before = disk.operations.length;
  for (let n = 2; n < 8; n += 1) await store(spool, testEnvelope(n), testBody(n));
  await store(spool, testEnvelope(8), testBody(8, 60_000));
  assert.deepEqual(
    disk.operations.slice(before).filter((o) => o.name.startsWith('sync')),
    [],
  );
  const again = await testSpool(disk.after('kill'));
  assert.equal((await recoverAll(await again.open())).length, 8);
});

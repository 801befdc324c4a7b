// Group commit: one write in flight, what waits goes with the next one, nothing is answered before it is durable.
//
// The rule to know: writes are counted on a disk in memory whose callbacks come in a later turn.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '#base';
import { FaultyDisk } from '../../test/kit/faulty-disk.ts';
import { store, testBody, testEnvelope, testId, testSpool } from '../../test/kit/spool.ts';

const writesOf = (disk: FaultyDisk, from: number): number => disk.operations.slice(from).filter((o) => o.name === 'write seg').length;

test('100 messages that come at once take one or two writes; one that comes alone does not wait for others', async () => {
  const disk = new FaultyDisk(seededRandom(1));
  const s = await testSpool(disk);
  const spool = await s.open({ segmentBytes: 1_000_000 });
  await store(spool, testEnvelope(0), testBody(0));
  const before = disk.operations.length;
  await Promise.all(Array.from({ length: 100 }, (_, i) => store(spool, testEnvelope(1 + i), testBody(1 + i))));
  assert.ok(writesOf(disk, before) <= 2, `${writesOf(disk, before)} writes`);
  const alone = disk.operations.length;
  await store(spool, testEnvelope(500), testBody(500));
  assert.equal(writesOf(disk, alone), 1);
});

test('SPL-04 no commit is answered before its bytes would survive a power cut', async () => {
  const disk = new FaultyDisk(seededRandom(2));
  const s = await testSpool(disk);
  const spool = await s.open();
  let isWritten = false;
  const write = disk.write.bind(disk);
  disk.write = (fd, buffer, offset, length, position, done) =>
    write(fd, buffer, offset, length, position, (error, written) => {
      isWritten = true;
      done(error, written);
    });
  const answer = store(spool, testEnvelope(1), testBody(1));
  isWritten = false;
  await answer;
  assert.ok(isWritten);
});

test('notes ride with the next batch and are not waited for; close writes them', async () => {
  const disk = new FaultyDisk(seededRandom(3));
  const s = await testSpool(disk);
  const spool = await s.open();
  await Promise.all([1, 2, 3].map((n) => store(spool, testEnvelope(n), testBody(n))));
  const before = disk.operations.length;
  for (let i = 0; i < 50; i += 1) spool.note(testId(1), { kind: 'deferred', recipients: [0], attempts: i, nextAt: i });
  spool.settled(testId(2));
  await store(spool, testEnvelope(4), testBody(4));
  assert.ok(writesOf(disk, before) <= 2, 'fifty-one notes and a message: one write, or two');
  assert.equal(spool.noteBytesWaiting, 0);
});

test('notes about messages that nobody knows are ignored', async () => {
  const disk = new FaultyDisk(seededRandom(4));
  const spool = await (await testSpool(disk)).open();
  spool.note('unknown', { kind: 'delivered', recipient: 0 });
  spool.settled('unknown');
  assert.equal(spool.noteBytesWaiting, 0);
  const error = await new Promise((resolve) => spool.loadBody('unknown', resolve));
  assert.equal((error as { code: string }).code, 'not-found');
});

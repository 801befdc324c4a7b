// Drafts: back-pressure, bounds, and what a caller may rely on.
//
// The rule to know: a slow disk is made by holding its callbacks back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '#base';
import type { SpoolError } from './errors.ts';
import type { SpoolDraft } from './draft.ts';
import { FaultyDisk } from '../../test/kit/faulty-disk.ts';
import { load, recoverAll, store, testBody, testEnvelope, testId, testSpool } from '../../test/kit/spool.ts';

/** A disk that stops at large files until it is told to go on. */
function slowDisk(): { disk: FaultyDisk; release(): void } {
  const disk = new FaultyDisk(seededRandom(2));
  const write = disk.write.bind(disk);
  let held: (() => void)[] | undefined = [];
  disk.write = (fd, buffer, offset, length, position, done) => {
    if (held === undefined || length < 100_000 || buffer.readUInt32LE(offset + 8) !== 2) write(fd, buffer, offset, length, position, done);
    else held.push(() => write(fd, buffer, offset, length, position, done));
  };
  const release = (): void => {
    const all = held ?? [];
    held = undefined;
    for (const go of all) go();
  };
  return { disk, release };
}

function commit(draft: SpoolDraft, n: number): Promise<SpoolError | undefined> {
  return new Promise((resolve) => draft.commit(testEnvelope(n), resolve));
}

test('a large message that outruns the disk is told to wait, and drained when the disk has caught up', async () => {
  const { disk, release } = slowDisk();
  const s = await testSpool(disk);
  const spool = await s.open();
  const draft = spool.openDraft();
  const body = testBody(1, 900_000);
  let at = 0;
  while (at < body.length && draft.append(body.subarray(at, at + 50_000))) at += 50_000;
  assert.ok(at < 600_000, `${at} bytes were taken without waiting`);
  at += 50_000;
  const drained = new Promise<void>((resolve) => (draft.onDrain = resolve));
  release();
  await drained;
  draft.append(body.subarray(at));
  assert.equal(await commit(draft, 1), undefined);
  assert.deepEqual(await load(spool, testId(1)), body);
});

test('who does not wait gets 452 at commit, and nothing of the message is ever seen', async () => {
  const { disk, release } = slowDisk();
  const s = await testSpool(disk);
  const spool = await s.open();
  const draft = spool.openDraft();
  for (let i = 0; i < 100; i += 1) draft.append(Buffer.alloc(50_000, 65));
  const answer = commit(draft, 1);
  release();
  const error = await answer;
  assert.equal(error?.code, 'busy');
  assert.equal(error.reply.code, 452);
  await spool.close();
  assert.deepEqual(
    disk.paths.filter((p) => p.endsWith('.new')),
    [],
  );
  assert.equal((await recoverAll(await s.open())).length, 0);
});

test('an envelope with 20,000 recipients does not fit the common log and is stored all the same', async () => {
  const s = await testSpool(new FaultyDisk(seededRandom(3)));
  const spool = await s.open();
  const envelope = testEnvelope(1, 20_000);
  assert.equal(await store(spool, envelope, testBody(1)), undefined);
  assert.deepEqual(await load(spool, testId(1)), testBody(1));
  const stored = await new Promise((resolve) => spool.loadEnvelope(testId(1), (_, found) => resolve(found)));
  assert.deepEqual(stored, envelope);
  await spool.close();
  const again = await s.open();
  assert.equal((await recoverAll(again))[0]?.states.length, 20_000);
});

test('done is never called before commit returns, also when it is an error', async () => {
  const disk = new FaultyDisk(seededRandom(4));
  const s = await testSpool(disk);
  const spool = await s.open();
  await store(spool, testEnvelope(1), testBody(1));
  disk.plan = (o) => (o.name.includes('write') || o.name.includes('create') ? 'EIO' : undefined);
  for (let n = 2; n < 8; n += 1) {
    const draft = spool.openDraft();
    draft.append(testBody(n, n % 2 === 0 ? 100 : 60_000));
    let isReturned = false;
    const answer = new Promise<SpoolError | undefined>((resolve) => {
      draft.commit(testEnvelope(n), (error) => {
        assert.ok(isReturned, `message ${n}`);
        resolve(error);
      });
    });
    isReturned = true;
    assert.equal((await answer)?.isTemporary, true);
  }
});

test('a closed spool refuses drafts with a temporary error', async () => {
  const s = await testSpool(new FaultyDisk(seededRandom(5)));
  const spool = await s.open();
  const draft = spool.openDraft();
  draft.append(testBody(1));
  await spool.close();
  assert.equal((await commit(draft, 1))?.code, 'closed');
});

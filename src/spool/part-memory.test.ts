// Memory of parts under stress: many large messages at a time, on a slow disk that fails now and then, some of them given up in the midst.
//
// The rule to know: the disk keeps a copy of each write as it began and looks at the end whether its memory is still the same, so that a piece given
// back too early is found whoever gets it next. What is appended is spoilt at once where the draft said that it copies.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '#base';
import { FaultyDisk } from '../../test/kit/faulty-disk.ts';
import { load, testBody, testEnvelope, testSpool } from '../../test/kit/spool.ts';

/** Some turns later, as on a disk that is busy. */
function later(turns: number, work: () => void): void {
  setImmediate(() => (turns <= 0 ? work() : later(turns - 1, work)));
}

class WatchfulDisk extends FaultyDisk {
  readonly dice = seededRandom(5);
  spoilt = 0;
  writes = 0;

  override write(...[fd, buffer, offset, length, position, done]: Parameters<FaultyDisk['write']>): void {
    const range = buffer.subarray(offset, offset + length);
    const begun = Buffer.from(range);
    this.writes += 1;
    later(this.dice.int(12), () => {
      if (!begun.equals(range)) this.spoilt += 1;
      super.write(fd, buffer, offset, length, position, (error, written) => {
        if (!begun.equals(range)) this.spoilt += 1;
        done(error, written);
      });
    });
  }
}

const MESSAGES = 40;

test('A part is not used again while its write is under way, also when messages fail, are refused or given up: the others are whole (A12, SPL-08)', async () => {
  const random = seededRandom(9);
  const disk = new WatchfulDisk(random);
  const s = await testSpool(disk);
  const spool = await s.open({ later: s.later });
  let failures = 0;
  const seen = { stored: 0, failed: 0, aborted: 0 };
  disk.plan = ({ name }) => {
    if (name !== 'write new') return undefined;
    const cast = random.float();
    if (cast < 0.02) failures += 1;
    return cast < 0.02 ? 'EIO' : cast < 0.2 ? 'short' : undefined;
  };
  const one = async (n: number): Promise<void> => {
    const body = testBody(n, 140_000 + random.int(900_000));
    const draft = spool.openDraft();
    const endsAt = random.float() < 0.2 ? random.int(body.length) : body.length;
    for (let at = 0; at < endsAt;) {
      const lent = Buffer.from(body.subarray(at, Math.min(endsAt, at + 1 + random.int(random.float() < 0.5 ? 262_144 : 20_000))));
      at += lent.length;
      const { isCopying } = draft;
      const drained = new Promise<void>((resolve) => (draft.onDrain = resolve));
      const hasRoom = draft.append(lent);
      if (isCopying) lent.fill(0xaa);
      if (!hasRoom) await drained;
      else if (random.float() < 0.5) await new Promise((resolve) => setImmediate(resolve));
    }
    if (endsAt < body.length) {
      draft.abort();
      seen.aborted += 1;
      return;
    }
    const error = await new Promise((resolve) => draft.commit(testEnvelope(n), resolve));
    if (error !== undefined) seen.failed += 1;
    else {
      seen.stored += 1;
      assert.ok((await load(spool, testEnvelope(n).batchId)).equals(body), `message ${n} of ${body.length} octets`);
    }
  };
  await Promise.all(Array.from({ length: MESSAGES }, (_, n) => one(n)));
  await spool.close();
  assert.deepEqual([disk.spoilt, seen.stored + seen.failed + seen.aborted], [0, MESSAGES]);
  assert.ok(
    seen.stored > 15 && seen.failed > 0 && seen.aborted > 0 && failures > 0 && disk.writes > 200,
    JSON.stringify({ ...seen, failures }),
  );
});

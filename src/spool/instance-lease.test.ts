// Leases of instance numbers, with the id source that uses them: ids never repeat.
//
// The rule to know: restarts, clocks that are set back, more and fewer loops, torn and lost lease files; the ids are collected over all of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualClock, MessageIdSource, seededRandom } from '#base';
import { FaultyDisk } from '../../test/kit/faulty-disk.ts';
import { InstanceLease } from './instance-lease.ts';
import { SpoolError } from './errors.ts';

function diskWithSpool(seed: number): FaultyDisk {
  const disk = new FaultyDisk(seededRandom(seed));
  void disk.makeDirectory('/spool');
  return disk;
}

async function acquire(disk: FaultyDisk, loop: number, seed: number, panics: string[] = []): Promise<InstanceLease> {
  return InstanceLease.acquire({ dir: '/spool', loop, random: seededRandom(seed), disk, panic: (text) => panics.push(text) });
}

test('SMTP-17 A65 ids never repeat: 8 loops, the clock a day back or forth, restarts, kills and power cuts', async () => {
  const life = fc.array(
    fc.record({ loops: fc.integer({ min: 1, max: 8 }), jump: fc.integer({ min: -86_400, max: 86_400 }), ids: fc.nat(400), end: fc.nat(2) }),
    { minLength: 2, maxLength: 8 },
  );
  await fc.assert(
    fc.asyncProperty(life, fc.nat(1e6), async (runs, seed) => {
      let disk = diskWithSpool(seed);
      const clock = new ManualClock();
      const seen = new Set<string>();
      for (const [round, run] of runs.entries()) {
        clock.set(clock.now() + run.jump * 1000);
        const instances = new Set<number>();
        for (let loop = 0; loop < run.loops; loop += 1) {
          const lease = await acquire(disk, loop, seed + round * 10 + loop);
          assert.ok(!instances.has(lease.instance), 'two loops have one number');
          instances.add(lease.instance);
          const source = new MessageIdSource({
            instance: lease.instance,
            clock,
            lastSlot: lease.lastSlot,
            persistSlot: (upTo) => lease.persistSlot(upTo),
          });
          for (let i = 0; i < run.ids; i += 1) {
            const id = source.next();
            assert.ok(!seen.has(id), `${id} came twice`);
            seen.add(id);
            if (i % 50 === 0) clock.set(clock.now() + (i % 100 === 0 ? 40_000 : -90_000));
            if (i % 80 === 0) await new Promise<void>((resolve) => setImmediate(resolve));
          }
        }
        disk = run.end === 0 ? disk.after('power') : run.end === 1 ? disk.after('kill') : disk;
      }
    }),
    { seed: 5, numRuns: 40 },
  );
});

test('SMTP-17 a loop keeps its number over restarts', async () => {
  const disk = diskWithSpool(1);
  const first = await acquire(disk, 2, 1);
  first.persistSlot(1_700_000_000);
  await first.release();
  const second = await acquire(disk.after('power'), 2, 99);
  assert.equal(second.instance, first.instance);
  assert.ok(second.lastSlot >= 1_700_000_000);
});

test('A67 a garbled lease is told once and its number is not used again; one torn copy does not matter', async () => {
  const disk = diskWithSpool(1);
  const first = await acquire(disk, 0, 1);
  first.persistSlot(1000);
  first.persistSlot(5000);
  const path = disk.paths.find((p) => p.includes('/instance/')) ?? '';
  const bytes = Buffer.from(disk.bytesOf(path));
  const newest = bytes.readUInt32LE(12) > bytes.readUInt32LE(512 + 12) ? 0 : 512;
  bytes.fill(0xff, 512 - newest, 1024 - newest);
  disk.place(path, bytes);
  assert.ok((await acquire(disk, 0, 1)).lastSlot >= 5000);
  disk.place(path, Buffer.from('garbage'));
  const panics: string[] = [];
  const other = await acquire(disk, 0, 1, panics);
  assert.notEqual(other.instance, first.instance);
  assert.equal(panics.length, 1);
});

test('A62 slots that cannot be made durable are not used: the id source throws and used none', async () => {
  const disk = diskWithSpool(1);
  const lease = await acquire(disk, 0, 1);
  disk.plan = (o) => (o.name === 'write lease' ? 'ENOSPC' : undefined);
  const clock = new ManualClock();
  const source = new MessageIdSource({
    instance: lease.instance,
    clock,
    lastSlot: lease.lastSlot,
    persistSlot: (upTo) => lease.persistSlot(upTo),
  });
  assert.throws(
    () => source.next(),
    (e) => e instanceof SpoolError && e.code === 'full',
  );
  disk.plan = () => undefined;
  assert.match(source.next(), /^00\/00-/);
});

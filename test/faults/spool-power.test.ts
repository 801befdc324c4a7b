// The power goes, or the process is killed, at each step of a spool's life; afterwards nothing is lost, torn, invented or raised from the dead.
//
// The rule to know: every case is named by seed and operation number, so a failure replays. SPOOL_CUTS=all cuts at every operation of more seeds.

import { test } from 'node:test';
import { seededRandom } from '#base';
import { FaultyDisk } from '../kit/faulty-disk.ts';
import { judge, live } from '../kit/spool-campaign.ts';

const isThorough = process.env['SPOOL_CUTS'] === 'all';
const seeds = isThorough ? Array.from({ length: 40 }, (_, i) => 100 + i) : [1, 2, 3];
const stride = isThorough ? 1 : 6;

async function cutAt(seed: number, index: number, how: 'power' | 'kill'): Promise<void> {
  const life = await live({ seed, messages: 80, plan: (o) => (o.index === index ? 'cut' : undefined) });
  try {
    const after = await judge(life, how);
    // A second life on the same disk, cut again, must not know of the first crash.
    const disk = after.disk;
    const start = disk.operations.length;
    const again = await live({
      seed: seed + 7,
      messages: 12,
      firstMessage: 1000,
      before: { ...life, disk },
      plan: (o) => (o.index === start + 30 + (index % 60) ? 'cut' : undefined),
    });
    await judge(again, how === 'power' ? 'kill' : 'power');
  } catch (error) {
    throw new Error(`seed ${seed}, operation ${index} (${life.disk.operations[index]?.name ?? 'none'}), ${how}: ${String(error)}`, {
      cause: error,
    });
  }
}

async function operationsOf(seed: number): Promise<FaultyDisk> {
  return (await live({ seed, messages: 80 })).disk;
}

test('A66 a life without a crash loses nothing', async () => {
  for (const seed of seeds) await judge(await live({ seed, messages: 60 }), 'none');
});

for (const seed of seeds) {
  test(`A66 the power goes during every ${stride}th operation of life ${seed}`, async () => {
    const total = (await operationsOf(seed)).operations.length;
    for (let index = seed % stride; index < total; index += stride) await cutAt(seed, index, 'power');
  });
  test(`A66 the process is killed during every ${stride}th operation of life ${seed}`, async () => {
    const total = (await operationsOf(seed)).operations.length;
    for (let index = (seed + 5) % stride; index < total; index += stride) await cutAt(seed, index, 'kill');
  });
}

test('A66 power cut and kill at each named point: first, middle and last time that it is passed', async () => {
  const seed = 4;
  const places = new Map<string, number[]>();
  for (const { name, index } of (await operationsOf(seed)).operations) places.set(name, [...(places.get(name) ?? []), index]);
  if (places.size < 20) throw new Error(`only ${places.size} named points: ${[...places.keys()].join(', ')}`);
  const random = seededRandom(seed);
  for (const indexes of places.values()) {
    const picked = new Set([indexes[0], indexes[indexes.length >> 1], indexes.at(-1), indexes[random.int(indexes.length)]]);
    for (const index of picked) {
      if (index === undefined) continue;
      await cutAt(seed, index, 'power');
      await cutAt(seed, index, 'kill');
    }
  }
});

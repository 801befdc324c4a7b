/**
 * The power goes at each of a thousand points of a spool at full speed: up to fifty sessions commit at the same moment, so that writes carry groups.
 *
 * The one rule: what was answered durable and not settled is there, once and whole; nothing else comes back (test/kit/spool-campaign.ts asks). The disk drops
 * all that was written since its last sync, or keeps single sectors of it as a dice decides. CUTS and SEED may be set; each failure names seed and operation.
 * A short form, six operations apart, runs in `npm test` (test/faults/spool-power.test.ts). Results by date: docs/soak.md.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge, live, type Life } from '../kit/spool-campaign.ts';

const cuts = Number(process.env['CUTS'] ?? 1000);
const firstSeed = Number(process.env['SEED'] ?? 1);
const LIVES = 20;
const MESSAGES = 400;
const TOGETHER = 50;

interface Sums {
  operations: Set<string>;
  answered: number;
  found: number;
  settled: number;
}

async function cut(seed: number, index: number, sums: Sums): Promise<void> {
  let life: Life | undefined;
  try {
    life = await live({ seed, messages: MESSAGES, together: TOGETHER, plan: (o) => (o.index === index ? 'cut' : undefined) });
    assert.ok(life.disk.isOff, 'the power did not go');
    sums.operations.add(life.disk.operations[index]?.name ?? 'none');
    const { found } = await judge(life, 'power');
    sums.answered += life.acknowledged.size;
    sums.settled += life.settled.size;
    sums.found += found.length;
  } catch (error) {
    throw new Error(`seed ${seed}, operation ${index} (${life?.disk.operations[index]?.name ?? 'none'}): ${String(error)}`, {
      cause: error,
    });
  }
}

test(`A66 the power goes at ${cuts} points of a spool that commits in groups of up to ${TOGETHER}`, async (t) => {
  const sums: Sums = { operations: new Set(), answered: 0, found: 0, settled: 0 };
  const perLife = Math.ceil(cuts / LIVES);
  let made = 0;
  for (let n = 0; n < LIVES && made < cuts; n += 1) {
    const seed = firstSeed + n;
    const whole = await live({ seed, messages: MESSAGES, together: TOGETHER });
    const total = whole.disk.operations.length;
    for (let i = 0; i < perLife && made < cuts; i += 1, made += 1) await cut(seed, Math.floor(((i + n / LIVES) * total) / perLife), sums);
  }
  assert.equal(made, cuts);
  t.diagnostic(JSON.stringify({ cuts, lives: LIVES, ...sums, operations: [...sums.operations].sort() }));
});

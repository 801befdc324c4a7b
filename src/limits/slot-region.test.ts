// Proves that names find their slots, that a closed slot keeps its content until another name needs it, and that the bound holds.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { SlotRegion, slotsPerBucket } from './slot-region.ts';

function region(loop = 0, words?: Int32Array): { region: SlotRegion; words: Int32Array } {
  const size = SlotRegion.size({ buckets: 1, loops: 2, contentWords: 3 });
  const memory = words ?? new Int32Array(new SharedArrayBuffer(size * 4));
  const place = { words: memory, at: 0, buckets: 1, loops: 2, loop, key: 'k', contentWords: 3 };
  return { region: new SlotRegion({ ...place, reset: (at) => void memory.fill(0, at, at + 3) }), words: memory };
}

test('a name has one slot for all loops, which keeps its content while nobody else needs it', () => {
  const { region: here, words } = region();
  const { region: there } = region(1, words);
  const at = here.open('a') as number;
  words[at] = 7;
  assert.equal(there.open('a'), at);
  assert.notEqual(here.open('b'), at);
  here.close(at);
  there.close(at);
  assert.equal(here.size, 1);
  assert.equal(here.open('a'), at);
  assert.equal(words[at], 7);
});

test('where all slots of a bucket are open a further name finds none; the slot of a closed one is emptied and given', () => {
  const { region: here, words } = region();
  const open = Array.from({ length: slotsPerBucket }, (_, i) => here.open(`n${i}`) as number);
  assert.equal(new Set(open).size, slotsPerBucket);
  assert.equal(here.open('more'), undefined);
  const first = open[3] as number;
  words[first] = 9;
  here.close(first);
  assert.equal(here.open('more'), first);
  assert.equal(words[first], 0);
});

test('what a dead loop had open is named and given back', () => {
  const { region: here, words } = region();
  const { region: there } = region(1, words);
  const at = there.open('a') as number;
  const named: number[] = [];
  here.releaseAllOf(1, (slot) => named.push(slot));
  assert.deepEqual(named, [at]);
  assert.equal(here.size, 0);
});

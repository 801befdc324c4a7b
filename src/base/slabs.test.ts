import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from './random.ts';
import { Slabs, type Block } from './slabs.ts';

const SIZE = 64 * 1024;

test('blocks never overlap, are all zero when they are taken, and their slab goes when all have come back', () => {
  const slabs = new Slabs(SIZE);
  const random = seededRandom(5);
  const held: { block: Block; mark: number }[] = [];
  const view = (block: Block): Uint8Array => new Uint8Array(block.buffer, block.offset, SIZE);
  for (let step = 1; step < 1500; step += 1) {
    if (held.length === 0 || random.int(5) < 3) {
      const block = slabs.take();
      assert.ok(view(block).every((octet) => octet === 0));
      const mark = 1 + (step % 255);
      view(block).fill(mark);
      held.push({ block, mark });
    } else {
      const [one] = held.splice(random.int(held.length), 1);
      if (one === undefined) continue;
      assert.ok(view(one.block).every((octet) => octet === one.mark));
      slabs.give(one.block);
    }
    assert.equal(slabs.bytes, held.length * SIZE);
  }
  for (const { block } of held) slabs.give(block);
  assert.deepEqual([slabs.bytes, slabs.slabs], [0, 0]);
});

test('a second slab comes when the first is full, and the lowest with room is used first', () => {
  const slabs = new Slabs(8 * 1024 * 1024);
  const blocks = Array.from({ length: 6 }, () => slabs.take());
  assert.equal(slabs.slabs, 2);
  const [first] = blocks;
  assert.ok(first);
  slabs.give(first);
  assert.equal(slabs.take().buffer, first.buffer);
  for (const block of blocks.slice(5)) slabs.give(block);
  assert.equal(slabs.slabs, 1);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from './random.ts';
import { RowPool, rowsPerPage } from './row-pool.ts';

function watched(): { pool: RowPool; pages: Set<number> } {
  const pages = new Set<number>();
  const pool = new RowPool({
    pageAdded: (page) => void pages.add(page),
    pageDropped: (page) => assert.ok(pages.delete(page), `page ${page} was there`),
  });
  return { pool, pages };
}

test('a row is handed out once until it comes back, and always lies in a page that its owner knows', () => {
  const { pool, pages } = watched();
  const random = seededRandom(3);
  const held: number[] = [];
  const known = new Set<number>();
  for (let step = 0; step < 200_000; step += 1) {
    // Grows and shrinks in waves over several pages.
    const grows = random.int(100) < (Math.floor(step / 30_000) % 2 === 0 ? 75 : 25);
    if (grows || held.length === 0) {
      const row = pool.take();
      assert.ok(!known.has(row) && pages.has(Math.floor(row / rowsPerPage)));
      known.add(row);
      held.push(row);
    } else {
      const at = random.int(held.length);
      const row = held[at] as number;
      held[at] = held[held.length - 1] as number;
      held.pop();
      known.delete(row);
      pool.give(row);
    }
    if (step % 1000 === 0) assert.equal(pool.size, held.length);
  }
});

test('pages go when they are empty, all but one', () => {
  const { pool, pages } = watched();
  const rows = Array.from({ length: rowsPerPage * 5 }, () => pool.take());
  assert.equal(pages.size, 5);
  for (const row of rows) pool.give(row);
  assert.equal(pages.size, 1);
  for (let i = 0; i < rowsPerPage; i += 1) pool.take();
  assert.equal(pages.size, 1, 'the one that was kept is used');
  pool.take();
  assert.equal(pages.size, 2);
});

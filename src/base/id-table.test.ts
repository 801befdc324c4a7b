import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdTable } from './id-table.ts';
import { formatMessageId, messageIdOf, MessageIdReader } from './message-id.ts';
import { seededRandom } from './random.ts';

test('the table finds what a Map would find, over many sizes, with ids of several sources at the same seconds', () => {
  const ids = new Map<number, [number, number]>();
  const rows = new Map<string, number>();
  const table = new IdTable({ ordinalOf: (row) => ids.get(row)?.[0] ?? -1, instanceOf: (row) => ids.get(row)?.[1] ?? -1 });
  const random = seededRandom(9);
  for (let step = 0; step < 120_000; step += 1) {
    const ordinal = 1_700_000_000 * 65_536 + random.int(20_000);
    const instance = random.int(2) * 99_999;
    const key = `${ordinal} ${instance}`;
    const row = table.find(ordinal, instance);
    assert.equal(row, rows.get(key) ?? -1);
    if (row < 0) {
      ids.set(step, [ordinal, instance]);
      rows.set(key, step);
      table.add(step, ordinal, instance);
    } else if (step < 60_000 ? random.int(4) === 0 : random.int(4) > 0) {
      table.remove(row, ordinal, instance);
      rows.delete(key);
      ids.delete(row);
    }
    assert.equal(table.size, rows.size);
  }
  for (const [key, row] of rows) {
    const [ordinal = 0, instance = 0] = key.split(' ').map(Number);
    assert.equal(table.find(ordinal, instance), row);
  }
});

test('parts that outgrow a chunk of cells grow and shrink block by block, and nothing is lost on the way', () => {
  const ordinalOf = (row: number): number => 1_700_000_000 * 65_536 + row * 7;
  const table = new IdTable({ ordinalOf, instanceOf: () => 7 });
  const count = 500_000;
  for (let row = 0; row < count; row += 1) table.add(row, ordinalOf(row), 7);
  const wrong = (expected: (row: number) => number): number => {
    let found = 0;
    for (let row = 0; row < count; row += 1) if (table.find(ordinalOf(row), 7) !== expected(row)) found += 1;
    return found;
  };
  assert.equal(
    wrong((row) => row),
    0,
  );
  const { bytes } = table;
  assert.ok(bytes / count <= 8, `${bytes / count} octets each`);
  for (let row = 0; row < count; row += 1) if (row % 5 > 0) table.remove(row, ordinalOf(row), 7);
  assert.equal(
    wrong((row) => (row % 5 > 0 ? -1 : row)),
    0,
  );
  assert.ok(table.bytes < bytes / 2, `${table.bytes} of ${bytes}`);
  for (let row = 0; row < count; row += 5) table.remove(row, ordinalOf(row), 7);
  assert.deepEqual([table.size, wrong(() => -1)], [0, 0]);
});

test('SMTP-17: an id is read into two numbers and made of them again; what is no id is not read', () => {
  const reader = new MessageIdReader();
  for (const [counter, instance, slot] of [
    [0, 0, 0],
    [0xffff, 99_999, 0xffff_ffff],
    [0x1234, 65_536, 0x0123_4567],
    [0xfedc, 7, 1_700_000_000],
  ] as const) {
    const id = formatMessageId({ counter, instance, slot });
    assert.ok(reader.read(id), id);
    assert.deepEqual([reader.ordinal, reader.instance], [slot * 65_536 + counter, instance]);
    assert.equal(messageIdOf(reader.ordinal, reader.instance), id);
    for (let at = 0; at < id.length; at += 1) {
      for (const bad of ['x', 'a', ' ', 'G']) assert.equal(reader.read(id.slice(0, at) + bad + id.slice(at + 1)), false, `${bad} at ${at}`);
    }
    assert.equal(reader.read(`${id}0`), false);
  }
});

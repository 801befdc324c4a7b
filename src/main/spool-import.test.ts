/**
 * What `spool import` says of a message that could not come in, and that it stays where it was.
 *
 * Not here: mail that comes in, from a spool and from a folder (test/scenarios/spool-import).
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { systemClock, systemRandom } from '#base';
import { IntakeError, type Intake } from '#intake';
import type { RecordSink } from '#observe';
import { SpoolImports } from './spool-import.ts';

/** A door behind which the disk is full. */
const closed = {
  nextId: () => 'c-1',
  open: () => ({
    batchId: 'b-1',
    recipients: [],
    append: () => true,
    abort: () => undefined,
    finish: (done: (error: IntakeError) => void) => done(new IntakeError('storage')),
  }),
} as unknown as Intake;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'import-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('importlog: a file without a recipient is 2, one beyond the bound 3, one that cannot be stored here 4; all stay where they were (LOG-01, SPL-12)', async (t) => {
  const path = folder(t);
  const records: Parameters<RecordSink['record']>[0][] = [];
  writeFileSync(join(path, 'plain'), 'From: s@s.test\nTo: a@a.test\n\nx\n');
  writeFileSync(join(path, 'large'), 'To: a@a.test\n\nx\n');
  truncateSync(join(path, 'large'), 64 * 1_048_576 + 1);
  writeFileSync(join(path, 'nobody'), 'Subject: x\n\nx\n');
  mkdirSync(join(path, 'inner'));
  const imports = new SpoolImports({
    intake: closed,
    clock: systemClock,
    random: systemRandom,
    hostname: 'h.test',
    product: 'p',
    own: join(path, 'inner'),
    panic: () => undefined,
    records: { record: (record) => void records.push(record) },
  });
  assert.equal(await imports.start({ path, workers: 2, isTraced: true }), undefined);
  while (imports.poll(path)?.isOver !== true) await turn();
  const results = records.map((record) => (record.kind === 'I' ? [record.originalId, record.result, record.messageId] : [])).sort();
  assert.deepEqual(results, [
    ['inner', 2, ''],
    ['large', 3, ''],
    ['nobody', 2, ''],
    ['plain', 4, ''],
  ]);
  const status = imports.poll(path);
  assert.deepEqual([status?.imported, status?.failed, status?.problems.length], [0, 4, 4]);
  for (const [name] of results) assert.ok(existsSync(join(path, String(name))), String(name));
});

/* Tests of pid-file.ts.
 * The one rule: nothing that is not a dead server's pidfile is ever replaced.
 * Facts: RT-10. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PidFile, PidFileError, runningPid } from './pid-file.ts';

function folder(t: { after(fn: () => void): void }): string {
  const dir = mkdtempSync(join(tmpdir(), 'impetus-pid-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

test('RT-10 the pidfile holds the process id and goes with the process', (t) => {
  const path = join(folder(t), 'a', 'pid');
  const file = PidFile.write(path);
  assert.equal(readFileSync(path, 'utf8'), `${process.pid}\n`);
  file.remove();
  assert.throws(() => readFileSync(path), /ENOENT/);
});

test('RT-10 a pidfile of a process that is gone is replaced, another file or a link is not', (t) => {
  const dir = folder(t);
  const stale = join(dir, 'stale');
  writeFileSync(stale, '4194303\n');
  assert.equal(runningPid(stale), undefined);
  PidFile.write(stale).remove();
  const letter = join(dir, 'letter');
  writeFileSync(letter, 'dear reader');
  assert.throws(() => PidFile.write(letter), PidFileError);
  assert.equal(readFileSync(letter, 'utf8'), 'dear reader');
  const link = join(dir, 'link');
  symlinkSync(letter, link);
  assert.throws(() => PidFile.write(link), PidFileError);
  assert.equal(readFileSync(letter, 'utf8'), 'dear reader');
});

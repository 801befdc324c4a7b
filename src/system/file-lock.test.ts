// Proves that a lock keeps a second process out, goes with its holder, and never touches what is not a lock file.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configureSystem, lockFile, SystemError } from '#system';

const dir = mkdtempSync(join(tmpdir(), 'impetus-lock-'));
after(() => {
  configureSystem({ ffi: true });
  rmSync(dir, { recursive: true });
});

for (const ffi of [true, false]) {
  const by = ffi ? 'flock' : 'pid';
  test(`a lock by ${by} held by another process names it, and is free after a SIGKILL`, async () => {
    configureSystem({ ffi });
    const path = join(dir, `lock-${by}`);
    const code = `import { lockFile, configureSystem } from '#system'; configureSystem({ ffi: ${ffi} });
      console.log(lockFile(${JSON.stringify(path)}).kind); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['-C', 'impetus-source', '--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    assert.equal(String(line).trim(), 'locked');
    assert.deepEqual(lockFile(path), { kind: 'held', heldBy: child.pid });
    child.kill('SIGKILL');
    await once(child, 'exit');
    const mine = lockFile(path);
    assert.ok(mine.kind === 'locked' && mine.by === by);
    assert.match(readFileSync(path, 'latin1'), new RegExp(`^${process.pid} `));
    mine.release();
    configureSystem({ ffi: true });
  });
}

test('within one process a second lock on the same file is refused until the first is released', () => {
  const path = join(dir, 'twice');
  const first = lockFile(path);
  assert.ok(first.kind === 'locked');
  assert.deepEqual(lockFile(path), { kind: 'held', heldBy: process.pid });
  first.release();
  const second = lockFile(path);
  assert.equal(second.kind, 'locked');
  if (second.kind === 'locked') second.release();
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('A78 a symbolic link, a directory or a missing folder is refused and what it points at stays as it was', () => {
  const victim = join(dir, 'victim');
  writeFileSync(victim, 'precious');
  symlinkSync(victim, join(dir, 'link'));
  for (const path of [join(dir, 'link'), dir, join(dir, 'missing', 'lock'), '/dev/null'])
    assert.throws(
      () => lockFile(path),
      (e) => e instanceof SystemError && e.code === 'lock_unusable' && e.message.includes(path),
    );
  assert.equal(readFileSync(victim, 'latin1'), 'precious');
});

/**
 * Replacing a file on the real disk: owner, mode, links, and what is left when any of the operations is the last.
 */
import { test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileStore, type FileOperations } from './file-store.ts';

function folder(t: TestContext): string {
  const dir = fs.mkdtempSync(join(tmpdir(), 'impetus-store-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** The disk, with every call counted; `stopAt` throws there, and if `isDead` at every call after it, like a process that was killed. */
function counted(stopAt: number, isDead: boolean): { readonly operations: FileOperations; readonly calls: string[] } {
  const calls: string[] = [];
  const names = Object.keys(required) as (keyof FileOperations)[];
  const wrap = (name: keyof FileOperations) => {
    const real = fs[name] as (...args: unknown[]) => unknown;
    return (...args: unknown[]): unknown => {
      calls.push(name);
      if (calls.length === stopAt || (isDead && calls.length > stopAt)) throw new Error(`no ${name}`);
      return real(...args);
    };
  };
  return { operations: Object.fromEntries(names.map((name) => [name, wrap(name)])) as unknown as FileOperations, calls };
}

const required: Record<keyof FileOperations, true> = {
  realpathSync: true,
  lstatSync: true,
  rmSync: true,
  openSync: true,
  fstatSync: true,
  fchownSync: true,
  fchmodSync: true,
  writeFileSync: true,
  fsyncSync: true,
  closeSync: true,
  renameSync: true,
};

test('CFG-46 a replaced file keeps its mode, a link stays a link, and nothing else is left in the directory', (t) => {
  const dir = folder(t);
  const [file, link] = [join(dir, 'a.conf'), join(dir, 'link.conf')];
  fs.writeFileSync(file, 'old');
  fs.chmodSync(file, 0o604);
  fs.symlinkSync('a.conf', link);
  assert.equal(fileStore().replace(link, Buffer.from('new'), file), undefined);
  assert.equal(fs.readFileSync(file, 'utf8'), 'new');
  assert.equal(fs.statSync(file).mode & 0o7777, 0o604);
  assert.ok(fs.lstatSync(link).isSymbolicLink());
  assert.deepEqual(fs.readdirSync(dir).sort(), ['a.conf', 'link.conf']);
});

test('CFG-46 a replaced file keeps its owner', { skip: process.getuid?.() !== 0 && 'only root may give files away' }, (t) => {
  const file = join(folder(t), 'a.conf');
  fs.writeFileSync(file, 'old');
  fs.chownSync(file, 12345, 12346);
  assert.equal(fileStore().replace(file, Buffer.from('new'), file), undefined);
  assert.deepEqual([fs.statSync(file).uid, fs.statSync(file).gid], [12345, 12346]);
});

test('a file that is not there yet gets the mode of the main file', (t) => {
  const dir = folder(t);
  fs.writeFileSync(join(dir, 'main.conf'), '');
  fs.chmodSync(join(dir, 'main.conf'), 0o640);
  assert.equal(fileStore().replace(join(dir, 'local.conf'), Buffer.from('x'), join(dir, 'main.conf')), undefined);
  assert.equal(fs.statSync(join(dir, 'local.conf')).mode & 0o7777, 0o640);
});

test('the new text is on disk before the name points to it, and the directory is synced last (CFG-46)', (t) => {
  const file = join(folder(t), 'a.conf');
  fs.writeFileSync(file, 'old');
  const { operations, calls } = counted(Infinity, false);
  assert.equal(fileStore(operations).replace(file, Buffer.from('new'), file), undefined);
  const tail = calls.slice(calls.indexOf('writeFileSync'));
  assert.deepEqual(tail, ['writeFileSync', 'fsyncSync', 'closeSync', 'renameSync', 'openSync', 'fsyncSync', 'closeSync']);
});

for (const isDead of [false, true]) {
  test(`${isDead ? 'killed' : 'failing'} at any operation, the file is the old or the new one, whole (CFG-46)`, (t) => {
    const dir = folder(t);
    const file = join(dir, 'a.conf');
    const seen = new Set<string>();
    for (let stopAt = 1; ; stopAt++) {
      fs.writeFileSync(file, 'old text');
      const { operations, calls } = counted(stopAt, isDead);
      const problem = fileStore(operations).replace(file, Buffer.from('new text'), file);
      const now = fs.readFileSync(file, 'utf8');
      assert.ok(now === 'old text' || now === 'new text', now);
      seen.add(now);
      if (problem === undefined) {
        assert.ok(calls.length < stopAt);
        break;
      }
      assert.match(problem, /^Cannot save .*a\.conf: no \w+Sync$/);
      if (!isDead) assert.ok(fs.readdirSync(dir).length <= 2);
    }
    assert.equal(seen.size, 2);
    // What a crash left behind is in nobody's way.
    assert.equal(fileStore().replace(file, Buffer.from('last'), file), undefined);
    assert.deepEqual(fs.readdirSync(dir), ['a.conf']);
  });
}

test('a directory, a socket or a missing directory is refused in words', (t) => {
  const dir = folder(t);
  fs.mkdirSync(join(dir, 'sub'));
  fs.writeFileSync(join(dir, 'main.conf'), '');
  const main = join(dir, 'main.conf');
  assert.match(fileStore().replace(join(dir, 'sub'), Buffer.from(''), main) ?? '', /no regular file/);
  assert.match(fileStore().replace(join(dir, 'none', 'x'), Buffer.from(''), main) ?? '', /ENOENT/);
});

/**
 * The contract of the spool's disk: the machine's own and the one of the fault tests behave alike as long as nothing is told to fail.
 *
 * The one rule: what a fault test proves of the spool is only as good as its disk, so both run the very same suite.
 */
import { test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '#base';
import { nodeDisk, type SpoolFs } from '#spool';
import { FaultyDisk } from '../kit/faulty-disk.ts';

interface Made {
  readonly disk: SpoolFs;
  readonly dir: string;
}

const makers: Readonly<Record<string, (t: TestContext) => Promise<Made>>> = {
  'the disk of the machine': (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'impetus-disk-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    return Promise.resolve({ disk: nodeDisk, dir });
  },
  'the disk of the fault tests': async () => {
    const disk = new FaultyDisk(seededRandom(1));
    await disk.makeDirectory('/d');
    return { disk, dir: '/d' };
  },
};

const code = (wanted: string) => (error: unknown) => {
  assert.equal((error as NodeJS.ErrnoException).code, wanted);
  return true;
};

function write(disk: SpoolFs, fd: number, text: string, position: number): Promise<number> {
  const bytes = Buffer.from(text);
  return new Promise((done, fail) => disk.write(fd, bytes, 0, bytes.length, position, (error, n) => (error ? fail(error) : done(n))));
}

function read(disk: SpoolFs, fd: number, length: number, position: number): Promise<string> {
  const bytes = Buffer.alloc(length);
  return new Promise((done, fail) =>
    disk.read(fd, bytes, 0, length, position, (error, n) => (error ? fail(error) : done(bytes.toString('latin1', 0, n)))),
  );
}

const sync = (disk: SpoolFs, fd: number) =>
  new Promise<void>((done, fail) => disk.fdatasync(fd, (error) => (error ? fail(error) : done())));

for (const [name, make] of Object.entries(makers)) {
  test(`${name}: what is written is read, before and after a sync, in pieces and past the end`, async (t) => {
    const { disk, dir } = await make(t);
    const fd = await disk.open(join(dir, 'a'), { access: 'create', mode: 0o600 });
    assert.equal(await disk.size(fd), 0);
    assert.equal(await write(disk, fd, 'hello world', 0), 11);
    assert.equal(await read(disk, fd, 5, 6), 'world');
    await sync(disk, fd);
    assert.equal(await write(disk, fd, 'W', 6), 1);
    assert.equal(disk.writeSync(fd, Buffer.from('!'), 20), 1);
    disk.fdatasyncSync(fd);
    assert.equal(await disk.size(fd), 21);
    const all = Buffer.alloc(64);
    assert.equal(disk.readSync(fd, all, 0, 64, 0), 21);
    assert.equal(all.toString('latin1', 0, 21), 'hello World\0\0\0\0\0\0\0\0\0!');
    assert.equal(await read(disk, fd, 10, 21), '', 'nothing stands past the end');
    await disk.close(fd);
    await assert.rejects(
      Promise.resolve().then(() => disk.size(fd)),
      code('EBADF'),
    );
  });

  test(`${name}: create wants a new name, read and write one that is there; a file lives on without its name`, async (t) => {
    const { disk, dir } = await make(t);
    const path = join(dir, 'a');
    for (const access of ['read', 'write'] as const) await assert.rejects(disk.open(path, { access }), code('ENOENT'));
    const fd = await disk.open(path, { access: 'create', isSynchronous: true });
    await write(disk, fd, 'kept', 0);
    await assert.rejects(disk.open(path, { access: 'create' }), code('EEXIST'));
    const again = await disk.open(path, { access: 'read' });
    await assert.rejects(disk.open(join(dir, 'none/a'), { access: 'create' }), code('ENOENT'));
    await disk.unlink(path);
    assert.equal(await read(disk, again, 10, 0), 'kept');
    await assert.rejects(disk.unlink(path), code('ENOENT'));
    await disk.close(fd);
    await disk.close(again);
  });

  test(`${name}: a rename replaces what has the name, directories are made once and removed when empty`, async (t) => {
    const { disk, dir } = await make(t);
    for (const [file, text] of [
      ['new', 'fresh'],
      ['old', 'stale'],
    ] as const) {
      const fd = await disk.open(join(dir, file), { access: 'create' });
      await write(disk, fd, text, 0);
      await disk.close(fd);
    }
    await disk.rename(join(dir, 'new'), join(dir, 'old'));
    const fd = await disk.open(join(dir, 'old'), { access: 'write' });
    assert.equal(await read(disk, fd, 10, 0), 'fresh');
    await disk.close(fd);
    await assert.rejects(disk.rename(join(dir, 'new'), join(dir, 'x')), code('ENOENT'));
    const folder = join(dir, 'folder');
    assert.equal(await disk.makeDirectory(folder, 0o750), true);
    assert.equal(await disk.makeDirectory(folder, 0o750), false);
    await assert.rejects(disk.makeDirectory(join(dir, 'old'), 0o750), code('EEXIST'));
    await disk.close(await disk.open(join(folder, 'inside'), { access: 'create' }));
    await disk.syncDirectory(folder);
    await assert.rejects(disk.removeDirectory(folder), code('ENOTEMPTY'));
    await disk.unlink(join(folder, 'inside'));
    await disk.removeDirectory(folder);
    assert.equal(await disk.list(folder), undefined);
  });

  test(`${name}: a list names files and directories; of a file there is none`, async (t) => {
    const { disk, dir } = await make(t);
    await disk.makeDirectory(join(dir, 'folder'), 0o750);
    await disk.close(await disk.open(join(dir, 'folder/deep'), { access: 'create' }));
    await disk.close(await disk.open(join(dir, 'file'), { access: 'create' }));
    const entries = (await disk.list(dir))!.sort((a, b) => (a.name < b.name ? -1 : 1));
    assert.deepEqual(entries, [
      { name: 'file', kind: 'file' },
      { name: 'folder', kind: 'directory' },
    ]);
    await assert.rejects(disk.list(join(dir, 'file')), code('ENOTDIR'));
  });
}

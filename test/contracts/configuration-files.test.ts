/**
 * The contract of the configuration's files: what the disk answers, files in memory answer too.
 *
 * The one rule: whoever reads a tree cannot tell which of the two it has.
 */
import { test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { memoryFiles, systemFiles, type FileSource } from '#config';

const files: Readonly<Record<string, string>> = {
  'ecelerity.conf': 'Hostname = "a.test"\n',
  'conf.d/10-one.conf': 'one',
  'conf.d/20-two.conf': 'zwei \u00fc\n',
  'conf.d/.hidden': 'hidden',
  'conf.d/deep/three.conf': '',
};

const makers: Readonly<Record<string, (t: TestContext) => { source: FileSource; dir: string }>> = {
  'files on the disk': (t) => {
    const dir = realpathSync(mkdtempSync(join(tmpdir(), 'impetus-conf-')));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, name)), { recursive: true });
      writeFileSync(join(dir, name), text);
    }
    symlinkSync(join(dir, 'ecelerity.conf'), join(dir, 'link.conf'));
    symlinkSync(join(dir, 'round'), join(dir, 'round'));
    return { source: systemFiles, dir };
  },
  'files in memory': () => {
    const dir = '/site';
    const named = Object.fromEntries(Object.entries(files).map(([name, text]) => [join(dir, name), text]));
    const special = {
      [`${dir}/link.conf`]: { linkTo: `${dir}/ecelerity.conf` },
      [`${dir}/round`]: { linkTo: `${dir}/round` },
    };
    return { source: memoryFiles({ ...named, ...special }), dir };
  },
};

for (const [name, make] of Object.entries(makers)) {
  test(`${name}: kinds, real paths and identities, the same for a link and what it leads to (CFG-34)`, (t) => {
    const { source, dir } = make(t);
    const main = source.stat(join(dir, 'ecelerity.conf'));
    const link = source.stat(join(dir, 'link.conf'));
    assert.ok(!('fault' in main) && !('fault' in link));
    assert.deepEqual([main.kind, main.realPath, main.isWritable], ['file', join(dir, 'ecelerity.conf'), true]);
    assert.deepEqual([link.kind, link.realPath, link.identity], ['file', main.realPath, main.identity]);
    const other = source.stat(join(dir, 'conf.d/10-one.conf'));
    assert.ok(!('fault' in other) && other.identity !== main.identity);
    assert.equal((source.stat(join(dir, 'conf.d')) as { kind: string }).kind, 'directory');
    const read = source.read(join(dir, 'link.conf'), 100);
    assert.ok('bytes' in read && read.identity === main.identity);
  });

  test(`${name}: names of a directory, hidden ones and folders included`, (t) => {
    const { source, dir } = make(t);
    assert.deepEqual([...(source.list(join(dir, 'conf.d')) as string[])].sort(), ['.hidden', '10-one.conf', '20-two.conf', 'deep']);
  });

  test(`${name}: bytes as they are, up to a bound`, (t) => {
    const { source, dir } = make(t);
    for (const [path, text] of Object.entries(files)) {
      const bytes = Buffer.from(text);
      const read = source.read(join(dir, path), bytes.length);
      assert.ok('bytes' in read && read.bytes.equals(bytes), path);
      if (bytes.length > 0) assert.equal((source.read(join(dir, path), bytes.length - 1) as { fault: string }).fault, 'EFBIG', path);
    }
  });

  test(`${name}: faults with the system's words, and nothing throws (CFG-32)`, (t) => {
    const { source, dir } = make(t);
    const none = { fault: 'ENOENT', words: 'No such file or directory' };
    assert.deepEqual(source.stat(join(dir, 'none')), none);
    assert.deepEqual(source.read(join(dir, 'none'), 10), none);
    assert.deepEqual(source.list(join(dir, 'none')), none);
    assert.deepEqual(source.read(join(dir, 'conf.d'), 10), { fault: 'EISDIR', words: 'Is a directory' });
    assert.deepEqual(source.stat(join(dir, 'round')), { fault: 'ELOOP', words: 'Too many levels of symbolic links' });
  });
}

/**
 * The real disk as the configuration sees it.
 */
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfiguration } from '../read-configuration.ts';
import { isFault } from './file-source.ts';
import { systemFiles } from './system-files.ts';

const dir = mkdtempSync(join(tmpdir(), 'config-files-'));
after(() => rmSync(dir, { recursive: true }));
const path = (name: string): string => join(dir, name);

test('CFG-34 a link has the identity of the file it leads to', () => {
  writeFileSync(path('a.conf'), 'Max_Retries = 1');
  symlinkSync(path('a.conf'), path('link.conf'));
  const [file, link] = [systemFiles.stat(path('a.conf')), systemFiles.stat(path('link.conf'))];
  assert.ok(!isFault(file) && !isFault(link));
  assert.equal(file.identity, link.identity);
  assert.equal(link.realPath, file.realPath);
  assert.equal(file.kind, 'file');
});

test('CFG-32 faults come in the words of the system', () => {
  const words = (found: object): string => (isFault(found) ? `${found.fault}: ${found.words}` : 'none');
  assert.equal(words(systemFiles.stat(path('gone'))), 'ENOENT: No such file or directory');
  assert.equal(words(systemFiles.read(dir, 100)), 'EISDIR: Is a directory');
  assert.equal(words(systemFiles.list(path('a.conf'))), 'ENOTDIR: Not a directory');
  assert.equal(words(systemFiles.read(path('a.conf'), 3)), 'EFBIG: File too large');
});

test('A78 a FIFO, a device or an endless file is refused and never waited for', () => {
  execFileSync('mkfifo', [path('fifo')]);
  assert.equal(isFault(systemFiles.read(path('fifo'), 100)), true);
  assert.equal(isFault(systemFiles.read('/dev/zero', 100)), true);
});

test('CFG-34 a file without write permission is not writable', () => {
  writeFileSync(path('ro.conf'), '');
  chmodSync(path('ro.conf'), 0o444);
  const found = systemFiles.stat(path('ro.conf'));
  assert.ok(!isFault(found));
  // Nothing is read-only for root.
  assert.equal(found.isWritable, process.getuid?.() === 0);
});

test('CFG-31 a tree on disk is read as it would be in memory', () => {
  mkdirSync(path('config.d/sub'), { recursive: true });
  writeFileSync(path('main.conf'), 'include "config.d"');
  writeFileSync(path('config.d/10.conf'), 'Max_Retries = 1');
  writeFileSync(path('config.d/20.conf'), 'Max_Retries = 2');
  writeFileSync(path('config.d/.hidden'), 'Max_Retries = 3');
  writeFileSync(path('config.d/sub/30.conf'), 'Max_Retries = 4');
  const read = readConfiguration({ main: path('main.conf'), files: systemFiles, searchPath: [] });
  assert.deepEqual(read.problems, []);
  assert.equal(read.snapshot?.root.options.get('max_retries')?.value, 2);
});

/*
 * Log files on a real disk for what may be opened, and on a disk that fails when told for the rest.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ManualClock } from '#base';
import { LogFile, systemLogFs, type LogFs } from './log-file.ts';

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'log-file-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

function open(t: TestContext, path: string, o: { fs?: LogFs; mode?: number; backlogBytesMax?: number } = {}) {
  const clock = new ManualClock();
  const troubles: string[] = [];
  const file = new LogFile({ path, mode: 0o644, fs: systemLogFs, clock, trouble: (text) => troubles.push(text), dirty: () => {}, ...o });
  t.after(() => file.close());
  return { file, troubles, clock };
}

/** A disk that holds one file in memory and fails, or writes only a part, when told. */
function brokenDisk(): { fs: LogFs; state: { error: string; room: number; text: string; writes: number } } {
  const state = { error: '', room: Infinity, text: '', writes: 0 };
  const fail = (): never => {
    throw Object.assign(new Error(`${state.error}: told to fail`), { code: state.error });
  };
  const fs: LogFs = {
    openSync: () => (state.error === 'EROFS' || state.error === 'EACCES' ? fail() : 3),
    fstatSync: () => ({ isFile: () => true, isCharacterDevice: () => false, rdev: 0 }),
    fchmodSync: () => {},
    closeSync: () => {},
    mkdirSync: () => {},
    writeSync: (_fd, bytes, offset, length) => {
      state.writes++;
      if (state.error !== '') fail();
      const n = Math.min(length, state.room);
      state.room -= n;
      if (n === 0) {
        state.error = 'ENOSPC';
        fail();
      }
      state.text += Buffer.from(bytes.subarray(offset, offset + n)).toString();
      return n;
    },
  };
  return { fs, state };
}

test('lines are appended to what is there, one write for all lines of a turn, and a file that exists keeps its mode', (t) => {
  const path = join(folder(t), 'deep', 'er', 'a.log');
  const first = open(t, path, { mode: 0o600 });
  first.file.add('one');
  first.file.add('two');
  assert.equal(readFileSync(path, 'utf8'), '');
  assert.equal(first.file.flush(), true);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const second = open(t, path, { mode: 0o644 });
  second.file.add('three');
  second.file.flush();
  assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\nthree\n');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const { fs, state } = brokenDisk();
  const counted = open(t, 'x', { fs });
  for (let i = 0; i < 1000; i++) counted.file.add(`${i}`);
  counted.file.flush();
  assert.equal(state.writes, 1);
});

test('the mode of a new file is the given one whatever the umask', (t) => {
  const path = join(folder(t), 'a.log');
  open(t, path, { mode: 0o666 });
  assert.equal(statSync(path).mode & 0o777, 0o666);
});

test('A62 what is not a regular file is refused and left as it is: a link, a directory, a fifo, a socket, a device', async (t) => {
  const dir = folder(t);
  const target = join(dir, 'target');
  writeFileSync(target, 'theirs');
  symlinkSync(target, join(dir, 'link'));
  symlinkSync(join(dir, 'nothing'), join(dir, 'dangling'));
  mkdirSync(join(dir, 'directory'));
  execFileSync('mkfifo', [join(dir, 'fifo')]);
  const server = createServer().listen(join(dir, 'socket'));
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const before = readdirSync(dir);
  for (const [name, why] of [
    ['link', /symbolic link/],
    ['dangling', /symbolic link/],
    ['directory', /directory/],
    ['fifo', /fifo or a socket/],
    ['socket', /fifo or a socket/],
  ] as const) {
    const { file, troubles } = open(t, join(dir, name));
    assert.match(troubles[0] ?? '', why);
    file.add('line');
    assert.equal(file.flush(), false);
    file.close();
  }
  const { file, troubles } = open(t, '/dev/zero');
  file.add('line');
  assert.match(troubles[0] ?? '', /not a regular file/);
  assert.deepEqual(readdirSync(dir), before);
  assert.equal(readFileSync(target, 'utf8'), 'theirs');
});

test('/dev/null may be named to throw a log away', (t) => {
  const { file, troubles } = open(t, '/dev/null');
  file.add('line');
  assert.deepEqual([file.flush(), troubles], [true, []]);
});

test('A62 a full disk keeps the lines, tells once, tries again each second, and tells when it works again', (t) => {
  const { fs, state } = brokenDisk();
  const { file, troubles, clock } = open(t, 'a.log', { fs });
  for (const error of ['ENOSPC', 'EIO']) {
    state.error = error;
    file.add('one');
    assert.equal(file.flush(), false);
    const tries = state.writes;
    file.add('two');
    file.flush();
    assert.equal(state.writes, tries, 'not tried again within a second');
    clock.advance(1000);
    file.flush();
    assert.equal(state.writes, tries + 1);
    state.error = '';
    clock.advance(1000);
    assert.equal(file.flush(), true);
  }
  assert.equal(state.text, 'one\ntwo\none\ntwo\n');
  assert.equal(troubles.length, 4);
  assert.match(troubles[0] ?? '', /cannot write a\.log: ENOSPC.*lines are kept/);
  assert.match(troubles[1] ?? '', /a\.log is written again; no line was lost/);
  assert.match(troubles[2] ?? '', /EIO/);
});

test('A62 beyond the bound the oldest lines are dropped, counted and told', (t) => {
  const { fs, state } = brokenDisk();
  const { file, troubles, clock } = open(t, 'a.log', { fs, backlogBytesMax: 100 });
  state.error = 'ENOSPC';
  for (let i = 0; i < 50; i++) {
    file.add(`line ${i}....`);
    file.flush();
  }
  state.error = '';
  clock.advance(1000);
  assert.equal(file.flush(), true);
  const kept = state.text.split('\n').slice(0, -1);
  assert.ok(kept.length >= 5 && kept.at(-1) === 'line 49....', state.text);
  assert.equal(kept.length + file.lost, 50);
  assert.match(troubles[1] ?? '', new RegExp(`${file.lost} lines were lost`));
});

test('A62 a line of which the disk took only a part is continued where it stopped, never begun again', (t) => {
  const { fs, state } = brokenDisk();
  const { file, clock } = open(t, 'a.log', { fs, backlogBytesMax: 10 });
  state.room = 7;
  file.add('first line');
  assert.equal(file.flush(), false);
  for (let i = 0; i < 5; i++) file.add('a line that is dropped');
  file.flush();
  state.error = '';
  state.room = Infinity;
  file.add('last');
  clock.advance(1000);
  file.flush();
  assert.equal(state.text.split('\n')[0], 'first line');
});

test('A62 a read-only disk at the start is not the end: the file is opened when that becomes possible', (t) => {
  const { fs, state } = brokenDisk();
  state.error = 'EROFS';
  const { file, troubles, clock } = open(t, 'a.log', { fs });
  assert.match(file.problem ?? '', /cannot open a\.log/);
  file.add('kept');
  file.flush();
  state.error = '';
  clock.advance(1000);
  assert.equal(file.flush(), true);
  assert.equal(state.text, 'kept\n');
  assert.deepEqual([file.problem, troubles.length], [undefined, 2]);
});

test('reopening after a rename writes what waited to the old file and the rest to a new one', (t) => {
  const dir = folder(t);
  const path = join(dir, 'a.log');
  const { file } = open(t, path);
  file.add('old');
  renameSync(path, join(dir, 'a.log.1'));
  assert.equal(file.reopen(), undefined);
  file.add('new');
  file.flush();
  assert.equal(readFileSync(join(dir, 'a.log.1'), 'utf8'), 'old\n');
  assert.equal(readFileSync(path, 'utf8'), 'new\n');
});

test('a reopening that fails says why and goes on with the file that was open', (t) => {
  const dir = folder(t);
  const path = join(dir, 'a.log');
  const { file, troubles } = open(t, path);
  linkSync(path, join(dir, 'kept'));
  rmSync(path);
  mkdirSync(path);
  assert.match(file.reopen() ?? '', /directory/);
  file.add('still');
  assert.equal(file.flush(), true);
  assert.equal(readFileSync(join(dir, 'kept'), 'utf8'), 'still\n');
  assert.match(troubles[0] ?? '', /stays in use/);
});

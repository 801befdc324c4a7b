/*
 * One file a path, flushed at the end of the turn, tried again while in trouble.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import type { LogFs } from './log-file.ts';
import { LogFiles } from './log-files.ts';

function setUp() {
  const clock = new ManualClock();
  const timers = new TimerWheel({ clock });
  const state = { isFull: false, written: [] as string[], opened: 0, closed: 0 };
  const fs: LogFs = {
    openSync: () => ++state.opened,
    fstatSync: () => ({ isFile: () => true, isCharacterDevice: () => false, rdev: 0 }),
    fchmodSync: () => {},
    closeSync: () => void state.closed++,
    mkdirSync: () => {},
    writeSync: (fd, bytes) => {
      if (state.isFull) throw new Error('ENOSPC');
      state.written.push(`${fd}:${Buffer.from(bytes).toString()}`);
      return bytes.length;
    },
  };
  const troubles: string[] = [];
  const files = new LogFiles({ fs, clock, timers, trouble: (text) => troubles.push(text) });
  const pass = (ms: number): void => {
    clock.advance(ms);
    timers.advance();
  };
  return { files, state, troubles, pass, timers };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('LOG-20 two loggers that name the same path share one file, which closes with the last of them', () => {
  const { files, state } = setUp();
  const a = files.open('/logs/x', 0o644);
  const b = files.open('/logs/../logs/x', 0o644);
  assert.equal(a, b);
  assert.equal(state.opened, 1);
  files.release(a);
  assert.equal(state.closed, 0);
  files.release(b);
  assert.equal(state.closed, 1);
});

test('the lines of a turn are written at its end, with one write a file', async () => {
  const { files, state } = setUp();
  const a = files.open('a', 0o644);
  const b = files.open('b', 0o644);
  a.add('1');
  b.add('2');
  a.add('3');
  assert.deepEqual(state.written, []);
  await turn();
  assert.deepEqual(state.written, ['1:1\n3\n', '2:2\n']);
  files.close();
});

test('A62 while a file is in trouble it is tried again each second without new lines, and no timer stays behind', () => {
  const { files, state, troubles, pass, timers } = setUp();
  const a = files.open('a', 0o644);
  state.isFull = true;
  a.add('1');
  files.flush();
  assert.equal(files.problems().length, 1);
  pass(1100);
  pass(1100);
  state.isFull = false;
  pass(1100);
  assert.deepEqual(state.written, ['1:1\n']);
  assert.deepEqual([files.problems(), troubles.length, timers.size], [[], 2, 0]);
});

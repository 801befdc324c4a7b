/*
 * jlog on a real disk: subscribers read at their own pace, nothing goes before all have passed it, a crash cuts at a record.
 */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import { JlogFolder, LogFiles, systemLogFs, type LogSink } from '#observe';
import { jlogScheme } from './index.ts';
import { manifest } from './manifest.ts';

function setUp(t: TestContext, bounds: Parameters<typeof jlogScheme>[0] = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'jlog-'));
  const clock = new ManualClock(0);
  const timers = new TimerWheel({ clock });
  const troubles: string[] = [];
  const files = new LogFiles({ fs: systemLogFs, clock, timers, trouble: (text) => troubles.push(text) });
  files.useSchemes([jlogScheme(bounds)]);
  t.after(() => {
    files.close();
    rmSync(dir, { recursive: true });
  });
  const path = join(dir, 'j');
  const open = (names: string): LogSink => files.openTarget(`jlog://${path}=>${names}`, 0o644) as LogSink;
  const write = (sink: LogSink, from: number, to: number): void => {
    for (let i = from; i <= to; i++) sink.add(`record ${i}`);
    sink.flush();
  };
  const later = (): void => {
    clock.advance(11_000);
    timers.advance();
  };
  return { path, files, open, write, later, troubles };
}

/** Everything behind a subscriber's place, without a checkpoint. */
function rest(folder: JlogFolder, name: string): string[] {
  const lines: string[] = [];
  let place = folder.place(name)!;
  for (;;) {
    const batch = folder.read(place, 7);
    if (batch.lines.length === 0) return lines;
    lines.push(...batch.lines);
    place = batch.next;
  }
}

test('LOG-22 MOD-12 each subscriber of a jlog reads all records in order, reads again what it did not confirm, and goes on behind its checkpoint', (t) => {
  const { path, open, write } = setUp(t, { segmentBytes: 60 });
  const sink = open('a,b');
  write(sink, 1, 20);
  const folder = JlogFolder.open(path);
  const all = Array.from({ length: 20 }, (_, i) => `record ${i + 1}`);
  assert.deepEqual([folder.subscribers(), rest(folder, 'a'), rest(folder, 'b')], [['a', 'b'], all, all]);
  const batch = folder.read(folder.place('a')!, 3);
  folder.checkpoint('a', batch.next);
  assert.deepEqual([rest(folder, 'a'), rest(folder, 'b').length], [all.slice(3), 20]);
  folder.checkpoint('a', { segment: 1, offset: 0 });
  assert.equal(rest(folder, 'a').length, 17, 'a checkpoint never goes backwards');
});

test('MOD-12 segments go when every subscriber has passed them, and not before', (t) => {
  const { path, open, write, later } = setUp(t, { segmentBytes: 60 });
  write(open('a,b'), 1, 40);
  const folder = JlogFolder.open(path);
  const before = folder.segments().length;
  const end = { segment: folder.segments().at(-1)!, offset: 0 };
  folder.checkpoint('a', end);
  later();
  assert.equal(folder.segments().length, before);
  folder.checkpoint('b', end);
  later();
  assert.deepEqual(folder.segments(), [end.segment]);
});

test('MOD-12 what a crash cut off is never read as a record, and the next opening begins a segment of its own', (t) => {
  const { path, open, write, files } = setUp(t);
  const sink = open('a');
  write(sink, 1, 2);
  files.release(sink);
  appendFileSync(join(path, '00000001.log'), 'rec');
  const folder = JlogFolder.open(path);
  assert.deepEqual(rest(folder, 'a'), ['record 1', 'record 2']);
  write(open('a'), 3, 3);
  assert.deepEqual(rest(folder, 'a'), ['record 1', 'record 2', 'record 3']);
  assert.ok(existsSync(join(path, '00000002.log')));
});

test('MOD-12 beyond its bound the oldest segment is given up, which is said to the operator and told to the reader as a gap', (t) => {
  const { path, open, write, troubles } = setUp(t, { segmentBytes: 60, bytesMax: 200 });
  write(open('slow'), 1, 60);
  const folder = JlogFolder.open(path);
  assert.ok(folder.bytes() <= 260, String(folder.bytes()));
  assert.match(troubles[0] ?? '', /segments were removed that slow had not read/);
  const batch = folder.read(folder.place('slow')!, 1);
  assert.equal(batch.isGap, true);
  assert.equal(rest(folder, 'slow').at(-1), 'record 60');
});

test('LOG-22 a target without a subscriber, a folder with other files and a file in its place are refused with a reason, and a line break stays in its record', (t) => {
  const { path, files, open } = setUp(t);
  assert.match(files.openTarget(`jlog://${path}`, 0o644) as string, /names no subscriber: expected jlog:\/\/\/path=>name/);
  assert.match(files.openTarget(`jlog://${path}=>a b`, 0o644) as string, /can be no subscriber/);
  assert.equal(manifest.provides, 'log-scheme');
  const sink = files.openTarget(`cluster://${path}?subscribers=x,y`, 0o644) as LogSink;
  sink.add('two\nlines');
  sink.flush();
  assert.deepEqual(rest(JlogFolder.open(path), 'y'), ['two\\nlines']);
  assert.equal(readdirSync(path).includes('jlog'), true);
  files.release(sink);
  rmSync(path, { recursive: true });
  writeFileSync(path, '');
  assert.equal(typeof open('a'), 'string');
});

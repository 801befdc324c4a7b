/*
 * pipe:// with real programs: arguments, environment, their output, their death, their slowness.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ManualClock, TimerWheel } from '#base';
import { LogFiles, systemLogFs, type LogSink } from '#observe';
import { pipeIoScheme, pipeIoSettings } from './index.ts';

function setUp(t: TestContext, options: Record<string, unknown> = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'pipe-'));
  const clock = new ManualClock(0);
  const timers = new TimerWheel({ clock });
  const troubles: string[] = [];
  const files = new LogFiles({ fs: systemLogFs, clock, timers, trouble: (text) => troubles.push(text) });
  const placed = Object.fromEntries(Object.entries(options).map(([k, v]) => [k, typeof v === 'string' ? join(dir, v) : v]));
  files.useSchemes([pipeIoScheme(pipeIoSettings(placed), process.env)]);
  t.after(() => {
    files.close();
    // Programs that do not end by themselves are killed when their time is over.
    clock.advance(10_000);
    timers.advance();
    rmSync(dir, { recursive: true });
  });
  const open = (target: string): LogSink => files.openTarget(target.replaceAll('{dir}', dir), 0o644) as LogSink;
  const read = (name: string): string => (existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8') : '');
  return { dir, clock, timers, files, open, read, troubles };
}

async function until(check: () => boolean): Promise<void> {
  for (let i = 0; i < 1500 && !check(); i++) await sleep(20);
  assert.ok(check());
}

const shell = (script: string, more = ''): string => `pipe:///bin/sh?arg1=-c&arg2=${encodeURIComponent(script)}${more}`;

test('LOG-22 a program gets every line, its arguments and its environment; output_file and error_file with their modes take what it says', async (t) => {
  const { dir, files, open, read } = setUp(t, { outputFile: 'out', outputMode: 0o600, errorFile: 'err', errorMode: 0o620, timeout: 5 });
  const sink = open(shell('echo "$A $B ${HOME:-none} $1"; cat; echo oops >&2', '&arg3=x&arg4=third&env1=A=a&env2=B=b=c&clear_env=1'));
  for (let i = 0; i < 1000; i++) sink.add(`line ${i}`);
  sink.flush();
  files.release(sink);
  await until(() => read('err') === 'oops\n');
  assert.equal(read('out'), `a b=c none third\n${Array.from({ length: 1000 }, (_, i) => `line ${i}\n`).join('')}`);
  assert.equal(statSync(join(dir, 'err')).mode & 0o777, 0o620 & ~process.umask());
});

test('LOG-22 a program that ends is started again with the lines that waited, a second later when it ends again', async (t) => {
  const { clock, open, read, troubles, timers } = setUp(t, { outputFile: 'out' });
  const sink = open(shell('head -n 1'));
  sink.add('one');
  sink.flush();
  await until(() => troubles.length === 1);
  sink.add('two');
  sink.flush();
  await until(() => troubles.length === 2);
  sink.add('three');
  assert.equal(sink.flush(), false, 'not at once');
  clock.advance(1100);
  timers.advance();
  sink.flush();
  await until(() => read('out') === 'one\ntwo\nthree\n');
  assert.match(troubles[0]!, /ended with status 0; it is started again, lines are kept meanwhile/);
});

test('LOG-22 with reinvoke=0 a program that ended stays ended, its lines are dropped and counted, and nothing is shut down', async (t) => {
  const { open, troubles } = setUp(t);
  const sink = open(shell('exit 3', '&reinvoke=0&shutdown_on_failure=1'));
  await until(() => troubles.length === 1);
  sink.add('gone');
  assert.deepEqual([sink.flush(), sink.lost], [true, 1]);
  assert.match(troubles[0]!, /status 3; its lines are dropped from now on/);
});

test('LOG-22 a program that does not read never blocks: lines wait up to 16 MiB, then the oldest go and that is said', (t) => {
  const { open, troubles } = setUp(t);
  const sink = open(shell('exec sleep 600'));
  const line = 'x'.repeat(64 * 1024);
  for (let i = 0; i < 300; i++) {
    sink.add(line);
    sink.flush();
  }
  assert.ok(sink.lost > 10 && sink.lost < 100, String(sink.lost));
  assert.match(troubles[0]!, /does not keep up: 16 MiB of lines wait, the oldest are dropped/);
});

test('LOG-22 a program that cannot be started is told, a bad target refused with what would be right', async (t) => {
  const { open, files, troubles } = setUp(t);
  open('pipe:///no/such/program');
  await until(() => troubles.length > 0);
  assert.match(troubles[0]!, /ENOENT/);
  assert.match(files.openTarget('pipe://cat', 0) as string, /expected the whole path of a program/);
  assert.match(files.openTarget('pipe:///bin/cat?x=1', 0) as string, /"x" is none of/);
});

/*
 * chunk_logger by itself: the form of its lines, with and without `add_newline`.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import { systemLogFs, Writer, type MailRecord } from '#observe';
import { openChunkLogger } from './index.ts';

function linesOf(t: TestContext, options: Readonly<Record<string, unknown>>, texts: readonly string[]): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'chunk-logger-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const clock = new ManualClock(0);
  const scope = { instance: 'c', options: { destination: join(dir, 'log'), ...options } };
  const loggers: ConstructorParameters<typeof Writer>[0]['loggers'] = (ports) => [openChunkLogger(scope, ports)];
  const writer = new Writer({ clock, timers: new TimerWheel({ clock }), fs: systemLogFs, loggers });
  const rejection = { kind: 'I', at: 0, originalId: 'a', messageId: 'b', result: 1, directory: '/' } as const;
  writer.record([rejection, ...texts.map((text): MailRecord => ({ kind: 'C', at: 1_356_769_421_500, text }))]);
  writer.close();
  return readFileSync(join(dir, 'log'), 'utf8').split('\n').slice(0, -1);
}

test('A75 chunk_logger: destination takes what policies say and nothing else, each text a line behind the time in the form of timestamp_format', (t) => {
  assert.deepEqual(linesOf(t, {}, ['Hello World!', 'two\nlines\r\u001b[0m']), [
    '1356769421: Hello World!',
    String.raw`1356769421: two\nlines\r\x1b[0m`,
  ]);
  assert.match(linesOf(t, { timestampFormat: '%m:%d:%H:%M:%S' }, ['x']).join(), /^12:29:\d\d:\d\d:41: x$/);
});

test('chunk_logger: with add_newline = false a line ends where the text says so, or at a bound, or when the log is closed', (t) => {
  const plain = { addNewline: false };
  assert.deepEqual(linesOf(t, plain, ['a', 'b\nc', '\n\n', 'd']), ['1356769421: ab', '1356769421: c', '1356769421: d']);
  const long = linesOf(
    t,
    plain,
    Array.from({ length: 40 }, () => 'x'.repeat(1000)),
  );
  assert.equal(long.length, 3);
  assert.ok(long.every((line) => line.length < 18_000));
});

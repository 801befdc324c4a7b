/*
 * The writer with loggers that only remember.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import { systemLogFs } from './log-file.ts';
import { flatten, type DeliveryRecord, type FlatRecords } from './records.ts';
import type { PanicLine } from './repeat-gate.ts';
import { Writer, type LoggerPorts, type LogTaker } from './writer.ts';

const delivery: DeliveryRecord = {
  kind: 'D',

  at: 1,
  messageId: 'm',
  batchId: 'b',
  connectionId: 'c',
  domain: 'd',
  size: 1,
  bindingGroup: 'g',
  binding: 'b',
  retries: 0,
  elapsedMs: 1,
  remoteIp: 'i',
  reply: '250 ok',
  sender: '',
  recipient: '',
  messageSize: 0,
  facts: [],
};
const line: PanicLine = { at: 5, level: 'ERROR', source: 'NET', isModule: false, text: 'text' };

function remembering(name: string, seen: unknown[], isBroken = false): LogTaker {
  return {
    name,
    record: (batch) => {
      if (isBroken) throw new Error('broken logger');
      seen.push(...batch);
    },
    panic: (panic) => void seen.push(panic.text),
    close: () => void seen.push(`${name} closed`),
  };
}

function setUp(loggers: (ports: LoggerPorts) => LogTaker[]) {
  const clock = new ManualClock();
  const stderr: string[] = [];
  const writer = new Writer({
    clock,
    timers: new TimerWheel({ clock }),
    fs: systemLogFs,
    loggers,
    stderr: { write: (text) => stderr.push(text), timestampFormat: '', lowest: 'ERROR' },
  });
  return { writer, stderr };
}

test('LOG-10 a flat batch and a panic line from another thread reach every logger', () => {
  const a: unknown[] = [];
  const b: unknown[] = [];
  const { writer } = setUp(() => [remembering('a', a), remembering('b', b)]);
  const flat: FlatRecords = [];
  flatten(delivery, flat);
  writer.handle(flat);
  writer.handle(line);
  assert.deepEqual(a, [delivery, 'text']);
  assert.deepEqual(b, a);
});

test('CON what cannot be undone stands in the paniclog with who did it when no logger keeps accounts; what was only allowed does not', () => {
  const seen: unknown[] = [];
  const done = {
    at: 1,
    event: 'Z',
    listener: '/tmp/2025',
    peer: '',
    user: 'eve',
    result: 1,
    command: 'fail domain x: 3 messages in 1 queue',
  } as const;
  const { writer } = setUp(() => [remembering('a', seen), { ...remembering('b', []), account: () => false }]);
  writer.handle(done);
  assert.deepEqual(seen, []);
  writer.handle({ ...done, isDeed: true });
  assert.deepEqual(seen, ['console: eve (/tmp/2025) did: fail domain x: 3 messages in 1 queue']);
  const kept: unknown[] = [];
  const other = setUp(() => [remembering('a', kept), { ...remembering('b', []), account: () => true }]);
  other.writer.handle({ ...done, isDeed: true });
  assert.deepEqual(kept, []);
});

test('a logger that throws is named, and the others go on', () => {
  const seen: unknown[] = [];
  const { writer, stderr } = setUp(() => [remembering('first', [], true), remembering('second', seen)]);
  writer.record([delivery]);
  assert.deepEqual(seen, [delivery]);
  assert.match(stderr.join(''), /logger first failed: broken logger/);
  assert.match(writer.lastPanics().at(-1)?.text ?? '', /failed: broken logger/);
});

test('RT-06 panic lines of all threads are kept for the console and shown on stderr from the chosen level on', () => {
  const { writer, stderr } = setUp(() => []);
  writer.handle({ ...line, level: 'WARNING', text: 'quiet' });
  writer.handle(line);
  assert.deepEqual(
    writer.lastPanics().map((panic) => panic.text),
    ['quiet', 'text'],
  );
  assert.deepEqual(stderr, ['[error] text\n']);
});

test('LOG-22 a warning that a logger gives while it opens is seen by all loggers', () => {
  const seen: unknown[] = [];
  setUp((ports) => {
    ports.panic.announce('WARNING', 'LOG1', 'not yet');
    return [remembering('a', seen)];
  });
  assert.deepEqual(seen, ['not yet']);
});

test('new loggers take over before the old ones close, and a close ends them all', () => {
  const seen: unknown[] = [];
  const { writer } = setUp(() => [remembering('old', seen)]);
  writer.replaceLoggers(() => {
    seen.push('new opened');
    return [remembering('new', seen)];
  });
  writer.record([delivery]);
  writer.close();
  assert.deepEqual(seen, ['new opened', 'old closed', delivery, 'new closed']);
});

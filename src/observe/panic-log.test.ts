/*
 * Which diagnostics are written, and what becomes of repeats and floods.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import { parseDebugFlags } from './debug-flags.ts';
import { formatPanic } from './panic-history.ts';
import { PanicLog } from './panic-log.ts';
import { linesKnownMax, linesPerWindowMax, repeatWindowMs, type PanicLine } from './repeat-gate.ts';

function setUp() {
  const clock = new ManualClock();
  const timers = new TimerWheel({ clock });
  const lines: PanicLine[] = [];
  const log = new PanicLog({ clock, timers, write: (line) => lines.push(line) });
  const pass = (ms: number): void => {
    clock.advance(ms);
    timers.advance();
  };
  return { log, lines, pass, clock, texts: () => lines.map((line) => line.text), timers };
}

test('RT-06 a line is written when Debug_Flags has its level and subsystem, and a change of the flags counts at once', () => {
  const { log, texts } = setUp();
  log.log('ERROR', 'NET', 'error');
  log.log('WARNING', 'NET', 'warning');
  log.log('DEBUG', 'SMTP', 'before');
  log.flags = parseDebugFlags({ DEBUG: ['SMTP'], ERROR: [] }).flags;
  log.log('DEBUG', 'SMTP', 'debug');
  log.log('DEBUG', 'DNS', 'other subsystem');
  log.log('ERROR', 'NET', 'silenced');
  log.log('CRITICAL', 'NET', 'critical');
  assert.deepEqual(texts(), ['error', 'debug', 'critical']);
  assert.deepEqual([log.wants('DEBUG', 'SMTP'), log.wants('DEBUG', 'DNS')], [true, false]);
});

test('RT-06 an announcement is written whatever the flags say', () => {
  const { log, texts } = setUp();
  log.flags = parseDebugFlags({ ERROR: [], CRITICAL: [] }).flags;
  log.announce('NOTICE', 'START', 'listening');
  assert.deepEqual(texts(), ['listening']);
});

test('RT-07 a module writes by its own debug_level, ERROR unless set, whatever Debug_Flags says', () => {
  const { log, lines, texts } = setUp();
  log.flags = parseDebugFlags({ DEBUG: ['ALL'], ERROR: [] }).flags;
  const module = log.module('maildir');
  module.log('ERROR', 'error');
  module.log('WARNING', 'warning');
  module.debugLevel = 'NOTICE';
  module.log('WARNING', 'warning again');
  module.log('INFO', 'info');
  assert.deepEqual(texts(), ['error', 'warning again']);
  assert.deepEqual([lines[0]?.source, lines[0]?.isModule], ['maildir', true]);
  assert.deepEqual([module.wants('NOTICE'), module.wants('DEBUG')], [true, false]);
});

test('RT-06 the last ten lines of each level are kept, oldest first', () => {
  const { log, clock } = setUp();
  for (let i = 0; i < 15; i++) {
    clock.advance(1);
    log.log('ERROR', 'NET', `error ${i}`);
  }
  clock.advance(1);
  log.log('CRITICAL', 'NET', 'last');
  assert.deepEqual(
    log.last().map((line) => line.text),
    [...Array.from({ length: 10 }, (_, i) => `error ${i + 5}`), 'last'],
  );
});

test('RT-06 a line is shown to people with TimestampFormat and level, one line whatever it holds', () => {
  const at = new Date(2003, 10, 30, 10, 31, 37).getTime();
  const line: PanicLine = { at, level: 'ERROR', source: 'NET', isModule: false, text: 'a\r\nb\u001b[0m' };
  assert.equal(formatPanic(line, '[%a %d %b %Y %H:%M:%S]'), '[Sun 30 Nov 2003 10:31:37] [error] a\\r\\nb\\x1b[0m');
  assert.equal(formatPanic({ ...line, isModule: true, source: 'maildir', text: 'x' }, '%H '), '10 [error] maildir: x');
  assert.equal(formatPanic({ ...line, text: 'x' }, ''), '[error] x');
});

test('a line that is repeated is counted for ten seconds and then told once with its count', () => {
  const { log, texts, pass, timers } = setUp();
  for (let i = 0; i < 1000; i++) log.log('ERROR', 'NET', 'cannot accept');
  log.log('ERROR', 'NET', 'something else');
  assert.deepEqual(texts(), ['cannot accept', 'something else']);
  pass(repeatWindowMs + 20);
  assert.deepEqual(texts(), ['cannot accept', 'something else', 'cannot accept (repeated 999 times)']);
  log.log('ERROR', 'NET', 'cannot accept');
  assert.equal(texts().at(-1), 'cannot accept');
  pass(repeatWindowMs * 3);
  assert.equal(texts().length, 4);
  assert.equal(timers.size, 0);
});

test('a flood of different lines is bounded, and how many were not written is told', () => {
  const { log, texts, pass } = setUp();
  for (let i = 0; i < linesPerWindowMax + 500; i++) log.log('ERROR', 'NET', `line ${i}`);
  log.log('CRITICAL', 'NET', 'another level has its own bound');
  assert.equal(texts().length, linesPerWindowMax + 1);
  pass(repeatWindowMs + 20);
  assert.equal(texts().at(-1), '500 more lines of level ERROR were not written');
});

test('a line that is forgotten for want of room, or at close, tells its count first', () => {
  const { log, texts } = setUp();
  log.log('ERROR', 'NET', 'old');
  log.log('ERROR', 'NET', 'old');
  for (let i = 0; i < linesKnownMax; i++) log.log('ERROR', 'NET', `new ${i}`);
  assert.ok(texts().includes('old (repeated once)'));
  log.log('ERROR', 'NET', 'new 5');
  log.close();
  assert.equal(texts().at(-1), 'new 5 (repeated once)');
});

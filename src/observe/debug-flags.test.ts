/*
 * Debug_Flags as masks.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultDebugFlags, levels, parseDebugFlags, parseLevel, subsystems, wants } from './debug-flags.ts';

test('RT-06 by default everything at ERROR and CRITICAL is written and nothing below', () => {
  for (const subsystem of subsystems) {
    assert.deepEqual(
      levels.map((level) => wants(defaultDebugFlags, level, subsystem)),
      [false, false, false, false, true, true],
    );
  }
});

test('RT-06 a level that is named has exactly its subsystems, in any case, ALL means all, the others keep their default', () => {
  const { flags, unknown } = parseDebugFlags({ DEBUG: ['smtp', 'Net'], INFO: ['ALL'], ERROR: [] });
  assert.deepEqual(unknown, []);
  assert.deepEqual(
    subsystems.filter((s) => wants(flags, 'DEBUG', s)),
    ['SMTP', 'NET'],
  );
  assert.ok(subsystems.every((s) => wants(flags, 'INFO', s) && !wants(flags, 'ERROR', s) && wants(flags, 'CRITICAL', s)));
});

test('RT-06 an unknown subsystem is told to the caller and changes nothing', () => {
  const { flags, unknown } = parseDebugFlags({ DEBUG: ['SMTPX', 'DNS'] });
  assert.deepEqual(unknown, ['SMTPX']);
  assert.deepEqual([wants(flags, 'DEBUG', 'DNS'), wants(flags, 'DEBUG', 'SMTP')], [true, false]);
});

test('RT-07 a level is named in any case or by its number', () => {
  assert.deepEqual(['debug', ' Error ', '5', 'critical', '6', 'loud', ''].map(parseLevel), [
    'DEBUG',
    'ERROR',
    'CRITICAL',
    'CRITICAL',
    undefined,
    undefined,
    undefined,
  ]);
});

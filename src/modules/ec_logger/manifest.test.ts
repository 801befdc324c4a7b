/*
 * The manifest says what the configuration accepts and what the behaviour reads.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { manifest } from './manifest.ts';

test('LOG-20 the manifest declares every option of ec_logger, may run several times, and runs in the writer', () => {
  assert.deepEqual(
    manifest.options.map((option) => option.name.toLowerCase()).sort(),
    [
      'acctlog',
      'acctlog_log_mode',
      'heartbeat',
      'importlog',
      'importlog_mode',
      'log_deliveries',
      'log_errors',
      'log_permanent_failures',
      'log_receptions',
      'log_rejections',
      'log_transient_failures',
      'mainlog',
      'mainlog_mode',
      'paniclog',
      'paniclog_mode',
      'rejectlog',
      'rejectlog_mode',
    ].sort(),
  );
  assert.deepEqual([manifest.singleton, manifest.runs, manifest.provides], [false, 'writer', 'logger']);
});

test('LOG-20 every option works', () => {
  assert.deepEqual(
    manifest.options.filter((option) => option.status !== 'works').map((option) => option.name),
    [],
  );
});

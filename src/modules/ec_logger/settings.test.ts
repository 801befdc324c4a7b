/*
 * Defaults of an ec_logger instance, as the manual gives them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSettings } from './settings.ts';

test('LOG-20 an empty instance writes mainlog, paniclog and rejectlog under /var/log/ecelerity with mode 0644, everything switched on', () => {
  assert.deepEqual(readSettings({}), {
    isEnabled: true,
    debugLevel: 'ERROR',
    mainlog: { target: '/var/log/ecelerity/mainlog.ec', mode: 0o644 },
    rejectlog: { target: '/var/log/ecelerity/rejectlog.ec', mode: 0o644 },
    paniclog: { target: '/var/log/ecelerity/paniclog.ec', mode: 0o644 },
    acctlog: undefined,
    importlog: undefined,
    heartbeat: 60,
    logReceptions: true,
    logDeliveries: true,
    logTransientFailures: true,
    logPermanentFailures: true,
    logRejections: true,
    logErrors: true,
  });
});

test('LOG-20 each option of an instance replaces its default, acctlog and importlog count only when given', () => {
  const settings = readSettings({
    mainlog: 'm',
    mainlogMode: 0o600,
    rejectlogMode: 0o640,
    heartbeat: 0,
    logReceptions: false,
    logErrors: false,
    enabled: false,
    debugLevel: 'notice',
    acctlog: '/a',
    acctlogLogMode: 0o600,
    importlog: '',
  });
  assert.deepEqual(
    [settings.mainlog.target, settings.mainlog.mode, settings.rejectlog.mode, settings.paniclog.mode],
    ['m', 0o600, 0o640, 0o644],
  );
  assert.deepEqual([settings.heartbeat, settings.logReceptions, settings.logDeliveries, settings.logErrors], [0, false, true, false]);
  assert.deepEqual([settings.isEnabled, settings.debugLevel, settings.acctlog], [false, 'NOTICE', { target: '/a', mode: 0o600 }]);
});

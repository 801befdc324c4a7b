/*
 * Values of log options.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLogTarget } from './log-target.ts';

test('LOG-22 a plain path and file:// name a file, an empty value nothing', () => {
  assert.deepEqual(parseLogTarget('/var/log/mainlog.ec'), { kind: 'file', path: '/var/log/mainlog.ec' });
  assert.deepEqual(parseLogTarget('var/log/a:b=>c'), { kind: 'file', path: 'var/log/a:b=>c' });
  assert.deepEqual(parseLogTarget('file:///var/log/x'), { kind: 'file', path: '/var/log/x' });
  assert.deepEqual(parseLogTarget(' '), { kind: 'off' });
  assert.deepEqual(parseLogTarget('file://'), { kind: 'off' });
});

test('LOG-22 every other scheme is left to the module that writes there, with what follows it', () => {
  const targets = [
    'jlog:///var/x=>sub',
    'JLOG://var/x',
    'cluster:///x=>master',
    'syslog://?facility=mail',
    'pipe:///bin/cat',
    'eccmgrio://x',
    'kafka://x',
  ];
  assert.deepEqual(
    targets.map((target) => parseLogTarget(target)),
    [
      ['jlog', '/var/x=>sub'],
      ['jlog', 'var/x'],
      ['cluster', '/x=>master'],
      ['syslog', '?facility=mail'],
      ['pipe', '/bin/cat'],
      ['eccmgrio', 'x'],
      ['kafka', 'x'],
    ].map(([scheme, rest]) => ({ kind: 'scheme', scheme, rest })),
  );
});

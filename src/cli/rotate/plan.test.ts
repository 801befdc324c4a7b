/*
 * ec_rotate's words and settings: what is taken, and how what is wrong is told.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRotateConf, parseRotateWords } from './plan.ts';

test('ROT-01 settings are read with continued lines and comments; keys of programs that are not here mean nothing', () => {
  const text = `enabled=yes # on
logfiles =  /l/mainlog.ec \\
            /l/paniclog.ec
logdirs = /l/adaptive
retention = 30
control_socket = /tmp/2026
path_to_bzip = /bin/gzip
rt_stats_enabled = no
adaptive_loader_retention = 604800
rollup_passes=10
`;
  assert.deepEqual(parseRotateConf(text, 'conf'), {
    isEnabled: true,
    logfiles: ['/l/mainlog.ec', '/l/paniclog.ec'],
    logdirs: ['/l/adaptive'],
    retention: 30,
    socket: '/tmp/2026',
    compressor: '/bin/gzip',
  });
  for (const [bad, error] of [
    ['logfiles = \\\n  x\n\nretention = none\n', 'conf:4: retention = none: expected a whole number from 1 to 9999'],
    ['enabled = perhaps\n', 'conf:1: enabled = perhaps: expected yes or no'],
    ['\nmainlog.ec\n', 'conf:2: "mainlog.ec" is none of enabled, logfiles, logdirs, retention, control_socket, path_to_bzip'],
  ] as const)
    assert.equal(parseRotateConf(bad, 'conf'), error);
});

test('CLI-06 words are taken with one dash or two, long or short; what is wrong is told', () => {
  const words = '-l a --logfile b -logdir d -r 3 -s /sock -c gzip -v -conf f'.split(' ');
  assert.deepEqual(parseRotateWords(words), {
    conf: 'f',
    isHelp: false,
    isVerbose: true,
    given: { logfiles: ['a', 'b'], logdirs: ['d'], retention: 3, socket: '/sock', compressor: 'gzip' },
  });
  for (const bad of [['-x', '1'], ['-r', '0'], ['-l'], ['mainlog.ec'], ['-r', '1e3']]) assert.equal(typeof parseRotateWords(bad), 'string');
});

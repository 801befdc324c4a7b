// Proves, in a child process with small limits, that the descriptor limit is raised as far as it goes and never lowered.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileLimit, raiseFileLimit } from '#system';

/** Runs in a process whose hard limit is 600 and which may not raise it. */
function inSmallProcess(code: string): unknown {
  const full = `import { fileLimit, raiseFileLimit } from '#system'; if (process.getuid() === 0) process.setuid('nobody'); console.log(JSON.stringify(${code}));`;
  const child = spawnSync(
    '/bin/sh',
    ['-c', 'ulimit -n 600; exec "$@"', 'sh', process.execPath, '-C', 'impetus-source', '--input-type=module', '-e', full],
    {
      encoding: 'utf8',
      timeout: 60_000,
    },
  );
  assert.equal(child.stderr, '');
  return JSON.parse(child.stdout);
}

test('a limit within the hard limit is granted and one below the present is left alone', () => {
  const before = fileLimit();
  assert.ok(before !== undefined && before.soft > 0);
  assert.deepEqual(raiseFileLimit(1), { limit: before });
  assert.deepEqual(inSmallProcess('raiseFileLimit(600)'), { limit: { soft: 600, hard: 600 } });
});

test('a limit that may not be raised stays, and the reason is told', () => {
  const answer = inSmallProcess('raiseFileLimit(100_000)') as { limit: unknown; reason: string };
  assert.deepEqual(answer.limit, { soft: 600, hard: 600 });
  assert.match(answer.reason, /hard limit is 600/);
});

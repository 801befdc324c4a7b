// Proves that threads are found by their names, asked for without rights, and that nothing else of how they run changes.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { getPriority } from 'node:os';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { configureSystem, shortenSlices } from '#system';

after(() => configureSystem({ ffi: true }));

test('threads of a name get short slices, whoever the process belongs to; their priority stays what it was', async () => {
  const worker = new Worker('require("node:worker_threads").parentPort.once("message", () => {})', { eval: true, name: 'sliced 1' });
  await once(worker, 'online');
  const task = readdirSync('/proc/self/task').find((id) => readFileSync(`/proc/self/task/${id}/comm`, 'utf8') === 'sliced 1\n');
  const before = getPriority(Number(task));
  assert.deepEqual(
    shortenSlices((name) => name.startsWith('sliced ')),
    ['sliced 1'],
  );
  assert.equal(getPriority(Number(task)), before);
  assert.deepEqual(
    shortenSlices(() => false),
    [],
  );
  worker.postMessage('end');
  await once(worker, 'exit');
});

test('without native calls nobody is asked', () => {
  configureSystem({ ffi: false });
  assert.deepEqual(
    shortenSlices(() => true),
    [],
  );
  configureSystem({ ffi: true });
});

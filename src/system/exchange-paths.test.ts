import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { exchangePaths } from './exchange-paths.ts';
import { configureSystem } from './ffi.ts';

for (const native of [true, false]) {
  test(`two folders change places, ${native ? 'in one step' : 'by renames where native calls are missing'}`, () => {
    const dir = mkdtempSync(join(tmpdir(), 'exchange-'));
    configureSystem({ ffi: native });
    try {
      for (const name of ['a', 'b']) {
        mkdirSync(join(dir, name));
        writeFileSync(join(dir, name, 'what'), name);
      }
      assert.equal(exchangePaths(join(dir, 'a'), join(dir, 'b')), native);
      assert.equal(readFileSync(join(dir, 'a', 'what'), 'utf8'), 'b');
      assert.equal(readFileSync(join(dir, 'b', 'what'), 'utf8'), 'a');
      assert.throws(() => exchangePaths(join(dir, 'a'), join(dir, 'none')), /Cannot exchange/);
      assert.deepEqual(readdirSync(dir).sort(), ['a', 'b']);
      assert.equal(readFileSync(join(dir, 'a', 'what'), 'utf8'), 'b');
    } finally {
      configureSystem({ ffi: true });
      rmSync(dir, { recursive: true });
    }
  });
}

/**
 * Runs everything that can be tested: types, lint, then the test files on node's own runner.
 *
 * The one rule: with CI=true a skipped test is a failure, because a machine without the clients proves nothing.
 * `--quick` leaves the scenarios out (types, tidy, units, contracts, short fuzz: what a developer runs all the time);
 * other words are file patterns that replace the default set. Long campaigns are in test/soak and run by `npm run soak`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const node = join(root, 'bin/node');
const words = process.argv.slice(2);
const quick = words.includes('--quick');
const patterns = words.filter((word) => !word.startsWith('--'));
const defaults = quick ? ['src/**/*.test.ts', 'test/*.test.ts', 'test/contracts/*.test.ts'] : ['src/**/*.test.ts', 'test/**/*.test.ts'];

function step(name: string, args: string[]): void {
  const result = spawnSync(node, args, { cwd: root, stdio: 'inherit' });
  if (result.status === 0) return;
  console.error(`impetus: ${name} failed`);
  process.exit(1);
}

if (patterns.length === 0) {
  step('types', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit']);
  step('lint', ['node_modules/oxlint/bin/oxlint', '--quiet']);
}

const files = globSync(patterns.length > 0 ? patterns : defaults, { cwd: root }).filter((file) => !file.startsWith('test/soak/'));
if (files.length === 0) {
  console.error(`impetus: no test file matches ${patterns.join(' ')}`);
  process.exit(1);
}
// A change is judged with one seed (test/kit/fixed-seed.ts); the quick run, and single files, look for new counterexamples.
const seed = quick || patterns.length > 0 ? [] : ['--import', join(root, 'test/kit/fixed-seed.ts')];
const child = spawn(
  node,
  ['-C', 'impetus-source', ...seed, '--test', '--test-reporter=spec', '--test-concurrency=3', '--test-timeout=300000', ...files.sort()],
  {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);
let tail = '';
child.stdout.on('data', (chunk: Buffer) => {
  process.stdout.write(chunk);
  tail = (tail + chunk.toString('latin1')).slice(-4096);
});
child.on('close', (code) => {
  const skipped = Number(/skipped (\d+)/.exec(tail)?.[1] ?? 0);
  if (process.env['CI'] === 'true' && skipped > 0) {
    console.error(`impetus: ${skipped} tests were skipped; with CI=true that is a failure`);
    process.exit(1);
  }
  process.exit(code ?? 1);
});

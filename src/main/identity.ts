/*
 * What this program is: product, version, revision, and whether the Node.js under it lacks known security fixes.
 *
 * The version is package.json's. The revision is the commit of a clone, or "release" for an installed package.
 * The fixed releases of Node.js are named here because npm's binaries lag behind them; update them with each renewal.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json, bin/ and etc/. */
export const packageRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const product = 'Impetus';

function read(path: string): string {
  try {
    return readFileSync(join(packageRoot, path), 'utf8').trim();
  } catch {
    return '';
  }
}

export const version = (JSON.parse(read('package.json') || '{"version":"0"}') as { version: string }).version;

function commit(): string {
  const head = read('.git/HEAD');
  const ref = /^ref: (.+)$/.exec(head)?.[1];
  const hash = ref === undefined ? head : read(`.git/${ref}`);
  return /^[0-9a-f]{40}/.test(hash) ? hash.slice(0, 10) : 'release';
}

export const revision = commit();

/** First release of each line that has the fixes of October 2026. */
const fixedNode: Readonly<Record<number, readonly [number, number]>> = { 24: [22, 1], 26: [12, 1] };

/** A sentence when the running Node.js is known to lack security fixes. */
export function nodeWarning(running: string): string | undefined {
  const [major, minor, patch] = running.split('.').map(Number) as [number, number, number];
  const fixed = fixedNode[major];
  if (!fixed || minor > fixed[0] || (minor === fixed[0] && patch >= fixed[1])) return undefined;
  return `Node.js ${running} lacks security fixes that ${major}.${fixed[0]}.${fixed[1]} has: install that or newer, bin/node then picks it by itself`;
}

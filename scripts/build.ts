/**
 * Bundles src/ into dist/: what the launchers run and what `npm pack` ships.
 *
 * The one rule: every file that is started by itself is an entry: the commands that package.json names and the programs of threads (what
 * `entryBeside` asks for); all else is in chunks that they share. Hundreds of small modules took a command half a second to link; a few chunks take a tenth of it.
 * All of it lies in one folder, two below the root, where the sources' relative paths (`entryBeside`, etc/) hold.
 * Every thread holds the text of what it runs, so comments stay behind; lines and names stay, for stack traces.
 * Packages stay outside: they are read from node_modules.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = process.argv[2];
if (out === undefined) throw new Error('usage: build.ts FOLDER');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<'dependencies' | 'bin', Record<string, string>>;

const entries: Record<string, string> = {};
for (const name of Object.keys(manifest.bin)) entries[name] = `src/cli/${name}.ts`;
for (const file of globSync('src/**/*.ts', { cwd: root })) {
  for (const [, name] of readFileSync(join(root, file), 'utf8').matchAll(/\bentryBeside\(import\.meta\.url, '([\w-]+)'\)/g)) {
    const program = join(dirname(file), `${name}.ts`);
    if (entries[name!] !== undefined) throw new Error(`two programs are named ${name}: ${entries[name!]} and ${program}`);
    entries[name!] = program;
  }
}

const bundle = await rolldown({
  cwd: root,
  input: entries,
  platform: 'node',
  external: Object.keys(manifest.dependencies).flatMap((name) => [name, new RegExp(`^${name}/`)]),
  resolve: { conditionNames: ['impetus-source', 'node', 'import'] },
  tsconfig: false,
});
await bundle.write({
  dir: join(out, 'cli'),
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
  sourcemap: true,
  comments: false,
});
await bundle.close();

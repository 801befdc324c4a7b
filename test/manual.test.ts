/**
 * The reference in docs/manual is what the declarations say.
 *
 * The one rule: pages are generated, never edited; rules.md follows the titles of all tests and is not checked here.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { optionPages } from '../tools/manual/option-pages.ts';

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs/manual');

test('the pages of docs/manual are those that the declarations make', () => {
  const isFresh = (name: string, text: string): boolean =>
    existsSync(join(folder, name)) && readFileSync(join(folder, name), 'utf8') === text;
  const stale = [...optionPages()].filter(([name, text]) => !isFresh(name, text)).map(([name]) => name);
  assert.ok(stale.length === 0, `run \`npm run manual\`: it would change ${stale.join(', ')}`);
});

test('every option is on its page with a sentence of its own, and in the index', () => {
  const pages = optionPages();
  const index = pages.get('README.md') ?? '';
  const headings = [...pages.values()].flatMap((text) => [...text.matchAll(/^## (\S+)$/gm)].map((m) => m[1]));
  for (const name of ['Max_Retries', 'TLS', '_Unsafe_Spool', 'Always-Allow']) {
    assert.ok(headings.includes(name), name);
    assert.ok(index.includes(`[${name}](`), name);
  }
});

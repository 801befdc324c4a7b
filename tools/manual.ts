/**
 * Writes docs/manual/: the reference from the declarations, and rules.md from the titles of the tests.
 *
 * The one rule: nothing in docs/manual is written by hand. `npm run manual` writes it. `--check` fails when a reference page is stale
 * (a test does the same); rules.md changes with every title and is only written, never checked.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { optionPages } from './manual/option-pages.ts';
import { rulesPage } from './manual/rules-page.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'docs/manual');

/** The pages of `pages` that are not on disk as they should be. */
function stale(pages: ReadonlyMap<string, string>): string[] {
  const isStale = ([name, text]: [string, string]): boolean =>
    !existsSync(join(folder, name)) || readFileSync(join(folder, name), 'utf8') !== text;
  return [...pages].filter(isStale).map(([name]) => name);
}

const pages = optionPages();
pages.set('policy-types.d.ts', readFileSync(join(root, 'src/modules/policy/author.ts'), 'utf8'));
if (process.argv.includes('--check')) {
  const names = stale(pages);
  if (names.length > 0) {
    console.error(`docs/manual is stale (${names.join(', ')}): run npm run manual`);
    process.exit(1);
  }
} else {
  pages.set('rules.md', rulesPage(root));
  const names = stale(pages);
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of pages) writeFileSync(join(folder, name), text);
  console.log(`docs/manual: ${pages.size} pages, ${names.length} changed`);
}

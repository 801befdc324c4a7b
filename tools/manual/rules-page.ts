/**
 * The page of rules: which of them a test's title carries, and which test that is.
 *
 * The one rule: a rule counts as proven when a title names its id; the ids are in tools/rules.json. Titles are read from the sources as
 * text, so that no test has to run. Bound: TITLES_SHOWN titles a rule, then their number.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cell, generated } from './option-pages.ts';

const TITLES_SHOWN = 3;

interface Title {
  readonly title: string;
  readonly file: string;
}

/** Every test title of the tree with the file it stands in. */
function titles(root: string): Title[] {
  return globSync('{src,test}/**/*.test.ts', { cwd: root })
    .sort()
    .flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      return [...text.matchAll(/\b(?:test|it|describe|scenario)\(\s*(['"`])((?:\\.|(?!\1)[\s\S])*?)\1/g)].map((m) => ({
        title: (m[2] ?? '').replace(/\$\{[^}]*\}/g, '...').replace(/\s+/g, ' '),
        file,
      }));
    });
}

/** The ids a text names; a range such as A01-A11 names every id in it. */
function idsIn(text: string): string[] {
  const found = new Set([...text.matchAll(/\b(?:[A-Z0-9]{1,5}-F?\d+[a-z]?|A\d\d)\b/g)].map((m) => m[0]));
  for (const m of text.matchAll(/\b([A-Z0-9]*?-?)(\d+)\s*(?:-|\.\.|–|to)\s*\1(\d+)\b/g)) {
    const [, prefix = '', first = '', last = ''] = m;
    for (let n = Number(first); n <= Number(last) && n - Number(first) < 100; n++) {
      found.add(`${prefix}${String(n).padStart(first.length, '0')}`);
    }
  }
  return [...found];
}

function proofText(proofs: readonly Title[]): string {
  const shown = proofs.slice(0, TITLES_SHOWN).map((p) => `${cell(p.title)} (\`${p.file}\`)`);
  return [...shown, ...(proofs.length > TITLES_SHOWN ? [`and ${proofs.length - TITLES_SHOWN} more`] : [])].join('<br>');
}

export function rulesPage(root: string): string {
  const groups = JSON.parse(readFileSync(join(root, 'tools/rules.json'), 'utf8')) as { name: string; ids: string[] }[];
  const quirksFile = join(root, 'docs/quirks.md');
  const inQuirks = new Set(existsSync(quirksFile) ? idsIn(readFileSync(quirksFile, 'utf8')) : []);
  const proofs = new Map<string, Title[]>();
  for (const entry of titles(root)) for (const id of idsIn(entry.title)) proofs.set(id, [...(proofs.get(id) ?? []), entry]);
  const parts = groups.map(({ name, ids }) => {
    const proven = ids.filter((id) => proofs.has(id));
    const rows = proven.map((id) => `| ${id} | ${proofText(proofs.get(id) ?? [])} |`);
    const open = ids.filter((id) => !proofs.has(id)).map((id) => (inQuirks.has(id) ? `${id} (see quirks)` : id));
    const table = rows.length > 0 ? `\n| rule | proven by |\n|---|---|\n${rows.join('\n')}\n` : '';
    return `## ${name}: ${proven.length} of ${ids.length}\n${table}${open.length > 0 ? `\nNot proven yet: ${open.join(', ')}\n` : ''}`;
  });
  const all = groups.flatMap((group) => group.ids);
  const carried = all.filter((id) => proofs.has(id)).length;
  return `${generated}# Rules and which tests prove them\n\n${carried} of ${all.length} rules are carried by a test's title.\n\n${parts.join('\n')}`;
}

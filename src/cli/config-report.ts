/**
 * The report for a person who moves from Momentum: what the configuration uses, and what of it works here.
 *
 * The one rule: the order is the order of worry: guards that do not work yet, what works, what has no effect, what is unknown, what is wrong.
 * Nothing stops it: unknown options are listed, not refused. It changes nothing and promises nothing about the start (the check does).
 */
import { formatConfigProblem, formatPlace, isMissingGuard, type ReadConfiguration, type Use } from '#config';
import { parseLogTarget } from '#observe';

/** So many places are listed for one name; then only their number. */
const PLACES_SHOWN = 5;

type Group = 'missing' | 'works' | 'inert' | 'unknown';

const titles: Readonly<Record<Group, string>> = {
  missing: 'Guards that do not work yet (each stops the start unless Accept_Unimplemented lists it)',
  works: 'Works',
  inert: 'Accepted without effect',
  unknown: 'Unknown, or not legal where it stands',
};

export function configReport(read: ReadConfiguration): string[] {
  const groups: Record<Group, Map<string, Use[]>> = { missing: new Map(), works: new Map(), inert: new Map(), unknown: new Map() };
  for (const use of read.uses) {
    const group = groups[groupOf(use)];
    const scheme = foreignLogScheme(use);
    const name = use.what !== 'option' ? `${use.name} { }` : scheme === undefined ? use.name : `${use.name} = ${scheme}://...`;
    const known = group.get(name);
    if (known === undefined) group.set(name, [use]);
    else known.push(use);
  }
  let lines: string[] = [];
  for (const key of ['missing', 'works', 'inert', 'unknown'] as const) {
    lines = lines.concat(section(titles[key], groups[key]));
    if (key === 'missing' && groups.missing.size > 0) lines.push(`  To start without all of them: ${acceptance(groups.missing)}`, '');
  }
  const others = read.problems.filter(
    (problem) => !['guard-missing', 'unknown-option', 'unknown-scope', 'wrong-scope'].includes(problem.code),
  );
  if (others.length > 0) {
    lines.push(`Other problems (${others.length})`);
    for (const problem of others) lines.push(indent(formatConfigProblem(problem, read.fileAt(problem.at))));
    lines.push('');
  }
  const count = (key: Group): number => groups[key].size;
  lines.push(
    `${count('missing')} guards not working yet, ${count('works')} work, ${count('inert')} without effect, ${count('unknown')} unknown, ${others.length} other problems`,
  );
  return lines;
}

/** The statement that accepts every guard of the report. */
function acceptance(missing: ReadonlyMap<string, readonly Use[]>): string {
  const names = new Set([...missing.values()].flatMap((uses) => uses.map((use) => use.name)));
  return `Accept_Unimplemented = ( ${[...names].sort().join(' ')} )`;
}

/** A guard that restricts nothing as it is set has no effect; one that works, works. */
function groupOf(use: Use): Group {
  if (isMissingGuard(use)) return 'missing';
  if (use.status === 'guards') return use.implemented ? 'works' : 'inert';
  return foreignLogScheme(use) === undefined ? use.status : 'inert';
}

/** The scheme of a log that cannot be written here, such as jlog:// (LOG-22). */
function foreignLogScheme(use: Use): string | undefined {
  if (use.what !== 'option' || use.module === undefined || typeof use.value !== 'string' || !/log(?:file)?$/i.test(use.name))
    return undefined;
  const target = parseLogTarget(use.value);
  return target.kind === 'scheme' ? target.scheme : undefined;
}

function section(title: string, uses: ReadonlyMap<string, readonly Use[]>): string[] {
  if (uses.size === 0) return [];
  const names = [...uses.keys()].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
  const width = names.reduce((widest, name) => Math.max(widest, Math.min(48, name.length)), 0);
  const rows = names.map((name) => `  ${name.padEnd(width)}  ${places(uses.get(name) ?? [])}`);
  return [`${title} (${uses.size})`, ...rows, ''];
}

function places(uses: readonly Use[]): string {
  const shown = uses.slice(0, PLACES_SHOWN).map((use) => formatPlace(use.at));
  return uses.length > PLACES_SHOWN ? `${shown.join(' ')} and ${uses.length - PLACES_SHOWN} more` : shown.join(' ');
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ');
}

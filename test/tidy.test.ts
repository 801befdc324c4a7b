/**
 * The house's laws as an ordinary test: who may import whom, front doors, sizes, words that are forbidden outside their rooms.
 *
 * The one rule: every message says what to do instead. The table of rooms below is the same as in ARCHITECTURE.md.
 * It deliberately reads the sources as text: no compiler, no plugin, under a second.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const everythingBut = (...rooms: string[]) => ['*', ...rooms.map((room) => `!${room}`)];
const law: Record<string, string[]> = {
  base: [],
  system: ['base'],
  syntax: ['base'],
  smtp: ['base'],
  mail: ['base'],
  observe: ['base'],
  net: ['base', 'system', 'observe'],
  config: ['base', 'system', 'syntax', 'observe'],
  dns: ['base', 'observe', 'net', 'config'],
  policies: ['base', 'observe', 'dns'],
  loops: ['base', 'observe', 'config'],
  limits: ['base', 'observe', 'config'],
  dkim: ['base', 'smtp', 'mail'],
  trust: ['base', 'mail', 'dns', 'dkim'],
  spool: ['base', 'system', 'observe', 'mail', 'config'],
  hooks: ['base', 'observe', 'smtp', 'mail', 'config', 'limits'],
  auth: ['base', 'system', 'observe', 'config', 'hooks'],
  http: ['base', 'observe', 'net', 'config', 'auth'],
  intake: ['base', 'mail', 'observe', 'config', 'hooks', 'spool'],
  inbound: ['base', 'observe', 'net', 'dns', 'smtp', 'mail', 'config', 'limits', 'hooks', 'auth', 'http', 'intake'],
  queue: ['base', 'observe', 'smtp', 'mail', 'config', 'limits', 'hooks', 'loops', 'spool', 'intake'],
  outbound: ['base', 'observe', 'net', 'dns', 'policies', 'smtp', 'mail', 'config', 'limits', 'hooks', 'auth', 'spool', 'queue'],
  desk: ['base', 'observe', 'mail', 'config', 'queue', 'outbound'],
  simulation: ['base', 'observe', 'config', 'limits', 'queue', 'outbound'],
  modules: ['base', 'system', 'observe', 'net', 'dns', 'smtp', 'mail', 'dkim', 'trust', 'config', 'limits', 'hooks'],
  cluster: ['base', 'observe', 'net', 'config', 'limits', 'hooks'],
  control: everythingBut('modules', 'main', 'cli'),
  main: everythingBut('cli'),
  cli: ['base', 'system', 'observe', 'policies', 'syntax', 'smtp', 'mail', 'config', 'auth', 'spool', 'control', 'main'],
};
const thirdParty: Record<string, string> = { koffi: 'system', re2js: 'system', 'dns-packet': 'dns' };
const sources = globSync('src/**/*.ts', { cwd: root }).sort();
const production = sources.filter((file) => !file.endsWith('.test.ts'));
const text = new Map(sources.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
const lines = (file: string) => text.get(file)!.split('\n').length;
const roomOf = (file: string) => file.split('/')[1]!;
const code = (file: string) => stripComments(text.get(file)!);

/** Blanks comments and keeps strings, so that words in prose are not taken for code. */
function stripComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\/|(^|[^:'"`\\])\/\/.*$/gm, (_, before: string | undefined) => before ?? '');
}

interface Import {
  readonly target: string;
  readonly isTypeOnly: boolean;
  readonly names: string;
}

function importsOf(file: string): Import[] {
  const pattern = /(?:^|\n)\s*(?:import|export)\s+(type\s+)?([^'";]*?)\s*from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g;
  return [...code(file).matchAll(pattern)].map((m) => ({ target: m[3] ?? m[4]!, isTypeOnly: m[1] !== undefined, names: m[2] ?? '' }));
}

function mayImport(from: string, to: string): boolean {
  const allowed = law[from] ?? [];
  return from === to || allowed.includes(to) || (allowed[0] === '*' && !allowed.includes(`!${to}`));
}

function report(problems: string[]): void {
  assert.ok(
    problems.length === 0,
    `\n${problems.slice(0, 40).join('\n')}${problems.length > 40 ? `\n... and ${problems.length - 40} more` : ''}`,
  );
}

test('every folder of src is a room of the law, and has a front door', () => {
  const rooms = new Set(sources.map(roomOf));
  report([
    ...[...rooms]
      .filter((room) => !(room in law))
      .map((room) => `src/${room} is no room: put it into the room it belongs to, or add a row to the law`),
    ...[...rooms]
      .filter((room) => !['modules', 'cli'].includes(room) && room in law && !existsSync(join(root, 'src', room, 'index.ts')))
      .map((room) => `src/${room} has no index.ts: name what it offers there`),
  ]);
});

test('a room imports only what the law allows, through front doors', () => {
  const problems: string[] = [];
  for (const file of sources) {
    const room = roomOf(file);
    for (const { target } of importsOf(file)) {
      if (target.startsWith('node:')) continue;
      if (target.startsWith('#')) {
        const other = target.startsWith('#manifest/') ? 'modules' : target.slice(1).split('/')[0]!;
        if (!mayImport(room, other) && !(file.endsWith('.test.ts') && other in law && mayTest(room, other))) {
          problems.push(
            `${file} imports ${target}: ${room} may import ${law[room]?.join(' ') || 'nothing'}; move the thing down, or hand it in by a port`,
          );
        }
        if (room === 'modules' && other === 'modules')
          problems.push(`${file} imports ${target}: modules meet only through services in hooks`);
      } else if (target.startsWith('.')) {
        const place = relative(root, resolve(root, dirname(file), target));
        const home = room === 'modules' ? file.split('/').slice(0, 3).join('/') : `src/${room}`;
        const isKit = file.endsWith('.test.ts') && place.startsWith('test/kit/');
        if (!place.startsWith(`${home}/`) && !isKit) problems.push(`${file} reaches into ${place}: import '#room' instead`);
        if (!target.endsWith('.ts') && !target.endsWith('.json')) problems.push(`${file} imports ${target}: write the file's ending`);
      } else if (thirdParty[target] !== room && !(file.endsWith('.test.ts') && target === 'fast-check')) {
        problems.push(`${file} imports the package ${target}: only ${thirdParty[target] ?? 'a room listed in CONTRIBUTING.md'} may`);
      }
    }
  }
  report(problems);
});

/** Tests may use the floors below to build real surroundings, never main or cli. */
function mayTest(_room: string, other: string): boolean {
  return other !== 'main' && other !== 'cli' && other !== 'control';
}

test('modules of the house form no import cycle inside a room', () => {
  const graph = new Map<string, string[]>();
  for (const file of production) {
    const next = importsOf(file)
      .filter((entry) => entry.target.startsWith('.') && !entry.isTypeOnly && !isTypesOnly(entry.names))
      .map((entry) => relative(root, resolve(root, dirname(file), entry.target)));
    graph.set(file, next);
  }
  const state = new Map<string, 'open' | 'done'>();
  const problems: string[] = [];
  const visit = (file: string, path: string[]): void => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') {
      problems.push(`${[...path.slice(path.indexOf(file)), file].join(' -> ')}: break the cycle; the shared part is a file of its own`);
      return;
    }
    state.set(file, 'open');
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    state.set(file, 'done');
  };
  for (const file of production) visit(file, []);
  report(problems);
});

function isTypesOnly(names: string): boolean {
  const inside = /^\{([\s\S]*)\}$/.exec(names.trim())?.[1];
  return (
    inside !== undefined &&
    inside
      .split(',')
      .filter((name) => name.trim() !== '')
      .every((name) => name.trim().startsWith('type '))
  );
}

test('files have a header, are at most 600 lines, and nine of ten stay under 400', () => {
  const isTable = (file: string) => file.startsWith('src/config/declared/');
  const counted = production.filter((file) => !isTable(file));
  const problems = counted
    .filter((file) => lines(file) > 600)
    .map((file) => `${file} has ${lines(file)} lines: what second thing does it do? Split it`);
  for (const file of production) {
    const header = /^(?:#!.*\n)?\s*(?:\/\*[\s\S]*?\*\/|(?:\/\/.*\n)+)/.exec(text.get(file)!)?.[0].trimEnd() ?? '';
    if (header.split('\n').length < 3)
      problems.push(`${file} has no header: 3 to 12 lines on what it is for, the rule to know, what it leaves out, where the truth is`);
  }
  const long = counted.filter((file) => lines(file) > 400);
  if (long.length * 10 > counted.length)
    problems.push(`${long.length} of ${counted.length} files have more than 400 lines: ${long.join(', ')}`);
  report(problems);
});

test('functions have at most 70 lines', () => {
  const problems: string[] = [];
  const start =
    /^(\s*)(?:export\s+)?(?:(?:async\s+)?function\b|(?:(?:private|public|static|async|override|get|set|#)\s*)*#?[\w$]+\s*(?:<[^>]*>)?\([^)]*\)?[^;=]*\{\s*$|(?:const|let)\s+\w+\s*=\s*(?:async\s*)?\([^)]*\)[^;]*=>\s*\{\s*$)/;
  for (const file of production) {
    const body = text.get(file)!.split('\n');
    for (let i = 0; i < body.length; i++) {
      const m = start.exec(body[i]!);
      if (!m || /^\s*(?:if|for|while|switch|catch|return|else|do)\b/.test(body[i]!)) continue;
      const end = body.findIndex((line, j) => j > i && line.startsWith(`${m[1]}}`));
      if (end > 0 && end - i + 1 > 70) problems.push(`${file}:${i + 1} is a function of ${end - i + 1} lines: branches above, work below`);
    }
  }
  report(problems);
});

test('time, chance, timers and the console are handed in, not taken', () => {
  const forbidden: [RegExp, string[], string][] = [
    [/\bDate\.now\(|\bnew Date\(\)/, ['base', 'cli'], 'take a Clock'],
    [/\bMath\.random\(/, ['base'], 'take a Random'],
    [/\bset(?:Timeout|Interval)\(/, ['base', 'main', 'cli'], 'take the TimerWheel'],
    [/\bperformance\.now\(/, ['base', 'main'], 'take a Clock'],
    [/(?<![.#\w])console\./, ['cli'], 'write to the PanicLog'],
    [/\bprocess\.(?:argv|env)\b/, ['main', 'cli'], 'let main read it and hand it in'],
  ];
  const problems: string[] = [];
  for (const file of production) {
    for (const [pattern, rooms, instead] of forbidden) {
      if (!rooms.includes(roomOf(file)) && pattern.test(code(file)))
        problems.push(`${file} uses ${pattern.source.replace(/\\b|\\|\(\?:|\)/g, '')}: ${instead}`);
    }
  }
  report(problems);
});

test('the language is the erasable part of TypeScript, without any, enum, or default exports', () => {
  const forbidden: [RegExp, string][] = [
    [/[:<,|&(]\s*any\b(?!\s*\()/, 'no `any`: unknown and a check'],
    [/(?:^|\n)\s*(?:export\s+)?(?:const\s+)?enum\s/, 'no enum: a union of words'],
    [/(?:^|\n)\s*export default\b/, 'no default export: a name'],
    [/@ts-(?:ignore|nocheck)/, 'no silenced compiler'],
    [/\b(?:TODO|FIXME|XXX)\b/, 'nothing left open in the code: an issue, or docs/quirks.md'],
  ];
  const problems: string[] = [];
  for (const file of sources) {
    for (const [pattern, instead] of forbidden) if (pattern.test(code(file))) problems.push(`${file}: ${instead}`);
  }
  report(problems);
});

test('no file is dead and no export is unused', () => {
  const reached = new Set<string>();
  const used = new Map<string, Set<string>>();
  const note = (file: string, names: string) => {
    const set = used.get(file) ?? used.set(file, new Set()).get(file)!;
    for (const name of names.replace(/[{}]/g, ',').split(','))
      set.add(
        name
          .trim()
          .replace(/^type\s+/, '')
          .split(/\s+as\s+/)[0]!
          .trim(),
      );
  };
  const everywhere = [...sources, ...globSync('{test,bench,tools,scripts}/**/*.ts', { cwd: root })];
  for (const file of everywhere) {
    const body = text.get(file) ?? readFileSync(join(root, file), 'utf8');
    text.set(file, body);
    for (const { target, names } of importsOf(file)) {
      const place = placeOf(file, target);
      if (!place) continue;
      if (!file.endsWith('.test.ts') || file.startsWith('test/')) reached.add(place);
      note(place, names.startsWith('*') ? '*' : names);
    }
    for (const m of body.matchAll(/entryBeside\([^,]+,\s*'([\w-]+)'\)/g)) reached.add(join(dirname(file), `${m[1]}.ts`));
  }
  const isDoor = (file: string) => file.endsWith('/index.ts') || file.endsWith('/manifest.ts') || file.startsWith('src/cli/');
  const problems = production
    .filter((file) => !reached.has(file) && !isDoor(file))
    .map((file) => `${file} is imported by nobody: remove it`);
  for (const file of production.filter((name) => !isDoor(name))) {
    for (const m of code(file).matchAll(/(?:^|\n)export (?:async )?(?:const|function|class|abstract class|interface|type) (\w+)/g)) {
      const names = used.get(file);
      if (names?.has('*') || names?.has(m[1]!)) continue;
      problems.push(`${file} exports ${m[1]} and nobody imports it: drop the export`);
    }
  }
  report(problems);
});

function placeOf(file: string, target: string): string | undefined {
  if (target.startsWith('.')) return relative(root, resolve(root, dirname(file), target));
  if (target.startsWith('#manifest/')) return `src/modules/${target.slice(10)}/manifest.ts`;
  return target.startsWith('#') ? `src/${target.slice(1)}/index.ts` : undefined;
}

test('nothing tracked names a private path of the machine it was written on', () => {
  const docs = globSync('{*.md,docs/**/*.md,scripts/*,bin/*,etc/*,bench/*.*,test/**/*.ts}', { cwd: root }).concat(sources);
  report(
    docs
      .filter((file) => /\/wor[k]\/|\/tmp\/brie[f]/.test(readFileSync(join(root, file), 'utf8')))
      .map((file) => `${file} names a path of one machine`),
  );
});

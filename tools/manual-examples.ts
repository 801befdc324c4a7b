/**
 * Tries the language and the full check on every configuration example of a manual in Markdown: `bin/node -C impetus-source
 * tools/manual-examples.ts FOLDER` (for Momentum's public manual: content/momentum of a checkout of github.com/SparkPost/support-docs).
 *
 * The one rule: nothing of the manual is written anywhere; each refusal is told with file and line, what is said about it, and which
 * mechanical repair (an ellipsis taken out, typographic quotes made straight) would make it acceptable. An example is a fenced block whose
 * first statement has a name that we declare; it is a whole file when everything in it may stand at the top.
 * Guards that do not work yet and files that are not there are no fault of an example: they are counted by themselves.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { declaredOptions, memoryFiles, moduleDeclarations, readConfiguration, scopeDeclarations, type ConfigProblem } from '#config';
import { foldName, parseConf } from '#syntax';
import { compilePcre } from '#system';

interface Example {
  readonly where: string;
  readonly text: string;
}

interface Repair {
  readonly name: string;
  readonly apply: (text: string) => string;
}

/** What the text of a manual holds and no configuration does. */
const repairs: readonly Repair[] = [
  { name: 'typographic quotes', apply: (text) => text.replace(/[\u201c\u201d\u201e]/g, '"') },
  { name: 'emphasis', apply: (text) => text.replaceAll('**', '') },
  { name: 'no-break spaces', apply: (text) => text.replaceAll('\u00a0', ' ') },
  {
    name: 'an ellipsis',
    apply: (text) =>
      text
        .replace(/^[ \t]*(?:\.{3} .* \.{3}|\(?\.{3,4}\)?|\.)"?[ \t]*$/gm, '')
        .replace(/\{[ \t]*\.{3}[ \t]*\}/g, '{}')
        .replace(/^[ \t]*<\w+>[ \t]*$/gm, ''),
  },
  { name: 'missing closing braces', apply: closed },
];

function closed(text: string): string {
  const bare = text.replace(/#.*$/gm, '').replace(/"[^"\n]*"/g, '');
  const missing = bare.split('{').length - bare.split('}').length;
  return missing > 0 ? `${text}${'}\n'.repeat(missing)}` : text;
}

const optionNames = new Set(declaredOptions.map((option) => foldName(option.name)));
const innerScopes = moduleDeclarations.flatMap((module) => module.scopes ?? []);
const scopeNames = new Set([...scopeDeclarations, ...moduleDeclarations, ...innerScopes].map((scope) => foldName(scope.name)));
/** Names that stand in a module's stanza: an example of these alone is a part of one. */
const moduleNames = new Set(moduleDeclarations.flatMap((module) => module.options.map((option) => foldName(option.name))));

function blocksOf(folder: string, file: string): Example[] {
  const found: Example[] = [];
  let open: { readonly line: number; readonly indent: number; readonly tag: string; readonly lines: string[] } | undefined;
  for (const [index, line] of readFileSync(join(folder, file), 'utf8').split('\n').entries()) {
    const fence = /^(\s*)(?:```+|~~~+)\s*(\S*)\s*$/.exec(line);
    if (open === undefined) {
      if (fence) open = { line: index + 2, indent: fence[1]!.length, tag: fence[2]!, lines: [] };
    } else if (fence && fence[2] === '') {
      if (open.tag === '') found.push({ where: `${file}:${open.line}`, text: `${open.lines.join('\n')}\n` });
      open = undefined;
    } else open.lines.push(line.replace(new RegExp(`^\\s{0,${open.indent}}`), ''));
  }
  return found;
}

function isConfiguration({ text }: Example): boolean {
  const bare = text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*#.*$/gm, '')
    .replace(/^\s*\.\.\.\s*$/gm, '')
    .trim();
  const first = /^\*{0,2}(\w+)\s*(?:(=)(?!\s*\{)|=?\s*\{|"[^"\n]*"\s*\{|[^\s={}"]+\s*\{)/.exec(bare);
  if (first === null) return /^(?:include|readonly_include)\s+"?[\w./:{}-]+"?\s*$/m.test(bare.split('\n')[0]!);
  const name = foldName(first[1]!);
  return first[2] === undefined ? scopeNames.has(name) : optionNames.has(name) || moduleNames.has(name);
}

function languageProblems(text: string): string[] {
  return parseConf(Buffer.from(text), 'example').problems.map((problem) => `line ${problem.at.line}: ${problem.message}`);
}

/** The first repairs, one after the other, with which the language accepts the text. */
function repaired(text: string): { readonly text: string; readonly by: readonly string[] } | undefined {
  const by: string[] = [];
  let better = text;
  for (const { name, apply } of repairs) {
    const next = apply(better);
    if (next !== better) by.push(name);
    better = next;
    if (by.length > 0 && languageProblems(better).length === 0) return { text: better, by };
  }
  return undefined;
}

function check(text: string): readonly ConfigProblem[] {
  const files = memoryFiles({ '/example/ecelerity.conf': text });
  return readConfiguration({ main: '/example/ecelerity.conf', files, searchPath: [], compileRegex: compilePcre }).problems;
}

/** An option or a scope that has its place inside another one, found at the top. */
function isOfInside(problem: ConfigProblem): boolean {
  const [, name = '', place = ''] = /"([^"]*)" (?:(?:is not legal|may not stand) )?in (.*)$/.exec(problem.message) ?? [];
  return place === 'Global' && (problem.code === 'wrong-scope' || (problem.code === 'unknown-option' && moduleNames.has(foldName(name))));
}

const elsewhere: ReadonlySet<string> = new Set(['guard-missing', 'missing-file']);

function main(folder: string): void {
  const examples = globSync('**/*.md', { cwd: folder })
    .sort()
    .flatMap((file) => blocksOf(folder, file))
    .filter(isConfiguration);
  const counts = new Map<string, number>();
  const count = (name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const { where, text } of examples) {
    count('examples');
    const problems = languageProblems(text);
    const better = problems.length === 0 ? { text, by: [] } : repaired(text);
    if (problems.length === 0) count('accepted by the language');
    else if (better === undefined) {
      count('refused by the language, not to be repaired mechanically');
      console.log(`${where}: language: ${problems[0]}`);
    } else {
      count(`refused by the language, and rightly: ${better.by.join(', ')}`);
      console.log(`${where}: language: ${better.by.join(', ')}`);
    }
    if (better === undefined) continue;
    const found = check(better.text);
    const faults = found.filter((problem) => !elsewhere.has(problem.code));
    if (faults.some(isOfInside)) count('parts of a stanza, accepted by the language');
    else if (faults.length === 0) count(found.length === 0 ? 'whole files accepted' : 'whole files accepted but for guards and files');
    else {
      count('whole files refused');
      for (const fault of faults) console.log(`${where}: line ${fault.at?.line ?? 0}: ${fault.code}: ${fault.message}`);
    }
  }
  console.log('');
  for (const [name, number] of [...counts].sort()) console.log(`${String(number).padStart(5)} ${name}`);
}

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: manual-examples.ts FOLDER');
  process.exit(64);
}
main(folder);

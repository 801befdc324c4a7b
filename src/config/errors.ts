/**
 * What can be wrong with a configuration, as data, and how it is told.
 *
 * The one rule: the manual's own line comes first (scripts match on it), then ours: file:line:column, the line with a caret, and what
 * would be right. A code is stable; the words may get better.
 * Problems of the language itself come from the syntax room and are told in the same form.
 * Truth: CFG-11, CFG-32.
 */
import { syntaxProblems, type ConfFile, type Place, type Problem } from '#syntax';

const configProblems = {
  syntax: 'the text is no configuration',
  'unknown-option': 'no option has this name',
  'wrong-scope': 'the option or scope may not stand here',
  'unknown-scope': 'no scope has this name',
  'wrong-type': 'the value has another form than the option wants',
  'wrong-instance': 'the name after the scope is missing, not wanted or not of the right form',
  'wrong-order': 'this must stand after something that comes later',
  'wrong-pattern': 'the pattern is no regular expression',
  'missing-file': 'the file cannot be read',
  'include-loop': 'a file includes itself',
  'too-large': 'a bound of the reader is reached',
  'wrong-scheme': 'this kind of address cannot be read at the start',
  'local-changes': 'Local_Changes_File cannot be what it is set to',
  'unknown-reference': 'the value names something that does not exist',
  'unused-name': 'the name is of no use here',
  'guard-missing': 'the behaviour that protects is not there yet',
  'too-many': 'there is more than fits on the list',
} as const;

export type ConfigProblemCode = keyof typeof configProblems;

export interface ConfigProblem {
  readonly code: ConfigProblemCode;
  /** The line that Momentum prints, or the nearest to it. */
  readonly manual: string;
  /** Ours: action, quoted value, what is wrong. */
  readonly message: string;
  /** Undefined only when there is no file at all. */
  readonly at: Place | undefined;
  /** What would be right. */
  readonly hint?: string;
  /** The include statements that led here, innermost first. */
  readonly includedFrom?: readonly Place[];
}

/** Not wrong, but worth a line in the paniclog: options without effect here, doubtful references. */
export interface ConfigNotice {
  readonly message: string;
  readonly at: Place;
}

/** At most so many problems are told; the last one then says how many more there were. */
const MAX_CONFIG_PROBLEMS = 200;

/** CFG-11: the line that Momentum's parser prints. */
export function problemOfSyntax(problem: Problem, includedFrom: readonly Place[]): ConfigProblem {
  return {
    code: 'syntax',
    manual: `Syntax error in ${problem.at.file} at line ${problem.at.line} near '${problem.near}'`,
    message: problem.message,
    at: problem.at,
    hint: problem.hint ?? syntaxProblems[problem.code],
    ...(includedFrom.length === 0 ? {} : { includedFrom }),
  };
}

/** In the order of reading: by file as first read, then by place. Bounded by MAX_CONFIG_PROBLEMS. */
export function sortProblems(problems: readonly ConfigProblem[], fileOrder: readonly string[]): ConfigProblem[] {
  const order = new Map(fileOrder.map((file, index) => [file, index]));
  const rank = (problem: ConfigProblem): number => (problem.at === undefined ? -1 : (order.get(problem.at.file) ?? fileOrder.length));
  const sorted = [...problems].sort((a, b) => rank(a) - rank(b) || (a.at?.offset ?? 0) - (b.at?.offset ?? 0));
  if (sorted.length <= MAX_CONFIG_PROBLEMS) return sorted;
  const more = sorted.length - MAX_CONFIG_PROBLEMS + 1;
  const first = sorted[MAX_CONFIG_PROBLEMS - 1];
  return [
    ...sorted.slice(0, MAX_CONFIG_PROBLEMS - 1),
    { code: 'too-many', manual: `and ${more} more problems`, message: `${more} more problems are not listed`, at: first?.at },
  ];
}

/** Several lines for a person; `file` is the text that the problem is in, for the caret line. */
export function formatConfigProblem(problem: ConfigProblem, file?: ConfFile): string {
  const lines = [problem.manual];
  const { at } = problem;
  if (at === undefined) lines.push(`  ${problem.message}`);
  else {
    lines.push(`${formatPlace(at)}: ${problem.message}`);
    if (file !== undefined) lines.push(...caretLines(file, at));
  }
  if (problem.hint !== undefined) lines.push(`    ${problem.hint}`);
  for (const place of problem.includedFrom ?? []) lines.push(`    included from ${formatPlace(place)}`);
  return lines.join('\n');
}

export function formatPlace(at: Place): string {
  return `${at.file}:${at.line}:${at.column}`;
}

const LONGEST_SHOWN_LINE = 160;

function caretLines(file: ConfFile, at: Place): string[] {
  const begin = file.source.lastIndexOf('\n', at.offset - 1) + 1;
  const found = file.source.indexOf('\n', at.offset);
  const end = found < 0 ? file.source.length : found;
  if (at.offset > file.source.length) return [];
  const before = decode(file.source.slice(begin, at.offset));
  const from = Math.max(0, before.length - LONGEST_SHOWN_LINE / 2);
  const line = decode(file.source.slice(begin, Math.min(end, at.offset + LONGEST_SHOWN_LINE))).slice(from);
  const shown = line.slice(0, LONGEST_SHOWN_LINE).trimEnd();
  if (shown === '') return [];
  const width = Math.max(1, Math.min(at.end - at.offset, shown.length - (before.length - from)));
  // Tabs stay tabs under tabs, so that the caret stands where the eye expects it; control characters of a hostile file do not reach the terminal.
  const blank = before.slice(from).replace(/[^\t]/g, ' ');
  return [`    ${printable(shown)}`, `    ${blank}${'^'.repeat(Math.max(1, width))}`];
}

function decode(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8');
}

function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '?');
}

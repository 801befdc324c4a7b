/**
 * validate_config: checks configuration files without starting a server.
 *
 * The one rule: exit 0 and `Configuration valid`, or 1 and every problem with file, line and column, the manual's own line first; a person
 * never sees a stack. `--syntax` stops after the language, `--eval` answers what is in force, `--report` says what works here.
 * It writes nothing but its answer. Truth: ECC-09, CFG-11, CFG-22, CC-06, CC-09.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import {
  describePath,
  formatConfigProblem,
  formatValue,
  MAIN_FILE_NAME,
  nearestOptionAt,
  nodeName,
  parseQuestion,
  quoteWord,
  readConfiguration,
  Resolver,
  searchPath,
  systemFiles,
  type Asked,
  type Explanation,
  type OptionValue,
  type ReadConfiguration,
} from '#config';
import { policyProblems, reportSignerNotices } from '#main';
import { formatProblem, parseConf } from '#syntax';
import { compilePcre, compileRegex } from '#system';
import { configReport } from './config-report.ts';
import { wrongWords } from './wrong-words.ts';

const usage = `usage: validate_config [options] [FILE...]
  FILE                 configuration files (default: ${MAIN_FILE_NAME}, found by the search path), or a directory that holds one
  --syntax             check the language only, follow no includes
  --eval "QUESTION"    print the value in force: "binding b domain d.example message_expiration"
  --why                with --eval: every scope that was asked, with file and line
  --report             what is used: guards that do not work yet, then what works, what has no effect, what is unknown
  --search-path PATH   directories with colons between them (default: EC_CONF_SEARCH_PATH, else the documented path)
  -h, --help           this text
Exit status: 0 valid, 1 there are problems, 64 wrong words.
`;

function readArguments() {
  return parseArgs({
    allowPositionals: true,
    options: {
      syntax: { type: 'boolean' },
      eval: { type: 'string', multiple: true },
      why: { type: 'boolean' },
      report: { type: 'boolean' },
      'search-path': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}

type Arguments = ReturnType<typeof readArguments>;

const lines: string[] = [];
const remarks: string[] = [];

async function main(): Promise<number> {
  let given: Arguments;
  try {
    given = readArguments();
  } catch (error) {
    remarks.push(`validate_config: ${wrongWords(error)}`, usage.trimEnd());
    return 64;
  }
  if (given.values.help === true) {
    lines.push(usage.trimEnd());
    return 0;
  }
  const directories = searchPath({
    environment: given.values['search-path'] ?? process.env['EC_CONF_SEARCH_PATH'],
    nodeName: nodeName({ environment: process.env['EC_NODE_NAME'], hostName: hostname() }),
  });
  const files = given.positionals.length > 0 ? given.positionals : [MAIN_FILE_NAME];
  let status = 0;
  for (const file of files) status = Math.max(status, await checkOne(file, given, directories, files.length > 1));
  return status;
}

async function checkOne(file: string, given: Arguments, directories: readonly string[], isOneOfMany: boolean): Promise<number> {
  const path = locate(file, directories);
  const prefix = isOneOfMany ? `${file}: ` : '';
  if (path === undefined) {
    lines.push(`${prefix}No configuration found`);
    return 1;
  }
  if (given.values.syntax === true) return checkSyntax(path, prefix);
  const read = readConfiguration({ main: path, files: systemFiles, searchPath: directories, compileRegex });
  if (read.readable === undefined) return tellProblems(read);
  if (given.values.report === true) {
    for (const line of configReport(read)) lines.push(line);
    return 0;
  }
  if (given.values.eval !== undefined) return evaluate(read, given.values.eval, given.values.why === true);
  if (read.problems.length > 0 || read.snapshot === undefined) return tellProblems(read);
  const refused = await policyProblems(read.snapshot);
  if (refused.length > 0) {
    lines.push(...refused, refused.length === 1 ? '1 problem' : `${refused.length} problems`);
    return 1;
  }
  for (const notice of read.notices) remarks.push(`${notice.at.file}:${notice.at.line}: ${notice.message}`);
  remarks.push(...reportSignerNotices(read.snapshot));
  lines.push(`${prefix}Configuration valid`);
  return 0;
}

/** As given, or in one of the directories; a directory stands for the main file in it. */
function locate(file: string, directories: readonly string[]): string | undefined {
  for (const path of [resolve(file), ...(file.startsWith('/') ? [] : directories.map((directory) => join(directory, file)))]) {
    const found = systemFiles.stat(path);
    // What is there and cannot be read is told as a problem of that file, not as "not found".
    if ('fault' in found) {
      if (found.fault === 'ENOENT' || found.fault === 'ENOTDIR') continue;
      return path;
    }
    if (found.kind !== 'directory') return path;
    const inside = join(path, MAIN_FILE_NAME);
    if (!('fault' in systemFiles.stat(inside))) return inside;
  }
  return undefined;
}

function checkSyntax(path: string, prefix: string): number {
  const text = readFileSync(path);
  const conf = parseConf(text, path);
  if (conf.problems.length === 0) {
    lines.push(`${prefix}Configuration valid`);
    return 0;
  }
  for (const problem of conf.problems) lines.push(formatProblem(problem, text));
  return 1;
}

function tellProblems(read: ReadConfiguration): number {
  for (const problem of read.problems) lines.push(formatConfigProblem(problem, read.fileAt(problem.at)));
  lines.push(read.problems.length === 1 ? '1 problem' : `${read.problems.length} problems`);
  return 1;
}

function evaluate(read: ReadConfiguration, questions: readonly string[], withReasons: boolean): number {
  if (read.readable === undefined) return 1;
  if (read.problems.length > 0)
    remarks.push(`${read.problems.length} problems: this configuration would not start; the answer leaves out what is wrong`);
  const resolver = new Resolver(read.readable, { compileRegex: compilePcre });
  let status = 0;
  for (const text of questions) {
    const question = parseQuestion(text);
    const answer = question.ok ? resolver.explain(question) : undefined;
    if (question.ok && answer !== undefined) {
      for (const line of settingLines(answer)) lines.push(line);
      if (withReasons) for (const line of reasons(answer)) lines.push(line);
      continue;
    }
    status = 1;
    if (!question.ok) lines.push(question.message, ...(question.hint === undefined ? [] : [`  ${question.hint}`]));
    else {
      lines.push(`No module provides capability 'config.${question.path.at(-1)?.scope ?? 'Global'}:${question.option}'`);
      const nearest = nearestOptionAt(question.path, question.option);
      if (nearest !== undefined) lines.push(`  did you mean ${nearest}?`);
    }
  }
  return status;
}

/** CC-06, CC-09: `Name = value` as it was written, lists one item a line; defaults print as 0/1 (CFG-07). */
function settingLines(answer: Explanation): string[] {
  const { option, value } = answer;
  if (Array.isArray(value)) return [`${option} = (`, ...(value as readonly string[]).map((item) => `  ${quoteWord(item)}`), '  )'];
  const used = answer.asked.find((asked) => asked.isUsed);
  return [`${option} = ${used === undefined ? shown(value) : shownAs(used)}`];
}

function shown(value: OptionValue | undefined): string {
  return typeof value === 'string' ? quoteWord(value) : formatValue(value);
}

function shownAs(asked: Asked): string {
  return asked.written?.kind === 'word' ? quoteWord(asked.written.text) : shown(asked.value);
}

function reasons(answer: Explanation): string[] {
  const width = answer.asked.reduce((widest, asked) => Math.max(widest, describePath(asked.path).length), 0);
  const asked = answer.asked.map((entry) => `  ${describePath(entry.path).padEnd(width)}  ${reason(entry)}`);
  if (answer.source === 'silent-host')
    return [...asked, '  -1 (no limit): a Host that matches and does not set the option does not fall back'];
  return answer.source === 'default' ? [...asked, `  ${'built-in default'.padEnd(width)}  ${shown(answer.value)}  <- used`] : asked;
}

function reason(asked: Asked): string {
  if (!asked.isPresent) return 'no such scope';
  if (asked.at === undefined) return 'not set here';
  return `${shownAs(asked)}  ${asked.at.file}:${asked.at.line}:${asked.at.column}${asked.isUsed ? '  <- used' : ''}`;
}

try {
  process.exitCode = await main();
} catch (error) {
  remarks.push(`validate_config: cannot go on: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 70;
}
process.stdout.on('error', () => undefined);
if (remarks.length > 0) process.stderr.write(`${remarks.join('\n')}\n`);
if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);

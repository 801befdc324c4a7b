/**
 * Problems as text for people.
 *
 * The rule to know: the first line is the one the manual documents (CFG-11), so scripts made for Momentum find what they look for; then come
 * `file:line:column: message`, the line of the source, a caret under the fault, and what would be right.
 * What it does not do: no colours, no wrapping. Control characters of the file never reach the terminal: they are shown as "?".
 */
import { Buffer } from 'node:buffer';
import { syntaxProblems } from './errors.ts';
import { decodeText, toSource } from './text.ts';
import type { Problem } from './tree.ts';

/** So many characters of a long source line are shown around the fault. */
const SHOWN_LENGTH = 120;
const MARGIN = 40;
/** So many bytes are looked at on each side of the fault. */
const WINDOW = 4 * SHOWN_LENGTH;

/** The problem in full; `text` is the file it was found in. No line break at the end. */
export function formatProblem(problem: Problem, text: Buffer | string): string {
  const { file, line, column } = problem.at;
  const out = [
    `Syntax error in ${file} at line ${line} near '${showable(problem.near)}'`,
    `${file}:${line}:${column}: ${showable(problem.message)}`,
  ];
  if (problem.code !== 'too-many') out.push(...quoteLine(problem, text));
  out.push(`  hint: ${showable(problem.hint ?? syntaxProblems[problem.code])}`);
  return out.join('\n');
}

/** All problems of a file, an empty line between them. */
export function formatProblems(problems: readonly Problem[], text: Buffer | string): string {
  const source = typeof text === 'string' && problems.length > 1 ? toBytesOnce(text) : text;
  return problems.map((problem) => formatProblem(problem, source)).join('\n\n');
}

/** A string is turned into bytes once and not once a problem. */
function toBytesOnce(text: string): Buffer {
  return Buffer.from(text, 'utf8');
}

function quoteLine(problem: Problem, text: Buffer | string): string[] {
  const { offset } = problem.at;
  const from = Math.max(0, offset - WINDOW);
  const window = typeof text === 'string' ? toSource(text).slice(from, offset + WINDOW) : toSource(text.subarray(from, offset + WINDOW));
  const at = offset - from;
  const begin = window.lastIndexOf('\n', at - 1) + 1;
  const isBegin = begin > 0 || from === 0;
  const feed = window.indexOf('\n', at);
  const before = [...decodeText(withoutBrokenStart(window.slice(at === 0 ? 0 : begin, at)))];
  const after = [...decodeText(window.slice(at, feed < 0 ? window.length : feed)).trimEnd()];
  const isCut = !isBegin || before.length > SHOWN_LENGTH - MARGIN;
  const shownBefore = isCut ? ['...', ...before.slice(-MARGIN)] : before;
  const shownAfter = after.slice(0, SHOWN_LENGTH - MARGIN);
  const source = showable(shownBefore.join('') + shownAfter.join('') + (after.length > shownAfter.length ? '...' : ''));
  const indent = showable(shownBefore.join('')).replace(/[^\t]/g, ' ');
  const width = Math.max(1, Math.min(shownAfter.length, [...problem.near].length));
  return [`  ${source}`, `  ${indent}^${'~'.repeat(width - 1)}`];
}

/** A window may begin in the middle of a UTF-8 sequence, or with a byte order mark. */
function withoutBrokenStart(bytes: string): string {
  return bytes.replace(/^(?:\xef\xbb\xbf|[\x80-\xbf]{1,3})/, '');
}

/** The text with everything replaced that could steer a terminal or break the line. */
function showable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '?');
}

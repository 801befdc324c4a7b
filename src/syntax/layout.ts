/**
 * Where the lines of a file are and how they are indented: what an edit needs to fit in with its neighbours.
 *
 * The rule to know: everything is answered from the source text by offset, nothing is kept. It is used for edits only, a few times each.
 */
import { Scanner } from './scanner.ts';
import type { ConfFile, ScopeStatement, Statement } from './tree.ts';

const DEFAULT_UNIT = '  ';

/** Offset of the first byte of the line that holds `offset`; a byte order mark is no part of the first line. */
export function lineStart(source: string, offset: number): number {
  if (offset === 0) return 0;
  const start = source.lastIndexOf('\n', offset - 1) + 1;
  return start === 0 && source.startsWith('\xef\xbb\xbf') ? Math.min(3, offset) : start;
}

/** Offset of the end of the line that holds `offset`, before its line break. */
export function lineEnd(source: string, offset: number): number {
  const feed = source.indexOf('\n', offset);
  if (feed < 0) return source.length;
  return feed > offset && source[feed - 1] === '\r' ? feed - 1 : feed;
}

/** The line break of the file: that of its first line. */
export function newlineOf(source: string): string {
  const feed = source.indexOf('\n');
  return feed > 0 && source[feed - 1] === '\r' ? '\r\n' : '\n';
}

/** The blanks at the start of the line that holds `offset`. */
export function indentAt(source: string, offset: number): string {
  const start = lineStart(source, offset);
  return /^[ \t]*/.exec(source.slice(start, lineEnd(source, start)))?.[0] ?? '';
}

/** True if only blanks stand before `offset` on its line. */
export function isFirstOnLine(source: string, offset: number): boolean {
  return /^[ \t]*$/.test(source.slice(lineStart(source, offset), offset));
}

/** True if nothing but blanks, and comments that end on the line, follows on the line of `offset`. */
export function isLastOnLine(source: string, offset: number): boolean {
  return /^[ \t]*(?:\/\*(?:[^*]|\*(?!\/))*\*\/[ \t]*)*(?:#[^\n]*)?$/.test(source.slice(offset, lineEnd(source, offset)));
}

/** True if nothing but blanks follows on the line of `offset`. */
export function isBlankAfter(source: string, offset: number): boolean {
  return /^[ \t]*$/.test(source.slice(offset, lineEnd(source, offset)));
}

/** The indentation that statements directly inside `scope` (or of the file itself) have, or would have. */
export function innerIndent(file: ConfFile, scope: ScopeStatement | undefined): string {
  const statements = scope === undefined ? file.statements : scope.statements;
  const neighbour = statements.findLast((statement) => isFirstOnLine(file.source, statement.at.offset));
  if (neighbour !== undefined) return indentAt(file.source, neighbour.at.offset);
  return scope === undefined ? '' : indentAt(file.source, scope.at.offset) + indentUnit(file);
}

/** One step of indentation, as the first scope of the file has it. */
export function indentUnit(file: ConfFile): string {
  for (const statement of file.statements) {
    if (statement.kind !== 'scope') continue;
    const child = statement.statements.find((inner) => isFirstOnLine(file.source, inner.at.offset));
    if (child === undefined) continue;
    const outer = indentAt(file.source, statement.at.offset);
    const inner = indentAt(file.source, child.at.offset);
    if (inner.length > outer.length && inner.startsWith(outer)) return inner.slice(outer.length);
  }
  return DEFAULT_UNIT;
}

/** True if an `=` stands between the name and the value of an option. */
export function hasEquals(source: string, statement: Statement): boolean {
  const scanner = new Scanner(source.slice(statement.at.offset, statement.at.end), '');
  scanner.skipWord(false);
  scanner.skipTrivia();
  return scanner.source[scanner.pos] === '=';
}

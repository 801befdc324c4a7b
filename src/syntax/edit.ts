/**
 * Edits: set and unset options, add and remove scopes in a parsed file. This is how `config set` goes back into a person's file.
 *
 * The rule to know: an edit is a few replaced ranges of the source, and every byte outside of them stays. Afterwards the file is parsed
 * again, so the tree is always that of the text; nodes taken from the file before are stale. A file with problems is not edited, and an
 * edit that would make one is taken back.
 *
 * What it does not do: it does not follow includes, and it looks no instance up by meaning: an instance is named as it stands in the file.
 * A scope that occurs several times counts as one (CFG-10): an option is replaced where it was set last, and a new one goes behind all options
 * and includes of the first occurrence, so that nothing in there overrides it.
 */
import { formatValue, formatWord, type NewValue } from './format-value.ts';
import {
  hasEquals,
  indentAt,
  indentUnit,
  innerIndent,
  isBlankAfter,
  isFirstOnLine,
  isLastOnLine,
  lineEnd,
  lineStart,
  newlineOf,
} from './layout.ts';
import { parseSource } from './parser.ts';
import { encodeText } from './text.ts';
import { foldName, isName, type ConfFile, type OptionStatement, type ScopeStatement, type Statement } from './tree.ts';

/** One step of the way to a scope. Names do not care about case; the instance must be the one in the file. */
export interface ScopeKey {
  readonly name: string;
  readonly instance?: string | undefined;
}

/** The way to an option: scopes from the outermost, none for the file itself. */
export interface OptionPath {
  readonly scopes: readonly ScopeKey[];
  readonly option: string;
}

/** A replaced range: `offset` and `end` in bytes of the text before the edit, `text` the bytes put there (as a byte string). */
export interface Change {
  readonly offset: number;
  readonly end: number;
  readonly text: string;
}

/** Why an edit was refused; then the file is as it was. */
export type EditRefusal = 'has-problems' | 'bad-name' | 'no-scope' | 'no-option' | 'would-break';

export type EditResult =
  { readonly ok: true; readonly changes: readonly Change[] } | { readonly ok: false; readonly code: EditRefusal; readonly message: string };

/** Sets an option, in place if this file sets it already. The scopes must exist (see `addScope`). */
export function setOption(file: ConfFile, path: OptionPath, value: NewValue): EditResult {
  if (!isOptionName(path.option)) return badName(path.option);
  const scopes = findScopes(file, path.scopes);
  if (scopes.length === 0) return noScope(file, path.scopes);
  const old = findOptions(file, scopes, path.option).at(-1);
  const change = old === undefined ? insertOption(file, scopes[0], path.option, value) : replaceValue(file, old, value);
  return apply(file, [change]);
}

/** Removes an option wherever this file sets it in that scope. */
export function unsetOption(file: ConfFile, path: OptionPath): EditResult {
  const scopes = findScopes(file, path.scopes);
  if (scopes.length === 0) return noScope(file, path.scopes);
  const options = findOptions(file, scopes, path.option);
  if (options.length === 0) return refuse('no-option', `"${path.option}" is not set there in ${file.file}`);
  return apply(
    file,
    options.map((option) => removal(file, option)),
  );
}

/** Makes sure that a scope exists; those of the way that are missing are added, empty. No change if it is there. */
export function addScope(file: ConfFile, path: readonly ScopeKey[]): EditResult {
  const bad = path.find((key) => !isOptionName(key.name));
  if (bad !== undefined) return badName(bad.name);
  let depth = path.length;
  while (depth > 0 && findScopes(file, path.slice(0, depth)).length === 0) depth--;
  if (depth === path.length) return apply(file, []);
  const parent = findScopes(file, path.slice(0, depth))[0];
  const indent = innerIndent(file, parent);
  const text = scopeLines(path.slice(depth), indent, indentUnit(file)).join(newlineOf(file.source));
  return apply(file, [insertion(file, parent, text, statementsOf(file, parent).at(-1))]);
}

/** Removes a scope with all that is in it, wherever it occurs in this file. */
export function removeScope(file: ConfFile, path: readonly ScopeKey[]): EditResult {
  const scopes = findScopes(file, path).filter((scope) => scope !== undefined);
  if (scopes.length === 0) return noScope(file, path);
  return apply(
    file,
    scopes.map((scope) => removal(file, scope)),
  );
}

/** A name that came from outside must not smuggle statements in. */
function isOptionName(name: string): boolean {
  const folded = foldName(name);
  return isName(name) && folded !== 'include' && folded !== 'readonly_include';
}

function badName(name: string): EditResult {
  return refuse('bad-name', `"${name}" cannot be the name of an option or a scope`);
}

function refuse(code: EditRefusal, message: string): EditResult {
  return { ok: false, code, message };
}

function noScope(file: ConfFile, path: readonly ScopeKey[]): EditResult {
  const way = path.map((key) => (key.instance === undefined ? key.name : `${key.name} "${key.instance}"`)).join(' ');
  return refuse('no-scope', `there is no scope ${way} in ${file.file}`);
}

/** All occurrences of a scope; undefined stands for the file itself. */
function findScopes(file: ConfFile, path: readonly ScopeKey[]): (ScopeStatement | undefined)[] {
  let found: (ScopeStatement | undefined)[] = [undefined];
  for (const key of path) {
    const name = foldName(key.name);
    found = found.flatMap((scope) =>
      statementsOf(file, scope).filter(
        (inner): inner is ScopeStatement => inner.kind === 'scope' && foldName(inner.name) === name && inner.instance === key.instance,
      ),
    );
  }
  return found;
}

function findOptions(file: ConfFile, scopes: readonly (ScopeStatement | undefined)[], name: string): OptionStatement[] {
  const folded = foldName(name);
  return scopes.flatMap((scope) =>
    statementsOf(file, scope).filter((inner): inner is OptionStatement => inner.kind === 'option' && foldName(inner.name) === folded),
  );
}

function statementsOf(file: ConfFile, scope: ScopeStatement | undefined): readonly Statement[] {
  return scope === undefined ? file.statements : scope.statements;
}

function replaceValue(file: ConfFile, old: OptionStatement, value: NewValue): Change {
  const { source } = file;
  const text = encodeText(formatValue(value, layoutFor(file, indentAt(source, old.at.offset)), quoteOf(source, old)));
  if (old.value.kind === 'none') return { offset: old.at.end, end: old.at.end, text: ` = ${text}` };
  const { offset, end } = old.value.at;
  return { offset, end, text: hasEquals(source, old) ? text : `= ${text}` };
}

/** A value that stood in quotation marks keeps them. */
function quoteOf(source: string, old: OptionStatement): '"' | "'" | undefined {
  if (old.value.kind !== 'word' || !old.value.quoted) return undefined;
  return source[old.value.at.offset] === "'" ? "'" : '"';
}

function layoutFor(file: ConfFile, outer: string): { outer: string; indent: string; newline: string } {
  return { outer, indent: outer + indentUnit(file), newline: newlineOf(file.source) };
}

function insertOption(file: ConfFile, scope: ScopeStatement | undefined, name: string, value: NewValue): Change {
  const text = encodeText(`${name} = ${formatValue(value, layoutFor(file, innerIndent(file, scope)))}`);
  const statements = statementsOf(file, scope);
  const anchor = statements.findLast((statement) => statement.kind !== 'scope') ?? (scope === undefined ? statements.at(-1) : undefined);
  return insertion(file, scope, text, anchor);
}

/** Puts a statement behind `anchor`, or at the start of the scope's body if there is none; on a line of its own where lines allow it. */
function insertion(file: ConfFile, scope: ScopeStatement | undefined, text: string, anchor: Statement | undefined): Change {
  const { source } = file;
  const newline = newlineOf(source);
  const line = newline + innerIndent(file, scope) + text;
  if (anchor !== undefined || scope !== undefined) {
    const after = anchor?.at.end ?? scope?.body.offset ?? 0;
    if (scope !== undefined && /^[ \t]*$/.test(source.slice(after, scope.body.end)) && anchor === undefined) {
      return { offset: after, end: scope.body.end, text: line + newline + indentAt(source, scope.at.offset) };
    }
    if (!isLastOnLine(source, after)) return { offset: after, end: after, text: ` ${text}${/\s/.test(source[after] ?? '') ? '' : ' '}` };
    const end = lineEnd(source, after);
    return { offset: end, end, text: line };
  }
  const end = source.length;
  const isAtLineStart = lineStart(source, end) === end;
  return { offset: end, end, text: (isAtLineStart ? '' : newline) + text + newline };
}

function scopeLines(path: readonly ScopeKey[], indent: string, unit: string): string[] {
  const [key, ...rest] = path;
  if (key === undefined) return [];
  const instance = key.instance === undefined ? '' : ` ${formatWord(key.instance, '"')}`;
  const inner = scopeLines(rest, indent + unit, unit);
  const first = inner.length === 0 ? [] : [indent + unit + (inner[0] ?? ''), ...inner.slice(1)];
  return [encodeText(`${key.name}${instance} {`), ...first, `${indent}}`];
}

/** The range that goes with a statement: its lines if it has them for itself, else the statement and the blanks behind it. */
function removal(file: ConfFile, statement: Statement): Change {
  const { source } = file;
  const { offset, end } = statement.at;
  if (isFirstOnLine(source, offset) && isBlankAfter(source, end)) {
    const feed = source.indexOf('\n', end);
    return { offset: lineStart(source, offset), end: feed < 0 ? source.length : feed + 1, text: '' };
  }
  const blanks = /^[ \t]*/.exec(source.slice(end, lineEnd(source, end)))?.[0].length ?? 0;
  return { offset, end: end + blanks, text: '' };
}

/** Carries changes out, from the last to the first, and reads the result again. */
function apply(file: ConfFile, changes: readonly Change[]): EditResult {
  if (file.problems.length > 0) return refuse('has-problems', `${file.file} has syntax errors and is not edited`);
  if (changes.length === 0) return { ok: true, changes };
  const ordered = [...changes].sort((a, b) => a.offset - b.offset);
  const parts: string[] = [];
  let done = 0;
  for (const { offset, end, text } of ordered) {
    parts.push(file.source.slice(done, offset), text);
    done = end;
  }
  parts.push(file.source.slice(done));
  const next = parseSource(parts.join(''), file.file).conf;
  const problem = next.problems[0];
  if (problem !== undefined) return refuse('would-break', `the edit would make a syntax error in ${file.file}: ${problem.message}`);
  file.source = next.source;
  file.statements = next.statements;
  file.problems = next.problems;
  return { ok: true, changes: ordered };
}

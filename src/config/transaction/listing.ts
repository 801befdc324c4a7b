/**
 * Scopes and options as the console prints them.
 *
 * The one rule: a listing shows what was written, in canonical names, and `showrecurse` gives text that can be read back (CC-09 to CC-11);
 * defaults print as 0/1. Settings of nested scopes have one leading indent (CC-04).
 * Only snapshots of the main thread know what was written. Truth: CC-04, CC-05, CC-09 to CC-13, CFG-07, CFG-08.
 */
import { formatWord } from '#syntax';
import type { OptionDeclaration } from '../declaration.ts';
import { formatPath, scopeKey, type ScopePath } from '../scopes/scope-path.ts';
import type { OwnOption, ScopeNode } from '../snapshot/scope-node.ts';
import { formatValue, quoteWord, type OptionValue, type Written } from '../values.ts';

const step = '  ';

export function findNode(root: ScopeNode, path: ScopePath): ScopeNode | undefined {
  let node: ScopeNode | undefined = root;
  for (const { scope, instance } of path) node = node?.children.get(scopeKey(scope, instance));
  return node;
}

/** `Name = value`; lists with one item a line, the closing bracket under the items (CC-09). */
export function settingLines(name: string, written: Written, indent = ''): string[] {
  const inner = indent + step;
  switch (written.kind) {
    case 'none':
      return [indent + name];
    case 'word':
      return [`${indent}${name} = ${wordText(written)}`];
    case 'array':
      return [`${indent}${name} = (`, ...written.items.map((item) => inner + wordText(item)), `${inner})`];
    case 'dictionary':
      return [
        `${indent}${name} = [`,
        ...written.entries.map((entry) => `${inner}${formatWord(entry.key)} = ${inline(entry.value)}`),
        `${inner}]`,
      ];
  }
}

/** On one line: for replayed commands and the history. */
export function inline(written: Written): string {
  if (written.kind === 'none') return 'true';
  if (written.kind === 'word') return wordText(written);
  if (written.kind === 'array') return `( ${written.items.map(wordText).join(' ')} )`.replace(/\( {2}\)/, '( )');
  return `[ ${written.entries.map((entry) => `${formatWord(entry.key)} = ${inline(entry.value)}`).join(' ')} ]`;
}

function wordText(word: { readonly text: string; readonly quoted: boolean }): string {
  return word.quoted || word.text === '' ? formatWord(word.text, '"') : word.text;
}

export function ownLines(own: OwnOption, indent = ''): string[] {
  return own.written === undefined ? [`${indent}${own.name} = ${formatValue(own.value)}`] : settingLines(own.name, own.written, indent);
}

/** What a value looks like that nobody wrote: modes in octal digits, words in quotes where a file would need them. */
export function defaultText(value: OptionValue, declaration: OptionDeclaration | undefined): string {
  if (declaration?.type.kind === 'octal' && typeof value === 'number') return `0${value.toString(8)}`;
  if (value === 'true' || value === 'false') return value === 'true' ? '1' : '0';
  return typeof value === 'string' ? quoteWord(value) : formatValue(value);
}

/** The manual's listings spell one scope in another way than its option tables. */
function printedScope(name: string): string {
  return name === 'ESMTP_Listener' ? 'Esmtp_Listener' : name;
}

/** CC-12. */
export function printedPath(path: ScopePath): string {
  return formatPath(path.map(({ scope, instance }) => ({ scope: printedScope(scope), instance })));
}

/** `Listen ":25"`; an anonymous scope is its name alone. */
function scopeTitle(node: { readonly scope: string; readonly instance: string | undefined }): string {
  const name = printedScope(node.scope);
  return node.instance === undefined ? name : `${name} ${formatWord(node.instance, '"')}`;
}

/** CC-10: own options one a line, child scopes one line each. */
export function showLines(node: ScopeNode, isNested: boolean): string[] {
  const indent = isNested ? step : '';
  const own = [...node.options.values()].flatMap((option) => ownLines(option, indent));
  return [...own, ...[...node.children.values()].map((child) => `${indent}${scopeTitle(child)} { ... }`)];
}

/** CC-11: the whole text of a scope; the top stands without braces. */
export function recurseLines(node: ScopeNode, isTop: boolean): string[] {
  const lines: string[] = [];
  const walk = (of: ScopeNode, indent: string): void => {
    for (const option of of.options.values()) lines.push(...ownLines(option, indent));
    for (const child of of.children.values()) scope(child, indent);
  };
  const scope = (of: ScopeNode, indent: string): void => {
    lines.push(`${indent}${scopeTitle(of)} {`);
    walk(of, indent + step);
    lines.push(`${indent}}`);
  };
  if (isTop) walk(node, '');
  else scope(node, '');
  return lines;
}

/** CC-12, CC-13: two lines for each scope of that name whose instance `matches`. */
export function locateLines(root: ScopeNode, scope: string, matches: (instance: string) => boolean): string[] {
  const folded = scope.toLowerCase();
  const lines: string[] = [];
  const walk = (node: ScopeNode, path: ScopePath): void => {
    for (const child of node.children.values()) {
      const inner = [...path, { scope: child.scope, instance: child.instance }];
      if (child.scope.toLowerCase() === folded && matches(child.instance ?? '')) {
        lines.push(scopeTitle(child), `  is at ${printedPath(inner)}`);
      }
      walk(child, inner);
    }
  };
  walk(root, []);
  return lines;
}

/** `Domain "yahoo.com" Gateway`: as a command has it. */
export function pathWords(path: ScopePath): string {
  return path.map((one) => `${scopeTitle(one)} `).join('');
}

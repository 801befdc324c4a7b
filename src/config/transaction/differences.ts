/**
 * What is different between two configurations, for people: `config diff`, the history, and taking a change back.
 *
 * The one rule: a difference is an option of one scope instance with its two values as written, or a scope that came or went; places and
 * layout are none. Snapshots of the main thread only: the others do not know what was written.
 * What travels between threads is changes.ts. Truth: our own commands config diff, history and undo.
 */
import { declarationsOf } from '../catalogue.ts';
import type { ScopePath } from '../scopes/scope-path.ts';
import { isDeepEqual } from '../snapshot/changes.ts';
import type { OwnOption, ScopeNode } from '../snapshot/scope-node.ts';
import { formatValue, type Written } from '../values.ts';
import { inline, pathWords } from './listing.ts';

export type Difference =
  | {
      readonly kind: 'option';
      readonly path: ScopePath;
      readonly name: string;
      readonly before: Written | undefined;
      readonly after: Written | undefined;
    }
  | { readonly kind: 'scope'; readonly path: ScopePath; readonly is: 'added' | 'removed' };

/** Parents come before their children. */
export function differencesBetween(before: ScopeNode, after: ScopeNode): Difference[] {
  const found: Difference[] = [];
  compare(before, after, [], found);
  return found;
}

function compare(before: ScopeNode | undefined, after: ScopeNode | undefined, path: ScopePath, found: Difference[]): void {
  if (before === after) return;
  if (path.length > 0 && before === undefined) found.push({ kind: 'scope', path, is: 'added' });
  if (path.length > 0 && after === undefined) found.push({ kind: 'scope', path, is: 'removed' });
  for (const key of keysOfBoth(before?.options, after?.options)) {
    const [old, now] = [before?.options.get(key), after?.options.get(key)];
    if (isDeepEqual(old?.value, now?.value)) continue;
    found.push({ kind: 'option', path, name: now?.name ?? old?.name ?? key, before: writtenIn(old), after: writtenIn(now) });
  }
  for (const key of keysOfBoth(before?.children, after?.children)) {
    const [old, now] = [before?.children.get(key), after?.children.get(key)];
    const node = now ?? old;
    // Nearly all of many thousand scopes are the same object: nothing is made for them.
    if (node !== undefined && old !== now) compare(old, now, [...path, { scope: node.scope, instance: node.instance }], found);
  }
}

/** Those of the first, then what only the second has. */
function* keysOfBoth(first: ReadonlyMap<string, unknown> | undefined, second: ReadonlyMap<string, unknown> | undefined): Generator<string> {
  if (first !== undefined) yield* first.keys();
  if (second !== undefined) for (const key of second.keys()) if (first?.has(key) !== true) yield key;
}

function writtenIn(own: OwnOption | undefined): Written | undefined {
  if (own === undefined) return undefined;
  return own.written ?? { kind: 'word', text: formatValue(own.value), quoted: false };
}

export function formatDifference(one: Difference): string[] {
  const where = pathWords(one.path);
  if (one.kind === 'scope') return [`${one.is === 'added' ? '+' : '-'} ${where}{ }`];
  const lines: string[] = [];
  if (one.before !== undefined) lines.push(`- ${where}${one.name} = ${inline(one.before)}`);
  if (one.after !== undefined) lines.push(`+ ${where}${one.name} = ${inline(one.after)}`);
  return lines;
}

/** The same for programs; a value that was not there is undefined. */
export function differenceData(one: Difference): unknown {
  const scope = pathWords(one.path).trim();
  if (one.kind === 'scope') return { concern: concernOf(one), scope, is: one.is };
  const text = (written: Written | undefined) => (written === undefined ? undefined : inline(written));
  return { concern: concernOf(one), scope, option: one.name, before: text(one.before), after: text(one.after) };
}

/** What a person looks for first. */
export type Concern = 'listeners' | 'limits' | 'options';

export function concernOf(one: Difference): Concern {
  const isListening = one.path.some((step) => step.scope.toLowerCase().endsWith('_listener'));
  if (isListening && (one.kind === 'scope' || /^enable$/i.test(one.name))) return 'listeners';
  if (one.kind === 'option' && declarationsOf(one.name).some((option) => option.category === 'shaping' || option.category === 'resource'))
    return 'limits';
  return isListening ? 'listeners' : 'options';
}

/**
 * What may stand where the cursor is, for whoever types `config set` and its kin: scopes, instances that exist, options, words of a value.
 *
 * The one rule: candidates come from the same catalogue and the same tree as the command itself, so that what is offered is taken.
 * Bound: COMPLETIONS_MAX candidates. Not here: which command it is (control). Truth: CON-05, CC-01.
 */
import { childKind, globalKind, optionIn, type ScopeKind } from '../catalogue.ts';
import { declaredOptions, moduleDeclarations, scopeDeclarations } from '../declared/index.ts';
import type { OptionDeclaration } from '../declaration.ts';
import type { ScopeNode } from '../snapshot/scope-node.ts';
import { quoteWord } from '../values.ts';
import { findNode } from './listing.ts';
import { parseTarget } from './target.ts';

const COMPLETIONS_MAX = 500;

/** `before`: all words in front of the one that is being typed; `partial`: what there is of that one. */
export function completions(root: ScopeNode, before: string, partial: string, o: { readonly withOptions: boolean }): string[] {
  const words = candidates(root, before, o);
  const start = partial.toLowerCase();
  return [...new Set(words)]
    .filter((word) => word.toLowerCase().startsWith(start))
    .sort()
    .slice(0, COMPLETIONS_MAX);
}

function candidates(root: ScopeNode, before: string, o: { readonly withOptions: boolean }): string[] {
  const instances = instancesAfter(root, before);
  if (instances?.isOnly === true) return instances.names;
  const asked = parseTarget(before, root);
  if (!asked.ok) return instances?.names ?? [];
  const { kinds, option, declaration, rest } = asked.target;
  if (option !== undefined) return rest === '' && declaration !== undefined ? valuesOf(declaration) : [];
  const names = [...scopeNames(kinds), ...(o.withOptions ? optionNames(kinds) : [])];
  return [...(instances?.names ?? []), ...names];
}

/** The instances that exist of the scope whose name was typed last; `isOnly` when one of them, or a new one, must follow. */
function instancesAfter(root: ScopeNode, before: string): { names: string[]; isOnly: boolean } | undefined {
  const [, front = '', word = ''] = /^(.*?)([\w.:-]+)\s+$/s.exec(before) ?? [];
  const asked = parseTarget(front, root);
  if (word === '' || !asked.ok || asked.target.option !== undefined) return undefined;
  const kind = childKind(asked.target.kinds, word);
  if (kind === undefined || kind.instance === 'none') return undefined;
  const node = findNode(root, asked.target.path);
  const names: string[] = [];
  for (const child of node?.children.values() ?? []) {
    if (child.scope === kind.name && child.instance !== undefined) names.push(quoteWord(child.instance));
    if (names.length === COMPLETIONS_MAX) break;
  }
  return { names, isOnly: kind.instance === 'required' };
}

function scopeNames(kinds: readonly ScopeKind[]): string[] {
  const at = kinds.length > 0 ? kinds : [globalKind];
  return [...scopeDeclarations, ...moduleDeclarations].map(({ name }) => name).filter((name) => childKind(at, name) !== undefined);
}

function optionNames(kinds: readonly ScopeKind[]): string[] {
  const own = kinds.at(-1)?.module?.options ?? [];
  return [...declaredOptions, ...own].map(({ name }) => name).filter((name) => optionIn(kinds, name) !== undefined);
}

function valuesOf({ type }: OptionDeclaration): string[] {
  if (type.kind === 'boolean') return ['true', 'false'];
  return type.kind === 'enum' ? type.values.map(String) : [];
}

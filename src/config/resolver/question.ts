/**
 * Reads a question as a person writes it: `binding b domain d.example message_expiration`.
 *
 * The one rule: the same grammar as the console's `config` command: scopes with their instances, then one option. Anonymous scopes take no
 * instance; the instance of a module may be left out.
 * It looks nothing up in a configuration. Truth: CC-01.
 */
import { childKind, globalKind, nearestOption, nearestScope, optionIn, type ScopeKind } from '../catalogue.ts';
import type { ScopePath, ScopeStep } from '../scopes/scope-path.ts';

export type Question =
  | { readonly ok: true; readonly path: ScopePath; readonly option: string }
  | { readonly ok: false; readonly message: string; readonly hint: string | undefined };

/** Words with white space between them; a word in quotation marks may hold spaces. */
export function parseQuestion(text: string): Question {
  const words = [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map((match) => match[1]?.replace(/\\(.)/g, '$1') ?? match[2] ?? '');
  const option = words.at(-1);
  if (option === undefined)
    return { ok: false, message: 'There is no question', hint: 'write: binding b domain d.example Message_Expiration' };
  const kinds: ScopeKind[] = [globalKind];
  const path: ScopeStep[] = [];
  let index = 0;
  while (index < words.length - 1) {
    const word = words[index] ?? '';
    const kind = childKind(kinds, word);
    if (kind === undefined) {
      const nearest = nearestScope(kinds, word);
      const message = `"${word}" is no scope in ${kinds.at(-1)?.name ?? 'Global'}`;
      return { ok: false, message, hint: nearest === undefined ? undefined : `did you mean ${nearest}?` };
    }
    const next = words[index + 1];
    const takesName =
      kind.instance === 'required' ||
      (kind.instance === 'optional' && index + 2 < words.length && childKind([...kinds, kind], next ?? '') === undefined);
    if (kind.instance === 'required' && index + 2 >= words.length) {
      return { ok: false, message: `${kind.name} needs a name before the option`, hint: `write: ${kind.name} name ${option}` };
    }
    path.push({ scope: kind.name, instance: takesName ? next : undefined });
    kinds.push(kind);
    index += takesName ? 2 : 1;
  }
  return { ok: true, path, option };
}

/** For the message when an option is unknown at a path. */
export function nearestOptionAt(path: ScopePath, option: string): string | undefined {
  const kinds: ScopeKind[] = [globalKind];
  for (const step of path) {
    const kind = childKind(kinds, step.scope);
    if (kind !== undefined) kinds.push(kind);
  }
  return optionIn(kinds, option) === undefined ? nearestOption(kinds, option) : undefined;
}

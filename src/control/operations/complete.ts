/*
 * What may follow the words that somebody has typed: commands, and for the verbs of `config` what the configuration offers.
 *
 * The one rule: nothing is offered that would not be understood; nothing is run. Bound: COMPLETIONS_MAX words (config).
 * Truth: CON-05. Not here: line editing (cli).
 */
import type { ConsoleSession, Operation } from './operation.ts';

/** Verbs that take a path of scopes, and whether options follow. */
const configVerbs: Readonly<Record<string, boolean>> = {
  get: true,
  eval: true,
  set: true,
  unset: true,
  show: true,
  showrecurse: false,
  locate: false,
};
const formats = ['json', 'xml'];

/** Candidates for the last word of `line` (which may be empty), each a whole word. */
export function completeLine(line: string, operations: readonly Operation[], session: ConsoleSession): string[] {
  const [, prefix = '', rest = ''] = /^\s*((?:json|xml)\s+)?(.*)$/is.exec(line) ?? [];
  const [, before = '', partial = ''] = /^(.*?)(\S*)$/s.exec(rest) ?? [];
  const words = before.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const [first, verb] = words;
  const withOptions = first === 'config' && verb !== undefined ? configVerbs[verb] : undefined;
  if (withOptions !== undefined) {
    const path = before.replace(/^\s*\S+\s+\S+\s*/, '');
    return session.config.complete(path, partial, { withOptions });
  }
  const found = operations
    .filter((operation) => words.every((word, i) => operation.words[i] === word))
    .map((operation) => operation.words[words.length])
    .filter((word) => word !== undefined);
  const own = prefix === '' && words.length === 0 ? formats : [];
  return [...new Set([...found, ...own])].filter((word) => word.startsWith(partial.toLowerCase())).sort();
}

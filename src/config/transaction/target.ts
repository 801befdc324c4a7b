/**
 * Reads what a person types after `config set`, `get`, `show` and the others: scopes with their instances, an option, a value.
 *
 * The one rule: the catalogue decides what a word is. A scope's name opens it, anonymous scopes take no instance, and the instance of a
 * module may be left out; the rest is an option and, where one is wanted, a value in the language of the files (CC-01 to CC-03).
 * It answers with canonical names and looks nothing up but which instances exist. Truth: CC-01, CC-02, CFG-04, CFG-05, CFG-11.
 */
import { Buffer } from 'node:buffer';
import { parseConf, type NewValue, type Value } from '#syntax';
import { childKind, declarationsOf, globalKind, nearestOption, nearestScope, optionHint, optionIn, type ScopeKind } from '../catalogue.ts';
import type { OptionDeclaration } from '../declaration.ts';
import { describePath, scopeKey, type ScopePath, type ScopeStep } from '../scopes/scope-path.ts';
import type { ScopeNode } from '../snapshot/scope-node.ts';
import { parseValue } from '../value-types.ts';
import { quoteWord, writtenOf, type Written } from '../values.ts';

export interface Target {
  /** Canonical scope names, instances as typed. */
  readonly path: ScopePath;
  readonly kinds: readonly ScopeKind[];
  /** Undefined when the words end with a scope. */
  readonly option: string | undefined;
  /** Undefined when the option may not stand there. */
  readonly declaration: OptionDeclaration | undefined;
  /** What follows the option, without a leading `=`. */
  readonly rest: string;
}

type Refused = { readonly ok: false; readonly message: string };

/** Reads path and option. `root` tells an instance of a module from an option of its one stanza. */
export function parseTarget(text: string, root: ScopeNode): { readonly ok: true; readonly target: Target } | Refused {
  const kinds: ScopeKind[] = [globalKind];
  const path: ScopeStep[] = [];
  let node: ScopeNode | undefined = root;
  let rest = text.trimStart();
  for (;;) {
    const word = /^[A-Za-z_][\w.:-]*/.exec(rest)?.[0];
    if (word === undefined) {
      if (rest.trim() === '') return { ok: true, target: { path, kinds, option: undefined, declaration: undefined, rest: '' } };
      return refuse(`${quoteWord(rest.trim().slice(0, 40))} is no name of a scope or an option`);
    }
    const kind = childKind(kinds, word);
    const after = rest.slice(word.length).trimStart();
    if (kind === undefined || (after.startsWith('=') && optionIn(kinds, word) !== undefined)) {
      const declaration = optionIn(kinds, word);
      return { ok: true, target: { path, kinds, option: declaration?.name ?? word, declaration, rest: after.replace(/^=\s*/, '').trim() } };
    }
    const instance = readInstance(kind, [...kinds, kind], { node, after });
    if (!instance.ok) return instance;
    path.push({ scope: kind.name, instance: instance.text });
    kinds.push(kind);
    node = node?.children.get(scopeKey(kind.name, instance.text));
    rest = instance.rest;
  }
}

type Instance = { readonly ok: true; readonly text: string | undefined; readonly rest: string } | Refused;

function readInstance(kind: ScopeKind, kinds: readonly ScopeKind[], at: { node: ScopeNode | undefined; after: string }): Instance {
  const none: Instance = { ok: true, text: undefined, rest: at.after };
  if (kind.instance === 'none') return none;
  const found = /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\S+))/.exec(at.after);
  if (found === null || found[0] === '=') {
    return kind.instance === 'optional' ? none : refuse(`${kind.name} needs a name after it, e.g. ${kind.name} "name"`);
  }
  const text = found[3] ?? (found[1] ?? found[2] ?? '').replace(/\\(["'\\])/g, '$1');
  const taken: Instance = { ok: true, text, rest: at.after.slice(found[0].length).trimStart() };
  if (kind.instance === 'required' || at.node?.children.has(scopeKey(kind.name, text)) === true) return taken;
  // The one stanza of a module: what follows is its option or a scope inside it, unless an instance of that name exists.
  const hasOne = at.node?.children.has(scopeKey(kind.name, undefined)) === true;
  const isMember = childKind(kinds, text) !== undefined || ((!kind.isOpen || hasOne) && optionIn(kinds, text) !== undefined);
  return isMember ? none : taken;
}

/** CFG-11 and ours: why there is no such option at that path. */
export function unknownOption(target: Target): string {
  const name = target.option ?? '';
  const place = target.kinds.at(-1)?.name ?? 'Global';
  const elsewhere = [...new Set(declarationsOf(name).flatMap((option) => option.scopes))];
  if (elsewhere.length > 0) {
    return `Option "${name}" may not stand in scope ${place}: it belongs to ${elsewhere.slice(0, 8).join(', ')}`;
  }
  const nearest = nearestOption(target.kinds, name) ?? nearestScope(target.kinds, name);
  const manual = `No module provides capability 'config.${place}:${name}'`;
  const hint = nearest === undefined ? optionHint(target.kinds, name) : `did you mean "${nearest}"?`;
  return `${manual}\nThere is no option or scope "${name}" in ${describePath(target.path)}${hint === undefined ? '' : `: ${hint}`}`;
}

export interface TypedValue {
  readonly value: NewValue;
  /** As typed, for the answer (CC-04). */
  readonly written: Written;
}

/** Reads a value as the files spell it and by the option's type; a refusal names the form that would be right. */
export function parseTyped(declaration: OptionDeclaration, rest: string, path: ScopePath): ({ readonly ok: true } & TypedValue) | Refused {
  const action = `Cannot set "${declaration.name}" to "${rest}" in scope ${path.length === 0 ? 'Global' : describePath(path)}`;
  if (rest === '') return refuse(`Cannot set "${declaration.name}": there is no value`);
  const text = `value = ${rest}`;
  const conf = parseConf(text, 'console');
  const [statement, ...more] = conf.statements;
  // What is left over would be a comment: a word with a # in it must not lose its end.
  const isWhole = statement?.at.end === Buffer.byteLength(text);
  if (conf.problems.length > 0 || more.length > 0 || statement?.kind !== 'option' || !isWhole) {
    return refuse(`${action}: expected one value; a value with spaces or special characters stands in quotation marks`);
  }
  const parsed = parseValue(declaration.type, statement.value);
  if (!parsed.ok) return refuse(`${action}: expected ${parsed.expected}`);
  const value = newValueOf(statement.value);
  return value === undefined
    ? refuse(`${action}: lists inside a dictionary are not written from the console`)
    : { ok: true, value, written: writtenOf(statement.value) };
}

/** A value as the editor of files takes it; undefined for what it cannot write. */
export function newValueOf(value: Value): NewValue | undefined {
  if (value.kind === 'word') return value.text;
  if (value.kind === 'array') return value.items.map((item) => item.text);
  if (value.kind === 'none') return 'true';
  const entries = new Map<string, string>();
  for (const entry of value.entries) {
    if (entry.value.kind !== 'word') return undefined;
    entries.set(entry.key, entry.value.text);
  }
  return entries;
}

function refuse(message: string): Refused {
  return { ok: false, message };
}

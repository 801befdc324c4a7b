/**
 * One configuration in the making: images of files, what they mean, and the changes that `config set` and `config unset` make to them.
 *
 * The one rule: a change gives a new draft or a sentence, and then the draft is as it was. Each change is merged and checked like text from
 * disk, by the same reading; inside a transaction what concerns several options at once may be wrong until the commit.
 * It puts nothing into force (desk.ts). Truth: CC-04 to CC-08, CC-16, CC-17, CFG-44, ARCHITECTURE.md "One config set, one step a room".
 */
import { formatConfigProblem, type ConfigProblemCode } from '../errors.ts';
import type { FileSource } from '../files/file-source.ts';
import { readConfiguration, type ReadConfiguration } from '../read-configuration.ts';
import type { CompileRegex } from '../resolver/patterns.ts';
import { Resolver } from '../resolver/resolver.ts';
import { findMerged } from '../scopes/merge.ts';
import type { ScopePath } from '../scopes/scope-path.ts';
import { childrenNamed, emptyRoot, type OwnOption, type ScopeNode, type Snapshot } from '../snapshot/scope-node.ts';
import { quoteWord, type Written } from '../values.ts';
import type { FileImages } from './images.ts';
import { defaultText, findNode, inline, ownLines, pathWords, printedPath, settingLines } from './listing.ts';
import { removeEverywhere, setAt, spotsFor, unsetEverywhere } from './placing.ts';
import { parseTarget, parseTyped, unknownOption, type Target, type TypedValue } from './target.ts';

/** How the files of this server are found and checked. */
export interface ReadSetup {
  readonly main: string;
  readonly searchPath: readonly string[];
  readonly compileRegex: CompileRegex;
}

export interface Reply {
  readonly ok: boolean;
  readonly text: string;
  /** The same for programs, where it has a form. */
  readonly data?: unknown;
}

export interface Draft {
  readonly setup: ReadSetup;
  readonly images: FileImages;
  readonly read: ReadConfiguration;
  /** The configuration in force when it began; undefined for the first. */
  readonly previous: Snapshot | undefined;
  /** CC-17: what an empty file gives may not be removed. */
  readonly isFromScratch: boolean;
}

export type Changed =
  | { readonly ok: true; readonly draft: Draft; readonly text: string; readonly command: string }
  | { readonly ok: false; readonly text: string };

interface ChangeOptions {
  /** Inside a transaction a draft may be incomplete. */
  readonly isOpen: boolean;
}

/** What may be wrong until the commit, because another change of the same transaction can put it right. */
const laterCodes = new Set<ConfigProblemCode>(['unknown-reference', 'guard-missing', 'wrong-order', 'local-changes', 'unused-name']);

export function readDraft(from: Pick<Draft, 'setup' | 'previous' | 'isFromScratch'>, images: FileImages): Draft {
  const { setup, previous } = from;
  const files: FileSource = images;
  const read = readConfiguration({ main: setup.main, files, searchPath: setup.searchPath, compileRegex: setup.compileRegex, previous });
  return { setup, images, read, previous, isFromScratch: from.isFromScratch };
}

export function rootOf(draft: Draft): ScopeNode {
  return draft.read.readable?.root ?? emptyRoot;
}

export function problemLines(read: ReadConfiguration): string[] {
  return read.problems.map((problem) => formatConfigProblem(problem, read.fileAt(problem.at)));
}

/** Where the words must end in an option that may stand there. */
export function askOption(
  draft: Draft,
  text: string,
  usage: string,
): { ok: true; target: Target; name: string } | { ok: false; text: string } {
  const asked = parseTarget(text, rootOf(draft));
  if (!asked.ok) return { ok: false, text: asked.message };
  const { option } = asked.target;
  return option === undefined ? { ok: false, text: `There is no option: ${usage}` } : { ok: true, target: asked.target, name: option };
}

/** CC-02, CC-04: `[scope [instance]]... option [=] value`. */
export function setIn(draft: Draft, text: string, o: ChangeOptions): Changed {
  const asked = askOption(draft, text, 'config set [scope [instance]]... <option> [=] <value>');
  if (!asked.ok) return asked;
  const { target, name } = asked;
  if (target.declaration === undefined) return { ok: false, text: unknownOption(target) };
  const typed = parseTyped(target.declaration, target.rest, target.path);
  if (!typed.ok) return { ok: false, text: typed.message };
  const placed = placeValue(draft, { path: target.path, name, typed }, o);
  if (!placed.ok) return placed;
  const lines = settingLines(name, typed.written, target.path.length === 0 ? '' : '  ');
  if (target.declaration.effect === 'restart') lines.push(restartLine(name));
  lines.push(...lookAlikes(rootOf(draft), target.path), ...notYet(placed.draft.read));
  return {
    ok: true,
    draft: placed.draft,
    text: lines.join('\n'),
    command: `config set ${pathWords(target.path)}${name} ${inline(typed.written)}`,
  };
}

/**
 * Names are compared letter by letter (CFG-05), so that a slip of the shift key makes a second scope: said for each that is new beside one that
 * differs in case alone.
 */
function lookAlikes(root: ScopeNode, path: ScopePath): string[] {
  return path.flatMap(({ scope, instance }, depth) => {
    if (instance === undefined || findNode(root, path.slice(0, depth + 1)) !== undefined) return [];
    const parents = [findNode(root, path.slice(0, depth)), ...(scope === 'Binding' ? [root, ...childrenNamed(root, 'Binding_Group')] : [])];
    const names = parents.flatMap((parent) =>
      parent === undefined ? [] : childrenNamed(parent, scope).map((node) => node.instance ?? ''),
    );
    const alike = names.find((name) => name !== instance && name.toLowerCase() === instance.toLowerCase());
    return alike === undefined ? [] : [`This is a new ${scope}, ${quoteWord(instance)}; there is also ${quoteWord(alike)}.`];
  });
}

/** CC-22. */
export function restartLine(name: string): string {
  return `${name} has a new value; it takes effect at the next restart`;
}

function placeValue(
  draft: Draft,
  setting: { path: ScopePath; name: string; typed: TypedValue },
  o: ChangeOptions,
): { ok: true; draft: Draft } | { ok: false; text: string } {
  const { targets } = draft.read;
  if (targets === undefined) return { ok: false, text: problemLines(draft.read).join('\n') };
  const { path, name, typed } = setting;
  let refusal = '';
  for (const spot of spotsFor(targets, { path, option: name })) {
    const placed = setAt(draft.images, targets.main.path, spot, { path, option: name, value: typed.value });
    if (!placed.ok) {
      refusal ||= placed.message;
      continue;
    }
    const next = readDraft(draft, placed.images);
    const wrong = refusalOf(next.read, o);
    if (wrong !== undefined) return { ok: false, text: wrong };
    const merged = next.read.targets === undefined ? undefined : findMerged(next.read.targets.root, path)?.options.get(name.toLowerCase());
    if (merged?.file.path === spot.path && saysSame(typed.written, ownOption(next, path, name)?.written)) {
      return { ok: true, draft: next };
    }
    const by = merged === undefined ? '' : `: ${merged.at.file}:${merged.at.line} sets it later and is read-only`;
    refusal = `Cannot set "${name}"${by}; take it out there, or set Local_Changes_File`;
  }
  return { ok: false, text: refusal };
}

/** A value that replaces one in quotation marks keeps the marks: compared is what it says. */
function saysSame(typed: Written, now: Written | undefined): boolean {
  const text = (written: Written | undefined): string =>
    JSON.stringify(written, (key, value: unknown) => (key === 'quoted' ? undefined : value));
  return text(typed) === text(now);
}

export function refusalOf(read: ReadConfiguration, o: ChangeOptions): string | undefined {
  const bad = o.isOpen ? read.problems.filter((problem) => !laterCodes.has(problem.code)) : read.problems;
  return bad.length === 0 ? undefined : bad.map((problem) => formatConfigProblem(problem, read.fileAt(problem.at))).join('\n');
}

function notYet(read: ReadConfiguration): string[] {
  return read.problems.map((problem) => `Not ready to commit: ${problem.message}`);
}

/** CC-07, CC-08. */
export function unsetIn(draft: Draft, text: string, o: ChangeOptions): Changed {
  const asked = parseTarget(text, rootOf(draft));
  if (!asked.ok) return { ok: false, text: asked.message };
  const { target } = asked;
  if (target.rest !== '') return { ok: false, text: `"${target.rest}" is too much: config unset [scope [instance]]... [option]` };
  if (target.option !== undefined) return unsetOptionIn(draft, target, target.option, o);
  if (target.path.length === 0) return { ok: false, text: 'The global scope cannot be unset: name a scope or an option.' };
  return unsetScopeIn(draft, target, o);
}

function unsetOptionIn(draft: Draft, target: Target, name: string, o: ChangeOptions): Changed {
  if (target.declaration === undefined) return { ok: false, text: unknownOption(target) };
  if (ownOption(draft, target.path, name) === undefined) return { ok: false, text: notSet(name, target.path) };
  const kept = protectedName(draft, target, name);
  if (kept !== undefined) return { ok: false, text: kept };
  const next = takenOut(draft, { path: target.path, name }, o);
  if (!next.ok) return next;
  const effective = effectiveLines(next.draft, target.path, name, '  ');
  const lines = [`"${name}" has been unset. Effective value is now:`, ...(effective ?? [`  ${name} has no value`])];
  if (target.declaration.effect === 'restart') lines.push(restartLine(name));
  return {
    ok: true,
    draft: next.draft,
    text: [...lines, ...notYet(next.draft.read)].join('\n'),
    command: `config unset ${pathWords(target.path)}${name}`,
  };
}

function takenOut(
  draft: Draft,
  of: { path: ScopePath; name: string },
  o: ChangeOptions,
): { ok: true; draft: Draft } | { ok: false; text: string } {
  const { targets } = draft.read;
  if (targets === undefined) return { ok: false, text: problemLines(draft.read).join('\n') };
  const placed = unsetEverywhere(draft.images, targets, { path: of.path, option: of.name });
  if (!placed.ok) return { ok: false, text: placed.message };
  const next = readDraft(draft, placed.images);
  const wrong = refusalOf(next.read, o);
  if (wrong !== undefined) return { ok: false, text: wrong };
  const left = ownOption(next, of.path, of.name);
  if (left === undefined) return { ok: true, draft: next };
  return { ok: false, text: `Cannot unset "${of.name}": ${left.at.file}:${left.at.line} sets it, too, and is read-only` };
}

function unsetScopeIn(draft: Draft, target: Target, o: ChangeOptions): Changed {
  const { targets } = draft.read;
  if (findNode(rootOf(draft), target.path) === undefined || targets === undefined) return { ok: false, text: noScope(target.path) };
  const kept = protectedName(draft, target, undefined);
  if (kept !== undefined) return { ok: false, text: kept };
  const placed = removeEverywhere(draft.images, targets, target.path);
  if (!placed.ok) return { ok: false, text: placed.message };
  const next = readDraft(draft, placed.images);
  const wrong = refusalOf(next.read, o);
  if (wrong !== undefined) return { ok: false, text: wrong };
  const left = findNode(rootOf(next), target.path);
  const words = pathWords(target.path).trim();
  if (left !== undefined)
    return { ok: false, text: `Cannot unset ${words}: ${left.at.file}:${left.at.line} opens it, too, and is read-only` };
  return { ok: true, draft: next, text: [`${words} has been unset.`, ...notYet(next.read)].join('\n'), command: `config unset ${words}` };
}

/** CC-17. */
function protectedName(draft: Draft, target: Target, option: string | undefined): string | undefined {
  if (!draft.isFromScratch) return undefined;
  const first = target.path[0]?.scope;
  const isKept = first === 'ThreadPool' || first === 'Debug_Flags' || (first === undefined && option === 'TimestampFormat');
  return isKept
    ? `Cannot unset ${pathWords(target.path)}${option ?? ''}: an empty configuration has it; it can only be overridden`
    : undefined;
}

export function ownOption(draft: Draft, path: ScopePath, name: string): OwnOption | undefined {
  return findNode(rootOf(draft), path)?.options.get(name.toLowerCase());
}

/** CC-05. */
export function notSet(name: string, path: ScopePath): string {
  return `Option '${name}' is not set in scope '${printedPath(path)}'.`;
}

export function noScope(path: ScopePath): string {
  return `There is no scope ${pathWords(path).trim()}.`;
}

/** CC-06: as the scope that sets it has written it, else the default; undefined when there is neither. */
export function effectiveLines(draft: Draft, path: ScopePath, name: string, indent: string): string[] | undefined {
  const root = rootOf(draft);
  const resolver = new Resolver({ version: 0, root }, { compileRegex: draft.setup.compileRegex });
  const explained = resolver.explain({ path, option: name });
  const used = explained?.asked.find((one) => one.isUsed);
  const own = used === undefined ? undefined : findNode(root, used.path)?.options.get(name.toLowerCase());
  if (own !== undefined) return ownLines(own, indent);
  const asked = parseTarget(`${pathWords(path)}${name}`, root);
  const declaration = asked.ok ? asked.target.declaration : undefined;
  if (explained === undefined || explained.value === undefined) return undefined;
  const { value } = explained;
  if (Array.isArray(value)) {
    const items = (value as readonly string[]).map((text) => ({ text, quoted: false }));
    return settingLines(explained.option, { kind: 'array', items }, indent);
  }
  return [`${indent}${explained.option} = ${defaultText(value, declaration)}`];
}

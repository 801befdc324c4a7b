/**
 * Writes one change into the images of the files: which file takes it, and where in that file its scope is.
 *
 * The one rule: `whereToWrite` chooses. Where its choice would stay without effect, because a read-only file sets the option later in the
 * reading order, the next writable place after it is taken ("the first writable location after it", the page ecelerity.conf).
 * What stands in a read-only file is never taken out: an unset that would need it is refused and names the place.
 * It checks no types and no names (draft.ts). Truth: CFG-40 to CFG-45.
 */
import { addScope, foldName, parseConf, printConf, removeScope, setOption, unsetOption } from '#syntax';
import type { ConfFile, EditResult, NewValue, OptionStatement, Place, ScopeKey, ScopeStatement, Statement } from '#syntax';
import { formatPlace } from '../errors.ts';
import type { LoadedFile } from '../files/load.ts';
import { copyOf, parsedConf, rememberConf } from '../files/parsed.ts';
import { whereToWrite, type WriteTargets } from '../files/where-to-write.ts';
import { findMerged, type MergedScope } from '../scopes/merge.ts';
import { describePath, scopeKey, type ScopePath } from '../scopes/scope-path.ts';
import { virtualPath, type FileImages } from './images.ts';
import { newValueOf } from './target.ts';

/** One file that can take a change. */
interface Spot {
  readonly path: string;
  /** The scopes the file is included in: its own text starts inside of them. */
  readonly context: ScopePath;
  /** Taken out first, so that it stands behind everything the file includes. */
  readonly isBehind: boolean;
}

export type Placed = { readonly ok: true; readonly images: FileImages } | { readonly ok: false; readonly message: string };

interface NewSetting {
  readonly path: ScopePath;
  readonly option: string;
  readonly value: NewValue;
}

const spotsMax = 8;

/** The places for a new value, the right one first. */
export function spotsFor(targets: WriteTargets, change: { readonly path: ScopePath; readonly option: string }): Spot[] {
  const { main, localChanges } = targets;
  const contexts = contextsOf(targets.root);
  const spots: Spot[] = [];
  const add = (path: string, context: ScopePath, isBehind = false): void => {
    if (!spots.some((spot) => spot.path === path && spot.isBehind === isBehind)) spots.push({ path, context, isBehind });
  };
  const addFile = (file: LoadedFile, isBehind = false): void => add(file.path, contexts.get(file) ?? [], isBehind);
  const first = whereToWrite(targets, change);
  if (first.kind === 'virtual') add(virtualPath, []);
  else if (first.kind === 'local-changes') add(first.path, []);
  else addFile(first.file);
  if (localChanges.isOnly) return spots;
  for (const occurrence of findMerged(targets.root, change.path)?.occurrences ?? []) {
    if (occurrence.file.readOnly === undefined && spots.length < spotsMax) addFile(occurrence.file);
  }
  if (localChanges.path !== undefined) add(localChanges.path, []);
  else if (main.readOnly === undefined) {
    addFile(main);
    addFile(main, true);
  } else add(virtualPath, []);
  return spots;
}

export function setAt(images: FileImages, main: string, spot: Spot, setting: NewSetting): Placed {
  return edit(images, main, spot.path, (conf) => {
    const inside = setting.path.slice(spot.context.length);
    if (spot.isBehind)
      for (const keys of holding(conf, inside, setting.option)) unsetOption(conf, { scopes: keys, option: setting.option });
    return putIn(conf, inside, setting);
  });
}

/** Removes an option wherever it is set in that scope instance. */
export function unsetEverywhere(images: FileImages, targets: WriteTargets, change: { path: ScopePath; option: string }): Placed {
  let now = images;
  const option = foldName(change.option);
  for (const spot of textsOf(targets)) {
    const inside = insideOf(spot, change.path);
    if (inside === undefined) continue;
    const conf = confOf(now, spot.path);
    const plain = holding(conf, inside, option);
    const dressed = dictionaryOf(conf, inside, option);
    const at = plain[0] === undefined ? dressed?.at : optionsIn(conf, plain[0], option)[0]?.at;
    if (at === undefined) continue;
    const refused = refusalAt(spot, targets, at, `unset "${change.option}"`);
    if (refused !== undefined) return refused;
    const placed = edit(now, targets.main.path, spot.path, (file) => {
      for (const keys of holding(file, inside, option)) {
        const result = unsetOption(file, { scopes: keys, option });
        if (!result.ok) return result;
      }
      return dressed === undefined ? done : undress(file, inside, option);
    });
    if (!placed.ok) return placed;
    now = placed.images;
  }
  return { ok: true, images: now };
}

/** CC-08: removes a scope with everything in it, wherever it is opened. */
export function removeEverywhere(images: FileImages, targets: WriteTargets, path: ScopePath): Placed {
  let now = images;
  for (const spot of textsOf(targets)) {
    const inside = insideOf(spot, path);
    if (inside === undefined || inside.length === 0) continue;
    const conf = confOf(now, spot.path);
    const [first] = scopesAt(conf, inside);
    const last = inside.at(-1);
    const dressed = dictionaryStatement(conf, inside);
    const at = first?.statement?.at ?? dressed?.at;
    if (at === undefined || last === undefined) continue;
    const refused = refusalAt(spot, targets, at, `unset ${describePath(path)}`);
    if (refused !== undefined) return refused;
    const placed = edit(now, targets.main.path, spot.path, (file) => {
      const result = removeAll(file, inside);
      if (!result.ok) return result;
      return dressed === undefined ? done : unsetOption(file, { scopes: keysOf(file, inside.slice(0, -1)).found, option: last.scope });
    });
    if (!placed.ok) return placed;
    now = placed.images;
  }
  return { ok: true, images: now };
}

/** Makes sure that a scope is there, in the file where an option of it would go. */
export function addEmptyScope(images: FileImages, targets: WriteTargets, path: ScopePath): Placed {
  const [spot] = spotsFor(targets, { path, option: '' });
  if (spot === undefined || findMerged(targets.root, path) !== undefined) return { ok: true, images };
  return edit(images, targets.main.path, spot.path, (conf) => {
    const { found, missing } = keysOf(conf, path.slice(spot.context.length));
    return addScope(conf, [...found, ...missing.map(keyOf)]);
  });
}

/**
 * Puts all settings of one text into another where that one does not have them: CFG-42, the virtual file finds its place. What names the
 * Local_Changes_File cannot stand in it.
 */
export function moveSettings(images: FileImages, main: string, from: string, to: string): Placed {
  let now: Placed = { ok: true, images };
  const walk = (statements: readonly Statement[], path: ScopePath): void => {
    for (const statement of statements) {
      if (!now.ok) return;
      if (statement.kind === 'scope') walk(statement.statements, [...path, { scope: statement.name, instance: statement.instance }]);
      if (statement.kind !== 'option' || (path.length === 0 && /^local_changes_(?:file|only)$/i.test(statement.name))) continue;
      const value = newValueOf(statement.value);
      const conf = confOf(now.images, to);
      if (value === undefined || holding(conf, path, statement.name).length > 0) continue;
      now = setAt(now.images, main, { path: to, context: [], isBehind: false }, { path, option: statement.name, value });
    }
  };
  walk(parseConf(from, virtualPath).statements, []);
  return now;
}

const done: EditResult = { ok: true, changes: [] };

function removeAll(file: ConfFile, inside: ScopePath): EditResult {
  for (let [found] = scopesAt(file, inside); found !== undefined; [found] = scopesAt(file, inside)) {
    const result = removeScope(file, found.keys);
    if (!result.ok) return result;
  }
  return done;
}

/** Changes one text and gives the images with it. */
function edit(images: FileImages, main: string, path: string, change: (conf: ConfFile) => EditResult): Placed {
  const conf = confOf(images, path);
  const result = change(conf);
  if (!result.ok) return { ok: false, message: result.message };
  const bytes = printConf(conf);
  rememberConf(bytes, conf);
  return { ok: true, images: path === virtualPath ? images.withVirtual(bytes.toString(), main) : images.with(path, bytes) };
}

function confOf(images: FileImages, path: string): ConfFile {
  return path === virtualPath ? parseConf(images.virtual, path) : copyOf(parsedConf(images.bytesOf(path), path));
}

function putIn(conf: ConfFile, inside: ScopePath, setting: NewSetting): EditResult {
  const inPlace = holding(conf, inside, setting.option).at(-1);
  if (inPlace !== undefined) return setOption(conf, { scopes: inPlace, option: setting.option }, setting.value);
  const { found, missing } = keysOf(conf, inside);
  const scopes = [...found, ...missing.map(keyOf)];
  if (missing.length > 0) {
    const added = addScope(conf, scopes);
    if (!added.ok) return added;
  }
  return setOption(conf, { scopes, option: setting.option }, setting.value);
}

/** All texts of the tree in reading order, each with the scopes it stands in, read-only ones included. */
export function textsOf(targets: WriteTargets): Spot[] {
  const spots: Spot[] = [];
  for (const [file, context] of contextsOf(targets.root)) spots.push({ path: file.path, context, isBehind: false });
  return spots;
}

/** Where each file is included. A file that stands in the tree twice is read-only and is told once. */
function contextsOf(root: MergedScope): Map<LoadedFile, ScopePath> {
  const contexts = new Map<LoadedFile, ScopePath>();
  const walk = (scope: MergedScope, path: ScopePath): void => {
    for (const { file, at } of scope.occurrences) {
      const isIncluded = at.file !== file.path || path.length === 0;
      if (isIncluded && !contexts.has(file)) contexts.set(file, path);
    }
    for (const child of scope.children.values()) walk(child, [...path, { scope: child.name, instance: child.instance }]);
  };
  walk(root, []);
  return contexts;
}

/** The part of a path that the file itself spells; undefined when the file stands in other scopes. */
function insideOf(spot: Spot, path: ScopePath): ScopePath | undefined {
  const isHere = spot.context.length <= path.length && spot.context.every((step, index) => isSame(step, path[index]));
  return isHere ? path.slice(spot.context.length) : undefined;
}

function isSame(a: ScopePath[number], b: ScopePath[number] | undefined): boolean {
  return b !== undefined && scopeKey(a.scope, a.instance) === scopeKey(b.scope, b.instance);
}

function refusalAt(spot: Spot, targets: WriteTargets, at: Place, action: string): Placed | undefined {
  const { localChanges } = targets;
  if (localChanges.isOnly && spot.path !== localChanges.path) {
    return {
      ok: false,
      message: `Cannot ${action}: it stands at ${formatPlace(at)}, and Local_Changes_Only lets changes into ${localChanges.path ?? ''} only`,
    };
  }
  if (spot.path === virtualPath) return undefined;
  const file = [...contextsOf(targets.root).keys()].find((one) => one.path === spot.path);
  if (file?.readOnly === undefined) return undefined;
  return {
    ok: false,
    message: `Cannot ${action}: it stands at ${formatPlace(at)}, and that file is read-only (${reasons[file.readOnly]})`,
  };
}

const reasons = {
  readonly_include: 'readonly_include',
  'included-twice': 'included more than once',
  scheme: 'it is no file',
  permissions: 'its permissions',
} as const;

interface FoundScope {
  /** As the file spells the way. */
  readonly keys: readonly ScopeKey[];
  /** Undefined for the file itself. */
  readonly statement: ScopeStatement | undefined;
}

/** All occurrences of a scope in one file, whatever their spelling, in the order of the text. */
function scopesAt(conf: ConfFile, path: ScopePath): FoundScope[] {
  let found: FoundScope[] = [{ keys: [], statement: undefined }];
  for (const step of path) {
    found = found.flatMap(({ keys, statement }) =>
      (statement?.statements ?? conf.statements)
        .filter((inner): inner is ScopeStatement => inner.kind === 'scope' && isSame(step, { scope: inner.name, instance: inner.instance }))
        .map((inner) => ({ keys: [...keys, { name: inner.name, instance: inner.instance }], statement: inner })),
    );
  }
  return found;
}

/** The spellings of a scope under which the file sets the option, the one that sets it last at the end. */
function holding(conf: ConfFile, path: ScopePath, option: string): (readonly ScopeKey[])[] {
  const folded = foldName(option);
  const found = scopesAt(conf, path)
    .map(({ keys, statement }) => ({ keys, last: lastOption(statement?.statements ?? conf.statements, folded) }))
    .filter(({ last }) => last >= 0)
    .sort((a, b) => a.last - b.last);
  const byText = new Map<string, readonly ScopeKey[]>();
  for (const { keys } of found) {
    const text = JSON.stringify(keys);
    byText.delete(text);
    byText.set(text, keys);
  }
  return [...byText.values()];
}

function lastOption(statements: readonly Statement[], folded: string): number {
  const found = statements.findLast((statement) => statement.kind === 'option' && foldName(statement.name) === folded);
  return found?.at.offset ?? -1;
}

function optionsIn(conf: ConfFile, keys: readonly ScopeKey[], option: string): OptionStatement[] {
  const path = keys.map((key) => ({ scope: key.name, instance: key.instance }));
  const statements = scopesAt(conf, path).flatMap(({ statement }) => statement?.statements ?? conf.statements);
  return statements.filter((one): one is OptionStatement => one.kind === 'option' && foldName(one.name) === foldName(option));
}

/** The way as far as the file has it, and what is missing. */
function keysOf(conf: ConfFile, path: ScopePath): { readonly found: readonly ScopeKey[]; readonly missing: ScopePath } {
  for (let depth = path.length; depth > 0; depth--) {
    const [first] = scopesAt(conf, path.slice(0, depth));
    if (first !== undefined) return { found: first.keys, missing: path.slice(depth) };
  }
  return { found: [], missing: path };
}

function keyOf(step: ScopePath[number]): ScopeKey {
  return { name: step.scope, instance: step.instance };
}

/** `Debug_Flags = [ ... ]`: a scope in the dress of an option. */
function dictionaryStatement(conf: ConfFile, inside: ScopePath): OptionStatement | undefined {
  const last = inside.at(-1);
  if (last === undefined || last.instance !== undefined) return undefined;
  const found = optionsIn(conf, keysOf(conf, inside.slice(0, -1)).found, last.scope);
  return found.find((one) => one.value.kind === 'dictionary');
}

function dictionaryOf(conf: ConfFile, inside: ScopePath, option: string): OptionStatement | undefined {
  const found = dictionaryStatement(conf, inside);
  const hasKey = found?.value.kind === 'dictionary' && found.value.entries.some((entry) => foldName(entry.key) === foldName(option));
  return hasKey ? found : undefined;
}

/** Rewrites such a dictionary as the scope it is, without one entry. */
function undress(file: ConfFile, inside: ScopePath, option: string): EditResult {
  const statement = dictionaryOf(file, inside, option);
  const last = inside.at(-1);
  if (statement?.value.kind !== 'dictionary' || last === undefined) return done;
  const outer = keysOf(file, inside.slice(0, -1)).found;
  const { entries } = statement.value;
  const removed = unsetOption(file, { scopes: outer, option: last.scope });
  if (!removed.ok) return removed;
  for (const entry of entries) {
    const value = newValueOf(entry.value);
    if (foldName(entry.key) === foldName(option) || value === undefined) continue;
    const put = putIn(file, inside, { path: inside, option: entry.key, value });
    if (!put.ok) return put;
  }
  return done;
}

/**
 * All declared scopes, options and modules, found by name without regard to case (CFG-05).
 *
 * The one rule: what may stand where is asked here and nowhere else. A `ScopeKind` is one place of the language: a scope of the core
 * ("Domain"), a module ("ec_logger") or a scope inside a module ("Scheme" of auth_ds).
 * It holds no configuration and no values. Truth: declared/, rules CFG-05, CFG-13, CFG-14, FB-22, LSN-17.
 */
import { nearestName } from '#base';
import { declaredOptions, moduleDeclarations, scopeDeclarations } from './declared/index.ts';
import type { ModuleDeclaration, OptionDeclaration, ScopeDeclaration, Status } from './declaration.ts';

export interface ScopeKind {
  /** Canonical spelling. */
  readonly name: string;
  readonly instance: 'none' | 'required' | 'optional';
  readonly status: Status;
  readonly implemented: boolean;
  /** The module this is, or is inside of. */
  readonly module: ModuleDeclaration | undefined;
  /** True for a module whose options no public page lists: any option is taken there, without effect. */
  readonly isOpen: boolean;
  readonly inertIn?: readonly string[];
  readonly lacks?: readonly string[];
  readonly about: string;
}

export const fold = (name: string): string => name.toLowerCase();

const options: readonly OptionDeclaration[] = declaredOptions;
const optionsByScope = new Map<string, Map<string, OptionDeclaration>>();
const scopesOfOption = new Map<string, OptionDeclaration[]>();
for (const option of options) {
  pushTo(scopesOfOption, fold(option.name), option);
  for (const scope of option.scopes) mapOf(optionsByScope, fold(scope)).set(fold(option.name), option);
}

const coreScopes = new Map(scopeDeclarations.map((scope: ScopeDeclaration) => [fold(scope.name), scope]));
const modules = new Map(moduleDeclarations.map((module) => [fold(module.name), module]));

/** The top of every tree. */
export const globalKind: ScopeKind = {
  name: 'Global',
  instance: 'none',
  status: 'works',
  implemented: true,
  module: undefined,
  isOpen: false,
  about: 'the top of the configuration',
};

const coreKinds = new Map<string, ScopeKind>();
for (const scope of coreScopes.values()) {
  const module = modules.get(fold(scope.name));
  coreKinds.set(fold(scope.name), { ...pick(scope), module, isOpen: false });
}
const moduleKinds = new Map<string, ScopeKind>();
for (const module of modules.values()) {
  moduleKinds.set(fold(module.name), { ...pick(module), instance: 'optional', module, isOpen: module.options.length === 0 });
}

/** LSN-17: a Peer of an ECStream_Listener takes these two and nothing else. */
const ecstreamPeerOptions = new Set(['ecstream_idle_time', 'ecstream_max_batch_size']);

/** Names of a module's options that a hint gives. */
const OWN_NAMES_MAX = 40;

/** Options that any module has, whatever its page lists (CFG-14). */
const moduleOptions = new Map<string, OptionDeclaration>(
  [
    { name: 'Enabled', key: 'enabled', type: { kind: 'boolean' }, default: true, about: 'false: loaded, but not run by itself' } as const,
    {
      name: 'Debug_Level',
      key: 'debugLevel',
      type: { kind: 'enum', values: ['DEBUG', 'INFO', 'NOTICE', 'WARNING', 'ERROR', 'CRITICAL'] },
      default: 'ERROR',
      about: 'the least level of the lines this module writes to the paniclog',
    } as const,
  ].map((option) => [
    fold(option.name),
    { ...option, scopes: ['*'], effect: 'now', since: '3.0', status: 'works', implemented: true, category: 'module' },
  ]),
);

/** The kind of `name { }` inside `parent`; `path` are the kinds from the top to `parent`. Undefined when it may not stand there. */
export function childKind(path: readonly ScopeKind[], name: string): ScopeKind | undefined {
  const parent = path.at(-1) ?? globalKind;
  const folded = fold(name);
  const core = coreKinds.get(folded);
  if (core !== undefined && mayStandIn(core, path)) return placed(core, path);
  if (parent === globalKind) return moduleKinds.get(folded) ?? nestedAtTop(folded);
  const nested = parent.module === undefined ? undefined : nestedKind(parent.module, parent, name);
  return nested === undefined ? undefined : placed(nested, path);
}

/** Inside what has no effect nothing has one. */
function placed(kind: ScopeKind, path: readonly ScopeKind[]): ScopeKind {
  const isInert = path.at(-1)?.status === 'inert' || kind.inertIn?.some((name) => path.some((step) => step.name === name)) === true;
  return isInert && kind.status !== 'inert' ? { ...kind, status: 'inert', implemented: false } : kind;
}

/** The declaration of an option inside the last kind of the path; undefined when it may not stand there. */
export function optionIn(path: readonly ScopeKind[], name: string): OptionDeclaration | undefined {
  const kind = path.at(-1) ?? globalKind;
  const folded = fold(name);
  const core = optionsByScope.get(fold(kind.name))?.get(folded);
  if (core !== undefined && (kind.module === undefined || coreKinds.has(fold(kind.name))))
    return fitsListener(core, path) ? core : undefined;
  if (kind.module !== undefined) return moduleOption(kind.module, kind, folded, name);
  return isMobile(kind.name, folded) ? openOption('for mobile networks', name) : undefined;
}

/** Options of Momentum's package for mobile networks: some hundred, none of which has an effect here. Delivery_Method guards. */
function isMobile(scope: string, folded: string): boolean {
  return mobileScopes.has(scope) && /^(?:smpp|mm7)_[a-z0-9_]+$/.test(folded);
}

const mobileScopes = new Set(['Binding', 'Binding_Group', 'Domain', 'Global']);

/** Everything declared under a name: for messages that say where it would be legal. */
export function declarationsOf(name: string): readonly OptionDeclaration[] {
  return scopesOfOption.get(fold(name)) ?? [];
}

export function coreScope(name: string): ScopeKind | undefined {
  return coreKinds.get(fold(name));
}

export function moduleKind(name: string): ScopeKind | undefined {
  return moduleKinds.get(fold(name));
}

/** Where a scope may stand, in words. */
export function parentsOf(name: string): readonly string[] {
  return coreScopes.get(fold(name))?.parents ?? (modules.has(fold(name)) ? ['Global'] : []);
}

/**
 * The legal name nearest to a mistyped one, among options of this scope first, then all; inside the stanza of a module its own alone, since no other
 * would be taken there.
 */
export function nearestOption(path: readonly ScopeKind[], name: string): string | undefined {
  const kind = path.at(-1) ?? globalKind;
  const own = ownOptionNames(path);
  if (own !== undefined) return nearestName(name, own);
  const here = [...(optionsByScope.get(fold(kind.name))?.values() ?? []), ...(kind.module?.options ?? [])].map((option) => option.name);
  return nearestName(name, here) ?? nearestName(name, allOptionNames);
}

/** What a mistyped option inside a module is answered with: the nearest name, or those that the module takes. */
export function optionHint(path: readonly ScopeKind[], name: string): string | undefined {
  const nearest = nearestOption(path, name);
  if (nearest !== undefined) return `did you mean ${nearest}?`;
  const own = ownOptionNames(path);
  if (own === undefined) return undefined;
  const more = own.length - OWN_NAMES_MAX;
  return `${path.at(-1)?.name ?? ''} takes: ${own.slice(0, OWN_NAMES_MAX).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Undefined outside of a module. */
function ownOptionNames(path: readonly ScopeKind[]): readonly string[] | undefined {
  const kind = path.at(-1) ?? globalKind;
  if (kind.module === undefined || coreKinds.has(fold(kind.name))) return undefined;
  const names = kind.module.options.map((option) => option.name);
  return [...names, ...[...moduleOptions.values()].map((option) => option.name)].filter((one) => optionIn(path, one) !== undefined);
}

export function nearestScope(path: readonly ScopeKind[], name: string): string | undefined {
  const kind = path.at(-1) ?? globalKind;
  const nested = kind.module?.scopes?.map((scope) => scope.name) ?? [];
  const here = [...coreScopes.values()].filter((scope) => scope.parents.some((parent) => fold(parent) === fold(kind.name)));
  return nearestName(name, [...nested, ...here.map((scope) => scope.name), ...(kind === globalKind ? allModuleNames : [])]);
}

/** True when a name can be listed in Accept_Unimplemented at all. */
export function isKnownName(name: string): boolean {
  const folded = fold(name);
  return scopesOfOption.has(folded) || coreScopes.has(folded) || modules.has(folded) || optionOfAnyModule(folded);
}

export function nearestKnownName(name: string): string | undefined {
  return nearestName(name, [...allOptionNames, ...[...coreScopes.values()].map((scope) => scope.name), ...allModuleNames]);
}

const allOptionNames = [...new Set(options.map((option) => option.name))];
const allModuleNames = [...modules.values()].map((module) => module.name);

function optionOfAnyModule(folded: string): boolean {
  return moduleDeclarations.some((module) => module.options.some((option) => fold(option.name) === folded));
}

function mayStandIn(kind: ScopeKind, path: readonly ScopeKind[]): boolean {
  const parents = coreScopes.get(fold(kind.name))?.parents ?? [];
  const isLegalIn = (parent: ScopeKind): boolean => parents.some((name) => fold(name) === fold(parent.name));
  const parent = path.at(-1) ?? globalKind;
  if (!isLegalIn(parent)) return false;
  // FB-22: a Peer inside a Listen only where the listener itself may have one.
  const grandparent = path.at(-2);
  return kind.name !== 'Peer' || parent.name !== 'Listen' || grandparent === undefined || isLegalIn(grandparent);
}

/** Inside a listener, an option of Listen or Peer must also be one of that listener, if it names listeners at all (seed, ECStream_Listener). */
function fitsListener(option: OptionDeclaration, path: readonly ScopeKind[]): boolean {
  const kind = path.at(-1) ?? globalKind;
  if (kind.name !== 'Listen' && kind.name !== 'Peer') return true;
  const listener = path.find((step) => step.name.endsWith('_Listener'));
  if (listener === undefined) return true;
  if (kind.name === 'Peer' && listener.name === 'ECStream_Listener') return ecstreamPeerOptions.has(fold(option.name));
  const listeners = option.scopes.filter((scope) => scope.endsWith('_Listener'));
  return listeners.length === 0 || listeners.includes(listener.name);
}

/** Scopes that belong to a module and stand at the top, e.g. Datasource of ds_core (CFG-13: the module loads by itself). */
function nestedAtTop(folded: string): ScopeKind | undefined {
  for (const module of moduleDeclarations) {
    const scope = module.scopes?.find((entry) => fold(entry.name) === folded && entry.parents.some((parent) => fold(parent) === 'global'));
    if (scope !== undefined) return { ...pick(scope), module, isOpen: false };
  }
  return undefined;
}

function nestedKind(module: ModuleDeclaration, parent: ScopeKind, name: string): ScopeKind | undefined {
  const candidates = module.scopes?.filter((scope) => scope.parents.some((entry) => fold(entry) === fold(parent.name))) ?? [];
  const exact = candidates.find((scope) => fold(scope.name) === fold(name));
  if (exact !== undefined) return { ...pick(exact), module, isOpen: false };
  // '<engine>' stands for any name, e.g. the scanners inside antivirus.
  const wildcard = candidates.find((scope) => scope.name.startsWith('<'));
  if (wildcard === undefined) return undefined;
  const inner = modules.get(fold(name));
  return { ...pick(wildcard), name: inner?.name ?? name, module: merged(module, wildcard.name, inner), isOpen: false };
}

/** The options of a wildcard scope together with those of the module that is named there. */
function merged(outer: ModuleDeclaration, wildcard: string, inner: ModuleDeclaration | undefined): ModuleDeclaration {
  const own = outer.options.filter((option) => option.scopes.includes(wildcard)).map((option) => ({ ...option, scopes: [outer.name] }));
  return { ...outer, name: inner?.name ?? outer.name, options: [...own, ...(inner?.options ?? [])], scopes: inner?.scopes ?? [] };
}

function moduleOption(module: ModuleDeclaration, kind: ScopeKind, folded: string, written: string): OptionDeclaration | undefined {
  const named = module.options.filter((option) => fold(option.name) === folded);
  const isOwn = (option: OptionDeclaration): boolean => option.scopes.some((scope) => fold(scope) === fold(kind.name));
  const hasOwn = module.options.some(isOwn);
  // A scope inside a module that lists no options of its own takes those of the module, e.g. dkim_domain.
  const found = named.find(isOwn) ?? (hasOwn ? undefined : named[0]) ?? (fold(kind.name) === fold(module.name) ? named[0] : undefined);
  if (found !== undefined) return found;
  // Sieve scripts hang on hooks by name: `hook:name [ script = "..." ]`.
  if (folded.startsWith('hook:') && module.scopes?.some((scope) => scope.name === 'hook') === true) {
    return { ...openOption(`of the module ${module.name}`, written), type: { kind: 'dictionary' } };
  }
  const common = moduleOptions.get(folded);
  if (common !== undefined) return common;
  return kind.isOpen ? openOption(`of the module ${module.name}`, written) : undefined;
}

/** An option that no table lists; `what` says whose it is. */
function openOption(what: string, name: string): OptionDeclaration {
  return {
    name,
    key: fold(name),
    type: { kind: 'any' },
    scopes: ['*'],
    effect: 'restart',
    since: '',
    status: 'inert',
    implemented: false,
    category: 'module',
    about: `option ${what}`,
  };
}

function pick(from: ScopeDeclaration | ModuleDeclaration): Omit<ScopeKind, 'module' | 'isOpen'> {
  const instance = 'instance' in from ? from.instance : 'optional';
  const { name, status, implemented, about } = from;
  const inertIn = 'inertIn' in from ? from.inertIn : undefined;
  const lacks = 'lacks' in from ? from.lacks : undefined;
  return {
    name,
    instance,
    status,
    implemented,
    about,
    ...(inertIn === undefined ? {} : { inertIn }),
    ...(lacks === undefined ? {} : { lacks }),
  };
}

function mapOf(of: Map<string, Map<string, OptionDeclaration>>, key: string): Map<string, OptionDeclaration> {
  const known = of.get(key);
  if (known !== undefined) return known;
  const made = new Map<string, OptionDeclaration>();
  of.set(key, made);
  return made;
}

function pushTo(of: Map<string, OptionDeclaration[]>, key: string, option: OptionDeclaration): void {
  const list = of.get(key);
  if (list === undefined) of.set(key, [option]);
  else list.push(option);
}

/**
 * Gives meaning to the merged tree: each scope and option is found in the catalogue, each value read by its type.
 *
 * The one rule: everything wrong is collected, nothing stops the walk; a tree with problems gives no snapshot, but it still gives the
 * list of what is used, because a person who moves from Momentum wants the whole report.
 * Guards are judged in guards.ts, what concerns several options at once in cross-checks.ts.
 * Truth: CFG-07 to CFG-15, FB-21, FB-22, ARCHITECTURE.md "What may never break" 13.
 */
import type { Place } from '#syntax';
import {
  childKind,
  coreScope,
  declarationsOf,
  fold,
  globalKind,
  moduleKind,
  nearestScope,
  optionHint,
  optionIn,
  parentsOf,
  type ScopeKind,
} from '../catalogue.ts';
import type { OptionDeclaration } from '../declaration.ts';
import type { ConfigNotice, ConfigProblem } from '../errors.ts';
import type { MergedOption, MergedScope } from '../scopes/merge.ts';
import { describePath, type ScopePath, type ScopeStep } from '../scopes/scope-path.ts';
import { originOf, scopeNode, type OwnOption, type ScopeNode } from '../snapshot/scope-node.ts';
import { expectedForm, parseValue } from '../value-types.ts';
import { quoteWord, writtenOf, type OptionValue } from '../values.ts';
import { instanceProblem } from './instances.ts';

/** One thing that the configuration uses: for the report and for the guards. */
export interface Use {
  readonly what: 'option' | 'scope' | 'module';
  /** Canonical where known. */
  readonly name: string;
  readonly path: ScopePath;
  readonly status: 'works' | 'inert' | 'guards' | 'unknown';
  readonly implemented: boolean;
  readonly at: Place;
  /** Undefined for scopes and for values that could not be read. */
  readonly value: OptionValue | undefined;
  readonly declaration: OptionDeclaration | undefined;
  /** The module whose stanza this is or stands in. */
  readonly module: string | undefined;
  /** CFG-14: the module's stanza says Enabled = false; or the Listen says Enable = false (LSN-04). */
  readonly isPassive: boolean;
  /** It stands in a scope that has no effect here. */
  readonly isWithoutEffect?: boolean;
  /** For guards: why, where the general sentence would not say it. */
  readonly guardReason?: string | undefined;
}

export interface CheckedTree {
  /** Without what is wrong. */
  readonly root: ScopeNode;
  readonly problems: ConfigProblem[];
  readonly notices: ConfigNotice[];
  readonly uses: Use[];
}

/** Never throws. */
export function checkTree(root: MergedScope): CheckedTree {
  const walker = new Walker();
  const node = walker.scope(root, globalKind, { kinds: [globalKind], path: [], isPassive: false });
  return { root: node, problems: walker.problems, notices: walker.notices, uses: walker.uses };
}

interface Surroundings {
  /** Kinds from the top to this scope. */
  readonly kinds: readonly ScopeKind[];
  readonly path: ScopePath;
  readonly isPassive: boolean;
}

/** The nearest name is looked for so often; a hostile file could ask for it half a million times. */
const MAX_NEAREST_NAMES = 300;

/** Most scopes hold only the one or the other: a map of its own for each would be half of the garbage of a reading. */
const noOptions: ScopeNode['options'] = new Map();
const noChildren: ScopeNode['children'] = new Map();

class Walker {
  #nearestLeft = MAX_NEAREST_NAMES;
  readonly problems: ConfigProblem[] = [];
  readonly notices: ConfigNotice[] = [];
  readonly uses: Use[] = [];

  scope(merged: MergedScope, kind: ScopeKind, around: Surroundings): ScopeNode {
    let options: Map<string, OwnOption> | undefined;
    for (const option of merged.options.values()) {
      const own = this.#option(option, kind, around);
      if (own !== undefined) (options ??= new Map()).set(fold(own.name), own);
    }
    let children: Map<string, ScopeNode> | undefined;
    for (const [key, child] of merged.children) {
      const node = this.#child(child, around);
      if (node !== undefined) (children ??= new Map()).set(key, node);
    }
    const at = originOf(placeOf(merged));
    return scopeNode({ scope: kind.name, instance: merged.instance, options: options ?? noOptions, children: children ?? noChildren, at });
  }

  #child(merged: MergedScope, around: Surroundings): ScopeNode | undefined {
    const kind = childKind(around.kinds, merged.name);
    const at = placeOf(merged);
    if (kind === undefined) {
      this.#unknownScope(merged, around, at);
      return undefined;
    }
    const step: ScopeStep = { scope: kind.name, instance: merged.instance };
    const path = [...around.path, step];
    const wrong = instanceProblem(kind, merged.instance, path);
    if (wrong !== undefined) {
      this.problems.push({ code: 'wrong-instance', manual: 'Global configuration error.', at, ...wrong });
      return undefined;
    }
    const isModule = moduleKind(kind.name) !== undefined && coreScope(kind.name) === undefined;
    const isPassive =
      around.isPassive || (kind.module !== undefined && saysNo(merged, 'enabled')) || (kind.name === 'Listen' && saysNo(merged, 'enable'));
    const what = isModule ? 'module' : 'scope';
    const status = useOf(kind);
    const module = kind.module?.name;
    const isWithoutEffect = around.kinds.at(-1)?.status === 'inert';
    this.uses.push({ ...status, what, path, at, value: undefined, declaration: undefined, module, isPassive, isWithoutEffect });
    return this.scope(merged, kind, { kinds: [...around.kinds, kind], path, isPassive });
  }

  #option(merged: MergedOption, kind: ScopeKind, around: Surroundings): OwnOption | undefined {
    const declaration = optionIn(around.kinds, merged.name);
    const at = namePlace(merged.at, merged.name);
    if (declaration === undefined) {
      this.#unknownOption(merged, kind, around);
      return undefined;
    }
    const parsed = parseValue(declaration.type, merged.value);
    const value = parsed.ok ? parsed.value : undefined;
    const { name } = declaration;
    const isWithoutEffect = kind.status === 'inert';
    const { status, implemented } = statusIn(around.kinds, declaration);
    const { path, isPassive } = around;
    const module = kind.module?.name;
    this.uses.push({ what: 'option', name, status, implemented, declaration, value, at, path, module, isPassive, isWithoutEffect });
    if (!parsed.ok) {
      this.#wrongValue(merged, declaration, around, parsed);
      return undefined;
    }
    return { name, key: declaration.key, value: parsed.value, written: writtenOf(merged.value), at: originOf(at) };
  }

  #wrongValue(
    merged: MergedOption,
    declaration: OptionDeclaration,
    around: Surroundings,
    wrong: { expected: string; word?: { at: Place; text: string } },
  ): void {
    const shown = wrong.word === undefined ? describeValue(merged) : `to ${JSON.stringify(wrong.word.text)}`;
    const where = around.path.length === 0 ? '' : ` in ${describePath(around.path)}`;
    this.problems.push({
      code: 'wrong-type',
      manual: `Invalid value for option '${declaration.name}' in scope '${around.kinds.at(-1)?.name ?? 'Global'}'`,
      message: `Cannot set "${declaration.name}" ${shown}${where}: expected ${wrong.expected}`,
      at: wrong.word?.at ?? merged.value.at,
    });
  }

  #unknownOption(merged: MergedOption, kind: ScopeKind, around: Surroundings): void {
    const known = declarationsOf(merged.name);
    const canonical = known[0]?.name ?? merged.name;
    if (kind.name === 'Pathway_Group' && known.some((option) => option.scopes.includes('ESMTP_Listener'))) {
      // FB-21: Momentum only warns about these.
      this.notices.push({ message: `Option ${canonical} is not recognized in a Pathway_Group and has no effect there`, at: merged.at });
      return;
    }
    const at = namePlace(merged.at, merged.name);
    const where = describePath(around.path);
    const manual = `No module provides capability 'config.${kind.name}:${merged.name}'`;
    const use = {
      what: 'option',
      name: canonical,
      status: 'unknown',
      implemented: false,
      value: undefined,
      declaration: undefined,
    } as const;
    this.uses.push({ ...use, path: around.path, at, module: kind.module?.name, isPassive: false });
    if (known.length > 0) {
      const scopes = [...new Set(known.flatMap((option) => option.scopes))].join(', ');
      const message = `Option "${canonical}" is not legal in ${where}`;
      this.problems.push({ code: 'wrong-scope', manual, message, at, hint: `it is legal in: ${scopes}` });
      return;
    }
    const scope = childKind(around.kinds, merged.name);
    const near = this.#nearest(() => optionHint(around.kinds, merged.name));
    const hint = scope !== undefined ? `${scope.name} is a scope: write ${scope.name} { ... }` : near;
    const message = `Unknown option "${merged.name}" in ${where}`;
    this.problems.push({ code: 'unknown-option', manual, message, at, ...(hint === undefined ? {} : { hint }) });
  }

  #nearest(look: () => string | undefined): string | undefined {
    this.#nearestLeft -= 1;
    return this.#nearestLeft < 0 ? undefined : look();
  }

  #unknownScope(merged: MergedScope, around: Surroundings, at: Place): void {
    const parent = around.kinds.at(-1)?.name ?? 'Global';
    const where = describePath(around.path);
    const manual = `'${merged.name}' is not a valid scope name in scope '${parent}'`;
    const known = coreScope(merged.name) ?? moduleKind(merged.name);
    const use = { what: 'scope', name: known?.name ?? merged.name, status: 'unknown', implemented: false, value: undefined } as const;
    const path = [...around.path, { scope: merged.name, instance: merged.instance }];
    this.uses.push({ ...use, path, at, declaration: undefined, module: undefined, isPassive: false });
    if (known !== undefined) {
      const hint = `it may stand in: ${parentsOf(known.name).join(', ')}`;
      this.problems.push({ code: 'wrong-scope', manual, message: `Scope "${known.name}" may not stand in ${where}`, at, hint });
      return;
    }
    const option = optionIn(around.kinds, merged.name);
    const nearest = this.#nearest(() => nearestScope(around.kinds, merged.name));
    const hint =
      option !== undefined
        ? `${option.name} is an option: write ${option.name} = value, ${expectedForm(option.type)}`
        : nearest === undefined
          ? undefined
          : `did you mean ${nearest}?`;
    this.problems.push({
      code: 'unknown-scope',
      manual,
      message: `Unknown scope "${merged.name}" in ${where}`,
      at,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

/** Where a scope was opened first. */
function placeOf(merged: MergedScope): Place {
  return namePlace(merged.occurrences[0]?.at ?? { file: '', line: 0, column: 0, offset: 0, end: 0 }, merged.name);
}

/** The name alone, not the whole statement: that is what a caret line points at. */
function namePlace(at: Place, name: string): Place {
  return { ...at, end: Math.min(at.end, at.offset + Buffer.byteLength(name)) };
}

function useOf(kind: ScopeKind): Pick<Use, 'name' | 'status' | 'implemented'> {
  return { name: kind.name, status: kind.status, implemented: kind.implemented };
}

/** What an option says of itself, as far as its surroundings have any effect, and have what it needs. */
function statusIn(kinds: readonly ScopeKind[], declaration: OptionDeclaration): Pick<Use, 'status' | 'implemented'> {
  const kind = kinds.at(-1) ?? globalKind;
  const { status, implemented, name } = declaration;
  const isLacking = kinds.some((step) => step.lacks?.includes(name) === true);
  const isInert = kind.status === 'inert' || (status === 'works' && (!kind.implemented || isLacking));
  if (isInert) return { status: 'inert', implemented: false };
  return { status, implemented: implemented && !isLacking };
}

function saysNo(merged: MergedScope, option: 'enabled' | 'enable'): boolean {
  const value = merged.options.get(option)?.value;
  const parsed = value === undefined ? undefined : parseValue({ kind: 'boolean' }, value);
  return parsed?.ok === true && parsed.value === false;
}

function describeValue(merged: MergedOption): string {
  const { value } = merged;
  if (value.kind === 'word') return `to ${JSON.stringify(value.text)}`;
  if (value.kind === 'array')
    return `to the list ( ${value.items
      .slice(0, 5)
      .map((item) => quoteWord(item.text))
      .join(' ')} )`;
  return value.kind === 'dictionary' ? 'to a dictionary' : 'without a value';
}

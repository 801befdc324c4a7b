/**
 * Why an option has the value it has: every scope that was asked, in order, with file and line where one spoke.
 *
 * The one rule: the steps come from the same functions as the records of the message path; nothing is explained that is not also done.
 * Scopes need not exist (FB-17, CC-06). Scopes outside the fallback (modules, Security, ...) ask themselves, then the default.
 */
import { parseCidr, parseIp } from '#base';
import { childKind, globalKind, optionIn, type ScopeKind } from '../catalogue.ts';
import type { OptionDeclaration } from '../declaration.ts';
import { foldDomainName, foldHostName, scopeKey, type ScopePath } from '../scopes/scope-path.ts';
import type { Origin, ScopeNode } from '../snapshot/scope-node.ts';
import type { OptionValue, Written } from '../values.ts';
import { hostSteps, listeningSteps, pathwayOf, pathwaySteps, sendingSteps, type ScopeMatcher, type Step } from './steps.ts';

export interface Asked {
  readonly path: ScopePath;
  readonly isPresent: boolean;
  /** Where the option is set in this scope; undefined when this scope is silent. */
  readonly at: Origin | undefined;
  readonly value: OptionValue | undefined;
  /** As it stands in the file; only snapshots of the main thread know that. */
  readonly written: Written | undefined;
  /** The first that spoke. */
  readonly isUsed: boolean;
}

export interface Explanation {
  /** Canonical spelling. */
  readonly option: string;
  readonly value: OptionValue | undefined;
  /** 'default' when no scope spoke; 'silent-host' for the -1 of FB-05. */
  readonly source: 'scope' | 'default' | 'silent-host';
  readonly asked: readonly Asked[];
}

/** Undefined when the option may not stand at that path and in no scope it falls back to. */
export function explainPath(
  root: ScopeNode,
  question: { readonly path: ScopePath; readonly option: string },
  matcher: ScopeMatcher,
): Explanation | undefined {
  const steps = stepsFor(root, question.path, matcher);
  const declaration = declarationFor(question.path, steps, question.option);
  if (declaration === undefined) return undefined;
  const name = declaration.name.toLowerCase();
  let isFound = false;
  const asked = steps.map((step): Asked => {
    const own = step.ignores === declaration.key ? undefined : step.node?.options.get(name);
    const isUsed = own !== undefined && !isFound;
    if (isUsed) isFound = true;
    return { path: step.path, isPresent: step.node !== undefined, at: own?.at, value: own?.value, written: own?.written, isUsed };
  });
  return concluded(declaration, question.path, asked);
}

/** FB-05: among the scopes asked, a host that is there and silent answers -1 before the rest is asked. */
function concluded(declaration: OptionDeclaration, path: ScopePath, asked: readonly Asked[]): Explanation {
  const used = asked.find((entry) => entry.isUsed);
  const isHost = path.at(-1)?.scope.toLowerCase() === 'host';
  const isHostOption = declaration.scopes.some((scope) => scope === 'Host');
  const hosts = asked.filter((entry) => entry.path.at(-1)?.scope.toLowerCase() === 'host');
  if (isHost && isHostOption && hosts.some((entry) => entry.isPresent) && !hosts.some((entry) => entry.isUsed)) {
    const silent = asked.map((entry) => (entry.isUsed ? { ...entry, isUsed: false } : entry));
    return { option: declaration.name, value: -1, source: 'silent-host', asked: silent };
  }
  if (used !== undefined) return { option: declaration.name, value: used.value, source: 'scope', asked };
  return { option: declaration.name, value: declaration.default as OptionValue | undefined, source: 'default', asked };
}

function stepsFor(root: ScopeNode, path: ScopePath, matcher: ScopeMatcher): Step[] {
  const instances = new Map(path.map((step) => [step.scope.toLowerCase(), step.instance]));
  const group = instances.get('binding_group');
  const binding = instances.get('binding');
  const domain = instances.get('domain');
  const host = instances.get('host');
  const first = path[0]?.scope.toLowerCase() ?? '';
  if (host !== undefined) {
    const place = { group, binding, host: foldHostName(host) };
    return [...hostSteps(root, place, matcher), ...sendingSteps(root, { group, binding }, matcher)];
  }
  if (path.length === 0 || group !== undefined || binding !== undefined || domain !== undefined) {
    return sendingSteps(root, { group, binding, domain: domain === undefined ? undefined : foldDomainName(domain) }, matcher);
  }
  if (first.endsWith('_listener')) return listenerSteps(root, path, matcher);
  if (first === 'pathway' || first === 'pathway_group') {
    return pathwaySteps(root, { group: instances.get('pathway_group'), pathway: instances.get('pathway') });
  }
  return [ownStep(root, path)];
}

/** A Peer may be asked by its own text or by an address it holds. */
function listenerSteps(root: ScopeNode, path: ScopePath, matcher: ScopeMatcher): Step[] {
  const listener = path[0]?.scope.toLowerCase() ?? '';
  const listen = path.find((step) => step.scope.toLowerCase() === 'listen')?.instance;
  const peer = path.find((step) => step.scope.toLowerCase() === 'peer')?.instance;
  const ip = peer === undefined ? undefined : (parseIp(peer) ?? parseCidr(peer)?.ip);
  const exact = ownStep(root, path);
  const steps = listeningSteps(root, { listener, listen, ip }, matcher);
  if (peer === undefined || exact.node === undefined || steps[0]?.node === exact.node) return steps;
  const rest = steps.slice(0, -pathwaySteps(root, { pathway: pathwayOf(steps) }).length).filter((step) => step.path.length !== path.length);
  const own = [exact, ...rest];
  return [...own, ...pathwaySteps(root, { pathway: pathwayOf(own) })];
}

function ownStep(root: ScopeNode, path: ScopePath): Step {
  let node: ScopeNode | undefined = root;
  for (const step of path) node = node?.children.get(scopeKey(step.scope, step.instance));
  return { path, node };
}

/** The declaration at the path itself, or at the first step that may hold the option. */
function declarationFor(path: ScopePath, steps: readonly Step[], option: string): OptionDeclaration | undefined {
  for (const candidate of [path, ...steps.map((step) => step.path)]) {
    const kinds = kindsOf(candidate);
    const found = kinds === undefined ? undefined : optionIn(kinds, option);
    if (found !== undefined) return found;
  }
  return undefined;
}

function kindsOf(path: ScopePath): ScopeKind[] | undefined {
  const kinds = [globalKind];
  for (const step of path) {
    const kind = childKind(kinds, step.scope);
    if (kind === undefined) return undefined;
    kinds.push(kind);
  }
  return kinds;
}

/**
 * The scopes that are asked for one question, most specific first. This is the whole fallback order of the language.
 *
 * The one rule: it is not a chain of parents. A domain that is silent inside a binding asks the binding, then the *global* domain, then
 * global; each option is asked by itself along the same steps (FB-01).
 * Steps without a node are scopes that do not exist; they are listed because explanations name them.
 * Truth: FB-01 to FB-07, FB-10, FB-11, FB-15, FB-20, LSN-05.
 */
import { PrefixTrie, parseCidr, type IpAddress } from '#base';
import { patternOf, scopeKey, type ScopePath } from '../scopes/scope-path.ts';
import { childrenNamed, patternChildren, type ScopeNode } from '../snapshot/scope-node.ts';
import type { CompiledRegex, PatternCache } from './patterns.ts';

export interface Step {
  readonly path: ScopePath;
  readonly node: ScopeNode | undefined;
  /** FB-20: the option key that is not taken from this scope. */
  readonly ignores?: string;
}

interface SendingPlace {
  /** '' or 'default': a binding outside groups (FB-15). */
  readonly group?: string | undefined;
  /** Undefined only in explanations: the group or domain alone. */
  readonly binding?: string | undefined;
  /** In the folded form of `foldDomainName`. */
  readonly domain?: string | undefined;
}

interface ListeningPlace {
  /** Folded scope name: 'esmtp_listener'. */
  readonly listener: string;
  readonly listen?: string | undefined;
  readonly ip?: IpAddress | undefined;
}

interface PatternScope {
  readonly node: ScopeNode;
  readonly regex: CompiledRegex;
}

/** Finds scopes by what they match. What it learns of a node is kept as long as the node lives: nodes never change. */
export class ScopeMatcher {
  readonly #patterns: PatternCache;
  #patternScopes = new WeakMap<ScopeNode, Map<string, readonly PatternScope[]>>();
  readonly #peers = new WeakMap<ScopeNode, PrefixTrie<ScopeNode>>();

  constructor(patterns: PatternCache) {
    this.#patterns = patterns;
  }

  /** Compiled expressions that were closed are forgotten here too. */
  forgetPatterns(): void {
    this.#patternScopes = new WeakMap();
  }

  /** FB-10: the exact stanza, then every pattern that matches, in the order of the text. */
  named(container: ScopeNode, scope: 'domain' | 'host', name: string): ScopeNode[] {
    const exact = container.children.get(`${scope}\0${name}`);
    const found = exact === undefined ? [] : [exact];
    for (const entry of this.#patternsIn(container, scope)) if (entry.regex.test(name)) found.push(entry.node);
    return found;
  }

  /** The Peer with the longest prefix that holds the address. */
  peer(container: ScopeNode, ip: IpAddress): ScopeNode | undefined {
    let trie = this.#peers.get(container);
    if (trie === undefined) {
      trie = new PrefixTrie();
      for (const peer of childrenNamed(container, 'peer')) {
        const cidr = peer.instance === undefined ? undefined : parseCidr(peer.instance);
        if (cidr !== undefined) trie.insert(cidr, peer);
      }
      this.#peers.set(container, trie);
    }
    return trie.match(ip);
  }

  #patternsIn(container: ScopeNode, scope: 'domain' | 'host'): readonly PatternScope[] {
    let byScope = this.#patternScopes.get(container);
    if (byScope === undefined) this.#patternScopes.set(container, (byScope = new Map()));
    let list = byScope.get(scope);
    if (list === undefined) {
      list = this.#compileIn(container, scope);
      byScope.set(scope, list);
    }
    return list;
  }

  #compileIn(container: ScopeNode, scope: 'domain' | 'host'): readonly PatternScope[] {
    const found: PatternScope[] = [];
    for (const node of patternChildren(container, scope)) {
      const pattern = patternOf(node.instance ?? '');
      if (pattern !== undefined) found.push({ node, regex: this.#patterns.get(pattern) });
    }
    return found;
  }
}

/** FB-02: group::binding::domain, binding::domain, group::domain, binding, group, global domain, global. */
export function sendingSteps(root: ScopeNode, place: SendingPlace, matcher: ScopeMatcher): Step[] {
  const containers = sendingContainers(root, place);
  const { group, binding } = containers;
  const steps: Step[] = [];
  if (place.domain !== undefined) {
    for (const container of [...binding, ...group]) addMatched(steps, container, place.domain, matcher);
  }
  steps.push(...binding.map(bindingStep), ...group);
  if (place.domain !== undefined) addMatched(steps, { path: [], node: root }, place.domain, matcher);
  steps.push({ path: [], node: root });
  return steps;
}

/** FB-05: hosts inside binding, group and global, in that order; what comes after them is the caller's. */
export function hostSteps(root: ScopeNode, place: SendingPlace & { readonly host: string }, matcher: ScopeMatcher): Step[] {
  const { group, binding } = sendingContainers(root, place);
  const containers = [...binding, ...group, { path: [], node: root }];
  return containers.flatMap((container) => matched(container, 'Host', place.host, matcher));
}

/** FB-06, FB-07: Peer in Listen, Listen, Peer in listener, listener, pathway in its group, pathway, group, global. */
export function listeningSteps(root: ScopeNode, place: ListeningPlace, matcher: ScopeMatcher): Step[] {
  const listener = child({ path: [], node: root }, place.listener, undefined);
  const steps: Step[] = [];
  if (place.listen !== undefined) {
    const listen = child(listener, 'Listen', place.listen);
    steps.push(...peerStep(listen, place.ip, matcher), listen);
  }
  steps.push(...peerStep(listener, place.ip, matcher), listener);
  steps.push(...pathwaySteps(root, { pathway: pathwayOf(steps) }));
  return steps;
}

/** FB-06 alone: for explanations, and the tail of every listening question. */
export function pathwaySteps(
  root: ScopeNode,
  place: { readonly pathway?: string | undefined; readonly group?: string | undefined },
): Step[] {
  const steps: Step[] = [];
  const top: Step = { path: [], node: root };
  const { pathway } = place;
  const groups = pathwayGroups(root, place);
  if (pathway !== undefined) {
    for (const group of groups) steps.push(child(group, 'Pathway', pathway));
    steps.push(child(top, 'Pathway', pathway));
  }
  steps.push(...groups, top);
  return steps;
}

/** The name in force at these steps; FB-15: 'default' when none is set. */
export function pathwayOf(steps: readonly Step[]): string {
  for (const step of steps) {
    const value = step.node?.options.get('pathway')?.value;
    if (typeof value === 'string') return value;
  }
  return 'default';
}

/** FB-21: groups are never named; a pathway's group is the one it stands in, the first if several hold the name. */
function pathwayGroups(root: ScopeNode, place: { readonly pathway?: string | undefined; readonly group?: string | undefined }): Step[] {
  if (place.group !== undefined) return [child({ path: [], node: root }, 'Pathway_Group', place.group)];
  if (place.pathway === undefined) return [];
  const key = scopeKey('Pathway', place.pathway);
  const found = childrenNamed(root, 'Pathway_Group').find((group) => group.children.has(key));
  return found === undefined ? [] : [{ path: [{ scope: found.scope, instance: found.instance }], node: found }];
}

function sendingContainers(root: ScopeNode, place: SendingPlace): { readonly group: Step[]; readonly binding: Step[] } {
  const top: Step = { path: [], node: root };
  const isGrouped = place.group !== undefined && place.group !== '' && place.group !== 'default';
  // Outside groups the group 'default' is implicit: it counts where somebody wrote a stanza for it.
  const implicit = root.children.has(scopeKey('Binding_Group', 'default')) ? [child(top, 'Binding_Group', 'default')] : [];
  const group = isGrouped ? [child(top, 'Binding_Group', place.group ?? '')] : implicit;
  if (place.binding === undefined) return { group, binding: [] };
  const inGroup = group.map((step) => child(step, 'Binding', place.binding));
  const outside = isGrouped ? [] : [child(top, 'Binding', place.binding)];
  return { group, binding: [...inGroup, ...outside] };
}

function bindingStep(step: Step): Step {
  return step.path.length > 1 ? { ...step, ignores: 'clusterMaxOutboundConnections' } : step;
}

function child(of: Step, scope: string, instance: string | undefined): Step {
  const node = of.node?.children.get(scopeKey(scope, instance));
  return { path: [...of.path, node === undefined ? { scope, instance } : { scope: node.scope, instance: node.instance }], node };
}

/** Not `push(...list)`: a file may hold more patterns than a call takes arguments. */
function addMatched(steps: Step[], container: Step, domain: string, matcher: ScopeMatcher): void {
  for (const step of matched(container, 'Domain', domain, matcher)) steps.push(step);
}

/** One step for each scope of that name that matches; one without a node when none does. */
function matched(container: Step, scope: 'Domain' | 'Host', name: string, matcher: ScopeMatcher): Step[] {
  const nodes = container.node === undefined ? [] : matcher.named(container.node, scope === 'Domain' ? 'domain' : 'host', name);
  if (nodes.length === 0) return [{ path: [...container.path, { scope, instance: name }], node: undefined }];
  return nodes.map((node) => ({ path: [...container.path, { scope, instance: node.instance }], node }));
}

function peerStep(container: Step, ip: IpAddress | undefined, matcher: ScopeMatcher): Step[] {
  if (ip === undefined) return [];
  const node = container.node === undefined ? undefined : matcher.peer(container.node, ip);
  return [{ path: [...container.path, { scope: 'Peer', instance: node?.instance ?? ip.text }], node }];
}

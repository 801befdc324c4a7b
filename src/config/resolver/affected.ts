/**
 * Which resolved records a change touches.
 *
 * The one rule: a record depends on every scope that was asked for it, those that did not exist included; a change of options that its kind
 * of record does not hold touches nothing. When in doubt the record is resolved again: that costs time, never correctness.
 * Truth: ARCHITECTURE.md "What may never break" 3.
 */
import { cidrContains, parseCidr, type IpAddress } from '#base';
import { patternOf, scopeKey, splitKey } from '../scopes/scope-path.ts';
import type { ScopeChange } from '../snapshot/changes.ts';
import type { ScopeNode } from '../snapshot/scope-node.ts';
import { isDeepEqual } from '../snapshot/changes.ts';
import type { PatternCache } from './patterns.ts';

export interface SendingQuestion {
  readonly group: string;
  readonly binding: string;
  readonly domain: string;
  /** For host records. */
  readonly host?: string;
}

export interface ListeningQuestion {
  readonly listener: string;
  /** The key of the Listen. */
  readonly listen: string;
  readonly ip: IpAddress | undefined;
  readonly pathway: string;
  readonly pathwayGroup: string | undefined;
}

/** A change with its path taken apart once: it is held against tens of thousands of records. */
interface Touch {
  readonly path: readonly ReturnType<typeof splitKey>[];
  readonly isReordered: boolean;
}

export function touchOf(change: ScopeChange): Touch {
  return { path: change.path.map(splitKey), isReordered: isReordered(change) };
}

/** The keys of the options at the top that are different. */
export function changedGlobalKeys(before: ScopeNode, after: ScopeNode): string[] {
  const keys: string[] = [];
  for (const [name, option] of after.options) if (!isDeepEqual(before.options.get(name)?.value, option.value)) keys.push(option.key);
  for (const [name, option] of before.options) if (!after.options.has(name)) keys.push(option.key);
  return keys;
}

export function touchesSending(touch: Touch, question: SendingQuestion, patterns: PatternCache): boolean {
  if (touch.path.length === 0) return touch.isReordered;
  let { path } = touch;
  if (path[0]?.scope === 'binding_group') {
    const group = question.group === '' ? 'default' : question.group;
    if (path[0].instance !== group) return false;
    path = path.slice(1);
    if (path.length === 0) return true;
  }
  if (path[0]?.scope === 'binding') {
    if (path[0].instance !== question.binding) return false;
    path = path.slice(1);
    if (path.length === 0) return true;
  }
  const [step] = path;
  if (step?.scope === 'domain') return matches(step.instance ?? '', question.domain, patterns);
  if (step?.scope === 'host') return question.host !== undefined && matches(step.instance ?? '', question.host, patterns);
  return false;
}

export function touchesListening(touch: Touch, question: ListeningQuestion): boolean {
  const [first, second, third] = touch.path;
  if (first === undefined) return touch.isReordered;
  if (first.scope === 'pathway') return first.instance === question.pathway;
  if (first.scope === 'pathway_group')
    return second === undefined ? first.instance === question.pathwayGroup : second.instance === question.pathway;
  if (first.scope !== question.listener) return false;
  if (second === undefined) return true;
  if (second.scope === 'peer') return holds(second.instance, question.ip);
  if (second.scope !== 'listen' || scopeKey('listen', second.instance) !== question.listen) return false;
  return third === undefined || (third.scope === 'peer' && holds(third.instance, question.ip));
}

/** Patterns, and groups that hold a pathway of one name, are tried in the order of the text; own options at the top are compared by key. */
function isReordered(change: ScopeChange): boolean {
  return change.kind === 'set' && change.order !== undefined;
}

function matches(instance: string, name: string, patterns: PatternCache): boolean {
  const pattern = patternOf(instance);
  return pattern === undefined ? instance === name : patterns.get(pattern).test(name);
}

function holds(peer: string | undefined, ip: IpAddress | undefined): boolean {
  const cidr = peer === undefined ? undefined : parseCidr(peer);
  return cidr === undefined || (ip !== undefined && cidrContains(cidr, ip));
}

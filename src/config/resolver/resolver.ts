/**
 * Answers what is in force: for sending (group, binding, domain), for a host, for receiving (listener, Listen, address), at the top.
 *
 * The one rule: a question is resolved at its first use and kept; whoever works for long (a queue, a session) holds the record itself and
 * asks again when `version` has changed, and gets the same object back unless something it depended on is different.
 * The match cache is bounded by Match_Cache_Size, the least recently used entry goes first; records of equal steps are one object.
 * Truth: FB-01 to FB-22, ARCHITECTURE.md "What may never break" 3.
 */
import { Lru, type Clock, type IpAddress } from '#base';
import { foldDomainName, foldHostName, formatPath, patternOf, scopeKey } from '../scopes/scope-path.ts';
import { changesBetween, type SnapshotChanges } from '../snapshot/changes.ts';
import { childrenNamed, scopeNode, type ScopeNode, type Snapshot } from '../snapshot/scope-node.ts';
import type { OptionValue } from '../values.ts';
import { changedGlobalKeys, touchesListening, touchesSending, touchOf, type ListeningQuestion, type SendingQuestion } from './affected.ts';
import { explainPath, type Explanation } from './explain.ts';
import { PatternCache, type CompileRegex } from './patterns.ts';
import {
  debugFlagsShape,
  definingStep,
  eventLoopShape,
  globalShape,
  listeningShape,
  securityShape,
  sendingShape,
  type DebugFlagsRecord,
  type EventLoopRecord,
  type GlobalRecord,
  type HostRecord,
  type ListeningRecord,
  type SecurityRecord,
  type SendingRecord,
} from './records.ts';
import { SendingContents, stepsOfSending } from './sending-view.ts';
import { hostSteps, listeningSteps, pathwayOf, ScopeMatcher, sendingSteps, type Step } from './steps.ts';
import type { ScopePath } from '../scopes/scope-path.ts';

export interface ResolverPorts {
  readonly compileRegex: CompileRegex;
  /** Needed for Match_Cache_Life. */
  readonly clock?: Clock;
}

interface Kept<Q, R> {
  readonly question: Q;
  readonly record: R;
}

/** A sending record and the scopes below the top that it was made from: when the top is another one, the record is made anew from them. */
interface SendingOrigin {
  readonly below: readonly Step[];
  record: SendingRecord;
  /** Which of `#tops.sending` the record was made under. */
  top: number;
}

/** The scope that set an option: limits that "attach to the definition" are counted by its `id` (FB-14). */
export interface Definition {
  /** CC-12 form; '' is the top. */
  readonly id: string;
  readonly value: OptionValue | undefined;
}

/** More changes than this at once (a whole new file) are not compared with each record: everything is resolved again. */
const MAX_COMPARED_CHANGES = 256;

export class Resolver {
  /** How often a question was resolved, not answered from the cache. */
  resolveCalls = 0;
  readonly #patterns: PatternCache;
  readonly #matcher: ScopeMatcher;
  readonly #clock: Clock | undefined;
  #snapshot: Snapshot;
  #sending!: Lru<string, Kept<SendingQuestion, SendingOrigin>>;
  #hosts!: Lru<string, Kept<SendingQuestion, HostRecord>>;
  #listening!: Lru<string, Kept<ListeningQuestion, ListeningRecord>>;
  #global: GlobalRecord | undefined;
  /** Records of equal steps are one object: a hundred thousand domains without a stanza of their own share one. */
  #bySteps!: Lru<string, SendingOrigin | ListeningRecord>;
  #contents!: SendingContents;
  /** How often the options at the top changed that a kind of record holds: part of the key of what was built on them. */
  readonly #tops = { sending: 0, listening: 0 };
  /** The options at the top without what is below: a record that is kept must not keep the tree of its day. */
  #top: ScopeNode;
  /** The same, of the day when an option changed that sending records hold. */
  #sendingTop: ScopeNode;
  readonly #ids = new WeakMap<ScopeNode, number>();
  readonly #stepsOf = new WeakMap<object, readonly Step[]>();
  #nextId = 1;

  constructor(snapshot: Snapshot, ports: ResolverPorts) {
    this.#snapshot = snapshot;
    this.#top = childless(snapshot.root);
    this.#sendingTop = this.#top;
    this.#clock = ports.clock;
    this.#patterns = new PatternCache(ports.compileRegex);
    this.#matcher = new ScopeMatcher(this.#patterns);
    this.#newCaches();
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Changes with each `swap`: holders of a record ask again when it is not what they remember. */
  get version(): number {
    return this.#snapshot.version;
  }

  /** How full the match caches are (FB-13), and how often they knew. */
  caches(): { name: string; capacity: number; entries: number; hits: number; misses: number }[] {
    const line = (name: string, { max, size, hits, misses }: { max: number; size: number; hits: number; misses: number }) => ({
      name,
      capacity: max,
      entries: size,
      hits,
      misses,
    });
    return [line('config:match', this.#sending), line('config:match_host', this.#hosts), line('config:match_listener', this.#listening)];
  }

  /** FB-02. Names in any spelling; a group of '' or 'default' is a binding outside groups. */
  sending(group: string, binding: string, domain: string): SendingRecord {
    const key = `${group}\0${binding}\0${domain}`;
    const kept = this.#sending.get(key);
    if (kept !== undefined) return this.#current(kept.record);
    this.resolveCalls += 1;
    const question = { group, binding, domain: foldDomainName(domain) };
    const origin = this.#sendingOrigin(sendingSteps(this.#snapshot.root, question, this.#matcher));
    this.#sending.set(key, { question, record: origin });
    return this.#current(origin);
  }

  #current(origin: SendingOrigin): SendingRecord {
    if (origin.top !== this.#tops.sending) {
      origin.record = this.#contents.record(origin.below, this.#sendingTop);
      origin.top = this.#tops.sending;
    }
    return origin.record;
  }

  /** FB-05: the limits of one remote host or address; `domain` is what the mail is for. */
  host(binding: string, host: string, of: { readonly domain?: string; readonly group?: string } = {}): HostRecord {
    const key = `${of.group ?? ''}\0${binding}\0${of.domain ?? ''}\0${host}`;
    const kept = this.#hosts.get(key);
    if (kept !== undefined) return kept.record;
    this.resolveCalls += 1;
    const question = { group: of.group ?? '', binding, domain: foldDomainName(of.domain ?? ''), host: foldHostName(host) };
    const steps = hostSteps(this.#snapshot.root, question, this.#matcher);
    const record = hostRecord(steps, this.sending(question.group, binding, question.domain));
    this.#stepsOf.set(record, this.#slim(steps));
    this.#hosts.set(key, { question, record });
    return record;
  }

  /** Names of the Domain stanzas outside bindings and groups that a domain falls under: its own, then the patterns that match it (FB-10). */
  domainStanzas(domain: string): string[] {
    return this.#matcher.named(this.#snapshot.root, 'domain', foldDomainName(domain)).map(({ instance }) => instance ?? '');
  }

  /** FB-06, FB-07. Without an address (a Unix socket) no Peer matches. */
  listening(at: { readonly listener: string; readonly listen: string; readonly ip?: IpAddress | undefined }): ListeningRecord {
    const key = `${at.listener}\0${at.listen}\0${at.ip?.text ?? ''}`;
    const kept = this.#listening.get(key);
    if (kept !== undefined) return kept.record;
    this.resolveCalls += 1;
    const listener = at.listener.toLowerCase();
    const steps = listeningSteps(this.#snapshot.root, { ...at, listener }, this.#matcher);
    const record = this.#listeningRecord(steps);
    const group = steps.find((step) => step.path.length === 1 && step.path[0]?.scope === 'Pathway_Group');
    const question = {
      listener,
      listen: scopeKey('listen', at.listen),
      ip: at.ip,
      pathway: pathwayOf(steps),
      pathwayGroup: group?.path[0]?.instance,
    };
    this.#listening.set(key, { question, record });
    return record;
  }

  global(): GlobalRecord {
    if (this.#global !== undefined) return this.#global;
    this.resolveCalls += 1;
    const steps: Step[] = [{ path: [], node: this.#top }];
    this.#global = globalShape.resolve(steps);
    this.#stepsOf.set(this.#global, steps);
    return this.#global;
  }

  security(): SecurityRecord {
    return securityShape.resolve([{ path: [], node: this.#snapshot.root.children.get('security') }]);
  }

  debugFlags(): DebugFlagsRecord {
    return debugFlagsShape.resolve([{ path: [], node: this.#snapshot.root.children.get('debug_flags') }]);
  }

  /** The pools of event loops by name. */
  eventLoops(): ReadonlyMap<string, EventLoopRecord> {
    const pools = childrenNamed(this.#snapshot.root, 'EventLoop');
    return new Map(pools.map((node) => [node.instance ?? '', eventLoopShape.resolve([{ path: [], node }])]));
  }

  #steps(record: object): readonly Step[] {
    return stepsOfSending(record) ?? this.#stepsOf.get(record) ?? [];
  }

  /** FB-14: who defined an option of a record this resolver gave; undefined when the value is the default. */
  definition(record: SendingRecord | HostRecord | ListeningRecord | GlobalRecord, key: string): Definition | undefined {
    const step = definingStep(this.#steps(record), key);
    if (step === undefined) return undefined;
    const option = [...(step.node?.options.values() ?? [])].find((entry) => entry.key === key);
    return { id: formatPath(step.path), value: option?.value };
  }

  /**
   * Everybody who defines an option on the way of a record, most specific first: the limits of a scope that hold for all that is in it.
   * Of several stanzas of one container that match, the first speaks (FB-10).
   */
  definitions(record: SendingRecord | HostRecord, key: string): Definition[] {
    const found: Definition[] = [];
    const containers = new Set<string>();
    for (const step of this.#steps(record)) {
      if (step.ignores === key) continue;
      const option = [...(step.node?.options.values() ?? [])].find((entry) => entry.key === key);
      const container = `${formatPath(step.path.slice(0, -1))} ${step.path.at(-1)?.scope ?? ''}`;
      if (option === undefined || containers.has(container)) continue;
      containers.add(container);
      found.push({ id: formatPath(step.path), value: option.value });
    }
    return found;
  }

  /** The scopes that were asked, most specific first, and the value that came of it (FB-17: scopes need not exist). */
  explain(question: { readonly path: ScopePath; readonly option: string }): Explanation | undefined {
    return explainPath(this.#snapshot.root, question, this.#matcher);
  }

  /**
   * Puts the next snapshot into force. Records that no change touches stay what they are. `between`: what leads there from the snapshot in
   * force, where that is known; finding it costs a walk over all scopes.
   */
  swap(next: Snapshot, between?: SnapshotChanges): void {
    const before = this.#snapshot;
    this.#snapshot = next;
    this.#top = childless(next.root);
    const { changes } = between ?? changesBetween(before, next);
    if (changes.length === 0) return;
    const keys = changedGlobalKeys(before.root, next.root);
    if (keys.length > 0) this.#global = undefined;
    const isSendingNew = keys.some((key) => sendingShape.has(key));
    const isListeningNew = keys.some((key) => listeningShape.has(key));
    if (isSendingNew) {
      this.#tops.sending += 1;
      this.#sendingTop = this.#top;
    }
    if (isListeningNew) this.#tops.listening += 1;
    const isCacheNew = keys.includes('matchCacheSize') || keys.includes('matchCacheLife');
    if (isCacheNew || changes.length > MAX_COMPARED_CHANGES) this.#newCaches();
    else {
      const touched = changes.map(touchOf);
      const touches = (question: SendingQuestion): boolean => touched.some((touch) => touchesSending(touch, question, this.#patterns));
      this.#sending.deleteWhere(({ question }) => touches(question));
      this.#hosts.deleteWhere(({ question }) => isSendingNew || touches(question));
      this.#listening.deleteWhere(({ question }) => isListeningNew || touched.some((touch) => touchesListening(touch, question)));
    }
    const closed = changes.some((change) => change.kind === 'removed');
    if (closed && this.#patterns.size > 0) {
      this.#patterns.keepOnly(patternsIn(next.root));
      this.#matcher.forgetPatterns();
    }
  }

  #newCaches(): void {
    this.#global = undefined;
    const { matchCacheSize, matchCacheLife } = this.global();
    const life = matchCacheLife > 0 && this.#clock !== undefined ? { ttlMs: matchCacheLife * 1000, clock: this.#clock } : {};
    const bound = { max: Math.max(1, matchCacheSize), ...life };
    this.#sending = new Lru(bound);
    this.#hosts = new Lru(bound);
    this.#listening = new Lru(bound);
    if (this.#bySteps?.max !== bound.max) {
      this.#bySteps = new Lru({ max: bound.max });
      this.#contents = new SendingContents({ max: bound.max });
    }
  }

  #listeningRecord(steps: readonly Step[]): ListeningRecord {
    const present = withOwnOptions(steps);
    const { root } = this.#snapshot;
    const key = `listening:${present.map((step) => (step.node === root ? `top${this.#tops.listening}` : this.#keyOf(step))).join(',')}`;
    const known = this.#bySteps.get(key) as ListeningRecord | undefined;
    if (known !== undefined) return known;
    const record = listeningShape.resolve(present);
    this.#stepsOf.set(record, this.#slim(present));
    this.#bySteps.set(key, record);
    return record;
  }

  #sendingOrigin(steps: readonly Step[]): SendingOrigin {
    const below = withOwnOptions(steps.slice(0, -1));
    const key = `sending:${below.map((step) => this.#keyOf(step)).join(',')}`;
    const known = this.#bySteps.get(key) as SendingOrigin | undefined;
    if (known !== undefined) return known;
    const origin = { below, record: this.#contents.record(below, this.#sendingTop), top: this.#tops.sending };
    this.#bySteps.set(key, origin);
    return origin;
  }

  #keyOf({ node, ignores }: Step): string {
    return `${node === undefined ? '' : this.#idOf(node)}${ignores === undefined ? '' : '-'}`;
  }

  #slim(steps: readonly Step[]): readonly Step[] {
    return steps.map((step) => (step.node === this.#snapshot.root ? { ...step, node: this.#top } : step));
  }

  #idOf(node: ScopeNode): number {
    let id = this.#ids.get(node);
    if (id === undefined) {
      id = this.#nextId;
      this.#nextId += 1;
      this.#ids.set(node, id);
    }
    return id;
  }
}

function withOwnOptions(steps: readonly Step[]): readonly Step[] {
  return steps.filter((step) => step.node !== undefined && step.node.options.size > 0);
}

function childless(node: ScopeNode): ScopeNode {
  return scopeNode({ ...node, children: new Map() });
}

function hostRecord(steps: readonly Step[], fallback: SendingRecord): HostRecord {
  const isMatched = steps.some((step) => step.node !== undefined);
  const limit = (key: keyof HostRecord, otherwise: number | undefined): number => {
    const node = definingStep(steps, key)?.node;
    const own = node === undefined ? undefined : [...node.options.values()].find((option) => option.key === key)?.value;
    if (typeof own === 'number') return own;
    // FB-05: a host scope that matches and is silent means no limit.
    return isMatched ? -1 : (otherwise ?? -1);
  };
  return Object.freeze({
    isMatched,
    maxOutboundConnections: limit('maxOutboundConnections', fallback.maxOutboundConnections),
    clusterMaxOutboundConnections: limit('clusterMaxOutboundConnections', fallback.clusterMaxOutboundConnections),
    clusterScopeMaxOutboundConnections: limit('clusterScopeMaxOutboundConnections', fallback.clusterScopeMaxOutboundConnections),
    scopeMaxOutboundConnections: limit('scopeMaxOutboundConnections', fallback.scopeMaxOutboundConnections),
  });
}

function patternsIn(root: ScopeNode): Set<string> {
  const found = new Set<string>();
  const walk = (node: ScopeNode): void => {
    for (const [key, child] of node.children) {
      const pattern = key.startsWith('domain\0/') || key.startsWith('host\0/') ? patternOf(child.instance ?? '') : undefined;
      if (pattern !== undefined) found.add(pattern);
      if (child.children.size > 0) walk(child);
    }
  };
  walk(root);
  return found;
}

// Questions to the DNS with memory: a bounded cache by real TTLs, one question in flight for all who ask it, several servers.
//
// The rule to know: an answer is records, or "no such name / no such record" (both kept as long as they say), or a failure, which is
// always temporary and kept for seconds only. Answers from the cache come before `query` returns, others later. Everything is bounded:
// entries, questions in flight, questions waiting for a place, askers of one question; beyond it the answer is the failure `busy`.
// A question that is not answered soon gives its place to another and has one among the slow: owners that never answer delay nobody else.
// It validates nothing cryptographically: `isAuthenticated` repeats what the server said. Truth: RFC 1034 5.3, RFC 2308, RFC 2181.

import { Lru, Ring, toAsciiDomain } from '#base';
import type { Clock, Random, TimerWheel } from '#base';
import type { DnsFailure } from './errors.ts';
import { Exchange } from './exchange.ts';
import type { ExchangeResult } from './exchange.ts';
import { addressHosts, mailHosts } from './mail-plan.ts';
import type { MailPlan } from './mail-plan.ts';
import type { HostTable } from './hosts-file.ts';
import { rcodes, recordTypes } from './message.ts';
import type { DnsRecord, RecordType, Response } from './message.ts';
import { socketTransport } from './transport.ts';
import type { DnsTransport, NameServer } from './transport.ts';

export type DnsAnswer =
  | {
      readonly kind: 'records';
      /** The end of the chain of aliases: the name asked for when there was none. */
      readonly name: string;
      /** Of the type asked for, in the order of the answer. */
      readonly records: readonly DnsRecord[];
      /** Seconds the answer may still be believed. */
      readonly ttl: number;
      /** Whether the server said that it verified every part of it. */
      readonly isAuthenticated: boolean;
    }
  | { readonly kind: 'nodata' | 'nxdomain'; readonly ttl: number; readonly isAuthenticated: boolean }
  | { readonly kind: 'failed'; readonly failure: DnsFailure; /** For people. */ readonly reason: string };

export interface ResolverOptions {
  servers: readonly NameServer[];
  clock: Clock;
  wheel: TimerWheel;
  random: Random;
  /** Wait for one answer of one server; default 5000. */
  timeoutMs?: number;
  /** Rounds over all servers; default 2. */
  attempts?: number;
  /** Default 20,000. */
  cacheEntries?: number;
  /** Clamps, in seconds, of the TTLs of mail plans, not of the cache (OUT-28); default 0 and 2^32-1. */
  minTtl?: number;
  maxTtl?: number;
  /** Whether AAAA counts in mail plans (OUT-29); default false, as in the manual. */
  useIpv6?: boolean;
  /** Default true. */
  fallbackToTcp?: boolean;
  /** The hosts file, and when it is looked at: b is the DNS, f the file (OUT-30); default 'bf'. */
  hosts?: HostTable;
  lookup?: 'b' | 'f' | 'bf' | 'fb';
  /** The servers are asked to say whether they verified what they answer (DNSSEC); default false: then `isAuthenticated` is false as a rule. */
  asksForProof?: boolean;
  transport?: DnsTransport;
}

export const resolverLimits = {
  inFlight: 500,
  /** Questions that are in flight for longer than `soonMs`; those for which there is no room keep their place. */
  slow: 5_000,
  soonMs: 400,
  waiting: 10_000,
  askersOfOne: 10_000,
  aliases: 12,
  /** Answers of larger packets are used and not kept, so that the cache's memory is bounded too. */
  packetBytesKept: 8_192,
  ttlSeconds: 86_400,
  negativeTtlSeconds: 10_800,
  negativeTtlWithoutSoaSeconds: 5,
  failureTtlSeconds: 5,
  /** How long a server that did not answer is asked last. */
  serverRestMs: 30_000,
  hostsTtlSeconds: 60,
} as const;

/** A name server, and whether it verifies DNSSEC. */
export interface Prover {
  readonly ip: string;
  readonly verifies: 'yes' | 'no' | 'silent';
}

interface Task {
  readonly key: string;
  readonly type: RecordType;
  readonly askers: ((answer: DnsAnswer) => void)[];
  /** The name asked for now: an alias further on. */
  name: string;
  aliases: string[];
  ttl: number;
  isAuthenticated: boolean;
  isKept: boolean;
  servers: NameServer[];
  /** Where it counts; undefined while it waits. */
  place: 'inFlight' | 'slow' | undefined;
  slowTimer: number;
  tries: number;
  failure: DnsFailure;
  reason: string;
}

interface Kept {
  readonly answer: DnsAnswer;
  readonly until: number;
}

export class Resolver {
  readonly random: Random;
  #o: ResolverOptions;
  #exchange: Exchange;
  readonly #cache: Lru<string, Kept>;
  readonly #tasks = new Map<string, Task>();
  #inFlight = 0;
  #slow = 0;
  readonly #waiting = new Ring<Task>(resolverLimits.waiting);
  readonly #restingUntil = new Map<string, number>();
  #isClosed = false;
  /** Questions sent to servers; answers from the cache. */
  readonly counts = { asked: 0, addressesAsked: 0, mxAsked: 0, hits: 0, failures: 0 };

  constructor(o: ResolverOptions) {
    this.#o = o;
    this.random = o.random;
    this.#cache = new Lru({ max: o.cacheEntries ?? 20_000, clock: o.clock });
    this.#exchange = this.#newExchange();
  }

  get options(): Readonly<ResolverOptions> {
    return this.#o;
  }

  get cacheSize(): number {
    return this.#cache.size;
  }

  /** Takes new options at once; the cache is emptied when the servers or the hosts changed. Questions in flight go to the new servers. */
  reconfigure(o: Partial<Omit<ResolverOptions, 'clock' | 'wheel' | 'random' | 'cacheEntries'>>): void {
    this.#o = { ...this.#o, ...o };
    if (o.hosts !== undefined || o.lookup !== undefined || o.servers !== undefined || o.asksForProof !== undefined) this.#cache.clear();
    if (o.servers === undefined && o.transport === undefined && o.fallbackToTcp === undefined && o.asksForProof === undefined) return;
    this.#restingUntil.clear();
    const old = this.#exchange;
    this.#exchange = this.#newExchange();
    old.close();
  }

  /** What is known already; undefined when it would have to be asked. */
  known(name: string, type: RecordType): DnsAnswer | undefined {
    const asked = toAsciiDomain(name, { allowUnderscore: true, allowTrailingDot: true });
    return asked === undefined ? undefined : this.#known(`${type} ${asked}`);
  }

  get stats(): Resolver['counts'] & { entries: number; capacity: number; inFlight: number; waiting: number } {
    return {
      ...this.counts,
      entries: this.#cache.size,
      capacity: this.#cache.max,
      inFlight: this.#inFlight + this.#slow,
      waiting: this.#waiting.size,
    };
  }

  /** Forgets what is known of a name, aliases leading to it excepted; everything without a name. */
  forget(name?: string): void {
    if (name === undefined) this.#cache.clear();
    else for (const type of recordTypes) this.#cache.delete(`${type} ${name.toLowerCase()}`);
  }

  /**
   * Forgets all that the way of mail for a domain stands on: its own records, those of its mail hosts, of the names of which these are
   * aliases, and the TLSA records of all of them.
   */
  forgetMail(domain: string, port: number): void {
    const names = new Set([domain.toLowerCase()]);
    const mx = this.known(domain, 'MX');
    if (mx?.kind === 'records') for (const record of mx.records) if (record.type === 'MX') names.add(record.exchange.toLowerCase());
    for (const name of names)
      for (const type of ['A', 'AAAA'] as const) {
        const addresses = this.known(name, type);
        if (addresses?.kind === 'records') names.add(addresses.name);
      }
    for (const name of names) {
      this.forget(name);
      this.forget(`_${port}._tcp.${name}`);
    }
  }

  /** Drops what has expired (dns_cache_purge_interval calls this); returns how much. */
  purge(): number {
    return this.#cache.purge();
  }

  /** Questions that wait hear `closed`; later ones too. */
  close(): void {
    this.#isClosed = true;
    this.#exchange.close();
    for (const task of this.#tasks.values()) this.#end(task, { kind: 'failed', failure: 'closed', reason: 'the resolver was closed' });
  }

  /**
   * Asks for the records of one type. `name` may be Unicode, and may end in a dot; a text that is no name is answered `nxdomain`.
   * `isAnyText`: labels may hold any printable ASCII, for names that are made of local parts (SPF).
   * `done` is called once: before this returns when the answer is known.
   */
  query(name: string, type: RecordType, done: (answer: DnsAnswer) => void, o: { isAnyText?: boolean } = {}): void {
    const asked =
      toAsciiDomain(name, { allowUnderscore: true, allowTrailingDot: true }) ?? (o.isAnyText === true ? plainName(name) : undefined);
    if (asked === undefined) {
      done({ kind: 'nxdomain', ttl: resolverLimits.negativeTtlSeconds, isAuthenticated: false });
      return;
    }
    const lookup = this.#o.lookup ?? 'bf';
    if (lookup.startsWith('f') || asked === 'localhost' || asked.endsWith('.localhost')) {
      const found = this.#fromHosts(asked, type);
      if (found !== undefined || lookup === 'f') {
        done(found ?? { kind: 'nxdomain', ttl: resolverLimits.hostsTtlSeconds, isAuthenticated: false });
        return;
      }
    }
    if (lookup !== 'bf' || (type !== 'A' && type !== 'AAAA')) this.#ask(asked, type, done);
    else this.#ask(asked, type, (answer) => done(answer.kind === 'records' ? answer : (this.#fromHosts(asked, type) ?? answer)));
  }

  /**
   * Which name servers verify what they answer: each is asked for the name servers of a signed name, past the cache. `silent` gave no answer.
   */
  provers(signedName: string, done: (servers: readonly Prover[]) => void): void {
    const { servers, timeoutMs = 5_000 } = this.#o;
    const found: Prover[] = [];
    if (servers.length === 0) done(found);
    for (const { ip, port } of servers)
      this.#exchange.ask({ ip, port }, { name: signedName, type: 'NS' }, timeoutMs, (result) => {
        const isAnswer =
          result.kind === 'response' && (result.response.rcode === rcodes.noError || result.response.rcode === rcodes.noSuchName);
        found.push({ ip, verifies: isAnswer ? (result.response.isAuthenticated ? 'yes' : 'no') : 'silent' });
        if (found.length === servers.length) done(found);
      });
  }

  /** Whether the hosts file, where it counts, has addresses for the name. */
  isInHosts(name: string): boolean {
    return this.#o.lookup !== 'b' && this.#o.hosts?.has(name) === true;
  }

  /** Where mail for a domain goes; see mail-plan.ts. */
  mailHosts(domain: string, done: (plan: MailPlan) => void, o: { useIpv6?: boolean } = {}): void {
    mailHosts(
      this,
      domain,
      { useIpv6: o.useIpv6 ?? this.#o.useIpv6 ?? false, minTtl: this.#o.minTtl ?? 0, maxTtl: this.#o.maxTtl ?? 2 ** 32 - 1 },
      done,
    );
  }

  /** The same without looking for MX records: for mx_failures_fallback_to_a (OUT-25) and routes of type=a (OUT-22). */
  addressHosts(name: string, done: (plan: MailPlan) => void, o: { useIpv6?: boolean } = {}): void {
    addressHosts(
      this,
      name,
      { useIpv6: o.useIpv6 ?? this.#o.useIpv6 ?? false, minTtl: this.#o.minTtl ?? 0, maxTtl: this.#o.maxTtl ?? 2 ** 32 - 1 },
      done,
    );
  }

  #newExchange(): Exchange {
    const { wheel, random, transport = socketTransport, fallbackToTcp = true, asksForProof = false } = this.#o;
    return new Exchange({ wheel, random, transport, fallbackToTcp, asksForProof });
  }

  #fromHosts(name: string, type: RecordType): DnsAnswer | undefined {
    if (type !== 'A' && type !== 'AAAA') return undefined;
    const isLocal = name === 'localhost' || name.endsWith('.localhost');
    const addresses = this.#o.hosts?.find(name, type) ?? (isLocal ? [type === 'A' ? '127.0.0.1' : '::1'] : []);
    if (addresses.length === 0) return undefined;
    const ttl = resolverLimits.hostsTtlSeconds;
    return { kind: 'records', name, records: addresses.map((address) => ({ name, type, ttl, address })), ttl, isAuthenticated: false };
  }

  #ask(name: string, type: RecordType, done: (answer: DnsAnswer) => void): void {
    const key = `${type} ${name}`;
    const known = this.#known(key);
    if (known !== undefined) {
      this.counts.hits += 1;
      done(known);
      return;
    }
    const same = this.#tasks.get(key);
    if (same !== undefined) {
      if (same.askers.length < resolverLimits.askersOfOne) same.askers.push(done);
      else done({ kind: 'failed', failure: 'busy', reason: `too many wait for ${type} of ${name}` });
      return;
    }
    const task: Task = {
      key,
      type,
      askers: [done],
      name,
      aliases: [name],
      ttl: resolverLimits.ttlSeconds,
      isAuthenticated: true,
      isKept: true,
      servers: [],
      place: undefined,
      slowTimer: 0,
      tries: 0,
      failure: 'timeout',
      reason: '',
    };
    if (this.#isClosed) this.#end(task, { kind: 'failed', failure: 'closed', reason: 'the resolver was closed' });
    else if (this.#o.servers.length === 0)
      this.#end(task, { kind: 'failed', failure: 'no_servers', reason: 'no name server is configured' });
    else if (this.#inFlight < resolverLimits.inFlight) this.#start(task);
    else if (this.#waiting.push(task)) this.#tasks.set(key, task);
    else done({ kind: 'failed', failure: 'busy', reason: 'too many questions are waiting' });
  }

  #known(key: string): DnsAnswer | undefined {
    const kept = this.#cache.get(key);
    if (kept === undefined) return undefined;
    if (kept.answer.kind === 'failed') return kept.answer;
    return { ...kept.answer, ttl: Math.max(0, Math.ceil((kept.until - this.#o.clock.mono()) / 1000)) };
  }

  #start(task: Task): void {
    this.#inFlight += 1;
    task.place = 'inFlight';
    this.#tasks.set(task.key, task);
    this.#watch(task);
    this.#begin(task);
  }

  #watch(task: Task): void {
    task.slowTimer = this.#o.wheel.schedule(resolverLimits.soonMs, (late) => this.#isLate(late), task);
  }

  /** Gives the place of a question that was not answered soon to one that waits. */
  #isLate(task: Task): void {
    if (this.#slow >= resolverLimits.slow) return this.#watch(task);
    task.slowTimer = 0;
    task.place = 'slow';
    this.#slow += 1;
    this.#inFlight -= 1;
    this.#fill();
  }

  #leavePlace(task: Task): void {
    if (task.slowTimer !== 0) this.#o.wheel.cancel(task.slowTimer);
    task.slowTimer = 0;
    if (task.place === 'inFlight') this.#inFlight -= 1;
    else if (task.place === 'slow') this.#slow -= 1;
    task.place = undefined;
  }

  /** A round of questions for the task's present name, servers that rest last. */
  #begin(task: Task): void {
    const now = this.#o.clock.mono();
    const rests = (s: NameServer): boolean => (this.#restingUntil.get(`${s.ip} ${s.port}`) ?? 0) > now;
    task.servers = [...this.#o.servers.filter((s) => !rests(s)), ...this.#o.servers.filter(rests)];
    task.tries = 0;
    this.#next(task);
  }

  #next(task: Task): void {
    const { attempts = 2, timeoutMs = 5_000 } = this.#o;
    const server = task.servers[task.tries % task.servers.length];
    if (server === undefined || task.tries >= task.servers.length * attempts) {
      this.#end(task, { kind: 'failed', failure: task.failure, reason: task.reason });
      return;
    }
    task.tries += 1;
    this.counts.asked += 1;
    if (task.type === 'MX') this.counts.mxAsked += 1;
    else if (task.type === 'A' || task.type === 'AAAA') this.counts.addressesAsked += 1;
    const exchange = this.#exchange;
    exchange.ask(server, { name: task.name, type: task.type }, timeoutMs, (result) => {
      if (this.#tasks.get(task.key) !== task) return;
      // The servers changed while we waited: the question goes to the new ones.
      if (exchange === this.#exchange) this.#heard(task, server, result);
      else this.#begin(task);
    });
  }

  #heard(task: Task, server: NameServer, result: ExchangeResult): void {
    const key = `${server.ip} ${server.port}`;
    if (result.kind === 'response') {
      this.#restingUntil.delete(key);
      const { response } = result;
      if (response.rcode === rcodes.noError || response.rcode === rcodes.noSuchName) {
        this.#interpret(task, response);
        return;
      }
      task.failure = response.rcode === rcodes.refused ? 'refused' : 'servfail';
      task.reason = `${server.ip} answered with error ${response.rcode}`;
    } else {
      this.#restingUntil.set(key, this.#o.clock.mono() + resolverLimits.serverRestMs);
      task.failure = result.kind === 'timeout' ? 'timeout' : 'bad_response';
      task.reason = result.kind === 'timeout' ? `${server.ip} did not answer in time` : `${server.ip}: ${result.reason}`;
    }
    this.#next(task);
  }

  /** Follows the aliases through the answer, and asks again where they lead out of it. */
  #interpret(task: Task, response: Response): void {
    task.isAuthenticated = task.isAuthenticated && response.isAuthenticated;
    task.isKept = task.isKept && response.bytes <= resolverLimits.packetBytesKept;
    let isMoved = false;
    for (;;) {
      const records = response.answers.filter((r) => r.name === task.name && r.type === task.type);
      if (records.length > 0) {
        for (const r of records) task.ttl = Math.min(task.ttl, r.ttl);
        this.#end(task, { kind: 'records', name: task.name, records, ttl: task.ttl, isAuthenticated: task.isAuthenticated });
        return;
      }
      const alias = response.answers.find((r) => r.name === task.name && r.type === 'CNAME');
      if (alias?.type !== 'CNAME') break;
      const target = toAsciiDomain(alias.target, { allowUnderscore: true });
      if (target === undefined) {
        this.#end(task, { kind: 'failed', failure: 'bad_response', reason: `${task.name} is an alias of something that is no name` });
        return;
      }
      if (task.aliases.includes(target) || task.aliases.length > resolverLimits.aliases) {
        this.#end(task, { kind: 'failed', failure: 'loop', reason: `the aliases of ${task.aliases[0]} do not end` });
        return;
      }
      task.ttl = Math.min(task.ttl, alias.ttl);
      task.aliases.push(target);
      task.name = target;
      isMoved = true;
    }
    // An answer that ends with an alias, and does not say that its target lacks the records, leaves that question open.
    if (isMoved && response.rcode === rcodes.noError && response.negativeTtl === undefined) this.#begin(task);
    else this.#endNegative(task, response);
  }

  #endNegative(task: Task, response: Response): void {
    const own = response.negativeTtl ?? resolverLimits.negativeTtlWithoutSoaSeconds;
    const ttl = Math.min(task.ttl, own, resolverLimits.negativeTtlSeconds);
    this.#end(task, { kind: response.rcode === rcodes.noSuchName ? 'nxdomain' : 'nodata', ttl, isAuthenticated: task.isAuthenticated });
  }

  #end(task: Task, answer: DnsAnswer): void {
    this.#tasks.delete(task.key);
    this.#leavePlace(task);
    const seconds = answer.kind === 'failed' ? resolverLimits.failureTtlSeconds : answer.ttl;
    if (answer.kind === 'failed') this.counts.failures += 1;
    if (seconds > 0 && task.isKept && !this.#isClosed) {
      this.#cache.set(task.key, { answer, until: this.#o.clock.mono() + seconds * 1000 }, seconds * 1000);
    }
    for (const asker of task.askers) asker(answer);
    this.#fill();
  }

  #fill(): void {
    while (!this.#isClosed && this.#inFlight < resolverLimits.inFlight) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#start(next);
    }
  }
}

/** A name of labels of printable ASCII, in lower case; undefined for what cannot be put into a packet. */
function plainName(text: string): string | undefined {
  if (text.length > 253 || /[^ -~]/.test(text)) return undefined;
  return text.split('.').every((label) => label.length > 0 && label.length <= 63) ? text.toLowerCase() : undefined;
}

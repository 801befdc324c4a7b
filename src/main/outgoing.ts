/*
 * The sending half of a loop: the resolver of names, the network and TLS, given to outbound as ports.
 *
 * The one rule: files (resolv.conf, hosts, certificates) are read here; outbound and dns see their content only. The places for
 * connections are shared by all loops, so that Server_Max_Outbound_Connections is exact for the process.
 * Not here: routes, sessions, limits (outbound), names (dns).
 */
import { readFileSync } from 'node:fs';
import type { Clock, Random, TimerWheel } from '#base';
import type { Resolver as ConfigResolver } from '#config';
import { HostTable, isRecordType, parseResolvConf, Resolver as DnsResolver, type DnsAnswer, type ResolvConf } from '#dns';
import type { Intake } from '#intake';
import type { LimitTable } from '#limits';
import type { LoopLink } from '#loops';
import type { Counters, PanicLog } from '#observe';
import {
  Deliverer,
  OutboundTls,
  tcpConnect,
  type ConnectionLine,
  type GlobalSendingOptions,
  type Standing,
  type TracedLines,
  type TracerWish,
  type WayView,
} from '#outbound';
import type { DomainQueue, Queues } from '#queue';
import { wantedFacts, type SendingSettings } from './catalog.ts';
import type { LoopQuestions } from './loop-questions.ts';
import { shapingPort } from './options-port.ts';
import { PublishedPolicies } from './published-policies.ts';
import { TlsReports } from './tls-reports.ts';
import { replyPatterns } from './reply-patterns.ts';

interface OutgoingOptions {
  readonly queues: Queues;
  readonly resolver: ConfigResolver;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly random: Random;
  readonly counters: Counters;
  readonly panic: PanicLog;
  readonly limits: LimitTable;
  readonly hostname: string;
  readonly link: LoopLink;
  readonly intake: () => Intake;
  /** What modules say: read once for each configuration. */
  readonly settings: () => SendingSettings;
}

const systemResolvConf = '/etc/resolv.conf';

export class Outgoing {
  readonly tls: OutboundTls;
  readonly #o: OutgoingOptions;
  readonly #dns: DnsResolver;
  readonly #deliverer: Deliverer;
  readonly #policies: PublishedPolicies;
  readonly #reports: TlsReports;
  #watched: { readonly of: object; readonly isOn: boolean } | undefined;
  /** The global record with what modules add; the same object until one of them changes. */
  #merged: { readonly from: object; readonly settings: SendingSettings; readonly global: GlobalSendingOptions } | undefined;

  constructor(o: OutgoingOptions) {
    this.#o = o;
    const { queues, clock, wheel, random, counters, panic, limits, hostname, resolver } = o;
    this.#dns = new DnsResolver({ clock, wheel, random, ...this.#dnsSettings() });
    const { settings, link, intake } = o;
    const counter = () => this.#reports.counter();
    this.#policies = new PublishedPolicies({ dns: this.#dns, resolver, settings, clock, wheel, panic, loop: link.self, counter });
    const { web } = this.#policies;
    const prohibitedHosts = () => resolver.global().prohibitedHosts;
    this.#reports = new TlsReports({ link, intake, settings, web, prohibitedHosts, clock, wheel, random, panic, hostname });
    this.tls = new OutboundTls({
      readFile: (path) => readFileSync(path),
      clock,
      panic,
      allowsDhe: () => resolver.global().tlsEnableDheCiphers,
      isWatched: () => this.#isTlsWatched(),
    });
    this.#deliverer = new Deliverer({
      queues,
      dns: {
        mailHosts: (domain, done) => this.#dns.mailHosts(domain, done),
        hostAddresses: (name, done) => this.#dns.addressHosts(name, done),
      },
      global: () => this.#global(),
      clock,
      wheel,
      random,
      connect: tcpConnect,
      tls: this.tls,
      policies: this.#policies,
      counters,
      panic,
      hostName: hostname,
      limits,
      shaping: shapingPort(resolver),
      match: replyPatterns(),
    });
  }

  /** The configuration changed: names are asked where it says now, connections follow new limits. Call it after the queues know. */
  reconfigured(): void {
    this.#dns.reconfigure(this.#dnsSettings());
    this.#policies.reconfigured();
    // What was agreed with servers was agreed under what the configuration said then.
    this.tls.flush();
    this.#reports.reconfigured();
    this.#deliverer.reconfigured();
  }

  answerOn(questions: LoopQuestions): void {
    this.#policies.answerOn(questions);
    this.#reports.answerOn(questions);
  }

  standing(queue: DomainQueue): Standing {
    return this.#deliverer.standing(queue);
  }

  way(queue: DomainQueue): WayView | undefined {
    return this.#deliverer.way(queue);
  }

  /** What is known of the names of a queue's domain is forgotten, and its way looked for anew. */
  refresh(queue: DomainQueue): void {
    for (const { name, port } of this.#deliverer.targets(queue)) this.#dns.forgetMail(name, port);
    this.#dns.forgetMail(queue.domain, queue.options.remoteSmtpPort);
    this.#deliverer.refresh(queue);
  }

  /** What was said since the last call, of the conversations that are asked for. */
  trace(wishes: readonly TracerWish[]): TracedLines[] {
    return this.#deliverer.trace(wishes);
  }

  lines(): IterableIterator<ConnectionLine> {
    return this.#deliverer.lines();
  }

  caches(): { name: string; capacity: number; entries: number; hits: number; misses: number }[] {
    const { capacity, entries, hits, asked } = this.#dns.stats;
    return [{ name: 'dns:answers', capacity, entries, hits, misses: asked }, ...this.tls.caches()];
  }

  dnsStats() {
    return this.#dns.stats;
  }

  /** What the cache knows; nothing is asked. */
  dnsKnown({ name, type }: { name: string; type: string }): DnsAnswer | undefined {
    return isRecordType(type) ? this.#dns.known(name, type) : undefined;
  }

  /** For modules; names may be made of local parts. */
  readonly dnsQuery: DnsResolver['query'] = (name, type, done) => this.#dns.query(name, type, done, { isAnyText: true });

  /** Asks, and waits for the answer. */
  dnsAsk({ name, type }: { name: string; type: string }): Promise<DnsAnswer | undefined> {
    return new Promise((done) => (isRecordType(type) ? this.#dns.query(name, type, done) : done(undefined)));
  }

  async stop(graceMs: number): Promise<void> {
    await this.#deliverer.stop(graceMs);
    this.#reports.stop();
    this.#policies.close();
    this.#dns.close();
  }

  /** Every loop has stopped: what they counted is kept. */
  close(): Promise<void> {
    return this.#reports.close();
  }

  /** Whether a logger has macros of outbound_tls; looked at once for each configuration. */
  #isTlsWatched(): boolean {
    const { snapshot } = this.#o.resolver;
    if (this.#watched?.of !== snapshot) this.#watched = { of: snapshot, isOn: wantedFacts(snapshot).includes('outbound_tls') };
    return this.#watched.isOn;
  }

  #global(): GlobalSendingOptions {
    const from = this.#o.resolver.global();
    const settings = this.#o.settings();
    if (this.#merged?.from !== from || this.#merged.settings !== settings) {
      const global = { ...from, staticRoute: settings.staticRoute, ownAddresses: settings.mailLoop?.ownAddresses };
      this.#merged = { from, settings, global };
    }
    return this.#merged.global;
  }

  #dnsSettings() {
    const global = this.#o.resolver.global();
    const { servers, timeout, attempts, lookup } = this.#resolvConf(global.resolvConf ?? systemResolvConf);
    return {
      servers,
      timeoutMs: timeout * 1000,
      attempts,
      lookup,
      hosts: new HostTable(this.#read('/etc/hosts')),
      minTtl: global.minDnsTtl,
      maxTtl: global.maxDnsTtl,
      useIpv6: global.useIpv6,
      asksForProof: this.#o.settings().dane !== undefined,
    };
  }

  #resolvConf(path: string): ResolvConf {
    const conf = parseResolvConf(this.#read(path));
    for (const problem of conf.problems) this.#o.panic.log('WARNING', 'DNS', `${path}:${problem.line}: ${problem.message}`);
    return conf;
  }

  #read(path: string): string {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      this.#o.panic.log('ERROR', 'DNS', `cannot read ${path}: ${(error as Error).message}`);
      return '';
    }
  }
}

/**
 * Where the mail of a queue is to be sent: gateway, else routes, else what DNS says of the domain.
 *
 * The one rule: a plan is targets in order, or the reply with which mail of the domain fails for now or for good; it says nothing about
 * which host is up. Our own name among the mail hosts cuts off itself and everything less preferred (RFC 5321 section 5.1), so that
 * mail never loops through us. Gateway hosts are resolved MX first, then by address (OUT-21).
 * Not here: keeping a plan, choosing a target (pool). Truth: rules OUT-20 to OUT-29, V6-01; attack A52.
 */
import { LeftGlobs, parseHostPort, parseIp, type Random } from '#base';
import { isProhibited } from '#dns';
import type { DomainQueue } from '#queue';
import type { DnsPort, GlobalSendingOptions, MailPlan } from '../ports.ts';
import { lookupReply, replies } from '../replies.ts';
import { methodOf, portOf } from '../methods/method.ts';
import { parseRoute, unixPath, type RouteEntry } from './route-option.ts';
import { hostTargets, orderTargets, type Target } from './targets.ts';

export type Plan =
  | { readonly kind: 'targets'; readonly targets: readonly Target[]; /** ms */ readonly lifeMs: number }
  | {
      readonly kind: 'failed';
      readonly reply: string;
      readonly isPermanent: boolean;
      /** DNS gave nothing: counts for DNS_Failures_To_Purge. */
      readonly isLookup: boolean;
      /** It was the MX records that could not be had: counts for MX_Failures_Fallback_To_A. */
      readonly isMx: boolean;
    };

/** Who says where mail goes: the key of the option, or the DNS. */
export type WaySource = 'staticRoute' | 'gateway' | 'routes' | 'dns';

/** Milliseconds for which a plan without a TTL of its own is believed. */
const STATIC_LIFE_MS = 60_000;
/** Shortest life of a plan: a TTL of 0 must not mean a query for every connection. */
const LEAST_LIFE_MS = 1_000;

interface PlannerOptions {
  readonly dns: DnsPort;
  readonly random: Random;
  readonly global: () => GlobalSendingOptions;
  /** Whether a host name is this server. */
  readonly isOwnName: (name: string) => boolean;
}

export class Planner {
  readonly #o: PlannerOptions;
  readonly #globs = new WeakMap<readonly string[], LeftGlobs>();

  constructor(o: PlannerOptions) {
    this.#o = o;
  }

  /** @param isAddressOnly after repeated failures of MX look-ups: only the addresses of the domain itself (OUT-25) */
  plan(queue: DomainQueue, isAddressOnly: boolean, done: (plan: Plan) => void): void {
    const { options } = queue;
    const port = portOf(options);
    if (methodOf(options) === undefined) {
      done({ kind: 'failed', reply: replies.methodMissing, isPermanent: false, isLookup: false, isMx: false });
      return;
    }
    switch (this.source(queue)) {
      case 'staticRoute':
        this.#gateway(this.#o.global().staticRoute ?? '', port, done);
        return;
      case 'gateway':
        this.#gateway(queue.gateway ?? options.gateway ?? '', port, done);
        return;
      case 'routes':
        this.#routes(queue, options.routes ?? [], done);
        return;
      case 'dns':
        this.#domain(queue.domain, port, isAddressOnly, this.#isRelayDomain(queue.domain) ? (plan) => done(bestOf(plan)) : done);
    }
  }

  /** OUT-20. */
  source({ gateway: own, options }: DomainQueue): WaySource {
    if (this.#o.global().staticRoute !== undefined) return 'staticRoute';
    const gateway = own ?? options.gateway;
    if (gateway !== undefined && gateway !== '') return 'gateway';
    return options.routes !== undefined && options.routes.length > 0 ? 'routes' : 'dns';
  }

  /** OUT-27: a domain that we relay for, by the lists of the global scope. */
  #isRelayDomain(domain: string): boolean {
    const { onlyUseBestMxForRelayDomains, relayDomains, bounceDomains } = this.#o.global();
    return onlyUseBestMxForRelayDomains && (this.#isIn(relayDomains, domain) || this.#isIn(bounceDomains, domain));
  }

  /** Lists are parsed once: the record that holds them stays the same until the configuration changes. */
  #isIn(list: readonly string[] | undefined, domain: string): boolean {
    if (list === undefined || list.length === 0) return false;
    let globs = this.#globs.get(list);
    if (globs === undefined) this.#globs.set(list, (globs = new LeftGlobs(list)));
    return globs.matches(domain);
  }

  /** The targets as the next connection tries them: equal ones in a new random order, so that connections spread evenly (OUT-22). */
  spread(targets: readonly Target[]): readonly Target[] {
    return targets.length < 2 ? targets : orderTargets(targets, this.#o.random);
  }

  #gateway(text: string, defaultPort: number, done: (plan: Plan) => void): void {
    const path = unixPath(text);
    if (path !== undefined) {
      done({ kind: 'targets', targets: [socketTarget(path.path, 0)], lifeMs: STATIC_LIFE_MS });
      return;
    }
    const to = parseHostPort(text);
    if (to === undefined) {
      done(failed(lookupReply(`"${text}" is no gateway`)));
      return;
    }
    const port = to.port ?? defaultPort;
    if (to.kind === 'ip') {
      done(this.#judge([fixed(to.host, port, 0)], STATIC_LIFE_MS));
      return;
    }
    this.#o.dns.mailHosts(to.host, (plan) => done(this.#fromDns(plan, { port, isForeign: false, configured: to.host })));
  }

  #domain(domain: string, port: number, isAddressOnly: boolean, done: (plan: Plan) => void): void {
    const literal = /^\[(?:ipv6:)?(.+)\]$/i.exec(domain)?.[1] ?? domain;
    const ip = parseIp(literal);
    if (ip !== undefined) {
      done(this.#judge([{ ip: ip.text, port, name: ip.text, preference: 0, isForeign: true }], STATIC_LIFE_MS));
      return;
    }
    const hear = (plan: MailPlan): void => done(this.#fromDns(plan, { port, isForeign: true }));
    if (isAddressOnly) this.#o.dns.hostAddresses(domain, hear);
    else this.#o.dns.mailHosts(domain, hear);
  }

  #fromDns(plan: MailPlan, o: { port: number; isForeign: boolean; configured?: string }): Plan {
    switch (plan.kind) {
      case 'null-mx':
        return permanent(replies.nullMx);
      case 'none':
        return failed(replies.noMxOrA);
      case 'temporary':
        return failed(lookupReply(plan.reason), plan.stage === 'mx');
      case 'hosts': {
        const own = o.isForeign ? plan.hosts.filter((host) => this.#o.isOwnName(host.name)) : [];
        const worst = Math.min(Infinity, ...own.map((host) => host.preference));
        const hosts = plan.hosts.filter((host) => host.preference < worst);
        if (hosts.length === 0 && own.length > 0) return permanent(replies.mailLoop);
        return this.#judge(
          this.#reachable(hostTargets(hosts, { ...o, isSecure: plan.isAuthenticated === true })),
          Math.max(LEAST_LIFE_MS, plan.ttl * 1000),
        );
      }
    }
  }

  /** All entries are resolved side by side; what DNS does not know now is left out while another entry gives an address. */
  #routes(queue: DomainQueue, texts: readonly string[], done: (plan: Plan) => void): void {
    const entries = texts.map((text, place) => parseRoute(text, place));
    const wrong = entries.indexOf(undefined);
    if (wrong >= 0) {
      done(failed(lookupReply(`"${texts[wrong] ?? ''}" is no route`)));
      return;
    }
    const targets: Target[] = [];
    let lifeMs = Infinity;
    let failure: Plan | undefined;
    let waiting = entries.length;
    const hear = (plan: Plan): void => {
      waiting -= 1;
      if (plan.kind === 'targets') {
        targets.push(...plan.targets);
        lifeMs = Math.min(lifeMs, plan.lifeMs);
      } else failure ??= plan;
      if (waiting > 0) return;
      if (targets.length > 0) done({ kind: 'targets', targets: orderTargets(targets, this.#o.random), lifeMs });
      else done(failure ?? failed(replies.noMxOrA));
    };
    for (const entry of entries) if (entry !== undefined) this.#route(entry, queue, hear);
  }

  #route(entry: RouteEntry, queue: DomainQueue, done: (plan: Plan) => void): void {
    const { preference } = entry;
    const port = portOf(queue.options);
    if (entry.kind === 'path') {
      done({ kind: 'targets', targets: [socketTarget(entry.path, preference)], lifeMs: STATIC_LIFE_MS });
      return;
    }
    if (entry.kind === 'mx-of-domain') {
      this.#domain(queue.domain, port, false, (plan) => done(withPreference(plan, preference)));
      return;
    }
    const { to, ttl, lookup } = entry;
    if (to.kind === 'ip') {
      done(this.#judge([fixed(to.host, to.port ?? port, preference)], lifeOf(ttl)));
      return;
    }
    const hear = (found: MailPlan): void => {
      const plan = withPreference(this.#fromDns(found, { port: to.port ?? port, isForeign: false, configured: to.host }), preference);
      done(ttl !== undefined && plan.kind === 'targets' ? { ...plan, lifeMs: lifeOf(ttl) } : plan);
    };
    if (lookup === 'a') this.#o.dns.hostAddresses(to.host, hear);
    else this.#o.dns.mailHosts(to.host, hear);
  }

  /** OUT-29: Use_IPv6 is about AAAA records; an address that somebody wrote down is meant. */
  #reachable(targets: readonly Target[]): readonly Target[] {
    return this.#o.global().useIpv6 ? targets : targets.filter(({ ip }) => !ip.includes(':'));
  }

  /** What is forbidden goes, and IPv6 where it is not to be used; nothing left is a permanent failure or an unknown domain. */
  #judge(targets: readonly Target[], lifeMs: number): Plan {
    const { prohibitedHosts } = this.#o.global();
    const { ownAddresses } = this.#o.global();
    const notOwn = ownAddresses === undefined ? targets : targets.filter(({ ip }) => !ownAddresses.has(ip));
    if (notOwn.length === 0 && targets.length > 0) return permanent(replies.ownAddress);
    const allowed = notOwn.filter(({ ip, isForeign }) => !isProhibited(ip, prohibitedHosts, isForeign ? 'learnt' : 'operator'));
    if (allowed.length > 0) return { kind: 'targets', targets: orderTargets(allowed, this.#o.random), lifeMs };
    return targets.length > 0 ? permanent(replies.prohibited) : failed(replies.noMxOrA);
  }
}

/** SMTP-09: a backup MX may be this server under another name, or one that would send the mail back. */
function bestOf(plan: Plan): Plan {
  if (plan.kind === 'failed') return plan;
  const best = Math.min(...plan.targets.map((target) => target.preference));
  return { ...plan, targets: plan.targets.filter((target) => target.preference === best) };
}

function fixed(ip: string, port: number, preference: number): Target {
  return { ip, port, name: ip, configured: ip, preference, isForeign: false };
}

function socketTarget(path: string, preference: number): Target {
  return { ip: path, port: 0, name: path, isPath: true, preference, isForeign: false };
}

function lifeOf(ttl: number | undefined): number {
  return ttl === undefined ? STATIC_LIFE_MS : Math.max(LEAST_LIFE_MS, ttl * 1000);
}

function failed(reply: string, isMx = false): Plan {
  return { kind: 'failed', reply, isPermanent: false, isLookup: true, isMx };
}

function permanent(reply: string): Plan {
  return { kind: 'failed', reply, isPermanent: true, isLookup: false, isMx: false };
}

/** All its targets at one preference, their own order kept by halves within it. */
function withPreference(plan: Plan, preference: number): Plan {
  if (plan.kind === 'failed') return plan;
  return {
    ...plan,
    targets: plan.targets.map((target, place) => ({ ...target, preference: preference + place / (plan.targets.length + 1) })),
  };
}

// Where mail for a domain goes: the hosts to try, best first, with their addresses (RFC 5321 5.1, RFC 7505, OUT-25, OUT-28, OUT-29).
//
// The rule to know: hosts come sorted by preference, those of equal preference in a new random order each time; addresses of a host too,
// IPv6 before IPv4. No MX records means the domain itself is the host; `MX 0 .` means it takes no mail; MX records none of which leads anywhere
// mean there is nowhere to go, never the domain's own address. One reachable host is a plan, even if others could not be looked up.
// Which addresses are prohibited, how often to try again and when to give up is decided by outbound and queue.

import { parseIp, shuffle } from '#base';
import type { Random } from '#base';
import type { DnsRecord, RecordType } from './message.ts';
import type { DnsAnswer } from './resolver.ts';

export interface MailHost {
  /** The name of the host as the MX record or the domain says it; for an address in place of a domain, the address. */
  readonly name: string;
  readonly preference: number;
  /** Canonical text, at least one. */
  readonly addresses: readonly string[];
  /** Seconds the addresses may be believed. */
  readonly ttl: number;
}

export type MailPlan =
  | {
      readonly kind: 'hosts';
      readonly hosts: readonly MailHost[];
      /** Seconds, the least of all parts, within the clamps. */
      readonly ttl: number;
      /** From MX records, from the domain's own addresses, or an address in place of the domain. */
      readonly origin: 'mx' | 'address' | 'literal';
      /** Whether the server said it verified the MX records (or their absence). */
      readonly isAuthenticated: boolean;
      /** MX targets that are addresses instead of names (OUT-31): not used here. */
      readonly literalExchanges: readonly string[];
    }
  /** The domain says that it takes no mail. */
  | { readonly kind: 'null-mx'; readonly ttl: number }
  /** There is no such domain, or nothing in it to deliver to. */
  | { readonly kind: 'none'; readonly ttl: number; readonly reason: string; readonly literalExchanges: readonly string[] }
  /** Ask again later. `stage` says what failed: the MX records or the addresses (mx_failures_fallback_to_a looks at this). */
  | { readonly kind: 'temporary'; readonly reason: string; readonly stage: 'mx' | 'address' };

interface MailPlanOptions {
  useIpv6: boolean;
  minTtl: number;
  maxTtl: number;
}

/** What a plan needs from the resolver. */
interface Asking {
  readonly random: Random;
  query(name: string, type: RecordType, done: (answer: DnsAnswer) => void): void;
  isInHosts(name: string): boolean;
}

export const mailPlanLimits = {
  /** MX records considered, best first, and addresses of a host. */
  hosts: 32,
  addresses: 32,
  /** How long a plan holds in which some host could not be looked up. */
  incompleteTtlSeconds: 60,
  literalTtlSeconds: 600,
} as const;

type Done = (plan: MailPlan) => void;

/** Plans for a domain, or for an address literal such as [192.0.2.1] or [IPv6:2001:db8::1]. */
export function mailHosts(dns: Asking, domain: string, o: MailPlanOptions, done: Done): void {
  if (domain.startsWith('[')) {
    done(literalPlan(domain, o));
    return;
  }
  dns.query(domain, 'MX', (answer) => {
    if (answer.kind === 'failed') done({ kind: 'temporary', reason: answer.reason, stage: 'mx' });
    else if (answer.kind === 'records') planFromMx(dns, domain, answer, o, done);
    else if (answer.kind === 'nodata' || dns.isInHosts(domain)) {
      addressHosts(dns, domain, o, done, { ttl: answer.ttl, isAuthenticated: answer.isAuthenticated });
    } else done({ kind: 'none', ttl: clamp(answer.ttl, o), reason: `there is no domain ${domain}`, literalExchanges: [] });
  });
}

/** Plans with the addresses of a name, without MX records. `above` is what was learnt on the way here. */
export function addressHosts(
  dns: Asking,
  name: string,
  o: MailPlanOptions,
  done: Done,
  above?: { ttl: number; isAuthenticated: boolean },
): void {
  if (name.startsWith('[')) {
    done(literalPlan(name, o));
    return;
  }
  lookUp(dns, name, o.useIpv6, (found) => {
    const ttl = clamp(Math.min(above?.ttl ?? Infinity, found.ttl), o);
    if (found.addresses.length > 0) {
      const hosts = [{ name, preference: 0, addresses: found.addresses, ttl: clamp(found.ttl, o) }];
      done({
        kind: 'hosts',
        hosts,
        ttl,
        origin: 'address',
        isAuthenticated: above?.isAuthenticated ?? found.isAuthenticated,
        literalExchanges: [],
      });
    } else if (found.failure !== undefined) done({ kind: 'temporary', reason: found.failure, stage: 'address' });
    else done({ kind: 'none', ttl, reason: `${name} has neither mail exchangers nor addresses`, literalExchanges: [] });
  });
}

function literalPlan(domain: string, o: MailPlanOptions): MailPlan {
  const inner = /^\[(?:ipv6:)?([^\]]*)\]$/i.exec(domain)?.[1] ?? '';
  const ip = parseIp(inner);
  const isTagged = /^\[ipv6:/i.test(domain);
  const ttl = clamp(mailPlanLimits.literalTtlSeconds, o);
  if (ip === undefined || (isTagged && ip.family === 4))
    return { kind: 'none', ttl, reason: `${domain} is no address`, literalExchanges: [] };
  const hosts = [{ name: ip.text, preference: 0, addresses: [ip.text], ttl }];
  return { kind: 'hosts', hosts, ttl, origin: 'literal', isAuthenticated: false, literalExchanges: [] };
}

interface Target {
  name: string;
  preference: number;
}

/** The MX records worth following: sorted, equal preferences shuffled, each name once at its best preference. */
function targetsOf(records: readonly DnsRecord[], random: Random): { targets: Target[]; literals: string[]; isNull: boolean } {
  const best = new Map<string, number>();
  const literals: string[] = [];
  let isNull = false;
  for (const r of records) {
    if (r.type !== 'MX') continue;
    if (r.exchange === '.' || r.exchange === '') isNull = true;
    else if (parseIp(r.exchange) !== undefined) {
      if (literals.length < mailPlanLimits.hosts) literals.push(r.exchange);
    } else best.set(r.exchange, Math.min(r.preference, best.get(r.exchange) ?? Infinity));
  }
  const targets = shuffle(
    Array.from(best, ([name, preference]) => ({ name, preference })),
    random,
  );
  targets.sort((a, b) => a.preference - b.preference);
  return { targets: targets.slice(0, mailPlanLimits.hosts), literals, isNull: isNull && best.size === 0 && literals.length === 0 };
}

function planFromMx(dns: Asking, domain: string, answer: DnsAnswer & { kind: 'records' }, o: MailPlanOptions, done: Done): void {
  const { targets, literals, isNull } = targetsOf(answer.records, dns.random);
  if (isNull) {
    done({ kind: 'null-mx', ttl: clamp(answer.ttl, o) });
    return;
  }
  if (targets.length === 0) {
    done({
      kind: 'none',
      ttl: clamp(answer.ttl, o),
      reason: `bad MX: the mail exchangers of ${domain} are no host names`,
      literalExchanges: literals,
    });
    return;
  }
  const found: (Found | undefined)[] = targets.map(() => undefined);
  let open = targets.length;
  targets.forEach((target, i) => {
    lookUp(dns, target.name, o.useIpv6, (addresses) => {
      found[i] = addresses;
      open -= 1;
      if (open === 0) done(planFromAddresses(domain, answer, { targets, found, literals }, o));
    });
  });
}

function planFromAddresses(
  domain: string,
  answer: DnsAnswer & { kind: 'records' },
  parts: { targets: readonly Target[]; found: readonly (Found | undefined)[]; literals: readonly string[] },
  o: MailPlanOptions,
): MailPlan {
  const hosts: MailHost[] = [];
  let { ttl } = answer;
  let failure: string | undefined;
  parts.targets.forEach(({ name, preference }, i) => {
    const found = parts.found[i];
    if (found === undefined) return;
    ttl = Math.min(ttl, found.ttl);
    failure ??= found.failure;
    if (found.addresses.length > 0) hosts.push({ name, preference, addresses: found.addresses, ttl: clamp(found.ttl, o) });
  });
  if (failure !== undefined) ttl = Math.min(ttl, mailPlanLimits.incompleteTtlSeconds);
  if (hosts.length > 0) {
    return {
      kind: 'hosts',
      hosts,
      ttl: clamp(ttl, o),
      origin: 'mx',
      isAuthenticated: answer.isAuthenticated,
      literalExchanges: parts.literals,
    };
  }
  if (failure !== undefined) return { kind: 'temporary', reason: failure, stage: 'address' };
  return { kind: 'none', ttl: clamp(ttl, o), reason: `no mail exchanger of ${domain} has an address`, literalExchanges: parts.literals };
}

interface Found {
  addresses: string[];
  ttl: number;
  isAuthenticated: boolean;
  failure: string | undefined;
}

/** The addresses of a host: AAAA (where wanted) before A, each in random order. Aliases are followed (a mail exchanger should have none, many do). */
function lookUp(dns: Asking, name: string, useIpv6: boolean, done: (found: Found) => void): void {
  const found: Found = { addresses: [], ttl: Infinity, isAuthenticated: true, failure: undefined };
  const take = (answer: DnsAnswer): void => {
    if (answer.kind === 'failed') {
      found.failure ??= answer.reason;
      return;
    }
    found.ttl = Math.min(found.ttl, answer.ttl);
    found.isAuthenticated = found.isAuthenticated && answer.isAuthenticated;
    if (answer.kind !== 'records') return;
    const texts = answer.records.flatMap((r) => (r.type === 'A' || r.type === 'AAAA' ? (parseIp(r.address)?.text ?? []) : []));
    found.addresses.push(...shuffle([...new Set(texts)], dns.random).slice(0, mailPlanLimits.addresses));
  };
  const ipv4 = (): void =>
    dns.query(name, 'A', (answer) => {
      take(answer);
      done(found);
    });
  if (!useIpv6) ipv4();
  else
    dns.query(name, 'AAAA', (answer) => {
      take(answer);
      ipv4();
    });
}

function clamp(ttl: number, o: MailPlanOptions): number {
  return Math.max(o.minTtl, Math.min(o.maxTtl, Number.isFinite(ttl) ? ttl : 0));
}

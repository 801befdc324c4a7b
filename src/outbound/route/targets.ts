/**
 * Addresses to connect to, in the order in which they are to be tried.
 *
 * The one rule: a lower preference is tried first, equal ones in random order of hosts, the addresses of a host as they were given; each
 * address and port appears once. Truth: RFC 5321 section 5.1; OUT-22.
 */
import { shuffle, type Random } from '#base';
import type { MailHost } from '../ports.ts';

export interface Target {
  /** Canonical text. */
  readonly ip: string;
  readonly port: number;
  /** Name of the host, or the address where there is none: what a certificate may name. */
  readonly name: string;
  readonly preference: number;
  /** The name that the operator wrote, where one did: what DNS made of it proves nothing. */
  readonly configured?: string;
  /** A Unix socket; then `ip` is its path, and the port 0. */
  readonly isPath?: boolean;
  /** Whether strangers chose it: what their DNS says, not what the operator wrote. */
  readonly isForeign: boolean;
  /** DNSSEC vouches that this host takes the mail of the domain. */
  readonly isSecure?: boolean;
}

/** OUT-02: the address that we connect from; '' where the system chooses, undefined when we have none of the target's family. */
export function sourceFor(target: Target, sources: readonly string[] | undefined): string | undefined {
  if (target.isPath === true || sources === undefined) return '';
  return sources.find((own) => own.includes(':') === target.ip.includes(':'));
}

export function orderTargets(targets: readonly Target[], random: Random): Target[] {
  if (targets.length < 2) return [...targets];
  const byPreference = new Map<number, Map<string, Target[]>>();
  const seen = new Set<string>();
  for (const target of targets) {
    const key = `${target.ip} ${target.port}`;
    if (seen.has(key)) continue;
    seen.add(key);
    let hosts = byPreference.get(target.preference);
    if (hosts === undefined) byPreference.set(target.preference, (hosts = new Map()));
    const own = hosts.get(target.name);
    if (own === undefined) hosts.set(target.name, [target]);
    else own.push(target);
  }
  const preferences = [...byPreference.keys()].sort((a, b) => a - b);
  return preferences.flatMap((preference) => shuffle([...(byPreference.get(preference)?.values() ?? [])], random).flat());
}

/** The addresses of hosts that DNS gave. */
export function hostTargets(
  hosts: readonly MailHost[],
  o: { port: number; isForeign: boolean; preference?: number; configured?: string; isSecure?: boolean },
): Target[] {
  return hosts.flatMap((host) =>
    host.addresses.map((ip) => ({
      ip,
      port: o.port,
      name: host.name,
      preference: o.preference ?? host.preference,
      isForeign: o.isForeign,
      ...(o.isSecure === true ? { isSecure: true } : {}),
      ...(o.configured === undefined ? {} : { configured: o.configured }),
    })),
  );
}

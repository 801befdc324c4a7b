/**
 * The way of a queue as an operator sees it: who said where its mail goes, and each host there with how it serves and how it failed.
 *
 * The one rule: a look at what the pool knows from its last plan; nothing is asked and nothing changes. `isNext` stands at each host that the next
 * connection may be tried with first: hosts of equal preference are drawn among. Bound: HOPS_MAX hosts.
 * Not here: words for people (control). Truth: section 5.1, `domain`; rules Q-07, SHP-09, OUT-20 to OUT-23.
 */
import type { Clock } from '#base';
import type { DomainQueue } from '#queue';
import { tlsDemand, type HostMemory } from './route/host-memory.ts';
import type { WaySource } from './route/planner.ts';
import { sourceFor, type Target } from './route/targets.ts';
import type { AddressMetrics } from './shaping/address-metrics.ts';

const HOPS_MAX = 50;

export interface Hop {
  /** An address, or the path of a Unix socket (port 0). */
  readonly ip: string;
  readonly port: number;
  readonly name: string;
  readonly preference: number;
  readonly isNext: boolean;
  /** Milliseconds since it failed, and until it may be tried again: while it is left alone for that. */
  readonly failedMsAgo: number | undefined;
  readonly waitMs: number | undefined;
  readonly reply: string | undefined;
  /** Averages for the binding. */
  readonly connectMs: number | undefined;
  readonly deliveryMs: number | undefined;
}

export interface WayView {
  /** Who says so, by the option's key; `dns` where no option speaks. */
  readonly by: WaySource;
  readonly hops: readonly Hop[];
  /** Hosts that are not shown. */
  readonly more: number;
}

interface Known {
  readonly targets: readonly Target[];
  readonly sources: readonly string[] | undefined;
}

interface Ports {
  readonly clock: Pick<Clock, 'mono'>;
  readonly hosts: Pick<HostMemory, 'find'>;
  readonly metrics: Pick<AddressMetrics, 'find'>;
}

/** @param known where the last plan led to */
export function hopsOf({ clock, hosts, metrics }: Ports, { options, domain, binding }: DomainQueue, { targets, sources }: Known): Hop[] {
  const demand = tlsDemand(options, domain);
  const now = clock.mono();
  const looked = targets.map((target) => {
    const source = sourceFor(target, sources);
    const failure = source === undefined ? undefined : hosts.find(target, { demand, source });
    return { target, source, failure };
  });
  const best = Math.min(
    ...looked.flatMap(({ target, source, failure }) => (source === undefined || failure !== undefined ? [] : target.preference)),
  );
  return looked.map(({ target, source, failure }) => {
    const { ip, port, name, preference } = target;
    const metric = metrics.find(binding, ip);
    return {
      ip,
      port,
      name,
      preference,
      isNext: source !== undefined && failure === undefined && preference === best,
      failedMsAgo: failure === undefined ? undefined : now - failure.at,
      waitMs: failure === undefined ? undefined : failure.until - now,
      reply: source === undefined ? 'no address of ours is of its family (Bind_Address)' : failure?.reply,
      connectMs: metric?.connectMs,
      deliveryMs: metric?.deliveryMs,
    };
  });
}

export function wayView(by: WaySource, hops: readonly Hop[]): WayView {
  return { by, hops: hops.slice(0, HOPS_MAX), more: Math.max(0, hops.length - HOPS_MAX) };
}

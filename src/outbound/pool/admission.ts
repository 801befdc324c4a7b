/**
 * What one attempt takes for each host that it dials: its places at the limits of the host, and its part of a throttle of connections.
 *
 * The one rule: what a host was given it gives back before the next one is dialled; whoever is refused stands in the right line. A host where TLS broke
 * and clear text had no chance, by a throttle, is dialled in clear text the next time. Bound: CLEAR_OWED_MAX hosts of the latter kind.
 * Not here: the lines (parking.ts), the limits (shaping). Truth: rules SHP-01, SHP-03, SHP-05, OUT-60.
 */
import type { DomainQueue } from '#queue';
import type { Target } from '../route/targets.ts';
import type { AddressMetrics } from '../shaping/address-metrics.ts';
import type { Lease, RateDemand, Shaper } from '../shaping/shaper.ts';
import type { Admission } from './attempt.ts';
import type { Parking } from './parking.ts';

const CLEAR_OWED_MAX = 1_024;

interface AdmissionOptions {
  readonly queue: DomainQueue;
  readonly shaper: Shaper;
  readonly metrics: AddressMetrics;
  readonly parking: Parking;
  /** Hosts where TLS failed and clear text waits for a throttle. */
  readonly clearOwed: Set<string>;
}

/** @param connections the throttle of connections, where there is one */
export function admissionOf(o: AdmissionOptions, lease: Lease, connections: RateDemand | undefined): Admission {
  const { queue, shaper, metrics, parking, clearOwed } = o;
  let held: string[] = [];
  const leave = (): void => {
    for (const name of held) shaper.drop(lease, name);
    held = [];
  };
  const pass = (): boolean => {
    if (connections === undefined || connections.gate.take(connections.limit, 1) === 1) return true;
    parking.atRate(connections);
    return false;
  };
  return {
    admit: (target) => {
      const demands = shaper.hostDemands(queue, target);
      const refusal = shaper.extend(lease, demands);
      if (refusal !== undefined) {
        parking.atPlace(refusal);
        return false;
      }
      held = demands.map(({ name }) => name);
      if (pass()) return true;
      leave();
      return false;
    },
    admitAgain: (target, how) => {
      if (pass()) return true;
      if (how === 'clear' && clearOwed.size < CLEAR_OWED_MAX) clearOwed.add(spotOf(target));
      return false;
    },
    failed: (target) => {
      leave();
      metrics.failed(queue.binding, target.ip);
    },
    isClearOwed: (target) => clearOwed.delete(spotOf(target)),
  };
}

function spotOf(target: Target): string {
  return `${target.ip} ${target.port}`;
}

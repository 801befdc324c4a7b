/**
 * How well an address serves a binding: how long it takes to connect and to deliver, and when it failed last.
 *
 * The one rule: among hosts of equal preference a faster one gets more connections, in proportion, and one that failed lately fewer; none gets
 * nothing, so that a host that recovers is noticed. Preference itself is never overruled, and hosts of which nothing is known are as good as the
 * best. What was not renewed for Address_Metrics_Lifetime is forgotten; ADDRESSES_MAX are remembered, the least recently used goes.
 * Not here: hosts that are skipped altogether (route/host-memory.ts). Truth: rule SHP-09.
 */
import type { Clock, Random } from '#base';

const ADDRESSES_MAX = 16_384;
/** Weight of the newest measurement in the average. */
const NEWEST = 0.25;
/** Milliseconds below which differences say nothing about a host. */
const FLOOR_MS = 5;
/** Milliseconds for which a place in the order holds: a new one for each message costs more than the measuring. */
const PLACE_MS = 100;
/** The least share of its weight that a host keeps after a failure. */
const LEAST = 0.05;

interface AddressMetric {
  /** Milliseconds, averages; undefined before the first. */
  readonly connectMs: number | undefined;
  readonly deliveryMs: number | undefined;
  /** Monotonic time of the last failure. */
  readonly failedAt: number | undefined;
}

interface Kept {
  connectMs: number | undefined;
  deliveryMs: number | undefined;
  failedAt: number | undefined;
  changedAt: number;
  /** When it got its place in the order. */
  placedAt: number;
}

export class AddressMetrics {
  readonly #o: { readonly clock: Pick<Clock, 'mono'>; readonly random: Random; readonly lifetimeSeconds: () => number };
  /** The oldest change is first, to PLACE_MS. */
  readonly #known = new Map<string, Kept>();

  constructor(o: { clock: Pick<Clock, 'mono'>; random: Random; lifetimeSeconds: () => number }) {
    this.#o = o;
  }

  get size(): number {
    return this.#known.size;
  }

  connected(binding: string, ip: string, ms: number): void {
    const kept = this.#change(binding, ip);
    kept.connectMs = average(kept.connectMs, ms);
  }

  delivered(binding: string, ip: string, ms: number): void {
    const kept = this.#change(binding, ip);
    kept.deliveryMs = average(kept.deliveryMs, ms);
  }

  failed(binding: string, ip: string): void {
    this.#change(binding, ip).failedAt = this.#o.clock.mono();
  }

  find(binding: string, ip: string): AddressMetric | undefined {
    const kept = this.#known.get(`${binding} ${ip}`);
    return kept === undefined || this.#isOld(kept) ? undefined : kept;
  }

  /** Targets in the order in which one connection tries them: as given, but those of equal preference drawn by their weight. */
  steer<T extends { readonly ip: string; readonly preference: number }>(binding: string, targets: readonly T[]): readonly T[] {
    if (targets.length < 2 || this.#known.size === 0) return targets;
    const ordered: T[] = [];
    for (let from = 0; from < targets.length;) {
      let to = from + 1;
      while (to < targets.length && targets[to]?.preference === targets[from]?.preference) to += 1;
      ordered.push(...this.#drawn(binding, targets.slice(from, to)));
      from = to;
    }
    return ordered;
  }

  #drawn<T extends { readonly ip: string }>(binding: string, equal: readonly T[]): readonly T[] {
    const metrics = equal.map(({ ip }) => this.find(binding, ip));
    if (equal.length < 2 || metrics.every((metric) => metric === undefined)) return equal;
    const costs = metrics.map(costOf);
    const best = Math.min(...costs.filter((cost) => cost !== undefined));
    const weighted = equal.map((target, i) => {
      const weight = (best / (costs[i] ?? best)) * this.#health(metrics[i]);
      // The greatest of u^(1/w) first draws without replacement by weight.
      return { target, key: this.#uniform() ** (1 / weight) };
    });
    return weighted.sort((a, b) => b.key - a.key).map(({ target }) => target);
  }

  #health(metric: AddressMetric | undefined): number {
    if (metric?.failedAt === undefined) return 1;
    return Math.min(1, Math.max(LEAST, (this.#o.clock.mono() - metric.failedAt) / (this.#o.lifetimeSeconds() * 1000)));
  }

  /** In (0, 1). */
  #uniform(): number {
    return (this.#o.random.int(1_000_000) + 0.5) / 1_000_000;
  }

  #change(binding: string, ip: string): Kept {
    const key = `${binding} ${ip}`;
    const before = this.#known.get(key);
    const now = this.#o.clock.mono();
    if (before !== undefined && !this.#isOld(before)) {
      before.changedAt = now;
      if (now - before.placedAt < PLACE_MS) return before;
    }
    this.#known.delete(key);
    const kept = before !== undefined && !this.#isOld(before) ? before : newMetric();
    kept.changedAt = now;
    kept.placedAt = now;
    this.#known.set(key, kept);
    if (before === undefined) this.#forgetOldest();
    return kept;
  }

  /** A new one makes room: at the bound, and two that are over for each that comes, so that none is kept without need. */
  #forgetOldest(): void {
    let looked = 0;
    for (const [key, kept] of this.#known) {
      if (looked >= 2 || (!this.#isOld(kept) && this.#known.size <= ADDRESSES_MAX)) return;
      looked += 1;
      this.#known.delete(key);
    }
  }

  #isOld(kept: Kept): boolean {
    return this.#o.clock.mono() - kept.changedAt > this.#o.lifetimeSeconds() * 1000;
  }
}

function newMetric(): Kept {
  return { connectMs: undefined, deliveryMs: undefined, failedAt: undefined, changedAt: 0, placedAt: 0 };
}

function average(before: number | undefined, ms: number): number {
  return before === undefined ? ms : before + (ms - before) * NEWEST;
}

function costOf(metric: AddressMetric | undefined): number | undefined {
  if (metric?.connectMs === undefined && metric?.deliveryMs === undefined) return undefined;
  return Math.max(FLOOR_MS, (metric.connectMs ?? 0) + (metric.deliveryMs ?? 0));
}

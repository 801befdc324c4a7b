/**
 * The limits of a queue as gates: which it passes for a connection and for a message, found once per record of options.
 *
 * The one rule: a connection needs a place at every gate (its binding's, those of each scope that sets a limit, the server's), or none: a
 * refusal names the gate and gives the others back. Limits and throttles belong to the definition that set them: who inherits one shares it
 * (FB-14). The reserve is used by sweeps alone, for queues that have mail and no connection (SHP-02).
 * Bounds: a gate for each limit in use; RATES_MAX throttles are remembered, the oldest unused one goes.
 * Not here: the limit of a queue by itself (pool), which definition it is (config). Truth: rules SHP-01 to SHP-05, FB-04a, FB-14.
 */
import type { Clock, TimerWheel } from '#base';
import type { LimitTable } from '#limits';
import type { DomainQueue, SendingOptions, SendingRate } from '#queue';
import type { GlobalSendingOptions, HostLimit, ShapingPort } from '../ports.ts';
import type { Cause } from '../standing.ts';
import { PlaceGate } from './place-gate.ts';
import { RateGate } from './rate-gate.ts';
import type { Waiter } from './waiter.ts';

const RATES_MAX = 4_096;

type Scope = NonNullable<Cause['scope']>;

/** A limit on connections as one queue meets it. */
interface PlaceDemand {
  readonly name: string;
  readonly limit: number;
  readonly option: string;
  readonly scope: Scope;
  readonly host?: string;
  /** Places beyond the limit, for sweeps alone. */
  readonly reserve?: number;
}

/** A throttle as one queue meets it. */
export interface RateDemand {
  readonly gate: RateGate;
  readonly limit: SendingRate;
  readonly option: string;
  readonly scope: Scope;
}

/** Limits on connections that definitions set. */
interface DefinedPlaces {
  readonly isOfBinding: boolean;
  readonly scopes: readonly PlaceDemand[];
}

export interface Shape {
  readonly places: readonly PlaceDemand[];
  readonly messages: RateDemand | undefined;
  readonly connections: RateDemand | undefined;
}

/** The places of one connection. */
export class Lease {
  readonly gates = new Map<string, PlaceGate>();

  release(): void {
    for (const gate of this.gates.values()) gate.release();
    this.gates.clear();
  }
}

export interface Refusal {
  readonly gate: PlaceGate;
  readonly demand: PlaceDemand;
}

interface ShaperOptions {
  readonly limits: LimitTable;
  readonly port: ShapingPort;
  readonly global: () => GlobalSendingOptions;
  readonly clock: Pick<Clock, 'mono'>;
  readonly wheel: Pick<TimerWheel, 'schedule' | 'cancel'>;
  readonly later: (work: () => void) => void;
}

const serverGate = 'server outbound';

export class Shaper {
  readonly #o: ShaperOptions;
  readonly #places = new Map<string, PlaceGate>();
  readonly #rates = new Map<string, RateGate>();
  readonly #defined = new WeakMap<SendingOptions, DefinedPlaces>();
  #sweepTimer = 0;

  constructor(o: ShaperOptions) {
    this.#o = o;
  }

  shapeOf(queue: DomainQueue): Shape {
    const { options, binding } = queue;
    const { global } = this.#o;
    const { isOfBinding, scopes } = this.#definedBy(options);
    const places: PlaceDemand[] = [];
    if (isOfBinding) {
      const limit = options.serverMaxOutboundConnections;
      places.push({ name: `binding ${binding}`, limit, option: 'serverMaxOutboundConnections', scope: 'binding' });
    }
    places.push(...scopes);
    const limit = global().serverMaxOutboundConnections;
    const reserve = global().serverReserveOutboundConnections ?? 0;
    places.push({ name: serverGate, limit, reserve, option: 'serverMaxOutboundConnections', scope: 'global' });
    for (const demand of places) this.#changed(demand);
    return {
      places,
      messages: this.#rate(options, 'outboundThrottleMessages'),
      connections: this.#rate(options, 'outboundThrottleConnections'),
    };
  }

  /** Who sets limits on connections on the way of these options: the same for all queues that have this record. */
  #definedBy(options: SendingOptions): DefinedPlaces {
    let defined = this.#defined.get(options);
    if (defined !== undefined) return defined;
    const { port } = this.#o;
    const [ofBinding] = port.definitions(options, 'serverMaxOutboundConnections');
    const scopes = port.definitions(options, 'scopeMaxOutboundConnections').map(({ id, value }) => ({
      name: `scope ${id}`,
      limit: Number(value),
      option: 'scopeMaxOutboundConnections',
      scope: scopeOf(id),
    }));
    defined = { isOfBinding: ofBinding !== undefined && ofBinding.id !== '', scopes };
    this.#defined.set(options, defined);
    return defined;
  }

  /** A place at every gate, or the first that refused. */
  acquire(demands: readonly PlaceDemand[], useReserve: boolean): Lease | Refusal {
    const lease = new Lease();
    const refusal = this.extend(lease, demands, useReserve);
    if (refusal === undefined) return lease;
    lease.release();
    return refusal;
  }

  /** More places for a lease; at a refusal it is as it was. */
  extend(lease: Lease, demands: readonly PlaceDemand[], useReserve = false): Refusal | undefined {
    const added: string[] = [];
    for (const demand of demands) {
      const { name } = demand;
      if (lease.gates.has(name)) continue;
      const gate = this.#gate(demand);
      if (gate.acquire(useReserve)) {
        lease.gates.set(name, gate);
        added.push(name);
        continue;
      }
      for (const other of added) this.drop(lease, other);
      return { gate, demand };
    }
    return undefined;
  }

  drop(lease: Lease, name: string): void {
    const gate = lease.gates.get(name);
    lease.gates.delete(name);
    gate?.release();
  }

  /** What a lease of one queue needs to serve another: what both pass stays, the rest is exchanged. False: a limit forbids it. */
  exchange(lease: Lease, demands: readonly PlaceDemand[]): boolean {
    const refusal = this.extend(lease, demands);
    refusal?.gate.settle();
    if (refusal !== undefined) return false;
    // A few of each, and nearly always the same: no set is made of them for every message.
    for (const held of lease.gates.keys()) if (!demands.some(({ name }) => name === held)) this.drop(lease, held);
    return true;
  }

  hostDemands(queue: DomainQueue, host: { readonly name: string; readonly ip: string }): readonly PlaceDemand[] {
    return this.#o.port.hostLimits(queue, host).map((limit: HostLimit) => ({ ...limit, scope: 'host' }));
  }

  /** Stands in line at a gate that refused. */
  wait({ gate, demand }: Refusal, waiter: Waiter): void {
    gate.wait(waiter);
    if (demand.name === serverGate) this.#armSweep();
  }

  used(name: string): number {
    return this.#places.get(name)?.used ?? 0;
  }

  /** The configuration changed: those who wait for a throttle reckon anew. Queues with other options ask for their shape again themselves. */
  reconfigured(): void {
    for (const gate of this.#rates.values()) gate.reconfigured();
  }

  stop(): void {
    this.#o.wheel.cancel(this.#sweepTimer);
  }

  /** A limit may be another than before: connections above it end, those who wait are called when there is more room. */
  #changed({ name, limit, reserve = 0 }: PlaceDemand): void {
    const gate = this.#places.get(name);
    if (gate === undefined || (gate.limit === limit && gate.reserve === reserve)) return;
    gate.limit = limit;
    gate.reserve = reserve;
    this.#o.later(gate.call);
  }

  #gate({ name, limit, reserve = 0 }: PlaceDemand): PlaceGate {
    let gate = this.#places.get(name);
    if (gate === undefined) {
      gate = new PlaceGate({
        open: () => this.#o.limits.concurrency(name),
        later: this.#o.later,
        idle: () => void this.#places.delete(name),
      });
      this.#places.set(name, gate);
    }
    gate.limit = limit;
    gate.reserve = reserve;
    return gate;
  }

  #rate(options: SendingOptions, option: 'outboundThrottleMessages' | 'outboundThrottleConnections'): RateDemand | undefined {
    const limit = options[option];
    if (limit === undefined || limit.count <= 0) return undefined;
    const id = this.#o.port.definitions(options, option)[0]?.id ?? '';
    const name = `${option} ${id}`;
    let gate = this.#rates.get(name);
    if (gate === undefined) {
      gate = new RateGate({ rate: this.#o.limits.rate(name), clock: this.#o.clock, wheel: this.#o.wheel });
      this.#rates.set(name, gate);
      if (this.#rates.size > RATES_MAX) this.#forgetRate();
    }
    gate.limit = limit;
    return { gate, limit, option, scope: scopeOf(id) };
  }

  /** Its memory stays in the table of limits until another name needs the place. */
  #forgetRate(): void {
    for (const [name, gate] of this.#rates) {
      if (gate.waiting > 0 || gate.expected > 0) continue;
      this.#rates.delete(name);
      return;
    }
  }

  /** One sweep while somebody waits for the server; none otherwise. */
  #armSweep(): void {
    const { reserveMaintenanceInterval = 15, serverReserveOutboundConnections = 0 } = this.#o.global();
    if (this.#sweepTimer !== 0 || serverReserveOutboundConnections === 0) return;
    this.#sweepTimer = this.#o.wheel.schedule(Math.max(1, reserveMaintenanceInterval) * 1000, this.#sweep);
  }

  readonly #sweep = (): void => {
    this.#sweepTimer = 0;
    const gate = this.#places.get(serverGate);
    if (gate === undefined) return;
    const { serverMaxOutboundConnections: max, serverReserveOutboundConnections: reserve = 0 } = this.#o.global();
    const room = max + reserve - gate.used;
    if (room > 0) for (const waiter of gate.takeStarved(room)) waiter.resumeWithReserve();
    if (gate.waiting > 0) this.#armSweep();
  };
}

/** The kind of scope that a definition (CC-12 form of its path) stands in. */
function scopeOf(id: string): Scope {
  const last = /(\w+):(?:[^:\\]|\\.)*:$/.exec(id)?.[1];
  if (last === 'Domain') return 'domain';
  if (last === 'Host') return 'host';
  if (last === 'Binding') return 'binding';
  return last === 'Binding_Group' ? 'group' : 'global';
}

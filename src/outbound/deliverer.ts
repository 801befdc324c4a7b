/**
 * The sending side of a loop: one pool of connections for each queue that has mail.
 *
 * The one rule: the queue announces work in the middle of other work; here it is only noted, and all noted pools go to work in one turn
 * of their own. stop() lets what is on the wire come to its end within the grace, then gives back the rest.
 * Bound: a pool per queue; queues that are forgotten take their pool with them.
 * Not here: anything about one connection. Truth: ARCHITECTURE.md, one message, steps 10 and 11.
 */
import { Slices, type Clock, type Random, type TimerWheel } from '#base';
import type { LimitTable } from '#limits';
import type { Counters, PanicLog } from '#observe';
import type { DomainQueue, Queues } from '#queue';
import { BodyGate } from './body-gate.ts';
import { DomainPool } from './pool/domain-pool.ts';
import type { PoolPorts } from './pool/pool-ports.ts';
import type { Connection } from './pool/connection.ts';
import type { ConnectPort, DnsPort, GlobalSendingOptions, PolicyPort, ShapingPort } from './ports.ts';
import { HostMemory } from './route/host-memory.ts';
import { Planner } from './route/planner.ts';
import type { TlsPort } from './session/tls.ts';
import { Tracers, type TracedLines, type TracerWish } from './session/trace.ts';
import { AddressMetrics } from './shaping/address-metrics.ts';
import { Shaper } from './shaping/shaper.ts';
import { Siblings } from './shaping/siblings.ts';
import { standingOf, type Standing } from './standing.ts';
import { stageName } from './stages.ts';
import type { MatchPort } from './transcode.ts';
import type { WayView } from './way.ts';

export interface DelivererOptions {
  readonly queues: Queues;
  readonly dns: DnsPort;
  readonly global: () => GlobalSendingOptions;
  readonly clock: Clock;
  readonly wheel: Pick<TimerWheel, 'schedule' | 'cancel'>;
  readonly random: Random;
  readonly connect: ConnectPort;
  readonly tls: TlsPort;
  /** What others have published about TLS with their hosts; left out, nothing is looked for. */
  readonly policies?: PolicyPort;
  readonly counters: Pick<Counters, 'add'>;
  /** Where a session that met an impossible state says so; left out, it only ends. */
  readonly panic?: Pick<PanicLog, 'log'>;
  /** Our own name, as EHLO says it by default. */
  readonly hostName: string;
  /** Counts shared with other loops. */
  readonly limits: LimitTable;
  readonly shaping: ShapingPort;
  /** Patterns of Response_Transcode_Pattern. */
  readonly match: MatchPort;
}

/** One connection, for the console. */
export interface ConnectionLine {
  readonly binding: string;
  readonly domain: string;
  readonly remoteIp: string;
  readonly state: string;
}

/** Milliseconds between two looks at whether every queue with mail has something that wakes it. */
const CHECK_MS = 60_000;
/** Milliseconds of a turn that work on many pools may take. */
const SLICE_MS = 3;
/** So many go to work between two looks at the clock. */
const AT_ONCE = 16;

export class Deliverer {
  readonly #o: DelivererOptions;
  readonly #pools = new Map<DomainQueue, DomainPool>();
  readonly #ports: PoolPorts;
  readonly #shaper: Shaper;
  /** In the order in which they will go to work. */
  readonly #noted = new Set<DomainPool>();
  readonly #refresh: Slices<DomainPool>;
  /** Not all pools know the options at the top yet. */
  #isGlobalNew = false;
  #works: (() => void)[] = [];
  #isScheduled = false;
  #global: GlobalSendingOptions;
  #isStopping = false;
  #stopped: (() => void) | undefined;

  constructor(o: DelivererOptions) {
    this.#o = o;
    const { clock, wheel, connect, tls, hostName, counters, queues } = o;
    const gate = new BodyGate((batch, done) => queues.residency.load(batch, done));
    const { global, random, limits, shaping } = o;
    this.#global = global();
    this.#refresh = new Slices({ clock, wheel, sliceMs: SLICE_MS });
    this.#shaper = new Shaper({ limits, port: shaping, global, clock, wheel, later: (work) => this.#soon(work) });
    const isOwnName = (name: string): boolean => name.toLowerCase() === hostName.toLowerCase();
    this.#ports = {
      clock,
      wheel,
      connect,
      tls,
      policies: o.policies,
      hostName,
      match: o.match,
      counters,
      hosts: new HostMemory(clock),
      planner: new Planner({ dns: o.dns, random, global, isOwnName }),
      dns: o.dns,
      shaper: this.#shaper,
      siblings: new Siblings<Connection, DomainPool>(),
      isMigrating: () => global().migrateConnectionsBetweenSiblingDomains ?? true,
      metrics: new AddressMetrics({ clock, random, lifetimeSeconds: () => global().addressMetricsLifetime ?? 1800 }),
      bodies: gate,
      tracers: new Tracers(clock),
      panic: o.panic ?? { log: () => undefined },
      later: (pool) => this.#note(pool),
    };
    queues.onWork((queue) => this.#note(this.#poolOf(queue)));
    wheel.schedule(CHECK_MS, this.#check);
    queues.onForget((queue) => {
      this.#pools.get(queue)?.forget();
      this.#pools.delete(queue);
    });
  }

  /** Connections open or being opened. */
  get connections(): number {
    let sum = 0;
    for (const pool of this.#pools.values()) sum += pool.connections;
    return sum;
  }

  /** What a queue is doing and the one thing that holds it back; O(1), nothing is scanned. */
  standing(queue: DomainQueue): Standing {
    return standingOf(queue, this.#pools.get(queue)?.standing);
  }

  /** Where the mail of a queue goes; undefined before it had any. */
  way(queue: DomainQueue): WayView | undefined {
    return this.#pools.get(queue)?.way;
  }

  /** Where the way of a queue led to when it was last found. */
  targets(queue: DomainQueue): readonly { readonly name: string; readonly port: number }[] {
    return this.#pools.get(queue)?.targets ?? [];
  }

  /** The way of a queue is looked for anew, and hosts that failed may be tried at once. */
  refresh(queue: DomainQueue): void {
    this.#pools.get(queue)?.renew();
  }

  /** What was said since the last call, in the conversations that are wished for; what others wished for before ends. */
  trace(wishes: readonly TracerWish[]): TracedLines[] {
    const { tracers } = this.#ports;
    const taken = tracers.take();
    if (!tracers.set(wishes)) return taken;
    for (const { queue, sessions } of this.#pools.values())
      for (const session of sessions) session.trace(tracers.of(queue, session.remoteIp));
    return taken;
  }

  *lines(): IterableIterator<ConnectionLine> {
    for (const pool of this.#pools.values()) {
      const { binding, domain } = pool.queue;
      for (const session of pool.sessions) yield { binding, domain, remoteIp: session.remoteIp, state: stageName(session.stage) };
    }
  }

  /** The configuration changed; call it after Queues.reconfigured(). With many queues that takes several turns. */
  reconfigured(): void {
    const global = this.#o.global();
    this.#isGlobalNew ||= global !== this.#global;
    this.#global = global;
    const isGlobal = this.#isGlobalNew;
    this.#refresh.walk(
      this.#pools.values(),
      (pool) => {
        if (isGlobal || pool.isOutdated) pool.refresh();
      },
      () => {
        this.#isGlobalNew = false;
        this.#shaper.reconfigured();
      },
    );
  }

  /** Lets what is under way come to its end within `graceMs`, then ends everything; what was not delivered stays queued. */
  stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#shaper.stop();
    for (const pool of this.#pools.values()) pool.stop();
    if (this.connections === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#o.wheel.schedule(graceMs, () => {
        for (const pool of this.#pools.values()) pool.abort();
      });
      this.#stopped = () => {
        this.#o.wheel.cancel(timer);
        resolve();
      };
    });
  }

  #poolOf(queue: DomainQueue): DomainPool {
    let pool = this.#pools.get(queue);
    if (pool === undefined) {
      pool = new DomainPool(queue, this.#ports);
      this.#pools.set(queue, pool);
    }
    return pool;
  }

  #note(pool: DomainPool): void {
    if (this.#isStopping) {
      if (this.connections === 0) this.#stopped?.();
      return;
    }
    this.#noted.add(pool);
    this.#schedule();
  }

  #soon(work: () => void): void {
    this.#works.push(work);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isStopping) return;
    this.#isScheduled = true;
    setImmediate(this.#run);
  }

  /** The standing check (SD-1426): a queue that nothing would wake is a defect of ours; it is counted, said and woken. */
  readonly #check = (): void => {
    if (this.#isStopping) return;
    const { counters, panic, wheel, queues } = this.#o;
    for (const queue of queues.queues()) {
      if (queue.ready === 0) continue;
      const pool = this.#poolOf(queue);
      if (!pool.isStuck || this.#noted.has(pool)) continue;
      counters.add('stuckQueues');
      panic?.log('CRITICAL', 'SMTP', `${queue.binding}::${queue.domain} had ${queue.ready} messages and nothing to wake it; it was woken`);
      this.#note(pool);
    }
    wheel.schedule(CHECK_MS, this.#check);
  };

  readonly #run = (): void => {
    this.#isScheduled = false;
    if (this.#isStopping) return;
    const works = this.#works;
    this.#works = [];
    for (const work of works) work();
    // Who is noted meanwhile stands behind the others, and has its turn in the next one.
    let left = this.#noted.size;
    const end = this.#o.clock.mono() + SLICE_MS;
    for (const pool of this.#noted) {
      this.#noted.delete(pool);
      pool.poke();
      left -= 1;
      if (left === 0 || (left % AT_ONCE === 0 && this.#o.clock.mono() >= end)) break;
    }
    if (this.#noted.size > 0) this.#schedule();
  };
}

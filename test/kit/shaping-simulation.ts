/**
 * A sending server on a simulated clock: real queues, real deliverers of two loops, shared limits; only the network and the time are made up.
 *
 * The one rule: what is counted is what a next hop would see: when each message began and how many connections were open at a time. Every queue
 * is kept full, so that a limit that is not used is a fault of the sender.
 * Bound: `topUp` messages in a queue at a time. Not here: what is demanded of the counts (the tests).
 */
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { ManualClock, seededRandom, TimerWheel, type Random } from '#base';
import { LimitTable } from '#limits';
import { Deliverer, type Dial, type GlobalSendingOptions } from '#outbound';
import { Queues, type SendingOptions, type SendingRate } from '#queue';
import { hopSocket } from '#simulation';

const TICK_MS = 10;

export interface SimulatedQueue {
  readonly binding: string;
  readonly domain: string;
  readonly limits: Partial<SendingOptions>;
  /** Definitions of the limits in `limits`, by option. */
  readonly ids: Readonly<Record<string, string>>;
}

/** What the way of a message to this network asks for; the rest has no part in it. */
const defaults = {
  retryInterval: 1200,
  maxRetryInterval: 43_200,
  maxRetries: 'auto',
  messageExpiration: 8_640_000,
  neverRetry: false,
  neverAttemptExpiredMessages: false,
  suspendDelivery: false,
  blackhole: 'false',
  generateBounces: true,
  bouncesInlineOriginal: 'headers',
  maxRecipientsPerBatch: 100,
  maxResidentActiveQueue: 250,
  dropBodyAfterTransFail: 3,
  delayedBindingDomainFuzz: 0,
  remoteSmtpPort: 25,
  deliveryMethod: 'ESMTP',
  ehloHostname: '__hostname__',
  maxOutboundConnections: 32,
  serverMaxOutboundConnections: 20_000,
  connectionAllocationAggressiveness: 'high',
  maxDeliveriesPerConnection: 0,
  maxRecipientsPerConnection: 0,
  idleTimeout: 5,
  connectTimeout: 300,
  ehloTimeout: 300,
  mailfromTimeout: 300,
  rcpttoTimeout: 300,
  bodyTimeout: 600,
  rsetTimeout: 30,
  hostFailureRetry: 120,
  mxFailuresToDelay: 50,
  connectTimeoutToDelay: 900,
  mxFailuresFallbackToA: 3,
  dnsFailuresToPurge: 10,
  send8bitmime: 'no',
  tls: 'no',
  tlsIfavailableFallback: true,
  tlsVerify: 'no',
} as SendingOptions;

/** Begun messages by definition of a throttle, and connections by definition of a limit. */
export class Ledger {
  /** Times in milliseconds, in order. */
  readonly begun = new Map<string, number[]>();
  readonly dialled = new Map<string, number[]>();
  readonly open = new Map<string, number>();
  readonly peak = new Map<string, number>();
  messages = 0;

  note(map: Map<string, number[]>, id: string, at: number): void {
    const times = map.get(id);
    if (times === undefined) map.set(id, [at]);
    else times.push(at);
  }

  change(id: string, by: 1 | -1): void {
    const open = (this.open.get(id) ?? 0) + by;
    this.open.set(id, open);
    this.peak.set(id, Math.max(this.peak.get(id) ?? 0, open));
  }
}

/** The most that some window of the rate's length holds, wherever it begins. */
export function worstWindow(times: readonly number[], rate: SendingRate): number {
  let most = 0;
  let from = 0;
  for (let to = 0; to < times.length; to += 1) {
    // A microsecond for what floating point loses.
    while (times[to]! - times[from]! >= rate.periodSeconds * 1000 - 0.001) from += 1;
    most = Math.max(most, to - from + 1);
  }
  return most;
}

interface SimulationOptions {
  readonly queues: readonly SimulatedQueue[];
  readonly serverMax: number;
  readonly seed: number;
  /** Messages that each queue is filled up to. */
  readonly topUp: number;
}

export class Simulation {
  readonly ledger = new Ledger();
  readonly clock = new ManualClock();
  /** Timers that senders set, and definitions of limits that they asked for. */
  timersSet = 0;
  looks = 0;
  readonly loops: { queues: Queues; deliverer: Deliverer }[] = [];
  readonly #o: SimulationOptions;
  readonly #wheel = new TimerWheel({ clock: this.clock });
  readonly #random: Random;
  readonly #byName = new Map<string, SimulatedQueue>();
  readonly #records = new Map<string, SendingOptions>();
  readonly #global: GlobalSendingOptions;
  #ids = 0;

  constructor(o: SimulationOptions) {
    this.#o = o;
    this.#global = {
      serverMaxOutboundConnections: o.serverMax,
      prohibitedHosts: [],
      useIpv6: true,
      onlyUseBestMxForRelayDomains: true,
      migrateConnectionsBetweenSiblingDomains: false,
    };
    this.#random = seededRandom(o.seed);
    // The port tells the other side whose connection it is.
    o.queues.forEach((queue, i) => {
      this.#byName.set(`${queue.binding} ${queue.domain}`, queue);
      this.#records.set(`${queue.binding} ${queue.domain}`, { ...defaults, ...queue.limits, remoteSmtpPort: i + 1 });
    });
    const shared = LimitTable.create({ loops: 2, slots: 1024, rates: 256 });
    for (const loop of [0, 1]) this.loops.push(this.#loop(LimitTable.attach(shared, { loop, clock: this.clock })));
  }

  /** Time passes, and no new mail comes. */
  async pass(seconds: number): Promise<void> {
    for (let ms = 0; ms < seconds * 1000; ms += TICK_MS) await this.#tick();
  }

  /** Runs until so many messages have begun; gives the simulated seconds that it took. */
  async run(messages: number): Promise<number> {
    const start = this.clock.mono();
    while (this.ledger.messages < messages) {
      this.#fill();
      await this.#tick();
    }
    return (this.clock.mono() - start) / 1000;
  }

  async #tick(): Promise<void> {
    this.clock.advance(TICK_MS);
    this.#wheel.advance();
    for (let i = 0; i < 4; i += 1) await turn();
  }

  async stop(): Promise<void> {
    const stopped = this.loops.map(({ deliverer }) => deliverer.stop(0));
    for (let i = 0; i < 100; i += 1) await this.#tick();
    await Promise.all(stopped);
  }

  /** The wheel as the senders have it. */
  get #counted(): Pick<TimerWheel, 'schedule' | 'cancel'> {
    const schedule = (ms: number, fn: (arg: unknown) => void, arg: unknown): number => {
      this.timersSet += 1;
      return this.#wheel.schedule(ms, fn, arg);
    };
    return { schedule: schedule as TimerWheel['schedule'], cancel: (id) => this.#wheel.cancel(id) };
  }

  #loop(limits: LimitTable): { queues: Queues; deliverer: Deliverer } {
    const optionsOf = new Map<SendingOptions, SimulatedQueue>();
    for (const [name, record] of this.#records) optionsOf.set(record, this.#byName.get(name)!);
    const wheel = this.#counted;
    const queues = new Queues({
      resolver: {
        sending: (_group, binding, domain) => this.#records.get(`${binding} ${domain}`)!,
        domainGateway: () => undefined,
      },
      spool: { note: () => undefined, settled: () => undefined, loadBody: () => undefined },
      notices: { send: (_facts, done) => done() },
      clock: this.clock,
      wheel,
      random: this.#random,
      records: { record: () => undefined },
      counters: { add: () => undefined },
      panic: { log: () => undefined },
    });
    const deliverer = new Deliverer({
      match: () => undefined,
      queues,
      dns: {
        mailHosts: (domain, done) => done({ kind: 'hosts', hosts: [{ name: domain, preference: 0, addresses: ['192.0.2.1'] }], ttl: 60 }),
        hostAddresses: (_name, done) => done({ kind: 'none' }),
      },
      global: () => this.#global,
      clock: this.clock,
      wheel,
      random: this.#random,
      connect: (to) => this.#connect(to),
      tls: { begin: () => 'none' },
      counters: { add: () => undefined },
      hostName: 'sim.test',
      limits,
      shaping: {
        definitions: (options, option) => {
          this.looks += 1;
          const id = optionsOf.get(options)?.ids[option];
          return id === undefined ? [] : [{ id, value: options[option] }];
        },
        hostLimits: () => [],
      },
    });
    return { queues, deliverer };
  }

  #connect(to: Dial): Socket {
    const queue = this.#o.queues[to.port - 1]!;
    const { ledger, clock } = this;
    const { ids } = queue;
    const counted = ['server', `${queue.binding} ${queue.domain}`, ids['serverMaxOutboundConnections'], ids['scopeMaxOutboundConnections']];
    for (const id of counted) if (id !== undefined) ledger.change(id, 1);
    if (ids['outboundThrottleConnections'] !== undefined) ledger.note(ledger.dialled, ids['outboundThrottleConnections'], clock.mono());
    return hopSocket({
      wheel: this.#wheel,
      worksMs: () => TICK_MS * (1 + this.#random.int(3)),
      begun: () => {
        ledger.messages += 1;
        const id = ids['outboundThrottleMessages'];
        if (id !== undefined) ledger.note(ledger.begun, id, clock.mono());
      },
      gone: () => {
        for (const id of counted) if (id !== undefined) ledger.change(id, -1);
      },
    });
  }

  /** Every queue has mail. Queues are dealt to the loops as the server does it: one owner each. */
  #fill(): void {
    this.#o.queues.forEach((queue, i) => {
      const { queues } = this.loops[i % 2]!;
      const known = queues.find(queue.binding, queue.domain);
      for (let n = known?.active ?? 0; n < this.#o.topUp; n += 1) this.#accept(queues, queue);
    });
  }

  #accept(queues: Queues, { binding, domain }: SimulatedQueue): void {
    this.#ids += 1;
    const recipient = { id: `r${this.#ids}`, address: `u@${domain}`, local: 'u', domain, binding, bindingGroup: 'default' };
    queues.accepted(
      {
        batchId: `b${this.#ids}`,
        connectionId: 'c',
        sender: 's@origin.test',
        recipients: [recipient],
        receivedAt: this.clock.now(),
        size: 3,
        remoteIp: '192.0.2.9',
        remotePort: 9,
        protocol: 'esmtp',
        helo: 'h',
        contextConnection: {},
        contextMessage: {},
      },
      body,
    );
  }
}

const body = Buffer.from('x\r\n');

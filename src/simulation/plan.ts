/**
 * How long mail would take under a configuration: real queues, the real scheduler, made-up network and time.
 *
 * The one rule: nothing is reckoned, it is sent: each message of the plan is queued and leaves when the sender of the server would let it. What is
 * left out is said in the result: TLS, AUTH and XCLIENT take no time, every host takes everything, other mail does not exist. What a real clock
 * would call too long ends the run, with what was sent by then. Bounds: MESSAGES_MAX, QUEUES_MAX, REAL_MS of work, SIMULATED_S.
 * Not here: the limits (limits), who asks (control). Truth: the issue's `simulate`; rules SHP-*.
 */
import { seededRandom, type Clock } from '#base';
import { withOptions } from '#config';
import { LimitTable } from '#limits';
import { Deliverer, type Cause, type DnsPort, type GlobalSendingOptions, type MailPlan, type ShapingPort } from '#outbound';
import { Queues, type DomainQueue, type OptionsPort, type SendingOptions } from '#queue';
import { hopSocket } from './hop-socket.ts';
import { SimulatedTime } from './time.ts';

export const MESSAGES_MAX = 1_000_000;
export const QUEUES_MAX = 1_000;
const REAL_MS = 20_000;
const SIMULATED_S = 30 * 86_400;
/** Messages that wait in a queue of the simulation at a time; the others follow. */
const AHEAD = 500;
/** How often each queue is asked what holds it back, at most. */
const LOOKS = 400;

interface PlanItem {
  readonly group: string;
  readonly binding: string;
  readonly domain: string;
  readonly messages: number;
}

export interface SimulationPlan {
  readonly items: readonly PlanItem[];
  /** Milliseconds for an answer over the network, and for a message to be taken. */
  readonly roundTripMs: number;
  readonly takesMs: number;
}

interface SimulationPorts {
  readonly options: OptionsPort;
  readonly shaping: ShapingPort;
  readonly global: () => GlobalSendingOptions;
  /** The clock of the world outside: how long a run may take. */
  readonly clock: Pick<Clock, 'mono'>;
}

export interface SimulatedQueueResult extends PlanItem {
  readonly sent: number;
  /** Simulated seconds until the last one was taken; undefined: not all were. */
  readonly seconds: number | undefined;
  readonly peakConnections: number;
  /** What held it back most often, and in what part of the looks. */
  readonly cause: Cause | undefined;
  readonly share: number;
  /** The name whose options hold. */
  readonly optionsName: string;
}

export interface SimulationResult {
  readonly queues: readonly SimulatedQueueResult[];
  /** Simulated seconds that passed. */
  readonly seconds: number;
  readonly realMs: number;
  readonly end: 'all sent' | 'nothing moves' | 'out of patience';
}

interface Row {
  readonly item: PlanItem;
  readonly queue: DomainQueue;
  given: number;
  seconds: number | undefined;
  peak: number;
  looks: number;
  readonly causes: Map<string, { cause: Cause; count: number }>;
}

export async function simulate(ports: SimulationPorts, plan: SimulationPlan): Promise<SimulationResult> {
  return new Run(ports, plan).run();
}

class Run {
  readonly #plan: SimulationPlan;
  readonly #ports: SimulationPorts;
  readonly #time = new SimulatedTime();
  readonly #queues: Queues;
  readonly #deliverer: Deliverer;
  readonly #rows: Row[];
  #ids = 0;
  #lastSentAt = 0;

  constructor(ports: SimulationPorts, plan: SimulationPlan) {
    this.#plan = plan;
    this.#ports = ports;
    const { clock, wheel } = this.#time;
    const random = seededRandom(1);
    const bare = bareOptions(ports);
    this.#queues = new Queues({
      resolver: bare.options,
      spool: { note: nothing, settled: nothing, loadBody: (_id, done) => done(undefined, body) },
      notices: { send: (_facts, done) => done() },
      clock,
      wheel,
      random,
      records: {
        record: ({ kind }) => {
          if (kind === 'D') this.#lastSentAt = clock.mono();
        },
      },
      counters: { add: nothing },
      panic: { log: nothing },
    });
    this.#deliverer = new Deliverer({
      queues: this.#queues,
      dns: hosts,
      global: () => ({ ...ports.global(), prohibitedHosts: [], ownAddresses: undefined }),
      clock,
      wheel,
      random,
      connect: () => this.#connect(),
      tls: { begin: () => 'none' },
      // No reply is changed: the made-up hosts take everything.
      match: () => undefined,
      counters: { add: nothing },
      hostName: 'simulation.invalid',
      limits: LimitTable.attach(LimitTable.create({ loops: 1 }), { loop: 0, clock }),
      shaping: bare.shaping,
    });
    this.#rows = plan.items.map((item) => {
      const queue = this.#queues.queueFor(item.group, item.binding, item.domain);
      const row: Row = { item, queue, given: 0, seconds: undefined, peak: 0, looks: 0, causes: new Map() };
      return row;
    });
  }

  async run(): Promise<SimulationResult> {
    const { clock } = this.#time;
    const since = this.#ports.clock.mono();
    let lookAt = 0;
    let every = 100;
    let end: SimulationResult['end'] = 'all sent';
    for (let steps = 0; this.#fill(); steps += 1) {
      if (!(await this.#time.step(86_400_000)) && !this.#isMoving()) {
        end = 'nothing moves';
        break;
      }
      if (clock.mono() >= lookAt) {
        this.#look();
        // Looks are spread over whatever time it takes: the first are close together.
        every *= 1 + 10 / LOOKS;
        lookAt = clock.mono() + every;
      }
      if (clock.mono() > SIMULATED_S * 1000 || (steps % 64 === 0 && this.#ports.clock.mono() - since > REAL_MS)) {
        end = clock.mono() > SIMULATED_S * 1000 ? 'nothing moves' : 'out of patience';
        break;
      }
    }
    // Where nothing moves time went on for nothing.
    const seconds = (end === 'nothing moves' ? this.#lastSentAt : clock.mono()) / 1000;
    this.#look();
    void this.#deliverer.stop(0);
    return { queues: this.#rows.map(resultOf), seconds, realMs: this.#ports.clock.mono() - since, end };
  }

  /** Gives queues more of what the plan has for them; false when all of it was sent. */
  #fill(): boolean {
    let isLeft = false;
    for (const row of this.#rows) {
      if (row.seconds !== undefined) continue;
      const { item, queue } = row;
      if (queue.statistics.deliveries >= item.messages) {
        row.seconds = this.#time.clock.mono() / 1000;
        continue;
      }
      isLeft = true;
      if (queue.active > AHEAD / 2) continue;
      for (let n = queue.active + queue.delayed; n < AHEAD && row.given < item.messages; n += 1) this.#accept(row);
    }
    return isLeft;
  }

  /** Whether any queue could still send by itself. */
  #isMoving(): boolean {
    return this.#rows.some(({ seconds, queue }) => seconds === undefined && this.#deliverer.standing(queue).cause?.kind !== 'suspended');
  }

  #look(): void {
    for (const row of this.#rows) {
      if (row.seconds !== undefined) continue;
      row.looks += 1;
      const { cause } = this.#deliverer.standing(row.queue);
      if (cause === undefined || cause.kind === 'no-mail') continue;
      const key = `${cause.kind} ${cause.option ?? ''} ${cause.limit ?? ''}`;
      const known = row.causes.get(key);
      if (known === undefined) row.causes.set(key, { cause, count: 1 });
      else known.count += 1;
    }
    for (const row of this.#rows) row.peak = Math.max(row.peak, row.queue.connections);
  }

  #connect(): ReturnType<typeof hopSocket> {
    const { roundTripMs, takesMs } = this.#plan;
    for (const row of this.#rows) row.peak = Math.max(row.peak, row.queue.connections);
    return hopSocket({
      wheel: this.#time.wheel,
      worksMs: () => Math.max(1, takesMs),
      answersMs: () => Math.max(1, roundTripMs),
      begun: nothing,
      gone: nothing,
    });
  }

  #accept(row: Row): void {
    const { group, binding, domain } = row.item;
    this.#ids += 1;
    row.given += 1;
    const recipient = { id: `r${this.#ids}`, address: `u@${domain}`, local: 'u', domain, binding, bindingGroup: group };
    this.#queues.accepted(
      {
        batchId: `b${this.#ids}`,
        connectionId: 'simulation',
        sender: 's@simulation.invalid',
        recipients: [recipient],
        receivedAt: this.#time.clock.now(),
        size: body.length,
        remoteIp: '192.0.2.1',
        remotePort: 1,
        protocol: 'esmtp',
        helo: 'simulation.invalid',
        contextConnection: {},
        contextMessage: {},
      },
      body,
    );
  }
}

const body = Buffer.from('x\r\n');

function nothing(): void {
  // What the simulation does not look at.
}

function resultOf({ item, queue, seconds, peak, looks, causes }: Row): SimulatedQueueResult {
  const [most] = [...causes.values()].sort((a, b) => b.count - a.count);
  const sent = Math.min(queue.statistics.deliveries, item.messages);
  return {
    ...item,
    sent,
    seconds,
    peakConnections: peak,
    cause: most?.cause,
    share: most === undefined ? 0 : most.count / Math.max(1, looks),
    optionsName: queue.optionsName,
  };
}

/** Every name has one host, with an address of its own of each family. */
const hosts: DnsPort = {
  mailHosts: (name, done) => done(planOf(name)),
  hostAddresses: (name, done) => done(planOf(name)),
};

function planOf(name: string): MailPlan {
  let hash = 0;
  for (let i = 0; i < name.length; i += 1) hash = (hash * 31 + name.charCodeAt(i)) >>> 0;
  const [a, b, c] = [hash & 255, (hash >> 8) & 255, (hash >> 16) & 1];
  const addresses = [`198.${18 + c}.${b}.${a}`, `2001:db8::${(hash & 0xffff).toString(16)}:${(hash >>> 16).toString(16)}`];
  return { kind: 'hosts', hosts: [{ name: `mx.${name}`, preference: 0, addresses }], ttl: 86_400 };
}

/** Options without what the made-up hosts do not speak; limits are still counted by who defined the real ones. */
function bareOptions({ options, shaping }: SimulationPorts): { options: OptionsPort; shaping: ShapingPort } {
  const copies = new WeakMap<SendingOptions, SendingOptions>();
  const originals = new WeakMap<SendingOptions, SendingOptions>();
  const bare = (real: SendingOptions): SendingOptions => {
    let copy = copies.get(real);
    if (copy === undefined) {
      const off = { tls: 'no', xclient: 'no', outboundSmtpAuthType: undefined, outboundSmtpAuthUser: undefined } as const;
      const deliveryMethod = /^(?:e?smtp|lmtp)$/i.test(real.deliveryMethod) ? real.deliveryMethod : 'ESMTP';
      copy = withOptions(real, { ...off, deliveryMethod });
      copies.set(real, copy);
      originals.set(copy, real);
    }
    return copy;
  };
  return {
    options: {
      sending: (group, binding, domain) => bare(options.sending(group, binding, domain)),
      domainGateway: (group, binding, domain) => options.domainGateway(group, binding, domain),
    },
    shaping: {
      definitions: (copy, option) => shaping.definitions(originals.get(copy) ?? copy, option),
      hostLimits: (queue, host) => shaping.hostLimits(queue, host),
    },
  };
}

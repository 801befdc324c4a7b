/**
 * The connections of one binding::domain queue: opened as the backlog asks, lent to one delivery after the other, kept idle for a while.
 *
 * The one rule: the limit is exact, connections being opened count. A queue that a limit or a throttle holds back parks: it stands in one line and
 * does nothing until it is called. A domain that cannot be reached rests until a host may be tried again.
 * Bounds: Max_Outbound_Connections connections; one plan; no list of messages, they stay in the queue.
 * Not here: how a connection comes to be (opening.ts), what becomes of mail when none can be had (unreachable.ts), order of hosts (route), what is
 * said (session), limits shared with others (shaping).
 * Truth: rules SHP-01, SHP-02, SHP-05 to SHP-09, Q-07, Q-08, OUT-25; SD-1453.
 */
import type { Delivery, DomainQueue, RecipientResult, SendingOptions } from '#queue';
import { tlsDemand } from '../route/host-memory.ts';
import { sourceFor, type Target } from '../route/targets.ts';
import type { ClientSession, SessionOwner } from '../session/session.ts';
import { ehloNameOf, faceOf, identityOf } from '../shaping/identity.ts';
import { TURN_MS } from '../shaping/place-gate.ts';
import { Lease, type Shape } from '../shaping/shaper.ts';
import { siblingNames } from '../shaping/siblings.ts';
import type { Cause, Standing } from '../standing.ts';
import { transcoded } from '../transcode.ts';
import { hopsOf, wayView, type WayView } from '../way.ts';
import type { Attempt, AttemptOutcome, AttemptSuccess } from './attempt.ts';
import type { Connection, ConnectionHolder } from './connection.ts';
import { connectionLimit, wantedConnections } from './growth.ts';
import { attemptOf, connectionOf, type Held } from './opening.ts';
import { Parking } from './parking.ts';
import { PlanKeeper, type Way } from './plan-keeper.ts';
import type { PoolPorts } from './pool-ports.ts';
import { Setbacks } from './setbacks.ts';
import { unplanned, unreached } from './unreachable.ts';

/** Milliseconds after which a throttled queue looks whether its connections are too slow for what it may send. */
const GROW_AGAIN_MS = 1_000;

export class DomainPool implements SessionOwner, ConnectionHolder {
  readonly queue: DomainQueue;
  readonly #ports: PoolPorts;
  readonly #sessions = new Map<ClientSession, Connection>();
  readonly #idle: Connection[] = [];
  /** Made with the first of them: most of a hundred thousand queues take over a sibling's connection and dial nobody. */
  #attempts: Map<Attempt, Lease> | undefined;
  readonly #plans: PlanKeeper;
  readonly #parking: Parking;
  readonly #setbacks: Setbacks;
  /** Hosts where TLS failed and clear text waits for a throttle. */
  #clearOwed: Set<string> | undefined;
  #shape: Shape | undefined;
  #shapedFor: SendingOptions | undefined;
  /** What it was made or refreshed for. */
  #worksBy: SendingOptions;
  #growTimer = 0;
  #isStopping = false;

  constructor(queue: DomainQueue, ports: PoolPorts) {
    this.queue = queue;
    this.#ports = ports;
    const { planner, dns, clock, wheel, shaper } = ports;
    this.#worksBy = queue.options;
    this.#setbacks = new Setbacks({ clock, wheel, ready: () => ports.later(this) });
    this.#plans = new PlanKeeper({ queue, planner, dns, clock, ready: () => ports.later(this) });
    this.#parking = new Parking({
      shaper,
      queue,
      isStarved: () => this.connections === 0 && queue.ready > 0,
      resume: () => this.poke(),
      satisfied: () => ports.siblings.satisfied(this),
    });
  }

  get options(): SendingOptions {
    return this.queue.options;
  }

  /** Connections open or being opened. */
  get connections(): number {
    return this.#sessions.size + (this.#attempts?.size ?? 0);
  }

  get targets(): readonly Target[] {
    return this.#plans.known.targets;
  }

  get sessions(): Iterable<ClientSession> {
    return this.#sessions.keys();
  }

  /** Gives ready mail to idle connections, and opens more where that is wanted. */
  poke(): void {
    if (this.#isStopping) return;
    while (this.#idle.length > 0 && this.queue.ready > 0 && !this.#parking.isThrottled) {
      const plan = this.#plans.current();
      // It is being looked for anew, and will be told.
      if (plan === undefined) break;
      const connection = this.#idle.at(-1) as Connection;
      // A connection that works is better than an answer of the DNS that could not be had; a host that is named no more gets nothing.
      if (plan.kind === 'failed' || leadsTo(plan, connection)) this.#employ(connection);
      else this.retire(connection);
    }
    this.#grow();
  }

  /** Ends idle connections now and the others when their work is done. */
  stop(): void {
    this.#isStopping = true;
    this.forget();
    for (const [attempt, lease] of this.#attempts ?? []) {
      attempt.cancel();
      this.#attempts?.delete(attempt);
      lease.release();
      this.#counted(-1);
    }
    for (const session of this.#sessions.keys()) session.stop();
  }

  /** Ends everything at once. */
  abort(): void {
    for (const session of this.#sessions.keys()) session.abort();
  }

  /** The queue is forgotten. */
  forget(): void {
    this.#parking.leave();
    this.#ports.wheel.cancel(this.#growTimer);
    this.#setbacks.endRest();
  }

  /** The configuration or DNS changed: routes and limits are looked up anew and resting ends. */
  refresh(): void {
    this.#worksBy = this.queue.options;
    this.#plans.forget();
    this.#shapedFor = undefined;
    // A set that is cleared makes a new table: with tens of thousands of pools that is megabytes which a collection must move.
    if (this.#clearOwed !== undefined && this.#clearOwed.size > 0) this.#clearOwed.clear();
    this.#parking.leave();
    this.#setbacks.endRest();
    for (const connection of this.#idle.filter(({ face }) => face !== faceOf(this.options))) this.retire(connection);
    this.#ports.later(this);
  }

  /** An operator's word: hosts that failed may be tried at once, and the way is looked for anew. */
  renew(): void {
    const demand = tlsDemand(this.options, this.queue.domain);
    const { targets, sources } = this.#plans.known;
    for (const target of targets) this.#ports.hosts.succeed(target, { demand, source: sourceFor(target, sources) ?? '' });
    this.refresh();
  }

  /** Whether the options are not those that it works by. */
  get isOutdated(): boolean {
    return this.#worksBy !== this.queue.options;
  }

  /** It has mail, and nothing will ever come and take it: no connection, no timer, no line to stand in. Must never be true between turns. */
  get isStuck(): boolean {
    // A queue that may have no connection waits for the operator, and for its time to be over.
    if (this.#isStopping || this.queue.ready === 0 || this.connections > 0 || connectionLimit(this.options) === 0) return false;
    const isAwaited = this.#setbacks.isResting || this.#growTimer !== 0 || this.#plans.isPlanning;
    return !isAwaited && !this.#parking.isThrottled && !this.#parking.isParked;
  }

  /** What the queue is doing and what holds it back: a look at fields, never at mail. */
  get standing(): Standing {
    const busy = this.#sessions.size - this.#idle.length;
    const state = busy > 0 ? 'sending' : this.connections > this.#sessions.size ? 'connecting' : this.queue.ready > 0 ? 'waiting' : 'idle';
    const parked = this.queue.ready > 0 ? this.#parking.cause() : undefined;
    if (parked?.cause.kind === 'throttle') return { state, ...parked };
    if (this.#setbacks.isResting) return { state, ...this.#setbacks.standing };
    return { state, nextAtMono: undefined, cause: parked?.cause ?? this.#cause() };
  }

  /** Where its mail goes, and how those hosts are. */
  get way(): WayView {
    return wayView(this.#ports.planner.source(this.queue), hopsOf(this.#ports, this.queue, this.#plans.known));
  }

  #cause(): Cause | undefined {
    if (this.queue.ready === 0) return undefined;
    const { domain, options } = this.queue;
    if (this.#plans.isPlanning) return { kind: 'resolving', detail: `names of the hosts for ${domain} are being looked up` };
    if (this.connections < connectionLimit(options)) return undefined;
    const used = { limit: options.maxOutboundConnections, used: this.connections };
    const isNone = options.maxOutboundConnections === 0;
    const detail = isNone ? 'the queue may have no connection' : 'all connections that the queue may have are in use';
    return { kind: 'limit', option: 'maxOutboundConnections', ...used, scope: 'domain', detail };
  }

  next(session: ClientSession): Delivery | undefined {
    const connection = this.#sessions.get(session);
    if (connection === undefined || this.#isStopping || this.#isSpent(connection)) return undefined;
    const { maxRecipientsPerConnection: most, maxRecipientsPerBatch } = this.options;
    const room = most > 0 ? most - session.recipients : Infinity;
    const { messages } = this.#shaped();
    connection.takenAt = this.#ports.clock.mono();
    if (messages === undefined) return this.queue.take(room);
    const next = this.queue.nextRecipients;
    if (next === 0 || this.#parking.isThrottled) return undefined;
    const granted = messages.gate.take(messages.limit, Math.min(room, next, maxRecipientsPerBatch || Infinity));
    if (granted === 0) {
      this.#parking.throttled(messages);
      return undefined;
    }
    const delivery = this.queue.take(granted);
    messages.gate.putBack(granted - (delivery?.recipients.length ?? 0));
    return delivery;
  }

  mayIdle(session: ClientSession): boolean {
    const connection = this.#sessions.get(session);
    return connection !== undefined && !this.#isStopping && !this.#isSpent(connection) && this.options.idleTimeout > 0;
  }

  done(session: ClientSession, delivery: Delivery, results: readonly RecipientResult[]): void {
    const connection = this.#sessions.get(session);
    if (connection !== undefined && session.deliveries > 0) {
      const now = this.#ports.clock.mono();
      this.#ports.metrics.delivered(this.queue.binding, connection.target.ip, now - connection.takenAt);
      connection.takenAt = now;
    }
    this.#finish(delivery, results);
  }

  released(_session: ClientSession, delivery: Delivery): void {
    this.queue.release(delivery);
  }

  idle(session: ClientSession): void {
    const connection = this.#sessions.get(session);
    if (connection === undefined) return;
    this.#idle.push(connection);
    connection.rest();
    const { name } = connection;
    if (name !== undefined && this.#ports.isMigrating()) {
      const { siblings } = this.#ports;
      siblings.offer(name, connection);
      const taker = siblings.taker(name);
      if (taker !== undefined) {
        taker.wanted();
        return;
      }
    }
    if (connection.wantedBy !== undefined) this.retire(connection);
  }

  closed(session: ClientSession): void {
    const connection = this.#sessions.get(session);
    if (connection === undefined) return;
    this.#unrest(connection);
    this.#sessions.delete(session);
    connection.free();
    this.#counted(-1);
    this.#ports.later(this);
  }

  retire(connection: Connection): void {
    this.#unrest(connection);
    connection.session.stop();
  }

  give(connection: Connection): void {
    this.#unrest(connection);
    this.#sessions.delete(connection.session);
    this.queue.connections = this.connections;
  }

  /** A connection that this queue could use is idle with a sibling. */
  wanted(): void {
    this.#parking.leaveConnections();
    this.#ports.later(this);
  }

  #employ(connection: Connection): void {
    this.#unrest(connection);
    connection.session.wake();
  }

  /** It is idle no more. */
  #unrest(connection: Connection): void {
    const at = this.#idle.lastIndexOf(connection);
    if (at < 0) return;
    this.#idle.splice(at, 1);
    connection.work();
    if (connection.name !== undefined) this.#ports.siblings.withdraw(connection.name, connection);
  }

  #shaped(): Shape {
    if (this.#shape !== undefined && this.#shapedFor === this.queue.options) return this.#shape;
    this.#shape = this.#ports.shaper.shapeOf(this.queue);
    this.#shapedFor = this.queue.options;
    return this.#shape;
  }

  /** The connection has done what one may do, it shows another face than our options want now, there are more than allowed now, or it is others' turn. */
  #isSpent(connection: Connection): boolean {
    const { maxDeliveriesPerConnection, maxRecipientsPerConnection } = this.options;
    const { session } = connection;
    if (connection.face !== faceOf(this.options)) return true;
    if (maxDeliveriesPerConnection > 0 && session.deliveries + session.underWay >= maxDeliveriesPerConnection) return true;
    if (maxRecipientsPerConnection > 0 && session.recipients >= maxRecipientsPerConnection) return true;
    if (this.connections > connectionLimit(this.options) || connection.isSurplus || connection.yieldsTo !== undefined) return true;
    if (this.#ports.clock.mono() - connection.openedAt < TURN_MS) return false;
    const gate = connection.wantedBy;
    if (gate === undefined) return false;
    gate.yielding += 1;
    connection.yieldsTo = gate;
    return true;
  }

  #grow(): void {
    while (!this.#isStopping && !this.#setbacks.isResting && !this.#parking.isParked) {
      const busy = this.#sessions.size - this.#idle.length;
      const isInContact = this.#sessions.size > 0;
      if (this.#parking.isThrottled && this.connections > 0) return;
      // Every connection being opened will take one of those that wait.
      const wanted = wantedConnections({ ready: this.queue.ready, busy, isInContact }, this.options);
      if (this.connections >= wanted) return;
      const plan = this.#plans.current();
      if (plan === undefined) return;
      if (plan.kind === 'failed') {
        unplanned({ ...this.#concerned, plans: this.#plans }, plan);
        return;
      }
      if (this.#adopt(plan)) continue;
      const lease = this.#lease(plan);
      if (lease === undefined) return;
      this.#begin(plan, lease);
    }
  }

  /** Places for one more connection; undefined when it must wait, which it does then in the right line. */
  #lease(plan: Way): Lease | undefined {
    const { places, messages, connections } = this.#shaped();
    if (this.#parking.isThrottled) return undefined;
    if (messages !== undefined && this.connections === 0 && !messages.gate.hasRoom(messages.limit)) {
      this.#parking.throttled(messages);
      return undefined;
    }
    if (messages !== undefined && this.connections > 0 && messages.gate.available(messages.limit) <= this.connections) {
      this.#growLater();
      return undefined;
    }
    if (connections !== undefined && !connections.gate.hasRoom(connections.limit)) {
      this.#parked(plan, () => this.#parking.atRate(connections));
      return undefined;
    }
    const lease = this.#ports.shaper.acquire(places, this.#parking.takeReserve());
    if (lease instanceof Lease) return lease;
    this.#parked(plan, () => this.#parking.atPlace(lease));
    return undefined;
  }

  /** Those that are open can send all that a throttle lets through; if they are slow, there will be more than they can. */
  #growLater(): void {
    if (this.#growTimer !== 0) return;
    this.#growTimer = this.#ports.wheel.schedule(GROW_AGAIN_MS, () => {
      this.#growTimer = 0;
      this.#ports.later(this);
    });
  }

  /** Stands in line, and may be handed the connection of a sibling meanwhile. */
  #parked(plan: Way, stand: () => void): void {
    stand();
    if (!this.#ports.isMigrating()) return;
    const { binding } = this.queue;
    this.#ports.siblings.want(this, siblingNames(binding, plan.targets, this.#identity()));
  }

  /** SHP-07: takes over the idle connection of a queue that shares a host with this one. */
  #adopt(plan: Way): boolean {
    if (!this.#ports.isMigrating()) return false;
    const { siblings, shaper } = this.#ports;
    if (siblings.isEmpty) return false;
    for (const name of siblingNames(this.queue.binding, plan.targets, this.#identity())) {
      for (const connection of siblings.find(name)) {
        const { lease, target } = connection;
        const demands = [...this.#shaped().places, ...shaper.hostDemands(this.queue, target)];
        if (!shaper.exchange(lease, demands)) continue;
        connection.holder.give(connection);
        connection.holder = this;
        connection.session.moveTo(this);
        connection.session.trace(this.#ports.tracers.of(this.queue, target.ip));
        this.#sessions.set(connection.session, connection);
        this.queue.connections = this.connections;
        connection.session.wake();
        return true;
      }
    }
    return false;
  }

  #identity(): string {
    return identityOf(this.options, { domain: this.queue.domain, ehloName: ehloNameOf(this.queue, this.#ports.hostName) });
  }

  #begin(plan: Way, lease: Lease): void {
    const { queue } = this;
    const { messages, connections } = this.#shaped();
    const expectation = messages !== undefined && this.connections === 0 ? messages.gate : undefined;
    if (expectation !== undefined) expectation.expected += 1;
    this.#attempts ??= new Map();
    this.#clearOwed ??= new Set();
    const place = { queue, plan, lease, parking: this.#parking, clearOwed: this.#clearOwed, connections };
    const attempt = attemptOf(this.#ports, place, (held, outcome) => {
      this.#attempts?.delete(attempt);
      this.#attempted(plan, held, outcome);
      expectation?.expectedOver();
    });
    this.#attempts.set(attempt, lease);
    this.#counted(1);
    attempt.start();
  }

  #attempted(plan: Way, held: Held, outcome: AttemptOutcome): void {
    if (outcome.kind === 'opened') {
      this.#opened(held, outcome);
      return;
    }
    held.lease.release();
    this.#counted(-1);
    if (outcome.kind === 'limited') return;
    this.#ports.counters.add('outboundConnectionFailures');
    if (this.#isStopping) return;
    unreached({ ...this.#concerned, hosts: this.#ports.hosts, isInContact: this.#sessions.size > 0 }, plan, outcome);
  }

  #opened(held: Held, outcome: AttemptSuccess): void {
    this.#setbacks.worked();
    // A host was found: those lines are left in which this attempt stood for others.
    this.#parking.leaveConnections();
    this.#ports.counters.add('outboundConnectionsTotal');
    const { queue } = this;
    this.#ports.metrics.connected(queue.binding, outcome.target.ip, outcome.connectMs);
    const connection = connectionOf(this.#ports, { queue, held, owner: this }, outcome);
    this.#sessions.set(connection.session, connection);
    connection.session.wake();
    // The first contact lets the others come.
    this.#ports.later(this);
  }

  get #concerned() {
    return { queue: this.queue, setbacks: this.#setbacks, match: this.#ports.match };
  }

  #finish(delivery: Delivery, results: readonly RecipientResult[]): void {
    const isPlain = this.options.responseTranscodePattern === undefined;
    this.queue.finish(delivery, isPlain ? results : results.map((result) => transcoded(result, this.options, this.#ports.match)));
  }

  /** A connection more or less. */
  #counted(sign: 1 | -1): void {
    this.queue.connections = this.connections;
    this.#ports.counters.add('outboundConnections', sign);
  }
}

function leadsTo({ targets }: Way, { target }: Connection): boolean {
  return targets.some(({ ip, port }) => ip === target.ip && port === target.port);
}

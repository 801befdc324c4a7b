/**
 * The connections of one binding::domain queue: opened as the backlog asks, lent to one delivery after the other, kept idle for a while.
 *
 * The one rule: the limit is exact, connections being opened count. A connection that cannot be opened costs one message an attempt and
 * lets the domain rest until a host may be tried again; only long silence defers the whole queue. While some connection works, a
 * failure to open another one is no verdict about anybody's mail.
 * Bounds: Max_Outbound_Connections connections; one plan; no list of messages, they stay in the queue.
 * Not here: order of hosts (route), what is said (session). Truth: rules SHP-01, SHP-02, SHP-06, SHP-07, SHP-08, Q-07, Q-08, OUT-25; SD-1453.
 */
import type { Clock } from '#base';
import { internalResult, type Delivery, type DomainQueue, type RecipientResult, type SendingOptions } from '#queue';
import type { PanicLog } from '#observe';
import type { BodiesPort } from '../ports.ts';
import { replies } from '../replies.ts';
import { tlsDemand } from '../route/host-memory.ts';
import type { Plan, Planner } from '../route/planner.ts';
import { ClientSession, type SessionOwner } from '../session/session.ts';
import { Attempt, type AttemptFailure, type AttemptOutcome, type AttemptPorts } from './attempt.ts';
import { connectionLimit, wantedConnections } from './growth.ts';
import type { Places } from './places.ts';
import type { Cause, Standing } from '../standing.ts';

export interface PoolPorts extends AttemptPorts {
  readonly planner: Planner;
  readonly places: Places;
  readonly bodies: BodiesPort;
  readonly clock: Clock;
  readonly panic: Pick<PanicLog, 'log'>;
  /** Our own name. */
  readonly hostName: string;
  readonly counters: { add(name: 'outboundConnections' | 'outboundConnectionsTotal' | 'outboundConnectionFailures', n?: number): void };
  /** Work of this pool may have become possible: it asks to be poked in a turn of its own. */
  readonly later: (pool: DomainPool) => void;
}

export class DomainPool implements SessionOwner {
  readonly queue: DomainQueue;
  readonly #ports: PoolPorts;
  readonly #sessions = new Set<ClientSession>();
  readonly #idle: ClientSession[] = [];
  readonly #attempts = new Set<Attempt>();
  readonly #wake = (): void => this.#ports.later(this);
  #plan: Plan | undefined;
  #planUntil = 0;
  #isPlanning = false;
  /** No connection is opened until it fires. */
  #restTimer = 0;
  #restUntil = 0;
  #restCause: Cause | undefined;
  /** The server or the binding had no place when one was asked for. */
  #isRefused = false;
  /** Since the last connection that worked. */
  #failures = 0;
  #firstFailureMono = 0;
  #lookupFailures = 0;
  #mxFailures = 0;
  #isStopping = false;

  constructor(queue: DomainQueue, ports: PoolPorts) {
    this.queue = queue;
    this.#ports = ports;
  }

  get options(): SendingOptions {
    return this.queue.options;
  }

  /** Connections open or being opened. */
  get connections(): number {
    return this.#sessions.size + this.#attempts.size;
  }

  get sessions(): Iterable<ClientSession> {
    return this.#sessions;
  }

  /** Gives ready mail to idle connections, and opens more where that is wanted. */
  poke(): void {
    if (this.#isStopping) return;
    while (this.#idle.length > 0 && this.queue.ready > 0) this.#idle.pop()?.wake();
    this.#grow();
  }

  /** Ends idle connections now and the others when their work is done. */
  stop(): void {
    this.#isStopping = true;
    this.#ports.wheel.cancel(this.#restTimer);
    for (const attempt of this.#attempts) {
      attempt.cancel();
      this.#attemptOver(attempt);
    }
    for (const session of this.#sessions) session.stop();
  }

  /** Ends everything at once. */
  abort(): void {
    for (const session of this.#sessions) session.abort();
  }

  /** The configuration or DNS changed: routes are looked up anew and resting ends. */
  refresh(): void {
    this.#plan = undefined;
    this.#endRest();
    this.#ports.later(this);
  }

  /** What the queue is doing and what holds it back: a look at fields, never at mail. */
  get standing(): Standing {
    const busy = this.#sessions.size - this.#idle.length;
    const state = busy > 0 ? 'sending' : this.#attempts.size > 0 ? 'connecting' : this.queue.ready > 0 ? 'waiting' : 'idle';
    const cause = this.#cause();
    return { state, nextAtMono: cause !== undefined && this.#restTimer !== 0 ? this.#restUntil : undefined, cause };
  }

  #cause(): Cause | undefined {
    if (this.#restTimer !== 0) return this.#restCause;
    if (this.queue.ready === 0) return undefined;
    if (this.#isPlanning) return { kind: 'resolving', detail: `names of the hosts for ${this.queue.domain} are being looked up` };
    if (this.connections >= connectionLimit(this.options))
      return {
        kind: 'limit',
        option: 'maxOutboundConnections',
        limit: this.options.maxOutboundConnections,
        used: this.connections,
        scope: 'domain',
        detail: 'all connections that the queue may have are in use',
      };
    if (this.#isRefused)
      return { kind: 'limit', option: 'serverMaxOutboundConnections', detail: 'no place for another connection is free on this server' };
    return undefined;
  }

  next(session: ClientSession): Delivery | undefined {
    if (this.#isStopping || this.#isSpent(session)) return undefined;
    const { maxRecipientsPerConnection: most } = this.options;
    const delivery = this.queue.take(most > 0 ? most - session.recipients : Infinity);
    return delivery;
  }

  mayIdle(session: ClientSession): boolean {
    return !this.#isStopping && !this.#isSpent(session) && this.options.idleTimeout > 0;
  }

  done(_session: ClientSession, delivery: Delivery, results: readonly RecipientResult[]): void {
    this.queue.finish(delivery, results);
  }

  released(_session: ClientSession, delivery: Delivery): void {
    this.queue.release(delivery);
  }

  idle(session: ClientSession): void {
    this.#idle.push(session);
  }

  closed(session: ClientSession): void {
    if (!this.#sessions.delete(session)) return;
    const at = this.#idle.indexOf(session);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#placeFree();
    this.#ports.later(this);
  }

  /** The connection has done what one may do, or there are more than allowed now. */
  #isSpent(session: ClientSession): boolean {
    const { maxDeliveriesPerConnection, maxRecipientsPerConnection } = this.options;
    if (maxDeliveriesPerConnection > 0 && session.deliveries + session.underWay >= maxDeliveriesPerConnection) return true;
    if (maxRecipientsPerConnection > 0 && session.recipients >= maxRecipientsPerConnection) return true;
    return this.connections > connectionLimit(this.options);
  }

  #grow(): void {
    while (!this.#isStopping && this.#restTimer === 0) {
      const busy = this.#sessions.size - this.#idle.length;
      const isInContact = this.#sessions.size > 0;
      // Every connection being opened will take one of those that wait.
      const wanted = wantedConnections({ ready: this.queue.ready, busy, isInContact }, this.options);
      if (this.connections >= wanted) return;
      const plan = this.#currentPlan();
      if (plan === undefined) return;
      if (plan.kind === 'failed') {
        this.#unplanned(plan);
        return;
      }
      if (!this.#isMethodKnown()) return;
      this.#isRefused = !this.#ports.places.acquire(this.queue.binding, this.options.serverMaxOutboundConnections, this.#wake);
      if (this.#isRefused) return;
      this.#begin(plan);
    }
  }

  /** LMTP and the rest are not spoken yet: the configuration refuses them; mail that meets one waits. */
  #isMethodKnown(): boolean {
    const method = this.options.deliveryMethod.toUpperCase();
    if (method === 'ESMTP' || method === 'SMTP') return true;
    this.queue.deferAll(internalResult('transient', replies.methodMissing));
    return false;
  }

  /** The plan in force; undefined while it is being made, after which the pool is poked. */
  #currentPlan(): Plan | undefined {
    const now = this.#ports.clock.mono();
    if (this.#plan !== undefined && now < this.#planUntil) return this.#plan;
    if (this.#isPlanning) return undefined;
    this.#isPlanning = true;
    let isAtOnce = true;
    const { mxFailuresFallbackToA } = this.options;
    const isAddressOnly = mxFailuresFallbackToA > 0 && this.#mxFailures >= mxFailuresFallbackToA;
    this.#ports.planner.plan(this.queue, isAddressOnly, (plan) => {
      this.#isPlanning = false;
      this.#plan = plan;
      // The addresses of the domain were no way either: the next look-up asks for its MX records again.
      if (isAddressOnly) this.#mxFailures = 0;
      this.#planUntil = this.#ports.clock.mono() + (plan.kind === 'targets' ? plan.lifeMs : 0);
      if (plan.kind === 'targets') this.#lookupFailures = this.#mxFailures = 0;
      if (isAtOnce) return;
      if (plan.kind === 'targets') this.#grow();
      else this.#unplanned(plan);
    });
    isAtOnce = false;
    return this.#isPlanning ? undefined : this.#plan;
  }

  /** There is no way to the domain. Whether that is for good is said by the plan, or by how often it happened (OUT-25). */
  #unplanned(plan: Extract<Plan, { kind: 'failed' }>): void {
    this.#plan = undefined;
    if (this.#isStopping) return;
    if (plan.isLookup) this.#lookupFailures += 1;
    if (plan.isMx) this.#mxFailures += 1;
    const { dnsFailuresToPurge } = this.options;
    if (plan.isPermanent) this.queue.failAll(plan.reply);
    else if (plan.isLookup && dnsFailuresToPurge > 0 && this.#lookupFailures >= dnsFailuresToPurge) {
      this.#lookupFailures = this.#mxFailures = 0;
      this.queue.failAll(replies.lookupFailed);
    } else {
      this.queue.deferAll(internalResult('transient', plan.reply));
      const kind = plan.isLookup ? ('unresolvable' as const) : ('host-failed' as const);
      this.#rest(this.options.hostFailureRetry * 1000, { kind, detail: plan.reply });
    }
  }

  #begin(plan: Extract<Plan, { kind: 'targets' }>): void {
    const { options } = this;
    const attempt = new Attempt(
      this.#ports,
      { targets: this.#ports.planner.spread(plan.targets), options, ehloName: this.#ehloName(), domain: this.queue.domain },
      (outcome) => this.#attempted(attempt, plan, outcome),
    );
    this.#attempts.add(attempt);
    this.queue.connections = this.connections;
    this.#ports.counters.add('outboundConnections');
    attempt.start();
  }

  #attempted(attempt: Attempt, plan: Extract<Plan, { kind: 'targets' }>, outcome: AttemptOutcome): void {
    if (outcome.kind === 'failed') {
      this.#ports.counters.add('outboundConnectionFailures');
      this.#attemptOver(attempt);
      this.#unreachable(plan, outcome);
      return;
    }
    this.#attempts.delete(attempt);
    this.#failures = 0;
    this.#ports.counters.add('outboundConnectionsTotal');
    const { wire, target, opened } = outcome;
    const { capabilities, isTls, isProven } = opened;
    const { bodies, panic, clock } = this.#ports;
    const session = new ClientSession({ wire, capabilities, isTls, isProven, remoteIp: target.ip, owner: this, bodies, panic, clock });
    this.#sessions.add(session);
    session.wake();
    // The first contact lets the others come.
    this.#ports.later(this);
  }

  #unreachable(plan: Extract<Plan, { kind: 'targets' }>, failure: AttemptFailure): void {
    if (this.#isStopping) return;
    if (this.#failures === 0) this.#firstFailureMono = this.#ports.clock.mono();
    this.#failures += 1;
    const demand = tlsDemand(this.options, this.queue.domain);
    const waits = plan.targets.map((target) => this.#ports.hosts.wait(target, demand));
    const ms = Math.max(1, Math.min(this.options.hostFailureRetry * 1000, ...waits));
    this.#rest(ms, { kind: 'host-failed', host: failure.remoteIp, option: 'hostFailureRetry', detail: failure.reply });
    if (this.#sessions.size > 0) return;
    const { kind, reply, stage, remoteIp } = { ...failure, kind: 'transient' as const };
    const result: RecipientResult = { kind, reply, stage, remoteIp, bytes: 0 };
    const delivery = this.queue.take();
    if (delivery !== undefined)
      this.queue.finish(
        delivery,
        delivery.recipients.map(() => result),
      );
    if (this.#isLongSilent()) this.queue.deferAll({ ...result, reply: replies.noValidHosts });
  }

  /** */
  #isLongSilent(): boolean {
    const { mxFailuresToDelay, connectTimeoutToDelay } = this.options;
    if (mxFailuresToDelay > 0 && this.#failures >= mxFailuresToDelay) return true;
    return this.#ports.clock.mono() - this.#firstFailureMono >= connectTimeoutToDelay * 1000;
  }

  /** No new connections for so long. */
  #rest(ms: number, cause: Cause): void {
    if (this.#restTimer !== 0 || this.#isStopping) return;
    this.#restCause = cause;
    this.#restUntil = this.#ports.clock.mono() + ms;
    this.#restTimer = this.#ports.wheel.schedule(ms, () => {
      this.#restTimer = 0;
      this.#ports.later(this);
    });
  }

  #endRest(): void {
    if (this.#restTimer !== 0) this.#ports.wheel.cancel(this.#restTimer);
    this.#restTimer = 0;
  }

  #attemptOver(attempt: Attempt): void {
    this.#attempts.delete(attempt);
    this.#placeFree();
  }

  #placeFree(): void {
    this.queue.connections = this.connections;
    this.#ports.counters.add('outboundConnections', -1);
    this.#ports.places.release(this.queue.binding);
  }

  /** OUT-42. The sender's domain is that of the mail which is next when the connection is opened. */
  #ehloName(): string {
    const { ehloHostname } = this.options;
    if (ehloHostname === '__hostname__' || ehloHostname === '') return this.#ports.hostName;
    if (ehloHostname !== '__message__') return ehloHostname;
    const sender = this.queue.nextSender;
    const domain = sender === undefined ? '' : sender.slice(sender.lastIndexOf('@') + 1);
    return /^[\w.-]+$/.test(domain) ? domain : this.#ports.hostName;
  }
}

/**
 * All queues of one loop: takes over what the door made durable, finds each recipient its queue, brings mail back after a start.
 *
 * The one rule: the resolver is asked once per queue and configuration; on the path of a message a queue is found by two map
 * look-ups. A Gateway in a Domain scope is followed once and never again from its own name, so that a domain routed to itself
 * does not spin (#3855). Nothing above is called: outbound registers with onWork and is told.
 * Bounds: EMPTY_QUEUES_MAX queues without mail are remembered for their statistics (the oldest goes), ROUTES_MAX domains that are
 * queued under another name (then all are asked anew). Not here: which loop owns a queue (loops are the caller's).
 * Truth: rules Q-01, OUT-01, OUT-05, OUT-20, OUT-21; SD-1199 (next attempt kept over restart).
 */
import { Slices, type Clock, type Random, type TimerWheel } from '#base';
import type { AcceptedPort } from '#intake';
import type { Envelope, EnvelopeRecipient } from '#mail';
import type { Counters, PanicLog, RecordSink } from '#observe';
import { batchOf, holdOf, originOf, recipientOf, type Batch, type Recipient } from './batch.ts';
import { viewOf, type EntryView } from './entry-view.ts';
import { DomainQueue } from './domain-queue.ts';
import { DelayNotices } from './delay-notices.ts';
import { Notices, type Rendering } from './notices.ts';
import { startPatrol } from './patrol.ts';
import type { NoticePort, OptionsPort, QueueSpool, RecipientProgress, RecoveredMessage, SendingOptions } from './ports.ts';
import type { QueueContext } from './queue-context.ts';
import { Residency } from './residency.ts';
import { retryDelay } from './retry-schedule.ts';
import { Verdicts } from './verdicts.ts';
import { Waiting } from './waiting.ts';

export const EMPTY_QUEUES_MAX = 4096;
export const ROUTES_MAX = 65_536;
const NO_FACTS: readonly string[] = Object.freeze([]);
/** Milliseconds of a turn that bringing queues up to date may take. */
const SLICE_MS = 3;
/** Bindings without a place in the configuration that are named in the paniclog, until it changes. */
const GONE_TOLD_MAX = 50;

export interface QueuesOptions {
  readonly resolver: OptionsPort;
  readonly spool: QueueSpool;
  readonly notices: NoticePort;
  readonly clock: Clock;
  readonly wheel: Pick<TimerWheel, 'schedule' | 'cancel'>;
  readonly random: Pick<Random, 'int'>;
  readonly records: RecordSink;
  readonly counters: Pick<Counters, 'add'>;
  readonly panic: Pick<PanicLog, 'log'>;
  /** Whether failures of mail from this sender count as bounces; all do when it is not given. */
  readonly isBounceAddress?: ((sender: string, options: SendingOptions) => boolean) | undefined;
  /** Async_Bounce_Rendering and Soft_Bounce_Drain_Rate; notices are made at once when it is not given. */
  readonly rendering?: (() => Rendering) | undefined;
  /** Whether the module delay_dsn may work; it may when this is not given. */
  readonly isDelayTold?: (() => boolean) | undefined;
  /** What loggers want to know of a message when it leaves. */
  readonly facts?: ((envelope: Envelope) => readonly string[]) | undefined;
  /** Max_Resident_Messages. */
  readonly residentMessagesMax?: number;
  /** Bytes of bodies kept in memory on this loop. */
  readonly residentBytesMax?: number;
}

/** The queues of one binding, and the domains that are queued under a Gateway's name. */
interface BindingQueues {
  readonly byDomain: Map<string, DomainQueue>;
  routes: Map<string, DomainQueue>;
  /** Some domain is queued under another name than its own. */
  isRenaming: boolean;
}

interface Group {
  readonly queue: DomainQueue;
  readonly priority: 0 | 1;
  readonly attempts: number;
  readonly nextAt: number;
  readonly lastReply: string | undefined;
  readonly recipients: Recipient[];
}

export class Queues implements AcceptedPort {
  readonly residency: Residency;
  readonly #o: QueuesOptions;
  readonly #context: QueueContext;
  readonly #notices: Notices;
  readonly #delays: DelayNotices;
  readonly #bindings = new Map<string, BindingQueues>();
  readonly #waiting: Waiting;
  readonly #empty = new Set<DomainQueue>();
  readonly #goneTold = new Set<string>();
  #routeCount = 0;
  readonly #refresh: Slices<DomainQueue>;
  #work: (queue: DomainQueue) => void = () => undefined;
  #forget: (queue: DomainQueue) => void = () => undefined;

  constructor(o: QueuesOptions) {
    this.#o = o;
    const { clock, wheel, random, records, counters, panic } = o;
    this.#refresh = new Slices({ clock, wheel, sliceMs: SLICE_MS });
    this.#waiting = new Waiting({ clock, wheel });
    this.residency = new Residency({
      counters,
      ...(o.residentBytesMax === undefined ? {} : { bytesMax: o.residentBytesMax }),
      ...(o.residentMessagesMax === undefined ? {} : { messagesMax: o.residentMessagesMax }),
    });
    this.#notices = new Notices({ port: o.notices, residency: this.residency, wheel, counters, panic, rendering: o.rendering });
    this.#delays = new DelayNotices({
      clock,
      wheel,
      panic,
      notices: this.#notices,
      find: (id) => this.#waiting.find(id),
      expiresInMs: (entry) => verdicts.expiresInMs(entry),
      isOn: o.isDelayTold ?? (() => true),
    });
    const verdicts: Verdicts = new Verdicts({
      clock,
      records,
      counters,
      residency: this.residency,
      notices: this.#notices,
      delays: this.#delays,
      isBounceAddress: o.isBounceAddress ?? (() => true),
      forget: (id) => this.#waiting.forget(id),
    });
    this.#context = {
      clock,
      wheel,
      random,
      counters,
      verdicts,
      queueFor: (group, binding, domain) => this.queueFor(group, binding, domain),
      waiting: this.#waiting,
      isGone: (binding) => this.#isGone(binding),
      announce: (queue) => {
        this.#empty.delete(queue);
        this.#work(queue);
      },
      emptied: (queue) => this.#emptied(queue),
    };
    startPatrol({ clock, wheel, queues: () => this.queues() });
  }

  /** `fn` is told of a queue that may have something to do: often, and in the middle of other work, so it should only take note. */
  onWork(fn: (queue: DomainQueue) => void): void {
    this.#work = fn;
  }

  /** `fn` is told of a queue that is forgotten: it had no mail for long, and has no connection. */
  onForget(fn: (queue: DomainQueue) => void): void {
    this.#forget = fn;
  }

  /** Takes over a message that is durable. `home` is where it is kept, when not in this loop's spool. */
  accepted(envelope: Envelope, body: Buffer | undefined, home: QueueSpool = this.#o.spool): void {
    const batch = batchOf(envelope, { home, mono: this.#o.clock.mono(), ageMs: 0, facts: this.#facts(envelope) });
    const { recipients } = envelope;
    if (batch.terms?.notBefore !== undefined && holdOf(batch, this.#o.clock.now()).left > 0) {
      this.#held(envelope, batch);
      return;
    }
    const [only] = recipients;
    if (only !== undefined && recipients.length === 1) {
      batch.open = 1;
      const queue = this.#queueOf(only);
      noteOrigin(batch, envelope, queue);
      if (body !== undefined) this.residency.keep(batch, body, queue);
      queue.add(batch, [recipientOf(only, 0)], only.priority ?? 0);
      return;
    }
    const groups = this.#groups(envelope);
    batch.open = recipients.length;
    const [first] = groups;
    if (body !== undefined && first !== undefined) this.residency.keep(batch, body, first.queue);
    for (const { queue, recipients: own, priority } of groups) {
      noteOrigin(batch, envelope, queue);
      queue.add(batch, own, priority);
    }
  }

  #facts(envelope: Envelope): readonly string[] {
    return this.#o.facts?.(envelope) ?? NO_FACTS;
  }

  /** FUTURERELEASE: the message waits like one that was tried, its body in the spool. */
  #held(envelope: Envelope, batch: Batch): void {
    const groups = this.#groups(envelope);
    const delayMs = holdOf(batch, this.#o.clock.now()).left;
    batch.open = envelope.recipients.length;
    for (const { queue, priority, recipients } of groups) {
      noteOrigin(batch, envelope, queue);
      queue.statistics.receptions += recipients.length;
      queue.addDelayed(batch, recipients, { priority, attempts: 0, delayMs });
    }
  }

  /**
   * Takes back a message that was found at start, with what had become of it. A next attempt is kept (SD-1199), but never waited
   * for longer than the schedule says: the clock may have been set meanwhile (A65).
   */
  recovered(message: RecoveredMessage, home: QueueSpool = this.#o.spool): void {
    const { envelope } = message;
    const now = this.#o.clock.now();
    const ageMs = Math.max(0, now - envelope.receivedAt);
    const batch = batchOf(envelope, { home, mono: this.#o.clock.mono(), ageMs, facts: this.#facts(envelope) });
    const groups = this.#groups(envelope, message.states);
    batch.open = groups.reduce((sum, group) => sum + group.recipients.length, 0);
    if (batch.open === 0) {
      home.settled(batch.id);
      return;
    }
    for (const { queue, priority, attempts, nextAt, lastReply, recipients } of groups) {
      noteOrigin(batch, envelope, queue);
      const longest = attempts === 0 ? 0 : retryDelay(attempts, queue.options) * 1000;
      const held = attempts === 0 ? holdOf(batch, now).left : 0;
      const delayMs = Math.max(held, Math.min(Math.max(0, nextAt - now), longest));
      const entry = queue.addDelayed(batch, recipients, { priority, attempts, delayMs, lastReply });
      if (attempts > 0 && queue.options.generateDelayDsn) this.#delays.watch(entry);
    }
  }

  /**
   * The configuration changed: every queue gets its options anew, and domains may be queued under other names. With many queues that takes
   * several turns, each of about SLICE_MS, and `done` is called after the last; a newer change begins anew in its place.
   */
  reconfigured(done: () => void = () => undefined): void {
    this.#clearRoutes();
    this.#goneTold.clear();
    const { resolver } = this.#o;
    this.#refresh.walk(this.queues(), (queue) => queue.reconfigured(resolver.sending(queue.group, queue.binding, queue.optionsName)), done);
  }

  /** The queue of a domain, under the name of its Gateway if a Domain scope gives it one (OUT-21). */
  queueFor(group: string, binding: string, domain: string): DomainQueue {
    const queues = this.#queuesOf(binding);
    return queues.routes.get(domain) ?? this.#route(queues, group, binding, domain);
  }

  #queuesOf(binding: string): BindingQueues {
    let queues = this.#bindings.get(binding);
    if (queues === undefined) {
      queues = { byDomain: new Map(), routes: new Map(), isRenaming: false };
      this.#bindings.set(binding, queues);
    }
    return queues;
  }

  #make(queues: BindingQueues, identity: { group: string; binding: string; domain: string; gateway?: string }): DomainQueue {
    const { group, binding, domain } = identity;
    const queue = new DomainQueue(this.#context, identity, (known) => this.#o.resolver.sending(group, binding, known));
    queues.byDomain.set(domain, queue);
    if (this.#isGone(binding)) this.#tellGone(binding);
    this.#o.counters.add('activeDomains');
    return queue;
  }

  #isGone(binding: string): boolean {
    return this.#o.resolver.hasBinding?.(binding) === false;
  }

  /** Mail comes, mostly from the spool, for a binding that was removed: it is not sent as that binding, and somebody must hear of it. */
  #tellGone(binding: string): void {
    if (this.#goneTold.size >= GONE_TOLD_MAX || this.#goneTold.has(binding)) return;
    this.#goneTold.add(binding);
    this.#o.panic.log('ERROR', 'START', `there is no binding "${binding}": its mail goes to the default binding`);
  }

  /** The queue of a recipient: where an operator moved it, else that of the gateway that policy gave it (POL-06), else its domain's. */
  #queueOf(recipient: EnvelopeRecipient, state?: RecipientProgress): DomainQueue {
    const group = state?.bindingGroup ?? recipient.bindingGroup;
    const binding = state?.binding ?? recipient.binding;
    if (recipient.gateway === undefined || state?.route !== undefined)
      return this.queueFor(group, binding, state?.route ?? recipient.domain);
    const queues = this.#queuesOf(binding);
    const name = recipient.gateway.toLowerCase();
    return queues.byDomain.get(name) ?? this.#make(queues, { group, binding, domain: name, gateway: recipient.gateway });
  }

  *queues(): IterableIterator<DomainQueue> {
    for (const { byDomain } of this.#bindings.values()) yield* byDomain.values();
  }

  /** The queue with exactly this name, for operators. */
  find(binding: string, domain: string): DomainQueue | undefined {
    return this.#bindings.get(binding)?.byDomain.get(domain);
  }

  /** The message with this id, or one entry of the batch with this id; undefined when it does not wait here. */
  findMessage(id: string): EntryView | undefined {
    const entry = this.#waiting.find(id);
    return entry === undefined ? undefined : viewOf(entry, this.#context);
  }

  /** Entries that wait, ready or delayed. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Octets of the columns in which they wait. */
  get waitingBytes(): number {
    return this.#waiting.bytes;
  }

  /** Notices of delay that are to come, soonest first. */
  delaysPending(max: number): ReturnType<DelayNotices['pending']> {
    return this.#delays.pending(max);
  }

  /** Notices that are not durable yet. */
  get noticesPending(): number {
    return this.#notices.pending;
  }

  /** Finds the queue under which a domain's mail waits, and remembers it until the configuration changes. */
  #route(queues: BindingQueues, group: string, binding: string, domain: string): DomainQueue {
    const gateway = this.#o.resolver.domainGateway(group, binding, domain);
    const name = gateway === undefined ? domain : gateway.toLowerCase();
    const identity = { group, binding, domain: name, ...(gateway === undefined ? {} : { gateway }) };
    const queue = queues.byDomain.get(name) ?? this.#make(queues, identity);
    if (this.#routeCount >= ROUTES_MAX) this.#clearRoutes();
    queues.routes.set(domain, queue);
    queues.isRenaming ||= name !== domain;
    this.#routeCount += 1;
    return queue;
  }

  #clearRoutes(): void {
    for (const queues of this.#bindings.values()) if (queues.routes.size > 0) this.#clearRoutesOf(queues);
  }

  #clearRoutesOf(queues: BindingQueues): void {
    this.#routeCount -= queues.routes.size;
    queues.routes = new Map();
    queues.isRenaming = false;
  }

  /** Nobody is led to a queue that is forgotten. */
  #dropRoutes(queues: BindingQueues, { domain }: DomainQueue): void {
    // One way leads there, its own name, unless domains of the binding have other names.
    if (queues.isRenaming) this.#clearRoutesOf(queues);
    else if (queues.routes.delete(domain)) this.#routeCount -= 1;
  }

  /** The recipients of an envelope that are to leave together: one queue, priority and history each. */
  #groups(envelope: Envelope, states?: RecoveredMessage['states']): Group[] {
    const groups: Group[] = [];
    // Most envelopes have few domains; with many, a map by queue keeps this linear.
    const byQueue = new Map<DomainQueue, Group[]>();
    envelope.recipients.forEach((recipient, index) => {
      const state = states?.[index];
      if (state !== undefined && state.outcome !== 'open') return;
      const queue = this.#queueOf(recipient, state);
      const priority = recipient.priority ?? 0;
      const attempts = state?.attempts ?? 0;
      const nextAt = state?.nextAt ?? 0;
      let own = byQueue.get(queue);
      if (own === undefined) byQueue.set(queue, (own = []));
      let group = own.find((g) => g.priority === priority && g.attempts === attempts && g.nextAt === nextAt);
      if (group === undefined) {
        group = { queue, priority, attempts, nextAt, lastReply: state?.reply, recipients: [] };
        own.push(group);
        groups.push(group);
      }
      group.recipients.push(recipientOf(recipient, index));
    });
    return groups;
  }

  /** Remembers that a queue has nothing any more; when too many are remembered, the oldest quarter of them goes at once. */
  #emptied(queue: DomainQueue): void {
    this.#empty.add(queue);
    if (this.#empty.size <= EMPTY_QUEUES_MAX) return;
    let goes = EMPTY_QUEUES_MAX / 4;
    for (const oldest of this.#empty) {
      if (goes === 0) break;
      goes -= 1;
      this.#empty.delete(oldest);
      if (!oldest.isEmpty || oldest.connections > 0) continue;
      const queues = this.#queuesOf(oldest.binding);
      queues.byDomain.delete(oldest.domain);
      this.#dropRoutes(queues, oldest);
      this.#o.counters.add('activeDomains', -1);
      this.#forget(oldest);
      this.#waiting.unregister(oldest.number);
    }
  }
}

/** OUT-45: who sent us the message is kept in memory only where the next hop is to be told. */
function noteOrigin(batch: Batch, envelope: Envelope, queue: DomainQueue): void {
  if (queue.options.xclient !== 'no') batch.origin ??= originOf(envelope);
}

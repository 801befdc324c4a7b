/**
 * The mail of one binding for one domain: what is ready (two priorities), what waits for its next attempt, what is under way.
 *
 * The one rule: an entry is ready, delayed or under way, never two of them, and every move keeps the counts. Waiting is the
 * timer wheel's, entry by entry, so that no list is ever scanned and setting the clock moves nothing (A65). Options are one
 * resolved record, replaced when the configuration changes. A suspended queue hands nothing out and changes nothing but what expires (SD-1542).
 * Not here: what follows from a result (verdicts.ts), connections (outbound). Bound: the spool is the bound of the mail.
 * Truth: rules, OUT-01, OUT-04, OUT-43, POL-06.
 */
import { parseHostPort, toAsciiDomain } from '#base';
import type { Batch, Recipient } from './batch.ts';
import { Entry, EntryList, type Delivery } from './entry.ts';
import type { EntrySlice, EntryView } from './entry-view.ts';
import type { QueueContext } from './queue-context.ts';
import type { SendingOptions } from './ports.ts';
import { queueReplies } from './replies.ts';
import { internalResult, type RecipientResult } from './results.ts';
import { PATROL_MS } from './patrol.ts';
import { Sweep } from './sweep.ts';

/** Entries that one call of take() may end by itself (blackholed, expired) before others get their turn. */
const ENDED_PER_TAKE = 200;
/** Walks along one queue that are remembered; the oldest is forgotten. */
const CURSORS_MAX = 16;

let lastCursor = 0;

/** Told when the whole queue was gone through, and for how many messages it was done. */
type SweepDone = (messages: number) => void;

/** What happened in a queue since it exists. */
export interface QueueStatistics {
  receptions: number;
  deliveries: number;
  failures: number;
  transientFailures: number;
}

export class DomainQueue {
  readonly group: string;
  readonly binding: string;
  readonly domain: string;
  /** The name whose options hold: the domain, or the Gateway's host without its port. */
  readonly optionsName: string;
  /** The Gateway under whose name the mail is queued, when a Domain scope gave one (OUT-21). */
  readonly gateway: string | undefined;
  options: SendingOptions;
  readonly statistics: QueueStatistics = { receptions: 0, deliveries: 0, failures: 0, transientFailures: 0 };
  /** Connections open or being opened: outbound's to set. */
  connections = 0;
  /** Bodies in memory on this queue's account: residency's to set. */
  resident = 0;
  readonly #context: QueueContext;
  readonly #urgent = new EntryList();
  readonly #normal = new EntryList();
  readonly #delayed = new EntryList();
  readonly #wake = (entry: Entry): void => this.#woken(entry);
  #underWay = 0;
  /** Where those who walk along the queue are. */
  readonly #cursors = new Map<number, Entry>();
  #sweep: Sweep | undefined;
  /** No ready mail expires before this monotonic time. */
  #expiresMono = Infinity;
  /** When something was taken last. */
  #takenMono = 0;

  constructor(
    context: QueueContext,
    o: { group: string; binding: string; domain: string; gateway?: string },
    optionsOf: (name: string) => SendingOptions,
  ) {
    this.#context = context;
    this.group = o.group;
    this.binding = o.binding;
    this.domain = o.domain;
    this.gateway = o.gateway;
    this.optionsName = (o.gateway === undefined ? undefined : parseHostPort(o.gateway)?.host) ?? o.domain;
    this.options = optionsOf(this.optionsName);
  }

  /** Messages ready or under way. */
  get active(): number {
    return this.#urgent.messages + this.#normal.messages + this.#underWay;
  }

  /** Messages waiting for their next attempt. */
  get delayed(): number {
    return this.#delayed.messages;
  }

  /** Transactions that could begin now. */
  get ready(): number {
    return this.options.suspendDelivery || this.#sweep !== undefined ? 0 : this.#urgent.length + this.#normal.length;
  }

  /** Nothing waits here and nothing is under way. */
  get isEmpty(): boolean {
    return this.active === 0 && this.#delayed.length === 0 && this.#sweep === undefined;
  }

  /** The sender of what would be taken next. */
  get nextSender(): string | undefined {
    return (this.#urgent.oldest ?? this.#normal.oldest)?.batch.sender;
  }

  /** Recipients of what would be taken next; 0 when nothing may be taken now. Outbound asks a throttle for as many. */
  get nextRecipients(): number {
    if (this.ready === 0) return 0;
    return (this.#urgent.oldest ?? this.#normal.oldest)?.recipients.length ?? 0;
  }

  /** Adds mail that is to be tried now. */
  add(batch: Batch, recipients: Recipient[], priority: 0 | 1): void {
    this.statistics.receptions += recipients.length;
    this.#enter(new Entry(this, batch, recipients, priority));
  }

  /** Adds mail that was already tried, to be tried again in `delayMs`. */
  addDelayed(
    batch: Batch,
    recipients: Recipient[],
    o: { priority: 0 | 1; attempts: number; nextAt: number; delayMs: number; lastReply?: string | undefined },
  ): void {
    const entry = new Entry(this, batch, recipients, o.priority);
    entry.attempts = o.attempts;
    entry.nextAt = o.nextAt;
    entry.lastReply = o.lastReply;
    this.#context.indexed(entry);
    this.#context.counters.add('totalQueue', recipients.length);
    if (o.delayMs <= 0) this.#ready(entry);
    else this.delay(entry, o.delayMs);
  }

  /** One transaction: recipients of one batch, at most `recipientsMax` of them. Undefined when there is none to be made now. */
  take(recipientsMax = Infinity): Delivery | undefined {
    for (let ended = 0; ; ended += 1) {
      if (this.ready === 0) return undefined;
      if (ended === ENDED_PER_TAKE) {
        this.#context.wheel.schedule(0, this.#context.announce, this);
        return undefined;
      }
      const entry = this.#urgent.oldest ?? this.#normal.oldest;
      if (entry === undefined) return undefined;
      if (this.#cursors.size > 0) this.#leaving(entry);
      entry.list?.remove(entry);
      this.#underWay += entry.recipients.length;
      this.#takenMono = this.#context.clock.mono();
      const refusal = this.#refusal(entry);
      if (refusal === undefined) return this.#atMost(entry, Math.min(recipientsMax, this.options.maxRecipientsPerBatch || Infinity));
      this.#context.verdicts.failEntry(entry, internalResult('permanent', refusal));
    }
  }

  /** A delivery is over: one result per recipient, in their order. */
  finish(delivery: Delivery, results: readonly RecipientResult[]): void {
    this.#context.verdicts.finish(delivery as Entry, results);
    if (this.isEmpty) this.#context.emptied(this);
  }

  /** A delivery could not be tried, for no fault of its own: it is first again, and no attempt is counted. */
  release(delivery: Delivery): void {
    const entry = delivery as Entry;
    this.#underWay -= entry.recipients.length;
    (entry.priority === 1 ? this.#urgent : this.#normal).unshift(entry);
    this.#context.announce(this);
  }

  /** Everything ready is deferred with this result, or fails with it: the domain cannot be reached. */
  deferAll(result: RecipientResult): void {
    const fuzz = this.options.delayedBindingDomainFuzz;
    this.#startSweep([this.#urgent, this.#normal], (entry) => {
      if (result.kind === 'permanent') {
        this.#context.verdicts.failEntry(entry, result);
        return;
      }
      const fuzzMs = fuzz > 0 ? this.#context.random.int(fuzz) * 1000 : 0;
      this.#context.verdicts.deferEntry(entry, result, fuzzMs);
    });
  }

  /** Fails ready mail whose time is over, when none was taken for a while: suspended, parked, or without a way (patrol.ts). */
  expire(): void {
    const now = this.#context.clock.mono();
    if (this.#sweep !== undefined || now < this.#expiresMono) return;
    if (!this.options.suspendDelivery && now - this.#takenMono < PATROL_MS) return;
    this.#expiresMono = Infinity;
    const { verdicts } = this.#context;
    const end = internalResult('permanent', queueReplies.maxTime);
    this.#startSweep([this.#urgent, this.#normal], (entry) => {
      if (verdicts.expiresInMs(entry) <= 0) verdicts.failEntry(entry, end);
      else this.#back(entry);
    });
  }

  /** Everything that waits here, delayed mail too, fails with this reply. Answers how many messages that are. */
  failAll(reply: string, o: { isQuiet?: boolean; done?: SweepDone } = {}): number {
    const messages = this.waiting;
    const result = internalResult('permanent', reply);
    this.#startSweep(this.#lists, (entry) => this.#context.verdicts.failEntry(entry, result, o.isQuiet), o.done);
    return messages;
  }

  /** Delayed mail is to be tried now. Answers how many messages that are. */
  flush(done?: SweepDone): number {
    const messages = this.#delayed.messages;
    this.#startSweep([this.#delayed], (entry) => this.#back(entry), done);
    return messages;
  }

  /** Everything that waits here goes to another binding, and waits there as it did here. Answers how many messages that are. */
  rebindAll(group: string, binding: string, done?: SweepDone): number {
    const messages = this.waiting;
    this.#startSweep(this.#lists, (entry, wasReady) => this.#rebind(entry, group, binding, wasReady), done);
    return messages;
  }

  /** Everything that waits here goes to where mail for `domain` goes. Answers how many messages that are. */
  rerouteAll(domain: string, done?: SweepDone): number {
    const messages = this.waiting;
    this.#startSweep(this.#lists, (entry, wasReady) => this.#reroute(entry, domain, wasReady), done);
    return messages;
  }

  /** The waiting message of a view (those of its recipients that are in the view) fails with this reply; false when it is gone or under way. */
  fail(view: EntryView, reply: string, o: { isQuiet?: boolean } = {}): boolean {
    return this.#one(view, (entry) => this.#context.verdicts.failEntry(entry, internalResult('permanent', reply), o.isQuiet));
  }

  /** The waiting message of a view is to be tried now; false when it is gone or under way. */
  retryNow(view: EntryView): boolean {
    return this.#one(view, (entry) => this.#back(entry));
  }

  /** The waiting message of a view goes to another binding; false when it is gone or under way. */
  rebind(view: EntryView, group: string, binding: string): boolean {
    return this.#one(view, (entry, wasReady) => this.#rebind(entry, group, binding, wasReady));
  }

  /** The waiting message of a view goes to where mail for `domain` goes; false when it is gone or under way. */
  reroute(view: EntryView, domain: string): boolean {
    return this.#one(view, (entry, wasReady) => this.#reroute(entry, domain, wasReady));
  }

  /**
   * A slice of what waits here, what is next first: ready mail, then delayed mail.
   * @param cursor 0 for the first slice, then `next` of the slice before; an old one gives an empty slice
   */
  walk(cursor: number, max: number): EntrySlice {
    const entries: EntryView[] = [];
    let at: Entry | undefined;
    if (cursor === 0) at = this.#urgent.oldest ?? this.#normal.oldest ?? this.#delayed.oldest;
    else {
      at = this.#cursors.get(cursor);
      this.#cursors.delete(cursor);
    }
    for (; at !== undefined && entries.length < max; at = this.#after(at)) entries.push(this.viewOf(at));
    if (at === undefined) return { entries, next: undefined };
    lastCursor += 1;
    this.#cursors.set(lastCursor, at);
    if (this.#cursors.size > CURSORS_MAX) this.#cursors.delete(this.#cursors.keys().next().value as number);
    return { entries, next: lastCursor };
  }

  viewOf(entry: Entry): EntryView {
    const { batch, recipients, attempts, nextAt, lastReply } = entry;
    const state = this.#delayed.has(entry) ? 'delayed' : entry.list === undefined ? 'underway' : 'ready';
    return {
      batchId: batch.id,
      queue: this,
      state,
      sender: batch.sender,
      recipients: recipients.map(({ id, address, index }) => ({ id, address, index })),
      attempts,
      nextAt: state === 'delayed' ? nextAt : 0,
      receivedAt: batch.receivedAt,
      size: batch.size,
      lastReply,
    };
  }

  /** The configuration changed: a new record of options is in force. */
  reconfigured(options: SendingOptions): void {
    if (options.messageExpiration !== this.options.messageExpiration) this.#expiresMono = 0;
    this.options = options;
    if (options.blackhole !== 'false' && !this.isEmpty) this.failAll(queueReplies.blackholed);
    else if (this.ready > 0) this.#context.announce(this);
  }

  /** For verdicts: the entry is no longer under way. */
  left(messages: number): void {
    this.#underWay -= messages;
    this.#context.counters.add('activeQueue', -messages);
  }

  /** For verdicts: an entry that is not in a list waits for `delayMs`. */
  delay(entry: Entry, delayMs: number): void {
    this.#delayed.push(entry);
    this.#context.counters.add('delayedQueue', entry.recipients.length);
    entry.timer = this.#context.wheel.schedule(delayMs, this.#wake, entry);
  }

  #enter(entry: Entry): void {
    this.#context.indexed(entry);
    this.#context.counters.add('totalQueue', entry.recipients.length);
    this.#ready(entry);
  }

  #ready(entry: Entry): void {
    (entry.priority === 1 ? this.#urgent : this.#normal).push(entry);
    this.#expiresMono = Math.min(this.#expiresMono, this.#context.clock.mono() + this.#context.verdicts.expiresInMs(entry));
    this.#context.counters.add('activeQueue', entry.recipients.length);
    this.#context.announce(this);
  }

  #woken(entry: Entry): void {
    entry.timer = 0;
    if (this.#cursors.size > 0) this.#leaving(entry);
    this.#delayed.remove(entry);
    this.#context.counters.add('delayedQueue', -entry.recipients.length);
    this.#ready(entry);
  }

  /** Why a ready entry ends without an attempt. */
  #refusal(entry: Entry): string | undefined {
    const { options } = this;
    if (options.blackhole !== 'false') return queueReplies.blackholed;
    if (this.#context.verdicts.isTooLate(entry)) return queueReplies.deadline;
    if (!options.neverAttemptExpiredMessages) return undefined;
    return this.#context.verdicts.isExpired(entry) ? queueReplies.expired : undefined;
  }

  /** The entry, or the first part of it as an entry of its own; the rest is next. */
  #atMost(entry: Entry, most: number): Entry {
    if (entry.recipients.length <= most) return entry;
    const part = new Entry(this, entry.batch, entry.recipients.slice(0, most), entry.priority);
    part.attempts = entry.attempts;
    part.lastReply = entry.lastReply;
    this.#context.indexed(part);
    entry.recipients = entry.recipients.slice(most);
    this.#underWay -= entry.recipients.length;
    (entry.priority === 1 ? this.#urgent : this.#normal).unshift(entry);
    return part;
  }

  get #lists(): readonly EntryList[] {
    return [this.#urgent, this.#normal, this.#delayed];
  }

  /** Messages ready or delayed: all but those under way. */
  get waiting(): number {
    return this.#urgent.messages + this.#normal.messages + this.#delayed.messages;
  }

  #after(entry: Entry): Entry | undefined {
    if (entry.newer !== undefined) return entry.newer;
    if (this.#urgent.has(entry)) return this.#normal.oldest ?? this.#delayed.oldest;
    return this.#normal.has(entry) ? this.#delayed.oldest : undefined;
  }

  /** An entry that leaves its place while somebody walks along: he goes on behind it. */
  #leaving(entry: Entry): void {
    for (const [cursor, at] of this.#cursors) {
      if (at !== entry) continue;
      const after = this.#after(entry);
      if (after === undefined) this.#cursors.delete(cursor);
      else this.#cursors.set(cursor, after);
    }
  }

  /** Takes a waiting entry out of its list, as if it were under way; answers whether it was ready. */
  #takeOut(entry: Entry): boolean {
    if (this.#cursors.size > 0) this.#leaving(entry);
    entry.list?.remove(entry);
    return this.#outOfList(entry);
  }

  #outOfList(entry: Entry): boolean {
    const messages = entry.recipients.length;
    const wasReady = entry.timer === 0;
    if (!wasReady) {
      this.#context.wheel.cancel(entry.timer);
      entry.timer = 0;
      this.#context.counters.add('delayedQueue', -messages);
      this.#context.counters.add('activeQueue', messages);
    }
    this.#underWay += messages;
    return wasReady;
  }

  #one(view: EntryView, each: (entry: Entry, wasReady: boolean) => void): boolean {
    const [first] = view.recipients;
    const entry = first === undefined ? undefined : this.#context.find(first.id);
    if (entry === undefined || entry.queue !== this || entry.list === undefined) return false;
    const wasReady = this.#takeOut(entry);
    const wanted = new Set(view.recipients.map(({ id }) => id));
    if (entry.recipients.length > wanted.size) this.#split(entry, wanted, wasReady);
    each(entry, wasReady);
    if (this.isEmpty) this.#context.emptied(this);
    return true;
  }

  /** The view was of some recipients of an entry that was taken out: the others go back to where they were. */
  #split(entry: Entry, wanted: ReadonlySet<string>, wasReady: boolean): void {
    const rest = entry.recipients.filter(({ id }) => !wanted.has(id));
    entry.recipients = entry.recipients.filter(({ id }) => wanted.has(id));
    const other = new Entry(this, entry.batch, rest, entry.priority);
    other.attempts = entry.attempts;
    other.nextAt = entry.nextAt;
    other.lastReply = entry.lastReply;
    this.left(rest.length);
    this.arrive(other, wasReady ? 0 : Math.max(0, entry.nextAt - this.#context.clock.now()));
  }

  /** An entry that was taken out is ready. */
  #back(entry: Entry): void {
    this.left(entry.recipients.length);
    this.#ready(entry);
  }

  #rebind(entry: Entry, group: string, binding: string, wasReady: boolean): void {
    const { batch, recipients } = entry;
    batch.home.note(batch.id, { kind: 'rebind', recipients: recipients.map(({ index }) => index), binding, bindingGroup: group });
    // Under a Gateway's name the mail of many domains waits, and in the other binding each may have a queue of its own.
    const byQueue = new Map<DomainQueue, Recipient[]>();
    for (const recipient of recipients) {
      const domain = this.gateway === undefined ? this.domain : domainOf(recipient.address);
      const queue = this.#context.queueFor(group, binding, domain);
      const own = byQueue.get(queue);
      if (own === undefined) byQueue.set(queue, [recipient]);
      else own.push(recipient);
    }
    this.#move(entry, byQueue, wasReady);
  }

  #reroute(entry: Entry, domain: string, wasReady: boolean): void {
    const { batch, recipients } = entry;
    batch.home.note(batch.id, { kind: 'reroute', recipients: recipients.map(({ index }) => index), domain });
    this.#move(entry, new Map([[this.#context.queueFor(this.group, this.binding, domain), entry.recipients]]), wasReady);
  }

  /** An entry that was taken out waits elsewhere as it did here: ready, or for the rest of its delay. */
  #move(entry: Entry, byQueue: ReadonlyMap<DomainQueue, Recipient[]>, wasReady: boolean): void {
    this.left(entry.recipients.length);
    const delayMs = wasReady ? 0 : Math.max(0, entry.nextAt - this.#context.clock.now());
    for (const [queue, recipients] of byQueue) {
      const moved = new Entry(queue, entry.batch, recipients, entry.priority);
      moved.attempts = entry.attempts;
      moved.nextAt = entry.nextAt;
      moved.lastReply = entry.lastReply;
      queue.arrive(moved, delayMs);
    }
  }

  /** An entry comes from another queue. */
  arrive(entry: Entry, delayMs: number): void {
    this.#context.indexed(entry);
    if (delayMs <= 0) this.#ready(entry);
    else this.delay(entry, delayMs);
  }

  #startSweep(lists: readonly EntryList[], each: (entry: Entry, wasReady: boolean) => void, done?: SweepDone): void {
    this.#cursors.clear();
    let messages = 0;
    const one = (entry: Entry): void => {
      messages += entry.recipients.length;
      each(entry, this.#outOfList(entry));
    };
    const sweep = new Sweep(lists, one, () => done?.(messages));
    const after = this.#sweep;
    if (after !== undefined) {
      after.followWith(sweep);
      return;
    }
    this.#sweep = sweep;
    this.#sweepOn();
  }

  readonly #sweepOn = (): void => {
    this.#sweep = this.#sweep?.pass();
    if (this.#sweep !== undefined) this.#context.wheel.schedule(0, this.#sweepOn);
    else if (this.isEmpty) this.#context.emptied(this);
    else if (this.ready > 0) this.#context.announce(this);
  };
}

function domainOf(address: string): string {
  const domain = address.slice(address.lastIndexOf('@') + 1);
  return toAsciiDomain(domain) ?? domain.toLowerCase();
}

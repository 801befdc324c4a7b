/**
 * The mail of one binding for one domain: what is ready (two priorities), what waits for its next attempt, what is under way.
 *
 * The one rule: an entry is ready, delayed or under way, never two of them, and every move keeps the counts. Where entries wait is one store
 * for all queues (waiting.ts): no list is ever scanned and setting the clock moves nothing (A65). Options are one
 * resolved record, replaced when the configuration changes. A suspended queue hands nothing out and changes nothing but what expires (SD-1542).
 * Not here: what follows from a result (verdicts.ts), what going to another queue means (moving.ts), where those are who walk along (cursors.ts),
 * connections (outbound). Bound: the spool is the bound of the mail.
 * Truth: rules, OUT-01, OUT-04, OUT-05, OUT-43, POL-06.
 */
import { parseHostPort } from '#base';
import type { Batch, Recipient } from './batch.ts';
import { Cursors, EXPIRY_CURSOR } from './cursors.ts';
import { Entry, type Delivery } from './entry.ts';
import { viewOf, type EntrySlice, type EntryView } from './entry-view.ts';
import { putBackOthers, rebind, reroute } from './moving.ts';
import type { QueueContext } from './queue-context.ts';
import type { SendingOptions } from './ports.ts';
import { queueReplies } from './replies.ts';
import { internalResult, type RecipientResult } from './results.ts';
import { PATROL_MS } from './patrol.ts';
import { Sweep } from './sweep.ts';
import { EntryList, listNumbers, type Waiting } from './waiting.ts';

/** Entries that one call of take() may end by itself (blackholed, expired) before others get their turn. */
const ENDED_PER_TAKE = 200;
/** Entries that a look at what is over goes through in a turn. */
const EXPIRY_SLICE = 500;
/** Where mail goes whose binding is no more (OUT-05). */
const REFUGE = { group: 'default', binding: 'default' } as const;
/** Milliseconds before it goes, again also when the loop that it goes to could not take it. */
const LEAVING_MS = 20;

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
  /** The name of this queue among those of the loop, for its rows. */
  readonly number: number;
  /** By their numbers: what is ready, urgent mail first, then what waits for its next attempt. */
  readonly lists: readonly EntryList[];
  readonly #context: QueueContext;
  readonly #store: Waiting;
  readonly #urgent = new EntryList(listNumbers.urgent);
  readonly #normal = new EntryList(listNumbers.normal);
  readonly #delayed = new EntryList(listNumbers.delayed);
  #underWay = 0;
  /** Where those are who walk along the queue; made when somebody does. */
  #cursors: Cursors | undefined;
  #sweep: Sweep | undefined;
  /** OUT-05: the configuration has no binding of this name. Nothing is sent from here. */
  #isGone: boolean;
  #isLeaving = false;
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
    this.#store = context.waiting;
    this.lists = [this.#urgent, this.#normal, this.#delayed];
    this.number = context.waiting.register(this);
    this.group = o.group;
    this.binding = o.binding;
    this.#isGone = context.isGone(o.binding);
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
    return this.options.suspendDelivery || this.#isGone || this.#sweep !== undefined ? 0 : this.#urgent.length + this.#normal.length;
  }

  /** Nothing waits here and nothing is under way. */
  get isEmpty(): boolean {
    return this.active === 0 && this.#delayed.length === 0 && this.#sweep === undefined;
  }

  /** The sender of what would be taken next. */
  get nextSender(): string | undefined {
    const row = this.#next;
    return row < 0 ? undefined : this.#store.look(row).batch.sender;
  }

  /** Recipients of what would be taken next; 0 when nothing may be taken now. Outbound asks a throttle for as many. */
  get nextRecipients(): number {
    if (this.ready === 0) return 0;
    return this.#store.messagesOf(this.#next);
  }

  /** Adds mail that is to be tried now. */
  add(batch: Batch, recipients: Recipient[], priority: 0 | 1): void {
    this.statistics.receptions += recipients.length;
    this.#context.counters.add('totalQueue', recipients.length);
    this.#ready(new Entry(this, batch, recipients, priority));
  }

  /** Adds mail that was already tried, to be tried again in `delayMs`. */
  addDelayed(
    batch: Batch,
    recipients: Recipient[],
    o: { priority: 0 | 1; attempts: number; delayMs: number; lastReply?: string | undefined },
  ): Entry {
    const entry = new Entry(this, batch, recipients, o.priority);
    entry.attempts = o.attempts;
    entry.lastReply = o.lastReply;
    this.#context.counters.add('totalQueue', recipients.length);
    if (o.delayMs <= 0) this.#ready(entry);
    else this.delay(entry, o.delayMs);
    return entry;
  }

  /** One transaction: recipients of one batch, at most `recipientsMax` of them. Undefined when there is none to be made now. */
  take(recipientsMax = Infinity): Delivery | undefined {
    for (let ended = 0; ; ended += 1) {
      if (this.ready === 0) return undefined;
      if (ended === ENDED_PER_TAKE) {
        this.#context.wheel.schedule(0, this.#context.announce, this);
        return undefined;
      }
      const row = this.#next;
      if (row < 0) return undefined;
      this.#cursors?.leaving(row);
      const entry = this.#store.leave(row);
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
    this.#store.enter(entry, this.#readyList(entry.priority), true);
    if (this.#isGone) this.#leave();
    else this.#context.announce(this);
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
    if (this.#sweep !== undefined || this.#cursors?.has(EXPIRY_CURSOR) === true || now < this.#expiresMono) return;
    if (!this.options.suspendDelivery && now - this.#takenMono < PATROL_MS) return;
    this.#expiresMono = Infinity;
    this.#expireFrom(this.#walks.first);
  }

  /** A slice of a look at what is ready: what is over fails, the rest stays where it is, and others may take it meanwhile. */
  #expireFrom(start: number): void {
    const { verdicts, wheel } = this.#context;
    const end = internalResult('permanent', queueReplies.maxTime);
    let at = start;
    for (let left = EXPIRY_SLICE; left > 0 && this.#isReady(at); left -= 1) {
      const row = at;
      at = this.#walks.after(row);
      if (!this.#watchExpiry(this.#store.look(row))) this.#takeOut(row, (entry) => verdicts.failEntry(entry, end));
    }
    if (this.#isReady(at)) {
      this.#walks.put(EXPIRY_CURSOR, at);
      wheel.schedule(0, this.#expireOn);
    } else if (this.isEmpty) this.#context.emptied(this);
  }

  readonly #expireOn = (): void => {
    const at = this.#cursors?.take(EXPIRY_CURSOR);
    if (at !== undefined && this.#sweep === undefined) this.#expireFrom(at);
    // Its place is lost, because all was swept meanwhile: the next patrol begins anew.
    else this.#expiresMono = 0;
  };

  #isReady(row: number): boolean {
    return row >= 0 && this.#store.stateOf(row) === 'ready';
  }

  /** Everything that waits here, delayed mail too, fails with this reply. Answers how many messages that are. */
  failAll(reply: string, o: { isQuiet?: boolean; done?: SweepDone } = {}): number {
    const messages = this.waiting;
    const result = internalResult('permanent', reply);
    this.#startSweep(this.lists, (entry) => this.#context.verdicts.failEntry(entry, result, o.isQuiet), o.done);
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
    this.#startSweep(this.lists, (entry, wasReady) => rebind(this.#context, entry, { group, binding, wasReady }), done);
    return messages;
  }

  /** Everything that waits here goes to where mail for `domain` goes. Answers how many messages that are. */
  rerouteAll(domain: string, done?: SweepDone): number {
    const messages = this.waiting;
    this.#startSweep(this.lists, (entry, wasReady) => reroute(this.#context, entry, { domain, wasReady }), done);
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
    return this.#one(view, (entry, wasReady) => rebind(this.#context, entry, { group, binding, wasReady }));
  }

  /** The waiting message of a view goes to where mail for `domain` goes; false when it is gone or under way. */
  reroute(view: EntryView, domain: string): boolean {
    return this.#one(view, (entry, wasReady) => reroute(this.#context, entry, { domain, wasReady }));
  }

  /**
   * A slice of what waits here, what is next first: ready mail, then delayed mail.
   * @param cursor 0 for the first slice, then `next` of the slice before; an old one gives an empty slice
   */
  walk(cursor: number, max: number): EntrySlice {
    const entries: EntryView[] = [];
    const next = this.#walks.walk(cursor, max, (row) => void entries.push(viewOf(this.#store.look(row), this.#context)));
    return { entries, next };
  }

  /** The configuration changed: a new record of options is in force, or the one that it has. */
  reconfigured(options: SendingOptions): void {
    const wasGone = this.#isGone;
    this.#isGone = this.#context.isGone(this.binding);
    if (this.#isGone) this.#leave();
    if (options === this.options && !wasGone) return;
    if (options.messageExpiration !== this.options.messageExpiration) this.#expiresMono = 0;
    this.options = options;
    if (options.blackhole !== 'false') this.#swallow();
    else if (this.ready > 0) this.#context.announce(this);
  }

  /** For verdicts: the entry is no longer under way. */
  left(messages: number): void {
    this.#underWay -= messages;
    this.#context.counters.add('activeQueue', -messages);
  }

  /** For verdicts: an entry that is not in a list waits for `delayMs`. */
  delay(entry: Entry, delayMs: number): void {
    this.#context.counters.add('delayedQueue', entry.recipients.length);
    entry.due = this.#context.clock.mono() + Math.max(0, delayMs);
    this.#store.enter(entry, this.#delayed);
    if (this.#isGone) this.#leave();
  }

  /** For the store: the time of a delayed row has come. */
  due(row: number): void {
    this.#cursors?.leaving(row);
    const messages = this.#store.messagesOf(row);
    this.#store.move(row, this.#readyList(this.#store.priorityOf(row)));
    this.#watchExpiry(this.#store.look(row));
    this.#context.counters.add('delayedQueue', -messages);
    this.#context.counters.add('activeQueue', messages);
    this.#offer();
  }

  /** Tells outbound of ready mail; what is in a blackholed domain fails by itself, whether or not there is a way or it is suspended. */
  #offer(): void {
    if (this.#isGone) this.#leave();
    else if (this.options.blackhole === 'false') this.#context.announce(this);
    else this.#context.wheel.schedule(0, () => this.#swallow());
  }

  #swallow(): void {
    if (this.#sweep !== undefined || this.waiting === 0 || this.#isGone) return;
    if (this.options.blackhole === 'false') this.#context.announce(this);
    else this.failAll(queueReplies.blackholed);
  }

  /** OUT-05: what waits here goes to the default binding, soon; what comes back meanwhile, or is not on the wire any more, goes after it. */
  #leave(): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#context.wheel.schedule(LEAVING_MS, () => {
      this.#isLeaving = false;
      if (this.#isGone && this.#sweep === undefined && this.waiting > 0) this.rebindAll(REFUGE.group, REFUGE.binding);
    });
  }

  #ready(entry: Entry): void {
    this.#watchExpiry(entry);
    this.#context.counters.add('activeQueue', entry.recipients.length);
    this.#store.enter(entry, this.#readyList(entry.priority));
    this.#offer();
  }

  /** Keeps in mind when the entry is over; false when it is. */
  #watchExpiry(entry: Entry): boolean {
    const left = this.#context.verdicts.expiresInMs(entry);
    this.#expiresMono = Math.min(this.#expiresMono, this.#context.clock.mono() + left);
    return left > 0;
  }

  #readyList(priority: 0 | 1): EntryList {
    return priority === 1 ? this.#urgent : this.#normal;
  }

  /** The row that is taken next, -1 when nothing is ready. */
  get #next(): number {
    return this.#urgent.length > 0 ? this.#urgent.oldest : this.#normal.oldest;
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
    entry.recipients = entry.recipients.slice(most);
    this.#underWay -= entry.recipients.length;
    this.#store.enter(entry, this.#readyList(entry.priority), true);
    this.#store.know(part);
    return part;
  }

  /** Messages ready or delayed: all but those under way. */
  get waiting(): number {
    return this.#urgent.messages + this.#normal.messages + this.#delayed.messages;
  }

  get #walks(): Cursors {
    return (this.#cursors ??= new Cursors(this.#store, this.lists));
  }

  /** Takes a waiting entry out of its list, as if it were under way, and tells whether it was ready. */
  #takeOut(row: number, each: (entry: Entry, wasReady: boolean) => void): void {
    this.#cursors?.leaving(row);
    const wasReady = this.#store.stateOf(row) === 'ready';
    const entry = this.#store.leave(row);
    const messages = entry.recipients.length;
    if (!wasReady) {
      this.#context.counters.add('delayedQueue', -messages);
      this.#context.counters.add('activeQueue', messages);
    }
    this.#underWay += messages;
    each(entry, wasReady);
  }

  #one(view: EntryView, each: (entry: Entry, wasReady: boolean) => void): boolean {
    const [first] = view.recipients;
    const entry = first === undefined ? undefined : this.#store.find(first.id);
    if (entry === undefined || entry.queue !== this || entry.row < 0) return false;
    const wanted = new Set(view.recipients.map(({ id }) => id));
    this.#takeOut(entry.row, (taken, wasReady) => {
      if (taken.recipients.length > wanted.size) putBackOthers(this.#context, taken, wanted, wasReady);
      each(taken, wasReady);
    });
    if (this.isEmpty) this.#context.emptied(this);
    return true;
  }

  /** An entry that was taken out is ready. */
  #back(entry: Entry): void {
    this.left(entry.recipients.length);
    this.#ready(entry);
  }

  /** For moving: an entry that is in no list comes from another queue, or back. */
  arrive(entry: Entry, delayMs: number): void {
    if (delayMs <= 0) this.#ready(entry);
    else this.delay(entry, delayMs);
  }

  #startSweep(lists: readonly EntryList[], each: (entry: Entry, wasReady: boolean) => void, done?: SweepDone): void {
    this.#cursors?.clear();
    let messages = 0;
    const one = (entry: Entry, wasReady: boolean): void => {
      messages += entry.recipients.length;
      each(entry, wasReady);
    };
    const sweep = new Sweep(
      lists,
      (row) => this.#takeOut(row, one),
      () => done?.(messages),
    );
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
    else if (this.ready > 0 || this.#isGone || this.options.blackhole !== 'false') this.#offer();
  };
}

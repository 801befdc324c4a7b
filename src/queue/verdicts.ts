/**
 * What follows from a result: an outcome for the spool, another attempt, a notice, a record.
 *
 * The one rule: a permanent failure is noted in the spool only when its notice is durable or not wanted, so that a crash in
 * between repeats a notice rather than losing it; recipients that fail together share one notice. A batch is settled when its
 * last recipient has an outcome. `retries` in records are the attempts before this one.
 * Not here: how a notice is made (notices.ts), waiting. Truth: rules, LOG-10, BNC-01 to BNC-03; SD-1199.
 */
import type { Clock } from '#base';
import { withOptions } from '#config';
import type { Counters, RecordSink } from '#observe';
import { holdOf, type Batch, type Recipient } from './batch.ts';
import type { Entry } from './entry.ts';
import type { DelayNotices } from './delay-notices.ts';
import type { Notices } from './notices.ts';
import type { SendingOptions } from './ports.ts';
import type { Residency } from './residency.ts';
import type { RecipientResult } from './results.ts';
import { afterFailure, isExpired } from './retry-schedule.ts';

interface VerdictPorts {
  readonly clock: Clock;
  readonly records: RecordSink;
  readonly counters: Pick<Counters, 'add'>;
  readonly residency: Residency;
  readonly notices: Notices;
  readonly delays: Pick<DelayNotices, 'watch'>;
  /** Whether failures of mail from this sender count as bounces (BNC-06). */
  readonly isBounceAddress: (sender: string, options: SendingOptions) => boolean;
  /** The recipient with this id has an outcome. */
  readonly forget: (id: string) => void;
}

/** A recipient that failed for good, with the result that is told of it. */
export interface Failure {
  readonly recipient: Recipient;
  readonly result: RecipientResult;
}

/** The sender asked to hear of success, and nobody further on will say so. */
function isSuccessTold(batch: Batch, recipient: Recipient, result: RecipientResult): boolean {
  return result.success !== undefined && batch.sender !== '' && recipient.notify?.includes('SUCCESS') === true;
}

export class Verdicts {
  readonly #o: VerdictPorts;

  constructor(o: VerdictPorts) {
    this.#o = o;
  }

  isExpired(entry: Entry): boolean {
    return isExpired(this.#sendingAge(entry), entry.queue.options);
  }

  /** Milliseconds until its time is over; 0 or less when it is. */
  expiresInMs(entry: Entry): number {
    return entry.queue.options.messageExpiration * 1000 - this.#sendingAge(entry);
  }

  /** DELIVERBY with return: the time that was asked for is over. */
  isTooLate(entry: Entry): boolean {
    const by = entry.batch.terms?.deliverBy;
    return by !== undefined && by.mode === 'return' && this.#o.clock.now() >= by.at;
  }

  /** One result per recipient of the entry, in their order. */
  finish(entry: Entry, results: readonly RecipientResult[]): void {
    entry.queue.left(entry.recipients.length);
    let later: Recipient[] | undefined;
    let laterResult: RecipientResult | undefined;
    let failed: Failure[] | undefined;
    let succeeded: Failure[] | undefined;
    const retries = entry.attempts;
    for (let i = 0; i < entry.recipients.length; i += 1) {
      const recipient = entry.recipients[i] as Recipient;
      const result = results[i] as RecipientResult;
      switch (result.kind) {
        case 'delivered':
          this.#delivered(entry, recipient, result);
          if (isSuccessTold(entry.batch, recipient, result)) (succeeded ??= []).push({ recipient, result });
          else entry.batch.open -= 1;
          break;
        case 'transient':
          this.#transient(entry, recipient, result);
          (later ??= []).push(recipient);
          laterResult ??= result;
          break;
        case 'permanent':
          (failed ??= []).push({ recipient, result });
      }
    }
    if (later !== undefined && laterResult !== undefined) {
      const ended = this.#tryLater(entry, later, laterResult, 0);
      if (ended !== undefined) failed = failed === undefined ? ended : [...failed, ...ended];
    }
    if (failed !== undefined) this.#fail(entry, failed, retries);
    if (succeeded !== undefined) this.#tellSuccess(entry, succeeded);
    this.#settle(entry.batch);
  }

  /** The whole entry is deferred with one result; `fuzzMs` is added to the wait. */
  deferEntry(entry: Entry, result: RecipientResult, fuzzMs: number): void {
    entry.queue.left(entry.recipients.length);
    const retries = entry.attempts;
    for (const recipient of entry.recipients) this.#transient(entry, recipient, result);
    const ended = this.#tryLater(entry, entry.recipients, result, fuzzMs);
    if (ended !== undefined) this.#fail(entry, ended, retries);
  }

  /** The whole entry fails with one result. @param isQuiet nobody is told, whatever the options say */
  failEntry(entry: Entry, result: RecipientResult, isQuiet = false): void {
    entry.queue.left(entry.recipients.length);
    this.#fail(
      entry,
      entry.recipients.map((recipient) => ({ recipient, result })),
      entry.attempts,
      isQuiet,
    );
  }

  #delivered(entry: Entry, recipient: Recipient, result: RecipientResult): void {
    const { batch, queue } = entry;
    queue.statistics.deliveries += 1;
    this.#o.forget(recipient.id);
    this.#o.counters.add('deliveries');
    this.#o.counters.add('deliveredBytes', batch.size);
    this.#o.counters.add('totalQueue', -1);
    this.#o.records.record({
      kind: 'D',
      at: this.#o.clock.now(),
      messageId: recipient.id,
      batchId: batch.id,
      connectionId: batch.connectionId,
      domain: queue.domain,
      size: batch.size,
      bindingGroup: queue.group,
      binding: queue.binding,
      retries: entry.attempts,
      elapsedMs: this.#age(entry),
      remoteIp: result.remoteIp,
      reply: result.reply,
      sender: batch.sender,
      recipient: recipient.address,
      messageSize: batch.size,
      facts: result.facts === undefined ? batch.facts : [...batch.facts, ...result.facts],
    });
    batch.home.note(batch.id, { kind: 'delivered', recipient: recipient.index });
  }

  /** NOTIFY=SUCCESS: the message is kept until its notice was made. What a crash loses then is the notice, never a second delivery. */
  #tellSuccess({ batch, queue }: Entry, succeeded: readonly Failure[]): void {
    const action = succeeded.every(({ result }) => result.success === 'delivered') ? 'delivered' : 'relayed';
    this.#o.notices.report(batch, { options: queue.options, recipients: succeeded, action }, () => {
      batch.open -= succeeded.length;
      this.#settle(batch);
    });
  }

  /** Another attempt for these recipients, or the failures with which they end. */
  #tryLater(entry: Entry, recipients: Recipient[], result: RecipientResult, fuzzMs: number): Failure[] | undefined {
    const { batch, queue } = entry;
    const { residency, clock } = this.#o;
    entry.attempts += 1;
    const next = afterFailure(entry.attempts, this.#sendingAge(entry), queue.options);
    if (typeof next === 'string') {
      const end: RecipientResult = { ...result, kind: 'permanent', reply: next };
      return recipients.map((recipient) => ({ recipient, result: end }));
    }
    const delayMs = this.#untilDeadline(batch, next * 1000 + fuzzMs);
    entry.recipients = recipients;
    entry.lastReply = result.reply;
    const nextAt = clock.now() + delayMs;
    const drop = queue.options.dropBodyAfterTransFail;
    if ((drop >= 0 && entry.attempts > drop) || residency.isTight) residency.drop(batch);
    const indexes = recipients.map((recipient) => recipient.index);
    const note = { kind: 'deferred', recipients: indexes, attempts: entry.attempts, nextAt, reply: result.reply } as const;
    batch.home.note(batch.id, note);
    queue.delay(entry, delayMs);
    if (queue.options.generateDelayDsn) this.#o.delays.watch(entry);
    this.#tellLate(entry, nextAt, result);
    return undefined;
  }

  /** A message that must be delivered by a time is looked at again at that time at the latest, to be returned. */
  #untilDeadline(batch: Batch, delayMs: number): number {
    const by = batch.terms?.deliverBy;
    if (by === undefined || by.mode !== 'return') return delayMs;
    return Math.min(delayMs, Math.max(0, by.at - this.#o.clock.now()));
  }

  /** DELIVERBY with notice: the next attempt comes too late, so the sender hears now that the message is delayed (RFC 2852), once. */
  #tellLate(entry: Entry, nextAt: number, result: RecipientResult): void {
    const { batch, queue } = entry;
    const by = batch.terms?.deliverBy;
    if (by === undefined || by.mode !== 'notify' || batch.isToldLate || by.at > nextAt || !queue.options.generateBounces) return;
    batch.isToldLate = true;
    const late = entry.recipients.map((recipient) => ({ recipient, result }));
    const retryUntil = Math.round(this.#o.clock.now() + this.expiresInMs(entry));
    this.#o.notices.report(batch, { options: queue.options, recipients: late, action: 'delayed', retryUntil }, () => undefined);
  }

  /** @param retries attempts before the one that failed, for the records */
  #fail(entry: Entry, failures: readonly Failure[], retries: number, isQuiet = false): void {
    const { batch, queue } = entry;
    queue.statistics.failures += failures.length;
    for (const { recipient } of failures) this.#o.forget(recipient.id);
    this.#o.counters.add('failures', failures.length);
    this.#o.counters.add('totalQueue', -failures.length);
    for (const { recipient, result } of failures) this.#record('P', entry, { recipient, result }, retries);
    const options = isQuiet ? withOptions(queue.options, { generateBounces: false }) : queue.options;
    this.#o.notices.report(batch, { options, recipients: failures, action: 'failed' }, () => {
      for (const { recipient } of failures) batch.home.note(batch.id, { kind: 'failed', recipient: recipient.index });
      batch.open -= failures.length;
      this.#settle(batch);
    });
  }

  /** These recipients wait on another loop from now on. */
  departed(batch: Batch, recipients: readonly Recipient[]): void {
    for (const { id } of recipients) this.#o.forget(id);
    this.#o.counters.add('totalQueue', -recipients.length);
    batch.open -= recipients.length;
    this.#settle(batch);
  }

  #settle(batch: Batch): void {
    if (batch.open !== 0) return;
    // Once only: a second call must not settle another batch of the same id.
    batch.open = -1;
    this.#o.forget(batch.id);
    this.#o.residency.drop(batch);
    batch.home.settled(batch.id);
  }

  #transient(entry: Entry, recipient: Recipient, result: RecipientResult): void {
    entry.queue.statistics.transientFailures += 1;
    this.#o.counters.add('transientFailures');
    this.#record('T', entry, { recipient, result }, entry.attempts);
  }

  #record(kind: 'T' | 'P', entry: Entry, { recipient, result }: Failure, retries: number): void {
    const { batch, queue } = entry;
    this.#o.records.record({
      kind,
      at: this.#o.clock.now(),
      messageId: recipient.id,
      batchId: batch.id,
      connectionId: batch.connectionId,
      domain: queue.domain,
      size: result.bytes,
      bindingGroup: queue.group,
      binding: queue.binding,
      stage: result.stage,
      retries,
      elapsedMs: this.#age(entry),
      remoteIp: result.remoteIp,
      reply: result.reply,
      isBounce: this.#o.isBounceAddress(batch.sender, queue.options),
      sender: batch.sender,
      recipient: recipient.address,
      messageSize: batch.size,
      facts: result.facts === undefined ? batch.facts : [...batch.facts, ...result.facts],
    });
  }

  /** The time in which the message could have been delivered: for one that was held, since its release (RFC 4865). */
  #sendingAge(entry: Entry): number {
    return Math.max(0, this.#age(entry) - holdOf(entry.batch, 0).whole);
  }

  /** Milliseconds since reception, by the clock that is never set. */
  #age(entry: Entry): number {
    return Math.max(0, this.#o.clock.mono() - entry.batch.bornMono);
  }
}

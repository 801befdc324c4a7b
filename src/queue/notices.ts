/**
 * Delivery status notices: who is told of what became of mail, and that the notice is durable before a failure is believed.
 *
 * The one rule: at most one notice for the recipients that share a fate, never to the null sender (A51, BNC-03), never where
 * Generate_Bounces is false or NOTIFY does not ask for it. Mail of the null sender that fails is told to MDN_Failures_Notify, but never
 * a failure of what went to that mailbox. While the door is shut (full disk) a notice waits NOTICE_RETRY_MS and comes again; a notice that
 * policy refuses is given up with a line in the panic log. Notices are begun in turns of their own, so many at a time (BNC-04).
 * Bounds: NOTICES_AT_ONCE are being made at a time, of originals of NOTICE_BYTES_AT_ONCE together; those behind hold no body of their own.
 * Not here: the text of a notice (the port's owner). Truth: rules BNC-01 to BNC-04, BNC-12; RFC 3461 sections 4.1 and 5.2; SD-2558.
 */
import type { TimerWheel } from '#base';
import { wantsNotice } from '#mail';
import type { Counters, PanicLog } from '#observe';
import type { Batch } from './batch.ts';
import type { NoticeFacts, NoticePort, SendingOptions } from './ports.ts';
import type { Residency } from './residency.ts';
import type { Failure } from './verdicts.ts';

const NOTICES_AT_ONCE = 128;
export const NOTICE_BYTES_AT_ONCE = 32 * 1_048_576;
export const NOTICE_RETRY_MS = 60_000;

/** Async_Bounce_Rendering and Soft_Bounce_Drain_Rate. */
export interface Rendering {
  readonly isAsync: boolean;
  readonly perPass: number;
}

interface NoticePorts {
  readonly port: NoticePort;
  readonly residency: Residency;
  readonly wheel: Pick<TimerWheel, 'schedule'>;
  readonly counters: Pick<Counters, 'add'>;
  readonly panic: Pick<PanicLog, 'log'>;
  /** At once when it is not given. */
  readonly rendering?: (() => Rendering) | undefined;
}

type NoticeOptions = Pick<SendingOptions, 'bouncesInlineOriginal' | 'mailerDaemon' | 'generateBounces' | 'mdnFailuresNotify'>;

interface NoticeAbout {
  readonly options: NoticeOptions;
  readonly recipients: readonly Failure[];
  readonly action: NoticeFacts['action'];
  /** Of mail that is late: until when it is tried, epoch milliseconds. */
  readonly retryUntil?: number;
}

interface Job extends NoticeAbout {
  readonly batch: Batch;
  readonly to: string;
  readonly done: () => void;
}

const kindOf = { failed: 'failure', delayed: 'delay', relayed: 'success', delivered: 'success' } as const;

export class Notices {
  readonly #o: NoticePorts;
  #waiting: Job[] = [];
  /** Jobs before this place are gone: a long list is not moved for each of them. */
  #first = 0;
  #underWay = 0;
  #bytesUnderWay = 0;
  #isScheduled = false;

  constructor(o: NoticePorts) {
    this.#o = o;
  }

  /** Notices that are not durable yet. */
  get pending(): number {
    return this.#waiting.length - this.#first + this.#underWay;
  }

  /** Tells the sender if somebody wants to know, then calls `done`; at once when nobody does. */
  report(batch: Batch, about: NoticeAbout, done: () => void): void {
    const to = readerOf(batch, about);
    const told = to === undefined ? [] : about.recipients.filter(({ recipient }) => isTold(to, batch, recipient, about.action));
    if (to === undefined || told.length === 0) {
      done();
      return;
    }
    this.#waiting.push({ ...about, recipients: told, batch, to, done });
    this.#go();
  }

  #go(): void {
    if (this.#o.rendering?.().isAsync === true) this.#soon();
    else this.#pump();
  }

  /** The next notices are begun in a turn of their own. */
  #soon(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#o.wheel.schedule(0, () => {
      this.#isScheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    const rendering = this.#o.rendering?.();
    let left = rendering?.isAsync === true ? Math.max(1, rendering.perPass) : Infinity;
    for (; ; left -= 1) {
      const job = this.#waiting[this.#first];
      if (job === undefined) {
        this.#waiting = [];
        this.#first = 0;
        return;
      }
      if (!this.#hasRoom(job)) return;
      if (left <= 0) {
        this.#soon();
        return;
      }
      this.#first += 1;
      this.#underWay += 1;
      this.#bytesUnderWay += job.batch.size;
      this.#quote(job);
    }
  }

  #hasRoom({ batch }: Job): boolean {
    return this.#underWay === 0 || (this.#underWay < NOTICES_AT_ONCE && this.#bytesUnderWay + batch.size <= NOTICE_BYTES_AT_ONCE);
  }

  #quote(job: Job): void {
    if (quoteOf(job) === 'none') {
      this.#send(job, undefined);
      return;
    }
    // A message that cannot be read is told of all the same, without a quotation.
    this.#o.residency.load(job.batch, (_error, body) => this.#send(job, body));
  }

  #send(job: Job, original: Buffer | undefined): void {
    const { batch } = job;
    const facts: NoticeFacts = {
      batchId: batch.id,
      to: job.to,
      action: job.action,
      receivedAt: batch.receivedAt,
      retryUntil: job.retryUntil,
      recipients: job.recipients.map(({ recipient, result }) => ({
        address: recipient.address,
        orcpt: recipient.orcpt,
        reply: result.reply,
        remoteIp: result.remoteIp,
      })),
      envid: batch.envid,
      quote: quoteOf(job),
      ret: batch.ret,
      mailerDaemon: job.options.mailerDaemon,
      smtpUtf8: batch.smtpUtf8,
      original,
    };
    this.#o.port.send(facts, (error) => {
      this.#underWay -= 1;
      this.#bytesUnderWay -= batch.size;
      if (error === undefined || isRefusal(error)) this.#end(job, error);
      else this.#o.wheel.schedule(NOTICE_RETRY_MS, () => this.#again(job));
      this.#go();
    });
  }

  #again(job: Job): void {
    this.#waiting.push(job);
    this.#go();
  }

  #end(job: Job, refusal: Error | undefined): void {
    if (refusal !== undefined)
      this.#o.panic.log('ERROR', 'SMTP', `notice about message ${job.batch.id} to ${job.to} was refused: ${refusal.message}`);
    else if (job.action === 'failed') this.#o.counters.add('bounces');
    job.done();
  }
}

/** Who reads of it; undefined when nobody does. */
function readerOf(batch: Batch, { options, action }: NoticeAbout): string | undefined {
  if (action === 'failed' && !options.generateBounces) return undefined;
  if (batch.sender !== '') return batch.sender;
  return action === 'failed' ? options.mdnFailuresNotify || undefined : undefined;
}

/** RFC 3461 section 4.1, and no end to notices about notices: what went to the reader of failures is not told to that reader. */
function isTold(to: string, batch: Batch, recipient: Failure['recipient'], action: NoticeFacts['action']): boolean {
  if (batch.sender === '' && recipient.address.toLowerCase() === to.toLowerCase()) return false;
  return wantsNotice(recipient.notify, kindOf[action]);
}

/** How much of the original goes back. Of mail that must not travel in clear nothing does: the notice itself may (RFC 8689 section 5). */
function quoteOf({ batch, options }: Job): NoticeFacts['quote'] {
  return batch.terms?.requireTls === true ? 'none' : options.bouncesInlineOriginal;
}

/** The door said no to this message and would say it again. */
function isRefusal(error: Error): boolean {
  const code = 'code' in error ? error.code : undefined;
  return code === 'refused' || code === 'disconnected';
}

/**
 * Delivery status notices: who is told of which failures, and that the notice is durable before the failure is believed.
 *
 * The one rule: at most one notice for the recipients that fail together, never to the null sender (A51, BNC-03), never where
 * Generate_Bounces is false or NOTIFY does not ask for it. While the door is shut (full disk) a notice waits NOTICE_RETRY_MS
 * and comes again; a notice that policy refuses is given up with a line in the panic log.
 * Bounds: NOTICES_AT_ONCE are being made at a time; those behind them hold no body, only what the queue held of them anyway.
 * Not here: the text of a notice (the port's owner). Truth: rules BNC-01 to BNC-03, BNC-12; RFC 3461 section 4.1; SD-2558.
 */
import type { TimerWheel } from '#base';
import type { Counters, PanicLog } from '#observe';
import type { Batch } from './batch.ts';
import type { NoticeFacts, NoticePort, SendingOptions } from './ports.ts';
import type { Residency } from './residency.ts';
import type { Failure } from './verdicts.ts';

const NOTICES_AT_ONCE = 16;
export const NOTICE_RETRY_MS = 60_000;

interface NoticePorts {
  readonly port: NoticePort;
  readonly residency: Residency;
  readonly wheel: Pick<TimerWheel, 'schedule'>;
  readonly counters: Pick<Counters, 'add'>;
  readonly panic: Pick<PanicLog, 'log'>;
}

interface Job {
  readonly batch: Batch;
  readonly options: Pick<SendingOptions, 'bouncesInlineOriginal' | 'mailerDaemon'>;
  readonly failures: readonly Failure[];
  readonly action: NoticeFacts['action'];
  readonly done: () => void;
}

export class Notices {
  readonly #o: NoticePorts;
  #waiting: Job[] = [];
  /** Jobs before this place are gone: a long list is not moved for each of them. */
  #first = 0;
  #underWay = 0;

  constructor(o: NoticePorts) {
    this.#o = o;
  }

  /** Notices that are not durable yet. */
  get pending(): number {
    return this.#waiting.length - this.#first + this.#underWay;
  }

  /** Tells the sender of failures if somebody wants to know, then calls `done`; at once when nobody does. */
  report(
    batch: Batch,
    options: SendingOptions,
    failures: readonly Failure[],
    done: () => void,
    action: NoticeFacts['action'] = 'failed',
  ): void {
    const isTold = batch.sender !== '' && options.generateBounces;
    const told = isTold ? failures.filter(({ recipient }) => isWanted(recipient.notify, action)) : [];
    if (told.length === 0) {
      done();
      return;
    }
    this.#waiting.push({ batch, options, failures: told, action, done });
    this.#pump();
  }

  #pump(): void {
    while (this.#underWay < NOTICES_AT_ONCE) {
      const job = this.#waiting[this.#first];
      if (job === undefined) {
        this.#waiting = [];
        this.#first = 0;
        return;
      }
      this.#first += 1;
      this.#underWay += 1;
      this.#quote(job);
    }
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
      sender: batch.sender,
      action: job.action,
      receivedAt: batch.receivedAt,
      failed: job.failures.map(({ recipient, result }) => ({
        address: recipient.address,
        orcpt: recipient.orcpt,
        reply: result.reply,
        remoteIp: result.remoteIp,
      })),
      envid: batch.envid,
      quote: quoteOf(job),
      mailerDaemon: job.options.mailerDaemon,
      smtpUtf8: batch.smtpUtf8,
      original,
    };
    this.#o.port.send(facts, (error) => {
      this.#underWay -= 1;
      if (error === undefined || isRefusal(error)) this.#end(job, error);
      else this.#o.wheel.schedule(NOTICE_RETRY_MS, () => this.#again(job));
      this.#pump();
    });
  }

  #again(job: Job): void {
    this.#waiting.push(job);
    this.#pump();
  }

  #end(job: Job, refusal: Error | undefined): void {
    if (refusal === undefined) this.#o.counters.add('bounces');
    else this.#o.panic.log('ERROR', 'SMTP', `notice about message ${job.batch.id} to its sender was refused: ${refusal.message}`);
    job.done();
  }
}

/** RFC 3461 section 4.1: without NOTIFY a failure is told; with it, only when it lists FAILURE. */
function isWanted(notify: readonly string[] | undefined, action: NoticeFacts['action']): boolean {
  return notify === undefined || notify.length === 0 || notify.includes(action === 'failed' ? 'FAILURE' : 'DELAY');
}

/** How much of the original goes back. Of mail that must not travel in clear nothing does: the notice itself may (RFC 8689 section 5). */
function quoteOf({ batch, options }: Job): NoticeFacts['quote'] {
  if (batch.terms?.requireTls === true) return 'none';
  return batch.ret === 'HDRS' && options.bouncesInlineOriginal === 'all' ? 'headers' : options.bouncesInlineOriginal;
}

/** The door said no to this message and would say it again. */
function isRefusal(error: Error): boolean {
  const code = 'code' in error ? error.code : undefined;
  return code === 'refused' || code === 'disconnected';
}

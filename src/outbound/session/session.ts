/**
 * A connection in service: one transaction after the other, the next one's commands in one write with the last one's body.
 *
 * The one rule: a delivery is given back exactly once, by done() with a result per recipient or by released() when the server never
 * considered it. A 421, or an end, between two messages is not the fault of the next one (MO-465): on a connection that has
 * worked before it is released. At most one transaction is begun ahead, and only when the server is certain to have ended the one
 * before it (after 354, with a recipient), so that replies and commands cannot get out of step (#2809).
 * Not here: what a transaction says (transaction.ts), how many connections there are (pool). Truth: RFC 2920, SHP-06, SHP-07.
 */
import type { Clock } from '#base';
import { withOptions } from '#config';
import type { PanicLog } from '#observe';
import type { Delivery, RecipientResult, SendingOptions } from '#queue';
import { serverReplyText, type Capabilities, type ReplyFault, type ServerReply } from '#smtp';
import type { BodiesPort } from '../ports.ts';
import { malformedReply, replies, silentReply } from '../replies.ts';
import { stage } from '../stages.ts';
import { contentFor } from '../methods/content.ts';
import { methodOf } from '../methods/method.ts';
import { refusal, type Refusal } from './envelope.ts';
import type { Conversation } from './trace.ts';
import { Transaction, type TransactionPlace } from './transaction.ts';
import type { Wire, WireOwner } from './wire.ts';

/** Who lends the connection out. */
export interface SessionOwner {
  readonly options: SendingOptions;
  /** The next delivery for this connection, or undefined: it then becomes idle, or ends when it has done enough. */
  next(session: ClientSession): Delivery | undefined;
  /** Whether the connection may stay open without work. */
  mayIdle(session: ClientSession): boolean;
  done(session: ClientSession, delivery: Delivery, results: readonly RecipientResult[]): void;
  released(session: ClientSession, delivery: Delivery): void;
  idle(session: ClientSession): void;
  /** The last call. */
  closed(session: ClientSession): void;
}

interface SessionPlace {
  readonly wire: Wire;
  capabilities: Capabilities;
  /** What we call ourselves. */
  readonly ehloName: string;
  readonly isTls: boolean;
  readonly isProven: boolean;
  /** What a logger wants to know of the connection. */
  readonly facts?: readonly string[] | undefined;
  readonly remoteIp: string;
  owner: SessionOwner;
  readonly bodies: BodiesPort;
  readonly panic: Pick<PanicLog, 'log'>;
  readonly clock: Pick<Clock, 'now'>;
}

export class ClientSession implements WireOwner {
  readonly remoteIp: string;
  readonly isTls: boolean;
  /** Transactions in which somebody was delivered to, and RCPT commands sent (SHP-06). */
  deliveries = 0;
  recipients = 0;
  readonly #place: SessionPlace;
  #current: Transaction | undefined;
  /** Begun behind the body of the current one. */
  #ahead: Transaction | undefined;
  /** Loaded, to begin when the current one is over. */
  #prepared: Transaction | undefined;
  /** Its body is being loaded. */
  #loading: Delivery | undefined;
  #isResetAwaited = false;
  #isStopping = false;
  #isClosed = false;
  #isPulling = false;
  #begun = 0;

  constructor(place: SessionPlace) {
    this.#place = place;
    this.remoteIp = place.remoteIp;
    this.isTls = place.isTls;
    place.wire.owner = this;
  }

  /** Where the connection is. */
  get stage(): number {
    if (this.#isResetAwaited) return stage.afterRset;
    return this.#current?.stage ?? stage.idle;
  }

  /** Transactions under way, which count against limits before they are over. */
  get underWay(): number {
    return [this.#current, this.#ahead, this.#prepared, this.#loading].filter((item) => item !== undefined).length;
  }

  /** Another queue lends it out from now on. Only while it is idle; the caller tells the former owner. */
  moveTo(owner: SessionOwner): void {
    this.#place.owner = owner;
  }

  /** Who reads along from now on. */
  trace(conversation: Conversation | undefined): void {
    this.#place.wire.trace = conversation;
  }

  /** Asks for work; afterwards everything said is on its way. */
  wake(): void {
    this.#pull();
    this.#place.wire.flush();
  }

  /** Ends when what is under way is over. */
  stop(): void {
    this.#isStopping = true;
    if (this.underWay === 0) this.#quit();
  }

  /** Ends at once; what is under way is tried again as after a lost connection. */
  abort(): void {
    if (this.#isClosed) this.#place.wire.destroy();
    else this.#break(replies.shuttingDown);
  }

  connected(): void {
    // It was connected before it came here.
  }

  reply(reply: ServerReply | ReplyFault): void {
    try {
      this.#reply(reply);
    } catch (error) {
      this.#defect(error);
    }
  }

  #reply(reply: ServerReply | ReplyFault): void {
    if (reply.kind === 'fault') {
      this.#break(malformedReply(serverReplyText(reply)));
    } else if (reply.code === 421) {
      this.#break(serverReplyText(reply));
    } else if (this.#isResetAwaited) {
      this.#isResetAwaited = false;
      if (reply.class === 'positive') this.#go();
      else this.#break(serverReplyText(reply));
    } else if (this.#current === undefined) {
      this.#break(malformedReply(serverReplyText(reply)));
    } else {
      this.#answered(this.#current, reply);
    }
  }

  drained(): void {
    const current = this.#current;
    if (current === undefined) return;
    current.drained();
    this.#place.wire.setDeadline(current.patience);
    if (current.isFollowable) this.#pull();
  }

  late(): void {
    if (this.underWay === 0 && !this.#isResetAwaited) this.#quit();
    else this.#break(silentReply(this.stage));
  }

  lost(): void {
    this.#break(replies.closed);
  }

  #answered(current: Transaction, reply: ServerReply): void {
    current.reply(reply);
    if (current.isOver) {
      this.#finish(current);
      return;
    }
    this.#place.wire.setDeadline(current.patience);
    if (current.isFollowable && this.#place.capabilities.pipelining) this.#pull();
  }

  #finish(current: Transaction): void {
    this.#current = this.#ahead;
    this.#ahead = undefined;
    this.#place.bodies.giveBack(current.held);
    if (current.delivered) this.deliveries += 1;
    this.#place.owner.done(this, current.delivery, current.results as RecipientResult[]);
    if (this.#isClosed) return;
    if (current.isBroken) {
      this.#break(replies.closed);
      return;
    }
    if (current.needsReset) {
      this.#isResetAwaited = true;
      this.#place.wire.say('RSET\r\n');
      this.#place.wire.setDeadline(this.#place.owner.options.rsetTimeout);
      if (!this.#goesBehindReset) return;
    }
    this.#go();
  }

  /** Goes on with what is begun, prepared, or to be had. */
  #go(): void {
    if (this.#current === undefined && this.#prepared !== undefined) {
      const prepared = this.#prepared;
      this.#prepared = undefined;
      this.#begin(prepared);
    } else if (this.#current !== undefined) {
      this.#place.wire.setDeadline(this.#current.patience);
    }
    if (this.#current === undefined) this.#pull();
  }

  /** Gets the next delivery, if one may be begun or prepared now. */
  #pull(): void {
    if (this.#isPulling) return;
    this.#isPulling = true;
    while (this.#canPull) {
      const delivery = this.#isStopping ? undefined : this.#place.owner.next(this);
      if (delivery === undefined) break;
      this.#prepare(delivery);
    }
    this.#isPulling = false;
    if (this.#isClosed || this.underWay > 0 || this.#isResetAwaited) return;
    if (this.#isStopping || !this.#place.owner.mayIdle(this)) this.#quit();
    else {
      this.#place.wire.setDeadline(this.#place.owner.options.idleTimeout);
      this.#place.owner.idle(this);
    }
  }

  get #canPull(): boolean {
    if (this.#isClosed || this.#loading !== undefined || this.#prepared !== undefined || this.#ahead !== undefined) return false;
    return this.#current === undefined || this.#current.isFollowable;
  }

  /** With BDAT a whole message would be behind a RSET that may yet be refused, and arrive twice. */
  get #goesBehindReset(): boolean {
    return this.#place.capabilities.pipelining && !this.#place.capabilities.chunking;
  }

  #prepare(delivery: Delivery): void {
    const no = refusal(delivery, { ...this.#place, options: this.#place.owner.options });
    if (no !== undefined) {
      this.#refuse(delivery, no.kind, no.reply);
      return;
    }
    this.#loading = delivery;
    this.#place.bodies.load(delivery.batch, (error, body, held) => this.#loaded(delivery, error, body, held));
  }

  #loaded(delivery: Delivery, error: Error | undefined, body: Buffer | undefined, held: number): void {
    if (this.#loading !== delivery) {
      this.#place.bodies.giveBack(held);
      return;
    }
    this.#loading = undefined;
    if (body === undefined) {
      this.#place.bodies.giveBack(held);
      const isGone = error !== undefined && 'isTemporary' in error && error.isTemporary === false;
      this.#refuse(delivery, isGone ? 'permanent' : 'transient', isGone ? replies.bodyMissing : replies.bodyUnreadable);
      this.wake();
      return;
    }
    const { capabilities, owner } = this.#place;
    const content = contentFor(body, { capabilities, options: owner.options, isBinary: delivery.batch.bodyType === 'BINARYMIME' });
    if (content === undefined) {
      this.#place.bodies.giveBack(held);
      this.#refuse(delivery, 'permanent', replies.eightBit);
      this.wake();
      return;
    }
    const transaction = new Transaction(delivery, { body: content, held }, this.#transactionPlace(delivery));
    const mayBegin = this.#current === undefined ? !this.#isResetAwaited || this.#goesBehindReset : this.#current.isFollowable;
    if (mayBegin) this.#begin(transaction);
    else this.#prepared = transaction;
    if (!this.#isPulling) this.#place.wire.flush();
  }

  #begin(transaction: Transaction): void {
    if (this.#current === undefined) {
      this.#current = transaction;
      // Behind a RSET it is the RSET that must be answered first, in its own time.
      if (!this.#isResetAwaited) this.#place.wire.setDeadline(transaction.patience);
    } else {
      this.#ahead = transaction;
    }
    this.#begun += 1;
    this.recipients += transaction.delivery.recipients.length;
    try {
      transaction.begin();
    } catch (error) {
      this.#defect(error);
    }
  }

  #refuse(delivery: Delivery, kind: 'transient' | 'permanent', reply: string): void {
    const result: RecipientResult = { kind, reply, stage: stage.afterEhlo, remoteIp: this.remoteIp, bytes: 0 };
    this.#place.owner.done(
      this,
      delivery,
      delivery.recipients.map(() => result),
    );
  }

  #transactionPlace(delivery: Delivery): TransactionPlace {
    const { wire, capabilities, owner, clock, ehloName, facts } = this.#place;
    const { options } = owner;
    const isPerRecipient = methodOf(options)?.isPerRecipient === true;
    const renewed = (now: Capabilities): Refusal | undefined => {
      this.#place.capabilities = now;
      // XCLIENT is not offered again by servers that take it once; it was taken.
      return refusal(delivery, { ...this.#place, options: withOptions(options, { xclient: 'no' }) });
    };
    return { wire, capabilities, options, remoteIp: this.remoteIp, clock, ehloName, facts, isPerRecipient, renewed };
  }

  /** An impossible state ends this session, never the process; its mail is tried again. */
  #defect(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#place.panic.log('CRITICAL', 'SMTP', `session with ${this.remoteIp} ended by a defect: ${text}`);
    this.#break(replies.defect);
  }

  #quit(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // The place is free when the peer has closed too: until then it counts us among its connections.
    this.#place.wire.finish('QUIT\r\n', () => this.#place.owner.closed(this));
  }

  /** The connection is of no use any more. */
  #break(reply: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#place.wire.destroy();
    const { owner } = this.#place;
    const current = this.#current;
    // The server never looked at it: it ended after an earlier message, or while it reset itself.
    const isInnocent = current?.isUntouched === true && (this.#begun > (this.#ahead === undefined ? 1 : 2) || this.#isResetAwaited);
    const others = [this.#ahead?.delivery, this.#prepared?.delivery, this.#loading];
    this.#place.bodies.giveBack((current?.held ?? 0) + (this.#ahead?.held ?? 0) + (this.#prepared?.held ?? 0));
    this.#current = this.#ahead = this.#prepared = this.#loading = undefined;
    if (current !== undefined) {
      if (isInnocent) owner.released(this, current.delivery);
      else {
        current.abandon(reply);
        owner.done(this, current.delivery, current.results as RecipientResult[]);
      }
    }
    for (const delivery of others) if (delivery !== undefined) owner.released(this, delivery);
    owner.closed(this);
  }
}

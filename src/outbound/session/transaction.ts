/**
 * One delivery on one connection: MAIL, its RCPTs, DATA or BDAT, and a result for every recipient.
 *
 * The one rule: replies belong to commands in the order in which these were sent, whatever they say, so a rejection in the middle of a
 * pipelined group changes what the later replies mean but never how many are awaited (#2809, A14). A recipient has its verdict by its own
 * RCPT, or by the reply to the whole. A connection that ends behind the final dot leaves the message to be sent again: a
 * duplicate is possible there and only there.
 * Not here: several transactions on a connection, 421 and lost connections (session.ts). Truth: RFC 2920, RFC 3030, RFC 5321; Q-12.
 */
import type { Clock } from '#base';
import type { Delivery, RecipientResult, SendingOptions } from '#queue';
import { formatHello, parseEhlo, serverReplyText, type Capabilities, type ServerReply } from '#smtp';
import { xclientCommand } from '../methods/xclient.ts';
import { malformedReply, replies } from '../replies.ts';
import { stage } from '../stages.ts';
import { BodySender } from './body-sender.ts';
import { mailCommand, rcptCommand, type Refusal } from './envelope.ts';
import type { Wire } from './wire.ts';

type Awaiting = 'xclient' | 'hello' | 'mail' | 'rcpt' | 'data' | 'chunk' | 'confirmation' | 'over';

const stageOf: Readonly<Record<Awaiting, number>> = {
  xclient: stage.afterXclient,
  hello: stage.afterEhlo,
  mail: stage.afterMail,
  rcpt: stage.afterRcpt,
  data: stage.afterData,
  chunk: stage.body,
  confirmation: stage.confirmation,
  over: stage.idle,
};

export interface TransactionPlace {
  readonly wire: Wire;
  readonly capabilities: Capabilities;
  readonly options: SendingOptions;
  readonly remoteIp: string;
  readonly clock: Pick<Clock, 'now'>;
  /** LMTP: each recipient has a reply behind the message. */
  readonly isPerRecipient: boolean;
  readonly ehloName: string;
  /** What a logger wants to know of the connection. */
  readonly facts?: readonly string[] | undefined;
  /** What the server offers after XCLIENT; answers why it can no longer have this message. */
  renewed(capabilities: Capabilities): Refusal | undefined;
}

export class Transaction {
  readonly delivery: Delivery;
  readonly results: (RecipientResult | undefined)[];
  /** The server still has a MAIL of this: RSET before the next one. */
  needsReset = false;
  /** The connection cannot be used again: what was sent and what was answered do not fit. */
  isBroken = false;
  /** Octets of the body that count as read back, to be given back at the end. */
  readonly held: number;
  readonly #place: TransactionPlace;
  readonly #body: BodySender;
  readonly #size: number;
  #capabilities: Capabilities;
  #isChunked: boolean;
  #isPipelined: boolean;
  #awaiting: Awaiting = 'mail';
  #isMailTaken = false;
  #rcptsAnswered = 0;
  #accepted = 0;

  constructor(delivery: Delivery, o: { body: Buffer; held: number }, place: TransactionPlace) {
    const { body, held } = o;
    this.delivery = delivery;
    this.held = held;
    this.results = delivery.recipients.map(() => undefined);
    this.#place = place;
    this.#size = body.length;
    this.#capabilities = place.capabilities;
    this.#isChunked = place.capabilities.chunking;
    this.#isPipelined = place.capabilities.pipelining;
    if (this.#usesXclient) this.#awaiting = 'xclient';
    this.#body = new BodySender(place.wire, body, delivery.batch.bodyType === 'BINARYMIME');
  }

  get isOver(): boolean {
    return this.#awaiting === 'over';
  }

  /** No reply has come yet. */
  get isUntouched(): boolean {
    return this.#awaiting === 'mail' || this.#awaiting === 'xclient' || this.#awaiting === 'hello';
  }

  /** All is said and only the last reply is awaited, which ends the transaction at the server whatever it is. */
  get isFollowable(): boolean {
    return this.#awaiting === 'confirmation' && !this.#isChunked && this.#body.isAway && this.#accepted > 0;
  }

  get stage(): number {
    return this.#awaiting === 'confirmation' && !this.#body.isAway ? stage.body : stageOf[this.#awaiting];
  }

  /** Seconds in which the next reply, or progress of the body, must come (SHP-10). */
  get patience(): number {
    const { options } = this.#place;
    if (this.#awaiting === 'xclient' || this.#awaiting === 'hello') return options.ehloTimeout;
    if (this.#awaiting === 'mail') return options.mailfromTimeout;
    return this.#awaiting === 'rcpt' ? options.rcpttoTimeout : options.bodyTimeout;
  }

  get delivered(): boolean {
    return this.results.some((result) => result?.kind === 'delivered');
  }

  begin(): void {
    if (this.#awaiting === 'xclient') this.#place.wire.say(xclientCommand(this.delivery.batch, this.#capabilities.xclient));
    else this.#envelope();
  }

  #envelope(): void {
    const { wire, options, clock } = this.#place;
    const capabilities = this.#capabilities;
    this.#awaiting = 'mail';
    wire.say(mailCommand(this.delivery, { capabilities, options, now: clock.now(), size: this.#size }));
    if (!this.#isPipelined) return;
    for (let i = 0; i < this.delivery.recipients.length; i += 1) wire.say(rcptCommand(this.delivery, i, capabilities));
    if (!this.#isChunked) wire.say('DATA\r\n');
    else if (this.#isWhole) this.#body.sendChunk();
  }

  reply(reply: ServerReply): void {
    switch (this.#awaiting) {
      case 'xclient':
        this.#xclientAnswered(reply);
        return;
      case 'hello':
        this.#helloAnswered(reply);
        return;
      case 'mail':
        this.#mailAnswered(reply);
        return;
      case 'rcpt':
        this.#rcptAnswered(reply);
        return;
      case 'data':
        this.#dataAnswered(reply);
        return;
      case 'chunk':
        if (reply.class === 'positive') this.#sendChunk();
        else this.#conclude(reply);
        return;
      case 'confirmation':
        // An answer before the end was sent leaves the rest of the body to be taken for commands.
        if (!this.#body.isAway && this.#accepted > 0) this.isBroken = true;
        if (this.#place.isPerRecipient && this.#accepted > 0 && !this.isBroken) this.#recipientAnswered(reply);
        else this.#conclude(reply);
        return;
      case 'over':
        this.isBroken = true;
    }
  }

  drained(): void {
    if (this.#awaiting === 'confirmation' && this.#accepted > 0 && !this.#isChunked && !this.#body.isAway) this.#body.pumpData();
  }

  /** The connection is no good any more: who has no verdict yet is to be tried again. */
  abandon(reply: string): void {
    const result = this.#result('transient', reply);
    for (let i = 0; i < this.results.length; i += 1) this.results[i] ??= result;
    this.#awaiting = 'over';
  }

  /** In pipelining a small message leaves with its envelope. */
  get #isWhole(): boolean {
    return this.#isPipelined && this.#body.isSmall;
  }

  get #usesXclient(): boolean {
    return this.#place.options.xclient !== 'no' && this.#capabilities.xclient.length > 0;
  }

  /** 220: the server begins anew, as for a new client, and wants to be greeted (OUT-45). */
  #xclientAnswered(reply: ServerReply): void {
    if (reply.class === 'positive') {
      this.#awaiting = 'hello';
      const { wire, ehloName, isPerRecipient } = this.#place;
      wire.say(formatHello(isPerRecipient ? 'LHLO' : 'EHLO', ehloName));
    } else if (this.#place.options.xclient === 'ifavailable') this.#envelope();
    else this.#give(this.#result('transient', serverReplyText(reply)));
  }

  #helloAnswered(reply: ServerReply): void {
    if (reply.class !== 'positive') {
      this.#give(this.#result('transient', serverReplyText(reply)));
      return;
    }
    const said = parseEhlo(reply.lines);
    const capabilities = this.#place.isPerRecipient ? { ...said, chunking: false, binaryMime: false } : said;
    const no = this.#place.renewed(capabilities);
    this.#capabilities = capabilities;
    this.#isChunked = capabilities.chunking;
    this.#isPipelined = capabilities.pipelining;
    if (no === undefined) this.#envelope();
    else this.#give(this.#result(no.kind, no.reply));
  }

  /** Nothing was begun: the result is for all. */
  #give(result: RecipientResult): void {
    for (let i = 0; i < this.results.length; i += 1) this.results[i] ??= result;
    this.#awaiting = 'over';
  }

  #mailAnswered(reply: ServerReply): void {
    this.#isMailTaken = reply.class === 'positive';
    this.needsReset = this.#isMailTaken;
    if (!this.#isMailTaken) this.#settle(reply);
    this.#awaiting = 'rcpt';
    if (this.#isPipelined) return;
    if (this.#isMailTaken) this.#sayRcpt();
    else this.#awaiting = 'over';
  }

  #rcptAnswered(reply: ServerReply): void {
    const index = this.#rcptsAnswered;
    this.#rcptsAnswered += 1;
    if (this.#isMailTaken) {
      if (reply.class === 'positive') this.#accepted += 1;
      else this.results[index] = this.#verdict(reply);
    }
    if (this.#rcptsAnswered < this.delivery.recipients.length) {
      if (!this.#isPipelined) this.#sayRcpt();
      return;
    }
    this.#rcptsOver();
  }

  #rcptsOver(): void {
    if (this.#isPipelined && !this.#isChunked) this.#awaiting = 'data';
    else if (this.#isWhole) this.#awaiting = 'confirmation';
    else if (this.#accepted === 0) this.#awaiting = 'over';
    else if (this.#isChunked) this.#sendChunk();
    else {
      this.#awaiting = 'data';
      this.#place.wire.say('DATA\r\n');
    }
  }

  #dataAnswered(reply: ServerReply): void {
    if (reply.code !== 354) {
      if (this.#accepted > 0) this.#settle(reply);
      this.#awaiting = 'over';
      return;
    }
    this.needsReset = false;
    // An answer that came together with the 354 cannot be about a body that was not sent: the server is out of step.
    if (this.#place.wire.hasUnread) {
      this.isBroken = true;
      this.abandon(replies.outOfStep);
      return;
    }
    this.#awaiting = 'confirmation';
    // With LMTP nobody could say how many answers that will have (RFC 2033 section 4.2).
    if (this.#accepted === 0 && this.#place.isPerRecipient) {
      this.isBroken = true;
      this.#awaiting = 'over';
      return;
    }
    // A server that wants a message although it took no recipient gets an empty one, and its answer means nothing.
    if (this.#accepted === 0) this.#place.wire.say('.\r\n');
    else this.#body.pumpData();
  }

  /** LMTP: the replies come in the order of the recipients that were taken. */
  #recipientAnswered(reply: ServerReply): void {
    const index = this.results.indexOf(undefined);
    this.results[index] = reply.class === 'positive' ? this.#delivered(reply) : this.#verdict(reply);
    if (!this.results.includes(undefined)) this.#awaiting = 'over';
  }

  #sendChunk(): void {
    this.#awaiting = this.#body.sendChunk() ? 'confirmation' : 'chunk';
  }

  #conclude(reply: ServerReply): void {
    if (this.#accepted > 0) this.#settle(reply);
    // After a chunk was refused the state of the server is indeterminate (RFC 3030 section 3).
    this.needsReset = this.#isChunked && !(reply.class === 'positive' && this.#accepted > 0);
    this.#awaiting = 'over';
  }

  #sayRcpt(): void {
    this.#place.wire.say(rcptCommand(this.delivery, this.#rcptsAnswered, this.#capabilities));
  }

  /** The reply is the verdict for all who have none. */
  #settle(reply: ServerReply): void {
    const isDelivered = reply.class === 'positive' && this.#awaiting === 'confirmation';
    const result = isDelivered ? this.#delivered(reply) : this.#verdict(reply);
    for (let i = 0; i < this.results.length; i += 1) this.results[i] ??= result;
  }

  #verdict(reply: ServerReply): RecipientResult {
    const text = serverReplyText(reply);
    if (reply.class === 'permanent' && !isTooManyRecipients(reply)) return this.#result('permanent', text);
    // A yes or a "go on" where it makes no sense is no verdict at all.
    return this.#result('transient', reply.class === 'positive' || reply.class === 'intermediate' ? malformedReply(text) : text);
  }

  /** Where DSN is not offered, a sender who asked to hear of success hears of it from us. */
  #delivered(reply: ServerReply): RecipientResult {
    const result = this.#result('delivered', serverReplyText(reply));
    if (this.#capabilities.dsn) return result;
    return { ...result, success: this.#place.isPerRecipient ? 'delivered' : 'relayed' };
  }

  #result(kind: RecipientResult['kind'], reply: string): RecipientResult {
    const { remoteIp, facts } = this.#place;
    const result = { kind, reply, stage: this.stage, remoteIp, bytes: this.#body.sent };
    return facts === undefined ? result : { ...result, facts };
  }
}

/** RFC 5321 section 4.5.3.1.10: 552 to RCPT with "too many recipients" is to be taken as 452. */
function isTooManyRecipients(reply: ServerReply): boolean {
  return reply.code === 552 && reply.enhanced === '5.5.3';
}

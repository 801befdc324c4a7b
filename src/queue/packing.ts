/**
 * Entries as bytes: a message that waits without its body, packed into 40 to 70 octets, and made again when its turn comes.
 *
 * The one rule: what is unpacked is what was packed, or `pack` answers -1 and the entry stays an object. Packed are messages with one recipient,
 * nearly all there are: without a resident body, without terms (DELIVERBY, REQUIRETLS, ...) and without an XCLIENT origin. The ids of batch and
 * recipient follow one another, times are told relative to the id's second, domains and replies are kept once for all (name-table.ts).
 * Bounds: PIECE_MAX octets an entry, REPLIES_MAX shared replies, HOMES_MAX spools. Not here: where entries wait (waiting.ts).
 */
import { messageIdOf, MessageIdReader, type Clock } from '#base';
import type { EnvelopeBody } from '#mail';
import { Arena, PIECE_MAX } from './arena.ts';
import { NO_FACTS, type Batch } from './batch.ts';
import type { DomainQueue } from './domain-queue.ts';
import { Entry } from './entry.ts';
import { NameTable } from './name-table.ts';
import { PackedBytes } from './packed-bytes.ts';
import type { QueueSpool } from './ports.ts';

const REPLIES_MAX = 4096;
const HOMES_MAX = 1024;
const NAMES_MAX = 2 ** 24;
/** Octets of everything but texts, at most. */
const FIXED_MAX = 96;

const flag = { priority: 1, sameInstance: 2, queueDomain: 4, reply: 8, sharedReply: 16, utf8: 32, wishes: 64, senderDomain: 128 } as const;
const BODIES: readonly (EnvelopeBody | undefined)[] = [undefined, '7BIT', '8BITMIME', 'BINARYMIME'];
const RETS: readonly Batch['ret'][] = [undefined, 'FULL', 'HDRS'];
/** Bits of the octet of wishes: two of the body's type, two of RET, then these. */
const wish = { envid: 16, notify: 32, orcpt: 64, facts: 128 } as const;

export class Packing {
  readonly #arena = new Arena();
  readonly #domains = new NameTable(NAMES_MAX);
  readonly #replies = new NameTable(REPLIES_MAX);
  readonly #homes: QueueSpool[] = [];
  readonly #out = new PackedBytes(Buffer.allocUnsafeSlow(PIECE_MAX));
  readonly #in = new PackedBytes(Buffer.alloc(0));
  readonly #batchId = new MessageIdReader();
  readonly #otherId = new MessageIdReader();
  /** What turns the date of reception into the clock that is never set. */
  readonly #monoAtZero: number;

  constructor(clock: Clock) {
    this.#monoAtZero = clock.mono() - clock.now();
  }

  /** Octets that packed entries take. */
  get bytes(): number {
    return this.#arena.bytes;
  }

  /** Texts that packed entries share. */
  get names(): number {
    return this.#domains.size + this.#replies.size;
  }

  /** The place of the packed entry, or -1 when it must stay as it is. */
  pack(entry: Entry): number {
    const { batch, recipients } = entry;
    if (batch.body !== undefined || batch.open !== 1 || recipients.length !== 1 || batch.terms !== undefined) return -1;
    if (batch.origin !== undefined || batch.isToldLate || textLength(entry) * 3 + FIXED_MAX > PIECE_MAX) return -1;
    const [recipient] = recipients;
    if (recipient === undefined || recipient.index !== 0 || !this.#batchId.read(batch.id) || !this.#otherId.read(recipient.id)) return -1;
    if (this.#otherId.ordinal !== this.#batchId.ordinal + 1 || this.#otherId.instance !== this.#batchId.instance) return -1;
    const home = this.#homeNumber(batch.home);
    if (home < 0) return -1;
    this.#write(entry, home);
    const out = this.#out;
    const place = this.#arena.take(out.at);
    out.buffer.copy(this.#arena.bufferOf(place), this.#arena.offsetOf(place), 0, out.at);
    return place;
  }

  /** The entry at a place, made anew; the place stays as it is. */
  unpack(place: number, queue: DomainQueue): Entry {
    return this.#read(place, queue, false);
  }

  /** The entry at a place, which is free then. */
  takeOut(place: number, queue: DomainQueue): Entry {
    const entry = this.#read(place, queue, true);
    this.#arena.give(place);
    return entry;
  }

  /** The number of the batch's id; the recipient's is the next one. */
  ordinalAt(place: number): number {
    const buffer = this.#arena.bufferOf(place);
    const at = this.#arena.offsetOf(place) + 1;
    return buffer.readUIntLE(at, 6);
  }

  instanceAt(place: number): number {
    return this.#arena.bufferOf(place).readUIntLE(this.#arena.offsetOf(place) + 7, 3);
  }

  priorityAt(place: number): 0 | 1 {
    return ((this.#arena.bufferOf(place)[this.#arena.offsetOf(place)] as number) & flag.priority) === 0 ? 0 : 1;
  }

  #write(entry: Entry, home: number): void {
    const { batch, queue, lastReply } = entry;
    const out = this.#out;
    const { ordinal, instance } = this.#batchId;
    const [recipient] = entry.recipients;
    const { address, notify, orcpt } = recipient as NonNullable<typeof recipient>;
    let flags = entry.priority === 1 ? flag.priority : 0;
    if (batch.smtpUtf8) flags |= flag.utf8;
    out.at = 1;
    out.at = out.buffer.writeUIntLE(ordinal, out.at, 6);
    out.at = out.buffer.writeUIntLE(instance, out.at, 3);
    if (this.#otherId.read(batch.connectionId) && this.#otherId.instance === instance) {
      flags |= flag.sameInstance;
      out.putSigned(ordinal - this.#otherId.ordinal);
    } else out.putText(batch.connectionId);
    const received = Math.round(batch.receivedAt);
    out.putSigned(received - Math.floor(ordinal / 65_536) * 1000);
    out.putSigned(Math.round(batch.bornMono - this.#monoAtZero - received));
    out.putNumber(batch.size);
    out.putNumber(home);
    out.putNumber(entry.attempts);
    if (this.#putAddress(batch.sender, undefined)) flags |= flag.senderDomain;
    if (!this.#putAddress(address, queue.domain)) flags |= flag.queueDomain;
    if (lastReply !== undefined) {
      flags |= flag.reply;
      const shared = this.#replies.add(lastReply);
      if (shared < 0) out.putText(lastReply);
      else {
        flags |= flag.sharedReply;
        out.putNumber(shared);
      }
    }
    const wishes =
      BODIES.indexOf(batch.bodyType) |
      (RETS.indexOf(batch.ret) << 2) |
      (batch.envid === undefined ? 0 : wish.envid) |
      (notify === undefined ? 0 : wish.notify) |
      (orcpt === undefined ? 0 : wish.orcpt) |
      (batch.facts.length === 0 ? 0 : wish.facts);
    if (wishes !== 0) {
      flags |= flag.wishes;
      out.putNumber(wishes);
      if (batch.envid !== undefined) out.putText(batch.envid);
      if (notify !== undefined) out.putText(notify.join());
      if (orcpt !== undefined) out.putText(orcpt);
      if (batch.facts.length > 0) {
        out.putNumber(batch.facts.length);
        for (const fact of batch.facts) out.putText(fact);
      }
    }
    out.buffer[0] = flags;
  }

  /** Writes an address, its domain as a number. False when the domain is the one that is known anyway, or there is none. */
  #putAddress(address: string, known: string | undefined): boolean {
    const out = this.#out;
    const at = address.lastIndexOf('@');
    if (known === undefined ? at < 0 : at >= 0 && address.length - at - 1 === known.length && address.endsWith(known)) {
      out.putText(known === undefined ? address : address.slice(0, at));
      return false;
    }
    const number = at < 0 ? -1 : this.#domains.add(address.slice(at + 1));
    // 0 says that the text is the whole address.
    out.putNumber(number + 1);
    out.putText(number < 0 ? address : address.slice(0, at));
    return true;
  }

  #address(hasNumber: boolean, known: string | undefined, isLeaving: boolean): string {
    if (!hasNumber) return known === undefined ? this.#in.text() : `${this.#in.text()}@${known}`;
    const number = this.#in.number() - 1;
    const local = this.#in.text();
    if (number < 0) return local;
    const address = `${local}@${this.#domains.textOf(number)}`;
    if (isLeaving) this.#domains.give(number);
    return address;
  }

  #reply(flags: number, isLeaving: boolean): string | undefined {
    if ((flags & flag.reply) === 0) return undefined;
    if ((flags & flag.sharedReply) === 0) return this.#in.text();
    const number = this.#in.number();
    const reply = this.#replies.textOf(number);
    if (isLeaving) this.#replies.give(number);
    return reply;
  }

  #read(place: number, queue: DomainQueue, isLeaving: boolean): Entry {
    const from = this.#in;
    from.buffer = this.#arena.bufferOf(place);
    from.at = this.#arena.offsetOf(place) + 10;
    const flags = from.buffer[from.at - 10] as number;
    const ordinal = this.ordinalAt(place);
    const instance = this.instanceAt(place);
    const connectionId = (flags & flag.sameInstance) === 0 ? from.text() : messageIdOf(ordinal - from.signed(), instance);
    const receivedAt = Math.floor(ordinal / 65_536) * 1000 + from.signed();
    const bornMono = from.signed() + this.#monoAtZero + receivedAt;
    const size = from.number();
    const home = this.#homes[from.number()] as QueueSpool;
    const attempts = from.number();
    const sender = this.#address((flags & flag.senderDomain) !== 0, undefined, isLeaving);
    const address = this.#address((flags & flag.queueDomain) === 0, queue.domain, isLeaving);
    const lastReply = this.#reply(flags, isLeaving);
    const wishes = (flags & flag.wishes) === 0 ? 0 : from.number();
    const envid = (wishes & wish.envid) === 0 ? undefined : from.text();
    const notify = (wishes & wish.notify) === 0 ? undefined : from.text();
    const orcpt = (wishes & wish.orcpt) === 0 ? undefined : from.text();
    const facts = (wishes & wish.facts) === 0 ? NO_FACTS : Array.from({ length: from.number() }, () => from.text());
    const batch: Batch = {
      id: messageIdOf(ordinal, instance),
      connectionId,
      sender,
      receivedAt,
      bornMono,
      size,
      bodyType: BODIES[wishes & 3],
      smtpUtf8: (flags & flag.utf8) !== 0,
      ret: RETS[(wishes >> 2) & 3],
      envid,
      terms: undefined,
      facts,
      origin: undefined,
      home,
      isToldLate: false,
      open: 1,
      body: undefined,
      residentIn: undefined,
    };
    const words = notify === undefined ? undefined : notify === '' ? [] : notify.split(',');
    const recipient = { index: 0, id: messageIdOf(ordinal + 1, instance), address, notify: words, orcpt };
    const entry = new Entry(queue, batch, [recipient], (flags & flag.priority) === 0 ? 0 : 1);
    entry.attempts = attempts;
    entry.lastReply = lastReply;
    return entry;
  }

  #homeNumber(home: QueueSpool): number {
    const number = this.#homes.indexOf(home);
    if (number >= 0) return number;
    return this.#homes.length < HOMES_MAX ? this.#homes.push(home) - 1 : -1;
  }
}

function textLength({ batch, recipients, lastReply }: Entry): number {
  const [recipient] = recipients;
  const notify = recipient?.notify === undefined ? 0 : 40;
  let facts = 0;
  for (const fact of batch.facts) facts += fact.length + 1;
  const wishes = facts + (batch.envid?.length ?? 0) + (recipient?.orcpt?.length ?? 0) + notify;
  return batch.sender.length + (recipient?.address.length ?? 0) + batch.connectionId.length + (lastReply?.length ?? 0) + wishes;
}

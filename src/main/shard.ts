/*
 * Who owns which queue, and how a message gets there and its outcome back: the queues of one loop as a shard of all queues.
 *
 * The one rule: exactly one loop owns a binding::domain queue, by a hash of its name, so limits per queue are exact without locks.
 * With one loop nothing here does anything but pass on. A batch with recipients of several owners is settled when all of them
 * said so. When an owner dies, its successor gets what it had not settled; when a home dies, its successor reads the spool and
 * offers again, and an owner takes each recipient once and says again what is done (shard-held.ts). Recipients that an operator sends to a queue of another loop go back to
 * the home, which offers them there once that is noted on the disk. Bound: what is queued (an entry for each open batch).
 */
import { crc32 } from 'node:zlib';
import type { AcceptedPort } from '#intake';
import type { Address, LoopLink } from '#loops';
import type { Envelope, EnvelopeRecipient } from '#mail';
import type { PanicLog } from '#observe';
import type { Departure, QueueNote, Queues, QueueSpool, RecipientProgress, RecoveredMessage } from '#queue';
import { elsewhere, Held, isFresh, type Offer } from './shard-held.ts';
import { shardRoom, type BodyReply, type BodyRequest, type ShardMessage } from './shard-messages.ts';

const bodyDeadlineMs = 30_000;
const open: RecipientProgress = { outcome: 'open', attempts: 0, nextAt: 0 };

/** What one owner has of a batch. */
interface Share {
  /** Offers that it took and has not answered. */
  sent: number;
  /** Recipients that are to be offered to it. */
  pending: number[];
}

/** A batch of ours that is not this loop's alone. */
interface Dealt {
  /** By owner; those that settled are gone. */
  readonly shares: Map<number, Share>;
  /** The owner of each recipient; nobody (-1) when it is done, or while its departure is not on the disk. */
  readonly owners: number[];
  readonly states: (RecipientProgress | undefined)[];
  /** Departures that are not on the disk yet. */
  departing: number;
}

interface Leaving {
  readonly batchId: string;
  readonly recipients: readonly number[];
  readonly to: number;
}

interface ShardOptions {
  readonly link: Pick<LoopLink, 'self' | 'count' | 'generation' | 'send' | 'ask' | 'onMessage' | 'onRequest' | 'onDrain' | 'onPeerLoss'>;
  readonly spool: QueueSpool;
  readonly queues: Pick<Queues, 'accepted' | 'recovered'>;
  readonly panic: Pick<PanicLog, 'log'>;
  /** The name under which mail of a domain is queued: its own, or its Gateway's (OUT-21). */
  readonly queueName: (group: string, binding: string, domain: string) => string;
  /** The envelope of a batch of ours; undefined when it is gone. */
  readonly loadEnvelope: (batchId: string, done: (envelope: Envelope | undefined) => void) => void;
  /** So many notes wait for the disk that one more would be forgotten. */
  readonly forgetsNotes: () => boolean;
  /** Resolves when what was noted so far is on the disk. */
  readonly flushNotes: () => Promise<void>;
}

export class Shard implements AcceptedPort {
  readonly #o: ShardOptions;
  readonly #self: number;
  readonly #count: number;
  readonly #dealt = new Map<string, Dealt>();
  /** What this loop has of batches that were offered to it, its own among them. */
  readonly #held = new Held();
  readonly #homes = new Map<number, QueueSpool>();
  #leaving: Leaving[] = [];
  #isPlacing = false;

  constructor(o: ShardOptions) {
    this.#o = o;
    this.#self = o.link.self;
    this.#count = o.link.count;
    if (this.#count === 1) return;
    o.link.onMessage(shardRoom, (message, from) => this.#hear(message as ShardMessage, from));
    o.link.onRequest(shardRoom, (message, _from, answer) => {
      const { batchId, isEnvelope } = message as BodyRequest;
      if (isEnvelope === true) {
        o.loadEnvelope(batchId, (envelope) => answer.answer((envelope ? { envelope } : { problem: 'gone' }) satisfies BodyReply));
        return;
      }
      o.spool.loadBody(batchId, (error, body) =>
        answer.answer((body ? { body } : { problem: error?.message ?? 'gone' }) satisfies BodyReply),
      );
    });
    o.link.onPeerLoss((peer) => this.#lost(peer));
  }

  /** A message that this loop received and made durable. */
  accepted(envelope: Envelope, body: Buffer | undefined): void {
    if (this.#count === 1) {
      this.#o.queues.accepted(envelope, body, this.#o.spool);
      return;
    }
    const owners = envelope.recipients.map((recipient) => this.#ownerOf(recipient, undefined));
    if (owners.every((owner) => owner === this.#self)) {
      this.#o.queues.accepted(envelope, body, this.#home(this.#self));
      return;
    }
    this.#deal(
      envelope,
      owners.map(() => open),
      owners,
      body,
    );
  }

  /** A message of ours that was found at start. */
  recovered(message: RecoveredMessage): void {
    if (this.#count === 1) {
      this.#o.queues.recovered(message, this.#o.spool);
      return;
    }
    const { envelope, states } = message;
    const owners = envelope.recipients.map((recipient, i) => (states[i]?.outcome === 'open' ? this.#ownerOf(recipient, states[i]) : -1));
    this.#deal(envelope, states, owners, undefined);
  }

  /** The envelope of a batch that waits here, wherever it is kept. */
  envelopeOf(batchId: string, done: (envelope: Envelope | undefined) => void): void {
    const home = this.#held.homeOf(batchId) ?? this.#self;
    if (home === this.#self) this.#o.loadEnvelope(batchId, done);
    else
      this.#o.link.ask(home, shardRoom, { batchId, isEnvelope: true } satisfies BodyRequest, bodyDeadlineMs, (_error, reply) =>
        done((reply as BodyReply | undefined)?.envelope),
      );
  }

  /** The body of a batch that waits here. */
  bodyOf(batchId: string, done: (body: Buffer | undefined) => void): void {
    this.#home(this.#held.homeOf(batchId) ?? this.#self).loadBody(batchId, (_error, body) => done(body));
  }

  /** The owner of a recipient's queue. */
  #ownerOf(recipient: EnvelopeRecipient, state: RecipientProgress | undefined): number {
    const group = state?.bindingGroup ?? recipient.bindingGroup;
    const binding = state?.binding ?? recipient.binding;
    const { gateway } = recipient;
    const name =
      gateway !== undefined && state?.route === undefined
        ? gateway.toLowerCase()
        : this.#o.queueName(group, binding, state?.route ?? recipient.domain);
    return this.#ownerOfQueue(group, binding, name);
  }

  #ownerOfQueue(group: string, binding: string, name: string): number {
    return crc32(`${group}\0${binding}\0${name}`) % this.#count;
  }

  #whither({ bindingGroup, binding, domain }: Departure): number {
    return this.#ownerOfQueue(bindingGroup, binding, this.#o.queueName(bindingGroup, binding, domain));
  }

  /** Gives each owner its recipients; `owners` has -1 for recipients that are done. */
  #deal(envelope: Envelope, states: readonly RecipientProgress[], owners: readonly number[], body: Buffer | undefined): void {
    const shares = new Map<number, Share>();
    owners.forEach((owner, i) => {
      if (owner >= 0) shareOf(shares, owner).pending.push(i);
    });
    if (shares.size === 0) {
      this.#o.spool.settled(envelope.batchId);
      return;
    }
    const dealt: Dealt = { shares, owners: [...owners], states: [...states], departing: 0 };
    this.#dealt.set(envelope.batchId, dealt);
    for (const owner of shares.keys()) this.#offer(owner, dealt, envelope, body);
  }

  /** Offers an owner what is pending for it, and nothing that it had: that may be on its way back to us. */
  #offer(owner: number, dealt: Dealt, envelope: Envelope, body: Buffer | undefined): void {
    const share = dealt.shares.get(owner);
    if (share === undefined || share.pending.length === 0) return;
    const states = envelope.recipients.map(() => elsewhere);
    let count = 0;
    for (const i of share.pending) {
      const state = dealt.states[i];
      if (state?.outcome !== 'open') continue;
      states[i] = state;
      count += 1;
    }
    if (count === 0) {
      share.pending = [];
      this.#answered(envelope.batchId, owner, 0);
      return;
    }
    const offer = { kind: 'accepted', envelope, states, body, generation: this.#o.link.generation } as const;
    if (owner === this.#self) {
      share.pending = [];
      share.sent += 1;
      this.#take(offer, owner);
      return;
    }
    if (!this.#send(owner, offer)) {
      // Its mailbox is full: the message waits here, by its id, and is offered again when there is room.
      this.#o.link.onDrain(owner, () => void this.#offerAgain(envelope.batchId, owner));
      return;
    }
    share.pending = [];
    share.sent += 1;
  }

  #offerAgain(batchId: string, owner: number): Promise<void> {
    return new Promise((done) => {
      this.#o.loadEnvelope(batchId, (envelope) => {
        const dealt = this.#dealt.get(batchId);
        if (envelope === undefined && dealt !== undefined)
          this.#o.panic.log(
            'ERROR',
            'FD',
            `loop ${owner} gets its recipients of ${batchId} at the next start: the envelope cannot be read`,
          );
        if (envelope !== undefined && dealt !== undefined) this.#offer(owner, dealt, envelope, undefined);
        done();
      });
    });
  }

  /** What an owner, or this loop itself, says of recipients of ours. */
  #note(batchId: string, note: QueueNote): void {
    this.#o.spool.note(batchId, note);
    const states = this.#dealt.get(batchId)?.states;
    if (!states) return;
    if (note.kind === 'deferred') {
      const { attempts, nextAt } = note;
      for (const i of note.recipients) states[i] = { ...(states[i] ?? open), attempts, nextAt };
    } else if (note.kind === 'rebind') {
      const { binding, bindingGroup } = note;
      for (const i of note.recipients) states[i] = { ...(states[i] ?? open), binding, bindingGroup };
    } else if (note.kind === 'reroute') {
      for (const i of note.recipients) states[i] = { ...(states[i] ?? open), route: note.domain };
    } else states[note.recipient] = { ...(states[note.recipient] ?? open), outcome: note.kind };
  }

  #send(to: number, message: ShardMessage): boolean {
    return this.#o.link.send(to, shardRoom, message);
  }

  #hear(message: ShardMessage, from: Address): void {
    if (typeof from !== 'number') return;
    switch (message.kind) {
      case 'accepted':
        return this.#take(message, from);
      case 'note':
        return this.#note(message.batchId, message.note);
      case 'settled':
        // Said of what a dead predecessor offered: this one offers, and hears of, the same recipients anew.
        if (message.generation === this.#o.link.generation) this.#answered(message.batchId, from, message.offers);
        return;
      case 'departed':
        // Given up to a dead predecessor: this one offers them anew to the loop that gave them up, in whose queue they stay. Were the note kept
        // all the same, the next successor would offer them to the loop it names, and both would have them.
        if (message.generation === this.#o.link.generation && this.#dealt.has(message.batchId))
          this.#departed(message.batchId, message.departure, from);
    }
  }

  #take(offer: Offer, from: number): void {
    const { envelope, body } = offer;
    const { batchId } = envelope;
    const home = this.#home(from);
    const { states, news } = this.#held.take(offer, from);
    // The home died with what it had heard from here: its successor offers what is done.
    for (const note of news) home.note(batchId, note);
    if (states === undefined) {
      const done = this.#held.settleAgain(batchId);
      if (done !== undefined) this.#answer(from, batchId, done);
      return;
    }
    const bytes = body === undefined ? undefined : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    if (states.every(isFresh)) this.#o.queues.accepted(envelope, bytes, home);
    else this.#o.queues.recovered({ envelope, states }, home);
  }

  /** One for each loop, this one among them: a queue knows spools by identity. */
  #home(loop: number): QueueSpool {
    let home = this.#homes.get(loop);
    if (home === undefined) this.#homes.set(loop, (home = loop === this.#self ? this.#makeOwnHome() : this.#makeRemoteHome(loop)));
    return home;
  }

  #makeOwnHome(): QueueSpool {
    return {
      note: (batchId, note) => this.#note(batchId, note),
      depart: (batchId, departure) => {
        if (this.#whither(departure) === this.#self) return 'here';
        if (this.#o.forgetsNotes()) return 'refused';
        this.#held.give(batchId, departure.note.recipients);
        this.#departed(batchId, departure, this.#self);
        return 'gone';
      },
      settled: (batchId) => {
        if (this.#dealt.has(batchId)) {
          const done = this.#held.settle(batchId);
          if (done !== undefined) this.#answered(batchId, this.#self, done.offers);
        } else this.#o.spool.settled(batchId);
      },
      loadBody: (batchId, done) => this.#o.spool.loadBody(batchId, done),
    };
  }

  #makeRemoteHome(loop: number): QueueSpool {
    return {
      note: (batchId, note) => {
        if ('recipient' in note) this.#held.done(batchId, note.recipient, note.kind);
        if (!this.#send(loop, { kind: 'note', batchId, note })) this.#complain(loop, batchId);
      },
      depart: (batchId, departure) => {
        const generation = this.#held.generationOf(batchId);
        if (this.#whither(departure) === this.#self) return 'here';
        // With its mailbox full they stay where they are.
        if (generation === undefined || !this.#send(loop, { kind: 'departed', batchId, departure, generation })) return 'refused';
        this.#held.give(batchId, departure.note.recipients);
        return 'gone';
      },
      settled: (batchId) => {
        const done = this.#held.settle(batchId);
        if (done !== undefined) this.#answer(loop, batchId, done);
      },
      loadBody: (batchId, done) =>
        this.#o.link.ask(loop, shardRoom, { batchId } satisfies BodyRequest, bodyDeadlineMs, (error, reply) => {
          const { body, problem } = (reply ?? {}) as BodyReply;
          if (body) {
            done(undefined, Buffer.from(body.buffer, body.byteOffset, body.byteLength));
            return;
          }
          const reason = `loop ${loop} cannot read ${batchId}: ${problem ?? error?.message ?? 'no answer'}`;
          this.#o.panic.log('ERROR', 'FD', reason);
          done(new Error(reason));
        }),
    };
  }

  #answer(loop: number, batchId: string, done: { offers: number; generation: number }): void {
    if (loop === this.#self) this.#answered(batchId, loop, done.offers);
    else if (!this.#send(loop, { kind: 'settled', batchId, ...done })) this.#complain(loop, batchId);
  }

  #complain(loop: number, batchId: string): void {
    this.#o.panic.log('ERROR', 'ERROR', `loop ${loop} does not take news of ${batchId}: it may be delivered again after a restart`);
  }

  /** Recipients of ours leave the loop that had them; from here on they are nobody's until that is on the disk. */
  #departed(batchId: string, departure: Departure, from: number): void {
    let dealt = this.#dealt.get(batchId);
    if (dealt === undefined) {
      // All of it was this loop's, and counts as one offer that it took.
      dealt = { shares: new Map([[this.#self, { sent: 1, pending: [] }]]), owners: [], states: [], departing: 0 };
      this.#dealt.set(batchId, dealt);
      this.#held.own(batchId, this.#self, this.#o.link.generation);
    }
    const { note, bindingGroup, binding, domain, attempts, nextAt, reply } = departure;
    if (this.#o.forgetsNotes()) {
      // Nothing would say after a death where they went. They go back.
      this.#o.panic.log('ERROR', 'ERROR', `${batchId} stays in its queue: the disk takes no note of another`);
      for (const i of note.recipients) dealt.states[i] = { ...(dealt.states[i] ?? open), attempts, nextAt };
      shareOf(dealt.shares, from).pending.push(...note.recipients);
      void this.#offerAgain(batchId, from);
      return;
    }
    this.#note(batchId, note);
    for (const i of note.recipients) {
      dealt.owners[i] = -1;
      dealt.states[i] = {
        outcome: 'open',
        attempts,
        nextAt,
        ...(reply === undefined ? {} : { reply }),
        bindingGroup,
        binding,
        route: domain,
      };
    }
    dealt.departing += 1;
    this.#leaving.push({ batchId, recipients: note.recipients, to: this.#whither(departure) });
    if (!this.#isPlacing) void this.#place();
  }

  /** Offers those that left to the loops where they belong, one batch after the other. Offered before it is on the disk, two loops could have them after a death. */
  async #place(): Promise<void> {
    this.#isPlacing = true;
    while (this.#leaving.length > 0) {
      const leaving = this.#leaving;
      this.#leaving = [];
      await this.#o.flushNotes();
      for (const { batchId, recipients, to } of leaving) {
        const dealt = this.#dealt.get(batchId);
        if (dealt === undefined) continue;
        dealt.departing -= 1;
        for (const i of recipients) dealt.owners[i] = to;
        shareOf(dealt.shares, to).pending.push(...recipients);
        await this.#offerAgain(batchId, to);
      }
    }
    this.#isPlacing = false;
  }

  /** An owner is through with so many offers. When nobody has any of the batch, its record goes. */
  #answered(batchId: string, owner: number, offers: number): void {
    const dealt = this.#dealt.get(batchId);
    const share = dealt?.shares.get(owner);
    if (dealt === undefined || share === undefined) return;
    share.sent -= offers;
    if (share.sent <= 0 && share.pending.length === 0) dealt.shares.delete(owner);
    if (dealt.shares.size > 0 || dealt.departing > 0) return;
    this.#dealt.delete(batchId);
    this.#o.spool.settled(batchId);
  }

  /** A loop died: what it owned of ours is offered to its successor; what we held for it stays until its successor offers again. */
  #lost(peer: Address): void {
    if (typeof peer !== 'number') return;
    for (const [batchId, { shares, owners }] of this.#dealt) {
      const share = shares.get(peer);
      if (share === undefined) continue;
      share.sent = 0;
      share.pending = owners.flatMap((owner, i) => (owner === peer ? [i] : []));
      void this.#offerAgain(batchId, peer);
    }
  }
}

function shareOf(shares: Map<number, Share>, owner: number): Share {
  let share = shares.get(owner);
  if (share === undefined) shares.set(owner, (share = { sent: 0, pending: [] }));
  return share;
}

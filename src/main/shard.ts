/*
 * Who owns which queue, and how a message gets there and its outcome back: the queues of one loop as a shard of all queues.
 *
 * The one rule: exactly one loop owns a binding::domain queue, by a hash of its name, so limits per queue are exact without locks.
 * With one loop nothing here does anything but pass on. A batch with recipients of several owners is settled when all of them
 * said so. When an owner dies, its successor gets what it had not settled; when a home dies, its successor reads the spool and
 * offers again, and an owner that still holds the batch ignores the offer. Bound: what is queued (an entry for each open batch).
 */
import { crc32 } from 'node:zlib';
import type { AcceptedPort } from '#intake';
import type { Address, LoopLink } from '#loops';
import type { Envelope, EnvelopeRecipient } from '#mail';
import type { PanicLog } from '#observe';
import type { QueueNote, Queues, QueueSpool, RecipientProgress, RecoveredMessage } from '#queue';
import { shardRoom, type BodyReply, type BodyRequest, type ShardMessage } from './shard-messages.ts';

const bodyDeadlineMs = 30_000;
const open: RecipientProgress = { outcome: 'open', attempts: 0, nextAt: 0 };
const elsewhere: RecipientProgress = { outcome: 'elsewhere', attempts: 0, nextAt: 0 };

interface Dealt {
  readonly owners: Set<number>;
  readonly states: RecipientProgress[];
}

interface ShardOptions {
  readonly link: LoopLink;
  readonly spool: QueueSpool;
  readonly queues: Queues;
  readonly panic: PanicLog;
  /** The name under which mail of a domain is queued: its own, or its Gateway's (OUT-21). */
  readonly queueName: (group: string, binding: string, domain: string) => string;
  /** The envelope of a batch of ours; undefined when it is gone. */
  readonly loadEnvelope: (batchId: string, done: (envelope: Envelope | undefined) => void) => void;
}

export class Shard implements AcceptedPort {
  readonly #o: ShardOptions;
  readonly #self: number;
  readonly #count: number;
  /** Our batches with recipients elsewhere: which owners have not settled yet, and what they told of each recipient. */
  readonly #dealt = new Map<string, Dealt>();
  /** Batches of other homes that we hold, by batch id. */
  readonly #foreign = new Map<string, number>();
  readonly #home: QueueSpool;
  readonly #remoteHomes = new Map<number, QueueSpool>();

  constructor(o: ShardOptions) {
    this.#o = o;
    this.#self = o.link.self;
    this.#count = o.link.count;
    this.#home = {
      note: (batchId, note) => this.#note(batchId, note),
      settled: (batchId) => this.#settledBy(batchId, this.#self),
      loadBody: (batchId, done) => o.spool.loadBody(batchId, done),
    };
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
    const distinct = new Set(owners);
    if (distinct.size === 1 && distinct.has(this.#self)) {
      this.#o.queues.accepted(envelope, body, this.#o.spool);
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
    const home = this.#foreign.get(batchId);
    if (home === undefined) this.#o.loadEnvelope(batchId, done);
    else
      this.#o.link.ask(home, shardRoom, { batchId, isEnvelope: true } satisfies BodyRequest, bodyDeadlineMs, (_error, reply) =>
        done((reply as BodyReply | undefined)?.envelope),
      );
  }

  /** The body of a batch that waits here. */
  bodyOf(batchId: string, done: (body: Buffer | undefined) => void): void {
    const home = this.#foreign.get(batchId);
    const from = home === undefined ? this.#o.spool : this.#remoteHome(home);
    from.loadBody(batchId, (_error, body) => done(body));
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
    return crc32(`${group}\0${binding}\0${name}`) % this.#count;
  }

  /** Gives each owner its recipients; `owners` has -1 for recipients that are done. */
  #deal(envelope: Envelope, states: readonly RecipientProgress[], owners: readonly number[], body: Buffer | undefined): void {
    const distinct = new Set(owners.filter((owner) => owner >= 0));
    if (distinct.size === 0) {
      this.#o.spool.settled(envelope.batchId);
      return;
    }
    this.#dealt.set(envelope.batchId, { owners: new Set(distinct), states: [...states] });
    for (const owner of distinct)
      this.#offer(
        owner,
        envelope,
        states.map((state, i) => (owners[i] === owner ? state : elsewhere)),
        body,
      );
  }

  #offer(owner: number, envelope: Envelope, states: readonly RecipientProgress[], body: Buffer | undefined): void {
    if (owner === this.#self) {
      if (states.every((state) => state === open)) this.#o.queues.accepted(envelope, body, this.#home);
      else this.#o.queues.recovered({ envelope, states }, this.#home);
      return;
    }
    const isSent = this.#send(owner, { kind: 'accepted', envelope, states, body });
    // Its mailbox is full: the message waits here, by its id, and is offered again when there is room.
    if (!isSent) this.#o.link.onDrain(owner, () => this.#offerAgain(envelope.batchId, owner));
  }

  #offerAgain(batchId: string, owner: number): void {
    if (!this.#dealt.get(batchId)?.owners.has(owner)) return;
    this.#o.loadEnvelope(batchId, (envelope) => {
      const dealt = this.#dealt.get(batchId);
      if (!envelope || !dealt?.owners.has(owner)) return;
      const states = dealt.states.map((state, i) => {
        const recipient = envelope.recipients[i];
        return recipient && state.outcome === 'open' && this.#ownerOf(recipient, state) === owner ? state : elsewhere;
      });
      if (states.every((state) => state.outcome !== 'open')) this.#settledBy(batchId, owner);
      else this.#offer(owner, envelope, states, undefined);
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
        return this.#settledBy(message.batchId, from);
    }
  }

  #take({ envelope, states, body }: Extract<ShardMessage, { kind: 'accepted' }>, from: number): void {
    if (this.#foreign.has(envelope.batchId)) return;
    this.#foreign.set(envelope.batchId, from);
    const home = this.#remoteHome(from);
    const bytes = body === undefined ? undefined : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    if (states.every((state) => state.outcome === 'open' && state.attempts === 0)) this.#o.queues.accepted(envelope, bytes, home);
    else this.#o.queues.recovered({ envelope, states }, home);
  }

  /** One for each loop: a queue knows spools by identity. */
  #remoteHome(loop: number): QueueSpool {
    let home = this.#remoteHomes.get(loop);
    if (home === undefined) this.#remoteHomes.set(loop, (home = this.#makeRemoteHome(loop)));
    return home;
  }

  #makeRemoteHome(loop: number): QueueSpool {
    return {
      note: (batchId, note) => {
        if (!this.#send(loop, { kind: 'note', batchId, note })) this.#complain(loop, batchId);
      },
      settled: (batchId) => {
        this.#foreign.delete(batchId);
        if (!this.#send(loop, { kind: 'settled', batchId })) this.#complain(loop, batchId);
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

  #complain(loop: number, batchId: string): void {
    this.#o.panic.log('ERROR', 'ERROR', `loop ${loop} does not take news of ${batchId}: it may be delivered again after a restart`);
  }

  #settledBy(batchId: string, owner: number): void {
    const dealt = this.#dealt.get(batchId);
    if (dealt) {
      dealt.owners.delete(owner);
      if (dealt.owners.size > 0) return;
      this.#dealt.delete(batchId);
    }
    this.#o.spool.settled(batchId);
  }

  /** A loop died: what it owned of ours is offered to its successor; what we held for it stays until its successor offers again. */
  #lost(peer: Address): void {
    if (typeof peer !== 'number') return;
    for (const [batchId, { owners }] of this.#dealt) if (owners.has(peer)) this.#offerAgain(batchId, peer);
  }
}

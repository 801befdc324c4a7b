/**
 * Several loops that share queues, without threads: real queues and shards, mailboxes that a test empties, spools that a death leaves behind.
 *
 * The one rule: chance decides what happens in which order (a seed repeats it), and whatever it decides, every recipient is delivered; once, as long
 * as no loop died.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { ManualClock, MessageIdSource, seededRandom, TimerWheel } from '#base';
import type { Address, LoopLink } from '#loops';
import type { Envelope } from '#mail';
import { Queues, type DomainQueue, type QueueNote, type QueueSpool, type RecipientProgress, type SendingOptions } from '#queue';
import { Shard } from './shard.ts';

const options = {
  retryInterval: 1200,
  maxRetryInterval: 43_200,
  maxRetries: 'auto',
  messageExpiration: 604_800,
  neverRetry: false,
  neverAttemptExpiredMessages: false,
  suspendDelivery: false,
  blackhole: 'false',
  generateBounces: true,
  bouncesInlineOriginal: 'headers',
  generateDelayDsn: false,
  maxRecipientsPerBatch: 2,
  maxResidentActiveQueue: 250,
  dropBodyAfterTransFail: 3,
  delayedBindingDomainFuzz: 0,
  xclient: 'no',
} as unknown as SendingOptions;

const MAILBOX = 6;
const open: RecipientProgress = { outcome: 'open', attempts: 0, nextAt: 0 };

type Link = ConstructorParameters<typeof Shard>[0]['link'];
type Hear = Parameters<LoopLink['onMessage']>[1];

/** What of a loop outlives it. */
class Log implements QueueSpool {
  readonly records = new Map<string, { readonly envelope: Envelope; readonly states: RecipientProgress[] }>();
  /** Not on the disk yet. */
  #new: (() => void)[] = [];
  readonly #flushed: (() => void)[] = [];
  /** Whether notes are forgotten. */
  readonly isCrowded: () => boolean;

  constructor(isCrowded: () => boolean) {
    this.isCrowded = isCrowded;
  }

  note(batchId: string, note: QueueNote): void {
    if (this.isCrowded()) return;
    this.#new.push(() => {
      const states = this.records.get(batchId)?.states;
      if (states === undefined) return;
      const set = (i: number, change: Partial<RecipientProgress>): void => void (states[i] = { ...(states[i] ?? open), ...change });
      if (note.kind === 'deferred') for (const i of note.recipients) set(i, { attempts: note.attempts, nextAt: note.nextAt });
      else if (note.kind === 'rebind') for (const i of note.recipients) set(i, { binding: note.binding, bindingGroup: note.bindingGroup });
      else if (note.kind === 'reroute') for (const i of note.recipients) set(i, { route: note.domain });
      else set(note.recipient, { outcome: note.kind });
    });
  }

  settled(batchId: string): void {
    this.#new.push(() => void this.records.delete(batchId));
  }

  loadBody(batchId: string, done: (error: Error | undefined, body?: Buffer) => void): void {
    if (this.records.has(batchId)) done(undefined, Buffer.from(batchId));
    else done(new Error(`no ${batchId}`));
  }

  flushed(): Promise<void> {
    return new Promise((done) => this.#flushed.push(done));
  }

  /** To the disk, or lost with the process. */
  end(isKept: boolean): void {
    for (const one of this.#new.splice(0)) if (isKept) one();
    for (const done of this.#flushed.splice(0)) if (isKept) done();
  }
}

class World {
  readonly clock = new ManualClock();
  readonly wheel = new TimerWheel({ clock: this.clock });
  readonly loops: Loop[] = [];
  /** Who delivered it, each time. */
  readonly delivered = new Map<string, Loop[]>();
  /** So many notes wait for the disk that more would be forgotten. */
  isCrowded = false;
  /** Bindings that the configuration of a loop does not have, by loop. */
  readonly gone = new Map<number, readonly string[]>();
  readonly accepted: string[] = [];
  readonly ids = new MessageIdSource({ instance: 7, clock: this.clock, lastSlot: 0, persistSlot: () => undefined });

  readonly refuses: readonly string[];

  constructor(count: number, refuses: readonly string[]) {
    this.refuses = refuses;
    for (let self = 0; self < count; self += 1)
      this.loops.push(new Loop(this, { self, count, generation: 0, log: new Log(() => this.isCrowded) }));
  }

  owner(queue: DomainQueue): number {
    return crc32(`${queue.group}\0${queue.binding}\0${queue.domain}`) % this.loops.length;
  }

  accept(loop: Loop, domains: readonly string[]): void {
    const batchId = this.ids.next();
    const recipients = domains.map((domain, i) => {
      const local = `r${this.accepted.length + i}`;
      return { id: this.ids.next(), address: `${local}@${domain}`, local, domain, binding: 'default', bindingGroup: 'default' };
    });
    this.accepted.push(...recipients.map(({ address }) => address));
    const envelope = {
      batchId,
      connectionId: batchId,
      sender: '',
      recipients,
      receivedAt: this.clock.now(),
      size: 100,
      remoteIp: '192.0.2.1',
      remotePort: 25,
      protocol: 'esmtp',
      helo: 'c',
      contextConnection: {},
      contextMessage: {},
    } as Envelope;
    loop.log.records.set(batchId, { envelope, states: recipients.map(() => open) });
    loop.shard.accepted(envelope, Buffer.from('body'));
  }

  /** One transaction of a queue. */
  attempt(queue: DomainQueue, kind: 'delivered' | 'transient'): void {
    const delivery = queue.take();
    if (delivery === undefined) return;
    const { batch, recipients } = delivery;
    // A body that is not in memory has to be read, as a sender does.
    assert.ok(
      this.loops.some(({ log }) => log.records.has(batch.id)),
      `${batch.id} was removed before its delivery`,
    );
    if (kind === 'delivered') {
      const loop = this.loops.find(({ queues }) => queues.find(queue.binding, queue.domain) === queue)!;
      for (const { address } of recipients) this.delivered.set(address, [...(this.delivered.get(address) ?? []), loop]);
    }
    queue.finish(
      delivery,
      recipients.map(() => ({ kind, reply: kind === 'delivered' ? '250 ok' : '451 no', stage: 5, remoteIp: '192.0.2.9', bytes: 0 })),
    );
  }

  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3;) {
      let moved = 0;
      for (const loop of this.loops) {
        moved += loop.pump(Infinity);
        loop.log.end(true);
      }
      this.clock.advance(20);
      this.wheel.advance();
      for (let i = 0; i < 20; i += 1) await Promise.resolve();
      quiet = moved === 0 ? quiet + 1 : 0;
    }
  }

  async deliverAll(): Promise<void> {
    for (let round = 0; round < 50; round += 1) {
      await this.settle();
      let left = 0;
      for (const { queues } of this.loops) {
        for (const queue of queues.queues()) {
          queue.flush();
          this.wheel.advance();
          left += queue.active + queue.delayed;
          while (queue.ready > 0) this.attempt(queue, 'delivered');
        }
      }
      if (left === 0) return;
    }
    assert.fail('mail does not come to an end');
  }

  async die(loop: Loop, isKept: boolean): Promise<void> {
    const { self } = loop;
    // What it said before is heard first; what others have not posted yet waits for its successor.
    for (const other of this.loops) if (other !== loop) other.pump(Infinity, self);
    loop.log.end(isKept);
    const next = new Loop(this, { self, count: this.loops.length, generation: loop.generation + 1, log: loop.log });
    loop.isDead = true;
    this.loops[self] = next;
    for (const other of this.loops) if (other !== next) other.lost(self);
    for (const { envelope, states } of next.log.records.values()) next.shard.recovered({ envelope, states: [...states] });
    await Promise.resolve();
  }
}

class Loop {
  readonly self: number;
  readonly generation: number;
  readonly log: Log;
  readonly queues: Queues;
  readonly shard: Shard;
  isDead = false;
  readonly #world: World;
  /** What others sent here, by sender. */
  readonly #inbox = new Map<number, unknown[]>();
  #hear: Hear = () => undefined;
  #onLoss: (peer: Address) => void = () => undefined;
  readonly #drains: (() => void)[] = [];

  constructor(world: World, o: { self: number; count: number; generation: number; log: Log }) {
    this.#world = world;
    this.self = o.self;
    this.generation = o.generation;
    this.log = o.log;
    const { clock, wheel } = world;
    this.queues = new Queues({
      resolver: {
        sending: () => options,
        domainGateway: () => undefined,
        hasBinding: (name) => world.gone.get(o.self)?.includes(name) !== true,
      },
      spool: o.log,
      notices: { send: (_facts, done) => done() },
      clock,
      wheel,
      random: seededRandom(1),
      records: { record: () => undefined },
      counters: { add: () => undefined },
      panic: { log: () => undefined },
    });
    const link: Link = {
      self: o.self,
      count: o.count,
      generation: o.generation,
      send: (to, _room, message) => !this.isDead && (this.#world.loops[to as number]?.receive(this.self, message) ?? false),
      ask: () => assert.fail('nothing is asked here'),
      onMessage: (_room, handler) => void (this.#hear = handler),
      onRequest: () => undefined,
      onDrain: (_to, fn) => void this.#drains.push(fn),
      onPeerLoss: (fn) => void (this.#onLoss = (peer) => fn(peer, 0)),
    };
    this.shard = new Shard({
      link,
      spool: this.log,
      queues: this.queues,
      panic: { log: (_level, _what, text) => assert.match(text, /^\S+ stays in its queue: the disk takes no note of another$/) },
      queueName: (_group, _binding, domain) => domain,
      loadEnvelope: (batchId, done) => queueMicrotask(() => done(this.log.records.get(batchId)?.envelope)),
      forgetsNotes: () => this.#world.isCrowded,
      flushNotes: () => this.log.flushed(),
    });
  }

  receive(from: number, message: unknown): boolean {
    const { kind } = message as { kind: string };
    const box = this.#inbox.get(from) ?? [];
    this.#inbox.set(from, box);
    // News are not refused here: those that are, the server tells as lost, too.
    if (box.length >= MAILBOX && this.#world.refuses.includes(kind)) return false;
    box.push(structuredClone(message));
    return true;
  }

  /** Hears so many messages of each sender, or of one. Answers how many there were. */
  pump(most: number, only?: number): number {
    let heard = 0;
    for (const [from, box] of this.#inbox) {
      if (only !== undefined && from !== only) continue;
      for (let n = 0; n < most && box.length > 0; n += 1) {
        heard += 1;
        this.#hear(box.shift(), from);
      }
    }
    for (const other of this.#world.loops) other.drained();
    return heard;
  }

  drained(): void {
    for (const fn of this.#drains.splice(0)) fn();
  }

  lost(peer: number): void {
    this.#inbox.delete(peer);
    this.#onLoss(peer);
  }

  /** Addresses that wait here, by queue. */
  *waiting(): IterableIterator<DomainQueue> {
    for (const queue of this.queues.queues()) if (!queue.isEmpty) yield queue;
  }
}

const domains = ['a.test', 'b.test', 'c.test', 'd.test', 'e.test'];
const bindings = ['default', 'one', 'two'];

/** So many things that chance chooses. */
async function happen(world: World, o: { seed: number; steps: number; deaths: number; isCrowdedAtTimes?: boolean }): Promise<void> {
  const random = seededRandom(o.seed);
  const some = <T>(list: readonly T[]): T => list[random.int(list.length)] as T;
  let deaths = o.deaths;
  for (let step = 0; step < o.steps; step += 1) {
    const loop = some(world.loops);
    const queues = [...loop.waiting()];
    const queue = queues.length === 0 ? undefined : some(queues);
    if (o.isCrowdedAtTimes === true && random.int(8) === 0) world.isCrowded = !world.isCrowded;
    switch (random.int(deaths > 0 ? 10 : 9)) {
      case 0:
      case 1:
        world.accept(
          loop,
          Array.from({ length: 1 + random.int(4) }, () => some(domains)),
        );
        break;
      case 2:
        if (queue !== undefined) world.attempt(queue, random.int(2) === 0 ? 'delivered' : 'transient');
        break;
      case 3:
        queue?.rebindAll('default', some(bindings));
        break;
      case 4:
        queue?.rerouteAll(some(domains));
        break;
      case 5: {
        const view = queue?.walk(0, 1).entries[0];
        if (view !== undefined) queue?.rebind({ ...view, recipients: view.recipients.slice(0, 1) }, 'default', some(bindings));
        break;
      }
      case 6:
        loop.log.end(true);
        break;
      case 9:
        deaths -= 1;
        await world.die(loop, random.int(2) === 0);
        break;
      default:
        loop.pump(1 + random.int(3));
    }
    world.clock.advance(20);
    world.wheel.advance();
    for (let i = random.int(4); i > 0; i -= 1) await Promise.resolve();
  }
}

test('Q-01 rebound and rerouted mail goes over to the loop that owns its queue, and each recipient is delivered once, whatever the order', async () => {
  let moved = 0;
  for (let seed = 1; seed <= 50; seed += 1) {
    const world = new World(3, ['accepted']);
    await happen(world, { seed, steps: 120, deaths: 0 });
    await world.settle();
    for (const loop of world.loops) {
      for (const queue of loop.waiting()) {
        assert.equal(world.owner(queue), loop.self, `seed ${seed}: ${queue.binding}::${queue.domain} waits on loop ${loop.self}`);
        if (queue.binding !== 'default') moved += 1;
      }
    }
    await world.deliverAll();
    await world.settle();
    for (const address of world.accepted) assert.equal(world.delivered.get(address)?.length, 1, `seed ${seed}: ${address}`);
    for (const { log } of world.loops) assert.equal(log.records.size, 0, `seed ${seed}: records stay`);
  }
  assert.ok(moved > 100, `${moved} queues in which mail was that had been moved`);
});

test('OUT-05 the mail of bindings that are removed, on one loop after the other, ends with the loops that own it in the default binding, each recipient once', async () => {
  let moved = 0;
  for (let seed = 1; seed <= 30; seed += 1) {
    const world = new World(3, ['accepted', 'departed']);
    await happen(world, { seed, steps: 80, deaths: 0, isCrowdedAtTimes: true });
    const isOfGone = ({ binding }: DomainQueue): boolean => binding !== 'default';
    for (const loop of world.loops) for (const queue of loop.waiting()) if (isOfGone(queue)) moved += 1;
    for (const loop of world.loops) {
      world.gone.set(loop.self, ['one', 'two']);
      loop.queues.reconfigured();
      // Others have not heard of it, and what they send is on its way.
      await happen(world, { seed: seed + 1000, steps: 10, deaths: 0 });
    }
    world.isCrowded = false;
    await world.settle();
    for (const loop of world.loops)
      for (const queue of loop.waiting()) {
        assert.ok(!isOfGone(queue), `seed ${seed}: mail waits in ${queue.binding}::${queue.domain} on loop ${loop.self}`);
        assert.equal(world.owner(queue), loop.self, `seed ${seed}: ${queue.domain} waits on loop ${loop.self}`);
      }
    await world.deliverAll();
    await world.settle();
    for (const address of world.accepted) assert.equal(world.delivered.get(address)?.length, 1, `seed ${seed}: ${address}`);
    for (const { log } of world.loops) assert.equal(log.records.size, 0, `seed ${seed}: records stay`);
  }
  assert.ok(moved > 50, `${moved} queues of bindings that were removed`);
});

test('A66 loops die while mail is on its way between them: every recipient is delivered, and twice only if a loop died that had done it', async () => {
  let twice = 0;
  for (let seed = 1; seed <= 30; seed += 1) {
    const world = new World(3, ['accepted', 'departed']);
    await happen(world, { seed, steps: 120, deaths: 5, isCrowdedAtTimes: seed % 2 === 0 });
    world.isCrowded = false;
    await world.deliverAll();
    await world.settle();
    for (const address of world.accepted) {
      const by = world.delivered.get(address) ?? [];
      assert.ok(by.length > 0, `seed ${seed}: ${address} is lost`);
      // The last to deliver it is alive, or was so until all was over; those before it died with what they knew.
      const living = by.slice(0, -1).filter((loop) => !loop.isDead);
      assert.equal(living.length, 0, `seed ${seed}: ${address} is delivered again, and loop ${living[0]?.self} knew that it was done`);
      if (by.length > 1) twice += 1;
    }
    for (const { log } of world.loops) assert.equal(log.records.size, 0, `seed ${seed}: records stay`);
  }
  assert.ok(twice > 0, 'nobody died with anything that mattered');
});

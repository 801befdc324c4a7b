/*
 * The rooms of one thread: who hears what arrives, which requests are open, and one flush per turn for all channels.
 *
 * Used by both ends (LoopPool on main, LoopLink in a thread). A handler that throws stops nobody: the error is
 * reported as a fault, a request is refused with it, and the rest of the batch is delivered.
 * Bounds: 65,536 open requests (then `queue-full`), 10,000 frames for rooms that nobody has opened yet (then dropped
 * with a fault). Deliberately no knowledge of workers, birth or death: that is LoopPool's.
 */
import { LoopsError, type LoopsErrorCode } from './errors.ts';
import { Channel, defaultBounds, type ChannelBounds, type ChannelOwner } from './channel.ts';
import { controlRoom, frameMessage, frameRefusal, frameReply, frameRequest, type Address, type FrameKind } from './messages.ts';
import type { Transferable } from 'node:worker_threads';

/** What a TimerWheel offers; deadlines need no more. */
export interface Timers {
  schedule(delayMs: number, fn: () => void): number;
  cancel(id: number): void;
}

/** The way back to one who asked. Exactly one of the two is called, once; later calls are ignored. */
export interface Answer {
  answer(reply: unknown, transfer?: readonly Transferable[]): void;
  refuse(reason: string): void;
}

export type MessageHandler = (message: unknown, from: Address) => void;
export type RequestHandler = (message: unknown, from: Address, answer: Answer) => void;
export type ReplyHandler = (error: LoopsError | undefined, reply?: unknown) => void;

export interface LoopFault {
  what: string;
  room: string;
  peer: Address;
  error: Error | undefined;
}

const openRequestsMax = 65_536;
const unclaimedMax = 10_000;

interface OpenRequest {
  to: Address;
  room: string;
  timer: number;
  done: ReplyHandler;
}

export class Switchboard implements ChannelOwner {
  readonly channels = new Map<Address, Channel>();
  onFault: (fault: LoopFault) => void = () => {};
  onControl: (message: unknown, from: Address) => void = () => {};
  #timers: Timers | undefined;
  #bounds: ChannelBounds;
  #name: string;
  #messages = new Map<string, MessageHandler>();
  #requests = new Map<string, RequestHandler>();
  #open = new Map<number, OpenRequest>();
  #lastId = 0;
  #dirty: Channel[] = [];
  #unclaimed: { channel: Channel; kind: FrameKind; id: number; room: string; message: unknown }[] = [];
  #keepsUnclaimed = true;
  #drainListeners = new Map<Address, (() => void)[]>();

  /** `generation` keeps request ids apart from those of a thread that had this address before. */
  constructor(o: { name: string; generation?: number; timers?: Timers | undefined; bounds?: ChannelBounds | undefined }) {
    this.#name = o.name;
    this.#lastId = (o.generation ?? 0) * 2 ** 32;
    this.#timers = o.timers;
    this.#bounds = o.bounds ?? defaultBounds;
  }

  /** For channels that are made from now on. */
  set bounds(bounds: ChannelBounds) {
    this.#bounds = bounds;
  }

  set timers(timers: Timers) {
    this.#timers = timers;
  }

  get openRequests(): number {
    return this.#open.size;
  }

  channel(peer: Address): Channel {
    let channel = this.channels.get(peer);
    if (channel === undefined) {
      channel = new Channel(peer, this, this.#bounds);
      this.channels.set(peer, channel);
    }
    return channel;
  }

  onMessage(room: string, handler: MessageHandler): void {
    this.#messages.set(room, handler);
    this.#claim(room);
  }

  onRequest(room: string, handler: RequestHandler): void {
    this.#requests.set(room, handler);
    this.#claim(room);
  }

  /** From now on a frame for an unknown room is a fault (and a request to it is refused) instead of being kept. */
  stopKeepingUnclaimed(): void {
    this.#keepsUnclaimed = false;
    const rest = this.#unclaimed;
    this.#unclaimed = [];
    for (const f of rest) this.frame(f.channel, f.kind, f.id, f.room, f.message);
  }

  /** False: not taken, the queue is at its bound or there is no such thread. */
  send(to: Address, room: string, message: unknown, transfer?: readonly Transferable[]): boolean {
    const channel = this.channels.get(to);
    return channel !== undefined && channel.push(frameMessage, 0, room, message, transfer);
  }

  control(to: Address, message: unknown, transfer?: readonly Transferable[]): void {
    this.channel(to).push(frameMessage, 0, controlRoom, message, transfer, true);
  }

  /** Frames to that thread that are not known to have arrived: waiting here or under way. */
  backlog(to: Address): number {
    const channel = this.channels.get(to);
    return channel === undefined ? 0 : channel.waiting + channel.underWay;
  }

  /** Calls `fn` once, when the full queue to that thread has been posted. */
  onDrain(to: Address, fn: () => void): void {
    const list = this.#drainListeners.get(to);
    if (list === undefined) this.#drainListeners.set(to, [fn]);
    else list.push(fn);
  }

  /** Asks and calls `done` exactly once: with the reply, or with an error that names who did not answer. */
  ask(to: Address, room: string, message: unknown, deadlineMs: number, done: ReplyHandler): void {
    const channel = this.channels.get(to);
    if (channel === undefined) return done(new LoopsError('no-such-loop', `there is no ${label(to)} in this pool`, to));
    if (this.#timers === undefined) return done(new LoopsError('not-a-loop', 'a request needs timers: none were given', to));
    if (this.#open.size >= openRequestsMax) return done(new LoopsError('queue-full', `${openRequestsMax} requests are open already`, to));
    const id = ++this.#lastId;
    if (!channel.push(frameRequest, id, room, message)) {
      return done(new LoopsError('queue-full', `the queue from ${this.#name} to ${label(to)} is full`, to));
    }
    const timer = this.#timers.schedule(deadlineMs, () => {
      this.#settle(id, new LoopsError('no-answer', `${label(to)} did not answer "${room}" within ${deadlineMs} ms`, to));
    });
    this.#open.set(id, { to, room, timer, done });
  }

  request(to: Address, room: string, message: unknown, deadlineMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.ask(to, room, message, deadlineMs, (error, reply) => (error === undefined ? resolve(reply) : reject(error)));
    });
  }

  /** All open requests to that thread fail now. */
  peerLost(peer: Address, code: 'loop-died' | 'stopped' = 'loop-died'): void {
    const why = code === 'stopped' ? 'is stopping' : 'died before it answered';
    for (const [id, open] of this.#open) {
      if (open.to === peer) this.#settle(id, new LoopsError(code, `${label(peer)} ${why} "${open.room}"`, peer));
    }
  }

  /** Posts everything now, past the windows; for last words. */
  flushAll(): void {
    for (const channel of this.channels.values()) channel.flush(true);
  }

  dirty(channel: Channel): void {
    if (channel.isDirty) return;
    channel.isDirty = true;
    if (this.#dirty.push(channel) === 1) setImmediate(this.#flushTurn);
  }

  drained(channel: Channel): void {
    const list = this.#drainListeners.get(channel.peer);
    if (list === undefined) return;
    this.#drainListeners.delete(channel.peer);
    for (const fn of list) fn();
  }

  unsendable(to: Channel, kind: FrameKind, id: number, room: string, error: Error): void {
    const text = `a message to ${label(to.peer)} cannot be copied: ${error.message}`;
    if (kind === frameRequest) return this.#settle(id, new LoopsError('not-cloneable', text, to.peer));
    if (kind === frameReply) to.push(frameRefusal, id, room, ['not-cloneable', text], undefined, true);
    this.onFault({ what: text, room, peer: to.peer, error });
  }

  frame(from: Channel, kind: FrameKind, id: number, room: string, message: unknown): void {
    switch (kind) {
      case frameMessage:
        return this.#hear(from, room, message);
      case frameRequest:
        return this.#beAsked(from, id, room, message);
      case frameReply:
        return this.#settle(id, undefined, message);
      case frameRefusal: {
        const [code, text] = message as [LoopsErrorCode, string];
        return this.#settle(id, new LoopsError(code, text, from.peer));
      }
    }
  }

  #flushTurn = (): void => {
    const channels = this.#dirty;
    this.#dirty = [];
    for (const channel of channels) {
      channel.isDirty = false;
      channel.flush();
    }
  };

  #hear(from: Channel, room: string, message: unknown): void {
    if (room === controlRoom) return this.onControl(message, from.peer);
    const handler = this.#messages.get(room);
    if (handler === undefined) return this.#keep(from, frameMessage, 0, room, message);
    try {
      handler(message, from.peer);
    } catch (error) {
      this.onFault({ what: `the handler of "${room}" threw`, room, peer: from.peer, error: error as Error });
    }
  }

  #beAsked(from: Channel, id: number, room: string, message: unknown): void {
    const handler = this.#requests.get(room);
    if (handler === undefined) return this.#keep(from, frameRequest, id, room, message);
    let isAnswered = false;
    // A reply is never refused by a bound: the asker bounds its own open requests.
    const reply = (kind: FrameKind, body: unknown, transfer?: readonly Transferable[]): void => {
      if (isAnswered) return;
      isAnswered = true;
      from.push(kind, id, room, body, transfer, true);
    };
    try {
      handler(message, from.peer, {
        answer: (body, transfer) => reply(frameReply, body, transfer),
        refuse: (reason) => reply(frameRefusal, ['handler-failed', reason]),
      });
    } catch (error) {
      reply(frameRefusal, ['handler-failed', `the handler of "${room}" in ${this.#name} threw: ${(error as Error).message}`]);
      this.onFault({ what: `the handler of "${room}" threw`, room, peer: from.peer, error: error as Error });
    }
  }

  #keep(channel: Channel, kind: FrameKind, id: number, room: string, message: unknown): void {
    if (this.#keepsUnclaimed && this.#unclaimed.length < unclaimedMax) {
      this.#unclaimed.push({ channel, kind, id, room, message });
      return;
    }
    const what = `${this.#name} has no handler for "${room}"`;
    if (kind === frameRequest) channel.push(frameRefusal, id, room, ['no-such-room', what], undefined, true);
    else this.onFault({ what, room, peer: channel.peer, error: undefined });
  }

  #claim(room: string): void {
    const mine = this.#unclaimed.filter((f) => f.room === room);
    if (mine.length === 0) return;
    this.#unclaimed = this.#unclaimed.filter((f) => f.room !== room);
    for (const f of mine) this.frame(f.channel, f.kind, f.id, f.room, f.message);
  }

  #settle(id: number, error: LoopsError | undefined, reply?: unknown): void {
    const open = this.#open.get(id);
    if (open === undefined) return; // an answer after the deadline
    this.#open.delete(id);
    this.#timers?.cancel(open.timer);
    open.done(error, reply);
  }
}

/** "loop 2", "the writer", "main": how a thread is named to a person. */
export function label(address: Address): string {
  if (address === 'main') return 'main';
  return address === 'writer' ? 'the writer' : `loop ${address}`;
}

/*
 * A thread's side of the pool: who am I, send, ask, hear, be stopped.
 *
 * There is one LoopLink in a thread: LoopLink.here(). The entry registers its rooms and then says ready(); messages
 * that arrive earlier wait for their room. Direct ports to the other threads come and go by control messages from
 * main; a sender never sees them: what is sent to a thread that is down waits (bounded) for its successor.
 * Deliberately no way to end the thread from here: stop is main's decision, death is an uncaught error.
 */
import { isMainThread, parentPort, receiveMessageOnPort, workerData, type MessagePort, type Transferable } from 'node:worker_threads';
import { LoopsError } from './errors.ts';
import { bornLater, type Address, type Birth, type Control } from './messages.ts';
import {
  label,
  Switchboard,
  type LoopFault,
  type MessageHandler,
  type ReplyHandler,
  type RequestHandler,
  type Timers,
} from './switchboard.ts';

/** Told when another thread died: `underWay` frames to it were posted and may or may not have been seen. */
export type PeerLossHandler = (peer: Address, underWay: number) => void;
/** Finishes this thread's work within `graceMs` milliseconds and calls `done`. */
export type StopHandler = (graceMs: number, done: () => void) => void;

let link: LoopLink | undefined;

export class LoopLink {
  /** This loop's number from 0; -1 in the writer. */
  readonly self: number;
  readonly address: Address;
  /** How many event loops the pool has. */
  readonly count: number;
  /** How many threads had this address before this one. */
  readonly generation: number;
  /** What the pool's owner handed over at the start. */
  readonly data: unknown;
  #board: Switchboard;
  #ports = new Map<Address, MessagePort>();
  #lossHandlers: PeerLossHandler[] = [];
  #stopHandlers: StopHandler[] = [];
  #closeHandlers: StopHandler[] = [];
  #isStopping = false;
  #isClosing = false;

  /** The link of this thread. Throws LoopsError `not-a-loop` where no pool started the thread. */
  static here(o: { timers?: Timers } = {}): LoopLink {
    if (link === undefined) {
      const birth = isMainThread ? undefined : (workerData as { impetusLoop?: Birth } | null)?.impetusLoop;
      if (birth === undefined || parentPort === null) throw new LoopsError('not-a-loop', 'this thread was not started by a loop pool');
      link = new LoopLink(birth, parentPort);
    }
    if (o.timers !== undefined) link.#board.timers = o.timers;
    return link;
  }

  /** The same for a thread that may have been begun before its pool (`PoolOptions.begun`): resolves when the pool has said what it is. */
  static async whenBorn(): Promise<LoopLink> {
    const port = isMainThread ? null : parentPort;
    const isEarly = (workerData as { impetusLoop?: unknown } | null)?.impetusLoop === bornLater;
    if (link !== undefined || port === null || !isEarly) return LoopLink.here();
    return new Promise((resolve) => {
      // Wired at once: what comes behind the birth must find its listener.
      port.once('message', (birth: Birth) => resolve((link = new LoopLink(birth, port))));
    });
  }

  private constructor(birth: Birth, parent: MessagePort) {
    this.address = birth.self;
    this.self = birth.self === 'writer' ? -1 : birth.self;
    this.count = birth.count;
    this.generation = birth.generation;
    this.data = birth.data;
    this.#board = new Switchboard({ name: label(birth.self), generation: birth.generation, bounds: birth.bounds });
    this.#board.onControl = (message) => this.#control(message as Control);
    for (let i = 0; i < birth.count; i++) if (i !== birth.self) this.#board.channel(i);
    if (birth.hasWriter && birth.self !== 'writer') this.#board.channel('writer');
    this.#wire('main', parent);
    for (const { peer, port } of birth.ports) this.#wire(peer, port);
  }

  /** What goes wrong inside this room: a handler that threw, a message that cannot be copied. */
  onFault(fn: (fault: LoopFault) => void): void {
    this.#board.onFault = fn;
  }

  onMessage(room: string, handler: MessageHandler): void {
    this.#board.onMessage(room, handler);
  }

  onRequest(room: string, handler: RequestHandler): void {
    this.#board.onRequest(room, handler);
  }

  /** Batched: one array per turn per target. False: the queue to that thread is at its bound, the message was not taken. */
  send(to: Address, room: string, message: unknown, transfer?: readonly Transferable[]): boolean {
    return this.#board.send(to, room, message, transfer);
  }

  /** Rejects with a LoopsError that names who did not answer within `deadlineMs` milliseconds. */
  request(to: Address, room: string, message: unknown, deadlineMs: number): Promise<unknown> {
    return this.#board.request(to, room, message, deadlineMs);
  }

  /** The same without a promise. */
  ask(to: Address, room: string, message: unknown, deadlineMs: number, done: ReplyHandler): void {
    this.#board.ask(to, room, message, deadlineMs, done);
  }

  /** Frames to that thread that are not known to have arrived. The writer says so each turn, others after thousands. */
  backlog(to: Address): number {
    return this.#board.backlog(to);
  }

  /** Calls `fn` once, when the full queue to that thread has been posted. */
  onDrain(to: Address, fn: () => void): void {
    this.#board.onDrain(to, fn);
  }

  onPeerLoss(fn: PeerLossHandler): void {
    this.#lossHandlers.push(fn);
  }

  /** Stop taking work, finish what is under way. Handlers run one after the other, in the order in which they were added. */
  onStop(fn: StopHandler): void {
    this.#stopHandlers.push(fn);
  }

  /** Close stores and files: every loop has stopped (or was late), and what they sent has been heard here. Same order. */
  onClose(fn: StopHandler): void {
    this.#closeHandlers.push(fn);
  }

  /** The rooms of this thread are open: the pool may count it as started. */
  ready(): void {
    this.#board.stopKeepingUnclaimed();
    this.#toMain({ kind: 'ready' });
  }

  #toMain(message: Control): void {
    this.#board.control('main', message);
    this.#board.channel('main').flush(true);
  }

  #wire(peer: Address, port: MessagePort): void {
    const channel = this.#board.channel(peer);
    if (channel.isConnected) channel.disconnect();
    if (peer !== 'main') this.#ports.set(peer, port);
    port.on('message', (batch: unknown[]) => {
      if (peer === 'main' || this.#ports.get(peer) === port) channel.receive(batch);
    });
    channel.connect(port);
  }

  #control(message: Control): void {
    switch (message.kind) {
      case 'wire':
        return this.#wire(message.peer, message.port);
      case 'lost':
        return this.#lose(message.peer);
      case 'stop':
        if (this.#isStopping) return;
        this.#isStopping = true;
        this.#drainAll();
        return this.#run(this.#stopHandlers, 0, message.graceMs, { kind: 'stopped' });
      case 'close':
        if (this.#isClosing) return;
        this.#isStopping = this.#isClosing = true;
        this.#drainAll();
        return this.#run(this.#closeHandlers, 0, message.graceMs, { kind: 'closed' });
      case 'ready':
      case 'stopped':
      case 'closed':
        return; // said by threads, never heard by one
    }
  }

  #lose(peer: Address): void {
    const port = this.#ports.get(peer);
    if (port === undefined) return;
    this.#drain(peer, port);
    this.#ports.delete(peer);
    const underWay = this.#board.channel(peer).disconnect();
    this.#board.peerLost(peer);
    for (const fn of this.#lossHandlers) fn(peer, underWay);
  }

  /** Reads what a port still holds now, without waiting for the next turn. */
  #drain(peer: Address, port: MessagePort): void {
    const channel = this.#board.channel(peer);
    for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port))
      channel.receive(got.message as unknown[]);
  }

  /** What others sent before they were through is heard first, whichever port Node would have served first. */
  #drainAll(): void {
    for (const [peer, port] of this.#ports) this.#drain(peer, port);
  }

  /** One handler after the other, then our last words to all, then `end` to main. */
  #run(handlers: readonly StopHandler[], next: number, graceMs: number, end: Control): void {
    const handler = handlers[next];
    if (handler === undefined) {
      this.#board.flushAll();
      return this.#toMain(end);
    }
    let isDone = false;
    handler(graceMs, () => {
      if (isDone) return;
      isDone = true;
      this.#run(handlers, next + 1, graceMs, end);
    });
  }
}

/*
 * The owner's side: starts the threads of a pool, wires every pair of them with a direct port, restarts the dead, stops.
 *
 * A thread counts as started when it says ready(). A thread that dies is restarted (at once the first time, then after
 * 100 ms doubling to 30 s; a minute of life forgives) and wired anew to all others; the others keep running. A death
 * before the first start is complete fails the start. The writer is a thread like the others, but stops last.
 * Bounds: see channel.ts (queues) and switchboard.ts (open requests). Deliberately no work of its own on main.
 */
import { MessageChannel, Worker, type MessagePort, type ResourceLimits, type Transferable } from 'node:worker_threads';
import { defaultBounds, type ChannelBounds } from './channel.ts';
import { workerFlags } from './entry.ts';
import { LoopsError } from './errors.ts';
import type { Address, Birth, Control } from './messages.ts';
import {
  label,
  Switchboard,
  type LoopFault,
  type MessageHandler,
  type ReplyHandler,
  type RequestHandler,
  type Timers,
} from './switchboard.ts';

export interface PoolOptions {
  /** Name of the pool, for thread names and messages. */
  name: string;
  /** Event loops, from 1. */
  count: number;
  entry: URL;
  /** Handed to each thread as `link.data`; a function is asked anew at each birth, so that a successor gets what is current. */
  data?: unknown;
  writer?: { entry: URL; data?: unknown };
  /**
   * Threads that run their entry already and wait to be told what they are (`LoopLink.whenBorn`, workerData `{ impetusLoop: 'later' }`): their programs are
   * read while the owner still reads its own. One that has ended is passed over.
   */
  begun?: BegunThreads | undefined;
  /** How long a thread may take to say ready, in milliseconds; default 120,000: a loaded machine at boot is slow, not broken. */
  readyMs?: number;
  bounds?: ChannelBounds;
  resourceLimits?: ResourceLimits;
}

export type BegunThreads = ReadonlyMap<number | 'writer', Worker>;

export interface LoopDeath {
  address: number | 'writer';
  generation: number;
  exitCode: number;
  error: Error | undefined;
  /** Milliseconds until its successor is started; undefined: it is not restarted. */
  restartInMs: number | undefined;
  /** Frames from main that were posted and may or may not have been seen. */
  underWay: number;
}

/** What a question to all loops brought. `silent` names the loops that did not answer in time, died or refused, with the reason. */
export interface Answers {
  replies: Map<number, unknown>;
  silent: Map<number, LoopsError>;
}

type Member = {
  address: number | 'writer';
  worker: Worker | undefined;
  state: 'new' | 'starting' | 'ready' | 'stopping' | 'stopped' | 'closing' | 'closed' | 'gone';
  generation: number;
  /** Far ends of this member's ports, sent to the others when it is ready. */
  undelivered: Map<Address, MessagePort>;
  deaths: number;
  readyAt: number;
  error: Error | undefined;
  restart: number | undefined;
  readyTimer: number | undefined;
};

const restartDelayMaxMs = 30_000;
const forgivenAfterMs = 60_000;

/** Milliseconds before the n-th restart in a row (1-based). */
export function restartDelayMs(n: number): number {
  return n <= 1 ? 0 : Math.min(restartDelayMaxMs, 100 * 2 ** Math.min(n - 2, 20));
}

export class LoopPool {
  #board: Switchboard;
  #timers: Timers;
  #clock: { mono(): number };
  #options: PoolOptions | undefined;
  #members = new Map<Address, Member>();
  #deathHandlers: ((death: LoopDeath) => void)[] = [];
  #readyHandlers: ((address: number | 'writer', generation: number) => void)[] = [];
  #starting: { resolve: () => void; reject: (error: LoopsError) => void } | undefined;
  #stopWaiters: (() => void)[] = [];
  #stopped: Promise<(number | 'writer')[]> | undefined;
  #isStopping = false;

  constructor(o: { timers: Timers; clock: { mono(): number } }) {
    this.#timers = o.timers;
    this.#clock = o.clock;
    this.#board = new Switchboard({ name: 'main', timers: o.timers });
    this.#board.onControl = (message, from) => this.#control(message as Control, from);
  }

  /** Event loops of the pool. */
  get count(): number {
    return this.#options?.count ?? 0;
  }

  onFault(fn: (fault: LoopFault) => void): void {
    this.#board.onFault = fn;
  }

  onDeath(fn: (death: LoopDeath) => void): void {
    this.#deathHandlers.push(fn);
  }

  /** A thread said ready: at the start and after each restart. */
  onReady(fn: (address: number | 'writer', generation: number) => void): void {
    this.#readyHandlers.push(fn);
  }

  onMessage(room: string, handler: MessageHandler): void {
    this.#board.onMessage(room, handler);
  }

  onRequest(room: string, handler: RequestHandler): void {
    this.#board.onRequest(room, handler);
  }

  /** Resolves when every thread is ready. Rejects with `start-failed` (naming the thread) after ending those that had started. */
  async start(options: PoolOptions): Promise<void> {
    if (this.#options !== undefined) throw new LoopsError('stopped', 'a pool is started once');
    this.#options = options;
    this.#board.bounds = options.bounds ?? defaultBounds;
    const addresses: (number | 'writer')[] = options.writer === undefined ? [] : ['writer'];
    for (let i = 0; i < options.count; i++) addresses.push(i);
    const whenReady = new Promise<void>((resolve, reject) => (this.#starting = { resolve, reject }));
    for (const address of addresses) this.#members.set(address, newMember(address));
    for (const member of this.#members.values()) this.#bear(member);
    try {
      await whenReady;
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  /** Batched: one array per turn per target. False: the queue is at its bound, or there is no such thread; not taken. */
  send(to: number | 'writer', room: string, message: unknown, transfer?: readonly Transferable[]): boolean {
    return this.#board.send(to, room, message, transfer);
  }

  /** Frames to that thread that are not known to have arrived. The writer says so each turn, others after thousands. */
  backlog(to: number | 'writer'): number {
    return this.#board.backlog(to);
  }

  /** To every event loop, not the writer. Returns the loops that did not take it: their queues are at the bound. */
  broadcast(room: string, message: unknown): number[] {
    const untold: number[] = [];
    for (let i = 0; i < this.count; i++) if (!this.send(i, room, message)) untold.push(i);
    return untold;
  }

  request(to: number | 'writer', room: string, message: unknown, deadlineMs: number): Promise<unknown> {
    return this.#board.request(to, room, message, deadlineMs);
  }

  ask(to: number | 'writer', room: string, message: unknown, deadlineMs: number, done: ReplyHandler): void {
    this.#board.ask(to, room, message, deadlineMs, done);
  }

  /** Asks every event loop and waits for all of them, at most `deadlineMs` milliseconds. Never rejects. */
  requestAll(room: string, message: unknown, deadlineMs: number): Promise<Answers> {
    const answers: Answers = { replies: new Map(), silent: new Map() };
    let open = this.count;
    return new Promise((resolve) => {
      if (open === 0) return resolve(answers);
      for (let i = 0; i < this.count; i++) {
        this.#board.ask(i, room, message, deadlineMs, (error, reply) => {
          if (error === undefined) answers.replies.set(i, reply);
          else answers.silent.set(i, error);
          if (--open === 0) resolve(answers);
        });
      }
    });
  }

  /** Ends one thread now, as if it had died: it is restarted like the dead. For an operator and for a loop that hangs. */
  replace(address: number | 'writer'): void {
    void this.#members.get(address)?.worker?.terminate();
  }

  /**
   * Stops within `graceMs` milliseconds: all loops finish their work (70 % of the time), then all close what they keep, when
   * nobody sends them anything more (15 %), then the writer, which so hears everybody's last words (15 %). Who is late is
   * ended, and returned. 0 ends all threads at once.
   */
  stop(graceMs: number): Promise<(number | 'writer')[]> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  async #stop(graceMs: number): Promise<(number | 'writer')[]> {
    this.#isStopping = true;
    for (const member of this.#members.values()) this.#cancelTimers(member);
    const late = new Set<number | 'writer'>();
    const loops = [...this.#members.values()].filter((m) => m.address !== 'writer');
    await this.#phase(loops, 'stop', graceMs * 0.7, late);
    await this.#phase(loops, 'close', graceMs * 0.15, late);
    await this.#end(loops);
    const writer = [...this.#members.values()].filter((m) => m.address === 'writer');
    await this.#phase(writer, 'stop', graceMs * 0.05, late);
    await this.#phase(writer, 'close', graceMs * 0.1, late);
    await this.#end(writer);
    for (const address of this.#members.keys()) this.#board.peerLost(address, 'stopped');
    return [...late];
  }

  /** Tells the members and waits until each is through, gone, or `graceMs` are over. */
  async #phase(members: readonly Member[], kind: 'stop' | 'close', graceMs: number, late: Set<number | 'writer'>): Promise<void> {
    const told = members.filter((m) => m.worker !== undefined && m.state !== 'starting');
    if (graceMs <= 0 || told.length === 0) return;
    const doing = kind === 'stop' ? 'stopping' : 'closing';
    for (const m of told) {
      m.state = doing;
      this.#board.control(m.address, { kind, graceMs } satisfies Control);
      this.#board.channel(m.address).flush(true);
    }
    await new Promise<void>((resolve) => {
      const timer = this.#timers.schedule(graceMs, resolve);
      const look = (): void => {
        if (told.some((m) => m.state === doing)) {
          this.#stopWaiters.push(look);
          return;
        }
        this.#timers.cancel(timer);
        resolve();
      };
      look();
    });
    for (const m of told) if (m.state === doing) late.add(m.address);
  }

  async #end(members: readonly Member[]): Promise<void> {
    await Promise.all(members.map((m) => m.worker?.terminate()));
  }

  #bear(member: Member): void {
    const options = this.#options;
    if (options === undefined) return;
    const ports: Birth['ports'] = [];
    for (const other of this.#members.values()) {
      if (other === member || (other.state !== 'starting' && other.state !== 'ready')) continue;
      const { port1, port2 } = new MessageChannel();
      ports.push({ peer: other.address, port: port1 });
      member.undelivered.set(other.address, port2);
    }
    const worker = workerOf(member, options, ports);
    member.worker = worker;
    member.state = 'starting';
    member.error = undefined;
    const channel = this.#board.channel(member.address);
    worker.on('message', (batch: unknown[]) => channel.receive(batch));
    worker.on('error', (error) => (member.error = error instanceof Error ? error : new Error(String(error))));
    worker.on('exit', (exitCode) => this.#gone(member, exitCode));
    channel.connect({ postMessage: (value, transfer) => worker.postMessage(value, transfer as readonly Transferable[]) });
    member.readyTimer = this.#timers.schedule(options.readyMs ?? 120_000, () => {
      member.error = new Error(`${label(member.address)} did not say ready in time`);
      void worker.terminate();
    });
  }

  #control(message: Control, from: Address): void {
    const member = this.#members.get(from);
    if (member === undefined) return;
    if (message.kind === 'ready') return this.#ready(member);
    if (message.kind === 'stopped' && member.state === 'stopping') member.state = 'stopped';
    if (message.kind === 'closed' && member.state === 'closing') member.state = 'closed';
    for (const waiter of this.#stopWaiters.splice(0)) waiter();
  }

  #ready(member: Member): void {
    if (member.state !== 'starting') return;
    member.state = 'ready';
    member.readyAt = this.#clock.mono();
    this.#cancelTimers(member);
    for (const [peer, port] of member.undelivered) {
      this.#board.control(peer, { kind: 'wire', peer: member.address, port } satisfies Control, [port]);
    }
    member.undelivered.clear();
    for (const fn of this.#readyHandlers) fn(member.address, member.generation);
    if (this.#starting !== undefined && [...this.#members.values()].every((m) => m.state === 'ready')) {
      const { resolve } = this.#starting;
      this.#starting = undefined;
      resolve();
    }
  }

  #gone(member: Member, exitCode: number): void {
    this.#cancelTimers(member);
    member.worker = undefined;
    member.state = 'gone';
    const generation = member.generation++;
    for (const port of member.undelivered.values()) port.close();
    member.undelivered.clear();
    const underWay = this.#board.channel(member.address).disconnect();
    for (const waiter of this.#stopWaiters.splice(0)) waiter();
    if (this.#isStopping) return;
    this.#board.peerLost(member.address);
    for (const other of this.#members.values()) this.#tellLost(other, member.address);
    const starting = this.#starting;
    if (starting !== undefined) {
      this.#starting = undefined;
      const why = member.error?.message ?? `exit code ${exitCode}`;
      return starting.reject(new LoopsError('start-failed', `${label(member.address)} did not start: ${why}`, member.address));
    }
    if (this.#clock.mono() - member.readyAt > forgivenAfterMs && member.readyAt > 0) member.deaths = 0;
    member.readyAt = 0;
    const restartInMs = restartDelayMs(++member.deaths);
    const death: LoopDeath = { address: member.address, generation, exitCode, error: member.error, restartInMs, underWay };
    for (const fn of this.#deathHandlers) fn(death);
    member.restart = this.#timers.schedule(restartInMs, () => {
      member.restart = undefined;
      if (!this.#isStopping) this.#bear(member);
    });
  }

  #tellLost(other: Member, peer: Address): void {
    const port = other.undelivered.get(peer);
    if (port !== undefined) {
      other.undelivered.delete(peer);
      port.close();
    }
    if (other.state === 'starting' || other.state === 'ready') this.#board.control(other.address, { kind: 'lost', peer } satisfies Control);
  }

  #cancelTimers(member: Member): void {
    if (member.readyTimer !== undefined) this.#timers.cancel(member.readyTimer);
    if (member.restart !== undefined) this.#timers.cancel(member.restart);
    member.readyTimer = undefined;
    member.restart = undefined;
  }
}

function workerOf(member: Member, options: PoolOptions, ports: Birth['ports']): Worker {
  const birth = birthOf(member, options, ports);
  const transferList = ports.map((p) => p.port);
  const begun = member.generation === 0 ? options.begun?.get(member.address) : undefined;
  if (begun !== undefined && begun.threadId >= 0) {
    begun.postMessage(birth, transferList);
    begun.ref();
    return begun;
  }
  const isWriter = member.address === 'writer';
  const entry = isWriter && options.writer !== undefined ? options.writer.entry : options.entry;
  const flags = workerFlags(entry);
  return new Worker(entry, {
    workerData: { impetusLoop: birth },
    transferList,
    name: isWriter ? 'writer' : `${options.name} ${member.address}`,
    ...(flags === undefined ? {} : { execArgv: flags }),
    ...(options.resourceLimits === undefined || isWriter ? {} : { resourceLimits: options.resourceLimits }),
  });
}

function birthOf(member: Member, options: PoolOptions, ports: Birth['ports']): Birth {
  const isWriter = member.address === 'writer';
  const data = isWriter ? options.writer?.data : options.data;
  const bounds = options.bounds ?? defaultBounds;
  return {
    self: member.address,
    pool: options.name,
    count: options.count,
    hasWriter: options.writer !== undefined,
    generation: member.generation,
    ports,
    // Few and large messages come to the writer, so senders count each.
    bounds: isWriter ? { ...bounds, acknowledge: 1 } : bounds,
    data:
      typeof data === 'function' ? (data as (address: Address, generation: number) => unknown)(member.address, member.generation) : data,
  };
}

function newMember(address: number | 'writer'): Member {
  return {
    address,
    worker: undefined,
    state: 'new',
    generation: 0,
    undelivered: new Map(),
    deaths: 0,
    readyAt: 0,
    error: undefined,
    restart: undefined,
    readyTimer: undefined,
  };
}

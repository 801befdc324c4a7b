// All waiting of a thread: a hierarchical wheel of four levels with 256 slots each, its lists in typed arrays.
//
// The rule to know: a timer never fires early and at most about one tick late; schedule and cancel cost tens of
// nanoseconds whatever the number of timers, where a setTimeout costs microseconds and most of a kilobyte.
// Delays have no upper limit: what does not fit the top level is put back when its slot comes round.
// One setTimeout drives it (`start`), set for the next tick that can hold anything, so that an idle thread sleeps; tests call `advance`
// themselves. It is not for deadlines finer than a tick.

import { assert } from './assert.ts';
import type { Clock } from './clock.ts';

const levels = 4;
const slotsPerLevel = 256;
const none = -1;
const spare = -2;
const levelSpan = [2 ** 8, 2 ** 16, 2 ** 24, 2 ** 32] as const;
const indexSpan = 2 ** 24;
const generations = 2 ** 28;
const firstCapacity = 1024;
/** The longest sleep of the driver, in milliseconds: what is due then or later is looked for again. */
const longestSleepMs = 60_000;

type Callback = (arg: unknown) => void;

export interface TimerWheelOptions {
  clock: Clock;
  /** Milliseconds a tick; default 10. */
  tickMs?: number;
  /** Most timers waiting at once; default 2^24, the most possible. At the bound `schedule` throws ImpossibleError. */
  max?: number;
  /** Callbacks run in one pass of the driver before sockets get their turn; default 1024 (RT-05). */
  maxPerPass?: number;
  /** What happens with an error thrown by a callback. Default: the other due timers run first, then the first error is thrown on. */
  onError?: (error: unknown) => void;
}

export class TimerWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #max: number;
  readonly #maxPerPass: number;
  readonly #onError: ((error: unknown) => void) | undefined;
  readonly #origin: number;
  readonly #heads = new Int32Array(levels * slotsPerLevel).fill(none);
  readonly #countOfLevel = new Int32Array(levels);
  #next = new Int32Array(firstCapacity);
  #previous = new Int32Array(firstCapacity);
  #slot = new Int32Array(firstCapacity);
  #due = new Float64Array(firstCapacity);
  #generation = new Uint32Array(firstCapacity);
  #callbacks: (Callback | undefined)[] = [];
  #args: unknown[] = [];
  #free = none;
  #used = 0;
  #size = 0;
  /** The tick whose timers have run, or are being run. */
  #tick = 0;
  #isDriven = false;
  #keepAlive = true;
  #driver: NodeJS.Timeout | undefined;
  #continuation: NodeJS.Immediate | undefined;
  /** The tick for which the driver is set; while a pass runs or goes on, before any other, since its end sets the driver anew. */
  #wakeTick = -1;
  readonly #pass = (): void => {
    this.#continuation = undefined;
    this.#wakeTick = -1;
    let isMore = true;
    try {
      isMore = this.advance(this.#maxPerPass);
    } finally {
      // An error thrown on leaves the rest of what is due to the next turn, as more work does.
      if (this.#isDriven && isMore) this.#continuation = setImmediate(this.#pass);
      else if (this.#isDriven) this.#sleep();
    }
  };

  constructor(o: TimerWheelOptions) {
    this.#clock = o.clock;
    this.#tickMs = o.tickMs ?? 10;
    this.#max = Math.min(o.max ?? indexSpan, indexSpan);
    this.#maxPerPass = o.maxPerPass ?? 1024;
    this.#onError = o.onError;
    assert(this.#tickMs > 0 && this.#max >= 1 && this.#maxPerPass >= 1, 'timer wheel with a tick, room and work per pass');
    this.#origin = o.clock.mono();
    this.#slot.fill(spare);
  }

  /** Timers waiting. */
  get size(): number {
    return this.#size;
  }

  /**
   * Runs `fn` once, `delayMs` from now or up to a tick later; a delay of 0 or less means the next tick.
   * `arg` is handed to `fn`, so that one function can serve many timers without a closure each.
   * Returns an id for `cancel`, never 0.
   */
  schedule(delayMs: number, fn: () => void): number;
  schedule<T>(delayMs: number, fn: (arg: T) => void, arg: T): number;
  schedule(delayMs: number, fn: (arg: never) => void, arg?: unknown): number {
    const index = this.#takeIndex();
    const elapsed = this.#clock.mono() - this.#origin;
    const due = Math.ceil((elapsed + Math.max(0, delayMs)) / this.#tickMs);
    assert(Number.isFinite(due), `timer delay ${delayMs}`);
    this.#due[index] = due <= this.#tick ? this.#tick + 1 : due;
    this.#callbacks[index] = fn as Callback;
    this.#args[index] = arg;
    this.#link(index);
    this.#size += 1;
    if (this.#isDriven && (this.#due[index] as number) < this.#wakeTick) this.#sleep();
    return (this.#generation[index] as number) * indexSpan + index;
  }

  /** Forgets a timer; false when it has fired, was cancelled, or never was. */
  cancel(id: number): boolean {
    const index = id % indexSpan;
    if (index >= this.#used || this.#generation[index] !== Math.floor(id / indexSpan) || this.#slot[index] === spare) return false;
    this.#unlink(index);
    this.#release(index);
    return true;
  }

  /** Starts the driver. `keepAlive: false` lets the process end although timers wait; the default keeps it. */
  start(o: { keepAlive?: boolean } = {}): void {
    if (this.#isDriven) return;
    this.#isDriven = true;
    this.#keepAlive = o.keepAlive !== false;
    this.#sleep();
  }

  /** Stops the driver; waiting timers stay and run after the next start. */
  stop(): void {
    this.#isDriven = false;
    if (this.#driver !== undefined) clearTimeout(this.#driver);
    if (this.#continuation !== undefined) clearImmediate(this.#continuation);
    this.#driver = undefined;
    this.#continuation = undefined;
  }

  /** Sets the driver for the next tick that can hold anything, at most `longestSleepMs` away. */
  #sleep(): void {
    if (this.#driver !== undefined) clearTimeout(this.#driver);
    this.#wakeTick = this.#nextTick();
    const ms = this.#wakeTick * this.#tickMs - (this.#clock.mono() - this.#origin);
    this.#driver = setTimeout(this.#pass, Math.min(longestSleepMs, Math.max(1, Math.ceil(ms))));
    if (!this.#keepAlive) this.#driver.unref();
  }

  /** The earliest tick after this one whose slot holds a timer or brings one down from an upper level; Infinity when nothing waits. */
  #nextTick(): number {
    let next = Infinity;
    for (let level = 1; level < levels; level += 1) {
      if (this.#countOfLevel[level] === 0) continue;
      const span = levelSpan[level - 1] as number;
      next = Math.min(next, (Math.floor(this.#tick / span) + 1) * span);
    }
    if (this.#countOfLevel[0] === 0) return next;
    const last = Math.min(next, this.#tick + slotsPerLevel);
    for (let tick = this.#tick + 1; tick < last; tick += 1) {
      if (this.#heads[tick & (slotsPerLevel - 1)] !== none) return tick;
    }
    return last;
  }

  /** Runs what is due, oldest tick first, at most `max` callbacks. True when there is more that is due now. */
  advance(max = Infinity): boolean {
    const target = Math.floor((this.#clock.mono() - this.#origin) / this.#tickMs);
    let budget = max;
    let failure: { error: unknown } | undefined;
    for (;;) {
      const head = this.#tick & (slotsPerLevel - 1);
      for (let index = this.#heads[head] as number; index !== none; index = this.#heads[head] as number) {
        if (budget <= 0) return this.#finish(failure, true);
        budget -= 1;
        try {
          this.#fire(index);
        } catch (error) {
          if (this.#onError === undefined) failure ??= { error };
          else this.#onError(error);
        }
      }
      if (this.#tick >= target) return this.#finish(failure, false);
      this.#step(target);
    }
  }

  #finish(failure: { error: unknown } | undefined, more: boolean): boolean {
    if (failure !== undefined) throw failure.error;
    return more;
  }

  #fire(index: number): void {
    const fn = this.#callbacks[index];
    const arg = this.#args[index];
    this.#unlink(index);
    this.#release(index);
    fn?.(arg);
  }

  /** Moves to the next tick that can hold anything, at most to `target`, and brings down what the upper levels hold for it. */
  #step(target: number): void {
    let level = 0;
    while (level < levels && this.#countOfLevel[level] === 0) level += 1;
    if (level === levels) {
      this.#tick = target;
      return;
    }
    const span = level === 0 ? 1 : (levelSpan[level - 1] as number);
    this.#tick = Math.min(target, (Math.floor(this.#tick / span) + 1) * span);
    for (let up = levels - 1; up > 0; up -= 1) {
      if (this.#tick % (levelSpan[up - 1] as number) === 0) this.#cascade(up);
    }
  }

  #cascade(level: number): void {
    const head = level * slotsPerLevel + ((this.#tick >>> (8 * level)) & (slotsPerLevel - 1));
    let index = this.#heads[head] as number;
    this.#heads[head] = none;
    while (index !== none) {
      const next = this.#next[index] as number;
      this.#countOfLevel[level] = (this.#countOfLevel[level] as number) - 1;
      this.#link(index);
      index = next;
    }
  }

  #link(index: number): void {
    const due = this.#due[index] as number;
    const delta = due - this.#tick;
    let level = 0;
    let at = due;
    if (delta >= levelSpan[0]) {
      if (delta < levelSpan[1]) level = 1;
      else if (delta < levelSpan[2]) level = 2;
      else {
        level = 3;
        if (delta >= levelSpan[3]) at = this.#tick + levelSpan[3] - 1;
      }
    }
    const head = level * slotsPerLevel + ((at >>> (8 * level)) & (slotsPerLevel - 1));
    const first = this.#heads[head] as number;
    this.#next[index] = first;
    this.#previous[index] = none;
    if (first !== none) this.#previous[first] = index;
    this.#heads[head] = index;
    this.#slot[index] = head;
    this.#countOfLevel[level] = (this.#countOfLevel[level] as number) + 1;
  }

  #unlink(index: number): void {
    const next = this.#next[index] as number;
    const previous = this.#previous[index] as number;
    const head = this.#slot[index] as number;
    if (previous === none) this.#heads[head] = next;
    else this.#next[previous] = next;
    if (next !== none) this.#previous[next] = previous;
    const level = head >>> 8;
    this.#countOfLevel[level] = (this.#countOfLevel[level] as number) - 1;
  }

  #takeIndex(): number {
    assert(this.#size < this.#max, `at most ${this.#max} timers at once`);
    let index = this.#free;
    if (index === none) {
      index = this.#used;
      this.#used += 1;
      if (index === this.#next.length) this.#grow();
      this.#generation[index] = 1;
    } else {
      this.#free = this.#next[index] as number;
    }
    return index;
  }

  #release(index: number): void {
    const generation = (this.#generation[index] as number) + 1;
    this.#generation[index] = generation === generations ? 1 : generation;
    this.#callbacks[index] = undefined;
    this.#args[index] = undefined;
    this.#slot[index] = spare;
    this.#next[index] = this.#free;
    this.#free = index;
    this.#size -= 1;
  }

  #grow(): void {
    const capacity = this.#next.length * 2;
    const larger = <T extends Int32Array | Float64Array | Uint32Array>(old: T, fresh: T): T => {
      fresh.set(old);
      return fresh;
    };
    this.#next = larger(this.#next, new Int32Array(capacity));
    this.#previous = larger(this.#previous, new Int32Array(capacity));
    this.#slot = larger(this.#slot, new Int32Array(capacity).fill(spare));
    this.#due = larger(this.#due, new Float64Array(capacity));
    this.#generation = larger(this.#generation, new Uint32Array(capacity));
  }
}

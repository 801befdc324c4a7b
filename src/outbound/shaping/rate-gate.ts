/**
 * A throttle, and those who wait for it.
 *
 * The one rule: one timer for all who wait, set to the time at which the next one may go; it calls as many as there is room for, in the
 * order in which they came. `expected` counts connections that are being opened for what may go now: who has none waits for those, so
 * that ten thousand queues behind a throttle of five a second open five connections, not ten thousand.
 * Not here: which throttle holds for a queue (shaper.ts), the count itself (#limits). Truth: rules SHP-05, FB-14.
 */
import type { Clock, TimerWheel } from '#base';
import type { NamedRate } from '#limits';
import type { SendingRate } from '#queue';
import { CALLED_PER_TURN, WaitingLine, type Waiter } from './waiter.ts';

interface RateGateOptions {
  readonly rate: NamedRate;
  readonly clock: Pick<Clock, 'mono'>;
  readonly wheel: Pick<TimerWheel, 'schedule' | 'cancel'>;
}

export class RateGate {
  expected = 0;
  /** The rate it was asked with last. */
  limit: SendingRate = { count: 0, periodSeconds: 1 };
  readonly #o: RateGateOptions;
  readonly #line = new WaitingLine();
  #timer = 0;
  #nextAt = 0;

  constructor(o: RateGateOptions) {
    this.#o = o;
  }

  get waiting(): number {
    return this.#line.length;
  }

  /** Monotonic time at which the next one may go; undefined while nobody waits for time. */
  get nextAtMono(): number | undefined {
    return this.#timer === 0 ? undefined : this.#nextAt;
  }

  /** As many as may go now, at most `most`; 0 when none may. */
  take(limit: SendingRate, most: number): number {
    this.limit = limit;
    return Math.max(0, this.#o.rate.takeUpTo(limit, most));
  }

  putBack(count: number): void {
    if (count > 0) this.#o.rate.putBack(this.limit, count);
  }

  /** Whether somebody without a connection may begin to open one for what may go now. */
  hasRoom(limit: SendingRate): boolean {
    this.limit = limit;
    return this.#o.rate.look(limit) > this.expected;
  }

  /** How many may go now. */
  available(limit: SendingRate): number {
    this.limit = limit;
    return Math.max(0, this.#o.rate.look(limit));
  }

  /** What a connection was opened for was taken, or it came to nothing. */
  expectedOver(): void {
    this.expected -= 1;
    if (this.#line.length > 0 && this.#timer === 0) this.#set(0);
  }

  wait(waiter: Waiter): void {
    this.#line.join(waiter);
    if (this.#timer === 0) this.#arm();
  }

  leave(waiter: Waiter): void {
    this.#line.leave(waiter);
    if (this.#line.length > 0 || this.#timer === 0) return;
    this.#o.wheel.cancel(this.#timer);
    this.#timer = 0;
  }

  /** The rate may have changed: the time is reckoned anew. */
  reconfigured(): void {
    if (this.#timer !== 0) this.#o.wheel.cancel(this.#timer);
    this.#timer = 0;
    if (this.#line.length > 0) this.#set(0);
  }

  #arm(): void {
    const free = this.#o.rate.look(this.limit);
    // All of it is expected by connections that are being opened: expectedOver() goes on.
    if (free > 0 && this.expected > 0) return;
    this.#set(free > 0 ? 0 : -free);
  }

  #set(ms: number): void {
    this.#nextAt = this.#o.clock.mono() + ms;
    this.#timer = this.#o.wheel.schedule(ms, this.#call);
  }

  readonly #call = (): void => {
    this.#timer = 0;
    for (let called = 0; called < CALLED_PER_TURN; called += 1) {
      if (this.#line.length === 0 || this.#o.rate.look(this.limit) <= this.expected) break;
      this.#line.shift()?.resume();
    }
    if (this.#line.length > 0 && this.#timer === 0) this.#arm();
  };
}

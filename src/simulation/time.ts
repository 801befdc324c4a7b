/**
 * Simulated time that goes from one timer to the next, however far that is.
 *
 * The one rule: whoever shares the wheel sets timers as ever; a step moves the clock to the earliest of them and lets the turns pass that follow from
 * it. Timers that were cancelled may cause a step in which nothing happens. Bound: as many times as timers were set and are not due yet.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { ManualClock, TimerWheel } from '#base';

/** Turns of the event loop in which what a step caused comes to rest. */
const TURNS = 4;
const TICK_MS = 10;

export class SimulatedTime {
  readonly clock = new ManualClock();
  readonly #inner = new TimerWheel({ clock: this.clock, tickMs: TICK_MS });
  /** Ticks at which something may be due: a heap, the earliest first, each once. */
  readonly #due: number[] = [];
  readonly #known = new Set<number>();

  /** The wheel for those who live in this time. */
  readonly wheel: Pick<TimerWheel, 'schedule' | 'cancel'> = {
    schedule: ((ms: number, fn: (arg: unknown) => void, arg?: unknown) => {
      this.#note(Math.ceil((this.clock.mono() + Math.max(0, ms)) / TICK_MS) + 1);
      return this.#inner.schedule(ms, fn, arg);
    }) as TimerWheel['schedule'],
    cancel: (id) => this.#inner.cancel(id),
  };

  /** Goes on to the next timer; false when there is none within `mostMs` from now, and so much time has passed. */
  async step(mostMs: number): Promise<boolean> {
    // What is to happen in this moment happens first: it may set timers.
    for (let i = 0; i < TURNS; i += 1) await turn();
    const end = this.clock.mono() + mostMs;
    const next = this.#due[0];
    const isThere = next !== undefined && next * TICK_MS <= end;
    const to = isThere ? next * TICK_MS : end;
    if (isThere) this.#pop();
    this.clock.advance(Math.max(0, to - this.clock.mono()));
    this.#inner.advance();
    return isThere;
  }

  #note(tick: number): void {
    if (this.#known.has(tick)) return;
    this.#known.add(tick);
    const due = this.#due;
    let at = due.length;
    due.push(tick);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if ((due[above] as number) <= tick) break;
      due[at] = due[above] as number;
      at = above;
    }
    due[at] = tick;
  }

  #pop(): void {
    const due = this.#due;
    this.#known.delete(due[0] as number);
    const last = due.pop() as number;
    if (due.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= due.length) break;
      if (below + 1 < due.length && (due[below + 1] as number) < (due[below] as number)) below += 1;
      if ((due[below] as number) >= last) break;
      due[at] = due[below] as number;
      at = below;
    }
    due[at] = last;
  }
}

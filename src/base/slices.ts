// Work on many things that may not hold up a loop: some of them each turn, for a few milliseconds, until all had their turn.
//
// The rule to know: one list at a time; a newer one takes the place of one that is not finished, whose end is then never told. The list may grow and
// shrink meanwhile, as maps and sets do while they are walked. It keeps nothing alive but the list. Not here: what is done with each.

import type { Clock } from './clock.ts';
import type { TimerWheel } from './timer-wheel.ts';

interface SlicesOptions {
  readonly clock: Pick<Clock, 'mono'>;
  readonly wheel: Pick<TimerWheel, 'schedule'>;
  /** Of one turn, in milliseconds. */
  readonly sliceMs: number;
}

/** So many are done between two looks at the clock. */
const AT_ONCE = 16;

export class Slices<T> {
  readonly #o: SlicesOptions;
  #run = 0;

  constructor(o: SlicesOptions) {
    this.#o = o;
  }

  /** The first slice is now. */
  walk(list: Iterable<T>, work: (one: T) => void, done: () => void = () => undefined): void {
    this.#run += 1;
    this.#on(this.#run, list[Symbol.iterator](), work, done);
  }

  #on(run: number, rest: Iterator<T>, work: (one: T) => void, done: () => void): void {
    const { clock, wheel, sliceMs } = this.#o;
    const end = clock.mono() + sliceMs;
    for (let count = 1; ; count += 1) {
      const next = rest.next();
      if (next.done === true) break;
      work(next.value);
      if (count % AT_ONCE === 0 && clock.mono() >= end) {
        wheel.schedule(0, () => {
          if (run === this.#run) this.#on(run, rest, work, done);
        });
        return;
      }
    }
    done();
  }
}

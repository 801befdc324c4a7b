/**
 * Something done to everything that waits in a queue, a slice at a time.
 *
 * The one rule: SWEEP_SLICE entries a pass, so that a queue of any length never holds up the loop (attack A64); what came in
 * after the start of the sweep is not touched. Sweeps follow one another in the order in which they were asked for.
 * Not here: what is done, and who calls pass() (domain-queue.ts). Truth: rules.
 */
import type { EntryList } from './waiting.ts';

/** Entries in one pass. */
const SWEEP_SLICE = 500;

interface Part {
  readonly list: EntryList;
  left: number;
}

export class Sweep {
  readonly #parts: Part[];
  readonly #each: (row: number) => void;
  readonly #done: () => void;
  #next: Sweep | undefined;

  /** @param each takes the entry of the row out of its list */
  constructor(lists: readonly EntryList[], each: (row: number) => void, done: () => void) {
    this.#parts = lists.map((list) => ({ list, left: list.length }));
    this.#each = each;
    this.#done = done;
  }

  /** Begins when this one, and those that follow it already, are over. */
  followWith(next: Sweep): void {
    if (this.#next === undefined) this.#next = next;
    else this.#next.followWith(next);
  }

  /** Does a slice; answers the sweep that is to go on, if any. */
  pass(): Sweep | undefined {
    let budget = SWEEP_SLICE;
    for (const part of this.#parts) {
      while (part.left > 0) {
        if (budget === 0) return this;
        const row = part.list.oldest;
        if (row < 0) {
          part.left = 0;
          break;
        }
        part.left -= 1;
        budget -= 1;
        this.#each(row);
      }
    }
    this.#done();
    return this.#next;
  }
}

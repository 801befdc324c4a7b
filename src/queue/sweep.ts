/**
 * Something done to everything that waits in a queue, a slice at a time.
 *
 * The one rule: SWEEP_SLICE entries a pass, so that a queue of any length never holds up the loop (attack A64); what came in
 * after the start of the sweep is not touched. One sweep may follow another; a third replaces the second.
 * Not here: what is done, and who calls pass() (domain-queue.ts). Truth: rules.
 */
import type { Entry, EntryList } from './entry.ts';

/** Entries in one pass. */
const SWEEP_SLICE = 500;

interface Part {
  readonly list: EntryList;
  left: number;
}

export class Sweep {
  readonly #parts: Part[];
  readonly #each: (entry: Entry) => void;
  #next: Sweep | undefined;

  constructor(lists: readonly EntryList[], each: (entry: Entry) => void) {
    this.#parts = lists.map((list) => ({ list, left: list.length }));
    this.#each = each;
  }

  /** Begins when this one is over. */
  followWith(next: Sweep): void {
    this.#next = next;
  }

  /** Does a slice; answers the sweep that is to go on, if any. */
  pass(): Sweep | undefined {
    let budget = SWEEP_SLICE;
    for (const part of this.#parts) {
      while (part.left > 0) {
        if (budget === 0) return this;
        const entry = part.list.shift();
        if (entry === undefined) {
          part.left = 0;
          break;
        }
        part.left -= 1;
        budget -= 1;
        this.#each(entry);
      }
    }
    return this.#next;
  }
}

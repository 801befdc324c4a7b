/**
 * Who waits at a gate, and the line in which they stand.
 *
 * The one rule: a refusal costs one step and so does leaving; whoever is called stands in no line any more and asks again, behind the others,
 * if it wants more (fair turns). Nobody who waits is looked at until the gate has something to give. Bound: a queue stands in a line once.
 * Not here: what a gate gives (place-gate.ts, rate-gate.ts). Truth: rules SHP-02, SHP-05; the "parks".
 */
export interface Waiter {
  /** It may ask again now, in the same turn. */
  resume(): void;
  /** It has no connection at all, though it has mail: what the reserve is for (SHP-02). */
  readonly isStarved: boolean;
  /** As `resume`, and the server's reserve may be used once. */
  resumeWithReserve(): void;
}

/** Most that are called in one turn of the loop. */
export const CALLED_PER_TURN = 64;

export class WaitingLine {
  readonly #waiting = new Set<Waiter>();

  get length(): number {
    return this.#waiting.size;
  }

  join(waiter: Waiter): void {
    this.#waiting.add(waiter);
  }

  leave(waiter: Waiter): void {
    this.#waiting.delete(waiter);
  }

  /** Who has waited longest; it stands in line no more. */
  shift(): Waiter | undefined {
    for (const waiter of this.#waiting) {
      this.#waiting.delete(waiter);
      return waiter;
    }
    return undefined;
  }

  /** Up to `most` of those that have no connection; they stand in line no more. Looks at LOOKED_AT at most. */
  takeStarved(most: number): Waiter[] {
    const starved: Waiter[] = [];
    let looked = 0;
    for (const waiter of this.#waiting) {
      if (starved.length >= most || looked >= LOOKED_AT) break;
      looked += 1;
      if (waiter.isStarved) starved.push(waiter);
    }
    for (const waiter of starved) this.#waiting.delete(waiter);
    return starved;
  }
}

const LOOKED_AT = 1_000;

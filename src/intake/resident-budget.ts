/**
 * How much of messages being received may be kept in memory besides what goes to the disk.
 *
 * The one rule: a message that finds no room is not refused; it is only not kept, and is read back from the spool when due.
 * Bounds: `perMessage` bytes for one message, `total` bytes for all messages being received on this loop.
 * Truth: rules SPL-08, SPL-09 (Large_Message_Threshold).
 */

/** Bytes of one message above which it is not kept in memory (Large_Message_Threshold). */
export const LARGE_MESSAGE_BYTES = 131_072;

/** Bytes of all messages being received on one loop that may be kept. */
export const RESIDENT_TOTAL_BYTES = 64 * 1024 * 1024;

export class ResidentBudget {
  readonly perMessage: number;
  readonly total: number;
  #used = 0;

  constructor(o: { perMessage?: number; total?: number } = {}) {
    this.perMessage = o.perMessage ?? LARGE_MESSAGE_BYTES;
    this.total = o.total ?? RESIDENT_TOTAL_BYTES;
  }

  get used(): number {
    return this.#used;
  }

  /** Takes room for more bytes of a message that already holds `held`. False when there is none; nothing is taken then. */
  take(bytes: number, held: number): boolean {
    if (held + bytes > this.perMessage || this.#used + bytes > this.total) return false;
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

/** The bytes of one message, kept while the budget has room; once there was none, they are gone for good. */
export class ResidentBody {
  readonly #budget: ResidentBudget;
  #chunks: Buffer[] | undefined = [];
  #held = 0;

  constructor(budget: ResidentBudget) {
    this.#budget = budget;
  }

  /** Whether it is still kept. */
  get isKept(): boolean {
    return this.#chunks !== undefined;
  }

  append(chunk: Buffer): void {
    if (this.#chunks === undefined) return;
    if (this.#budget.take(chunk.length, this.#held)) {
      this.#chunks.push(chunk);
      this.#held += chunk.length;
    } else {
      this.release();
    }
  }

  /** The whole message as one buffer of its own, or undefined when it was not kept. */
  whole(): Buffer | undefined {
    return this.#chunks === undefined ? undefined : Buffer.concat(this.#chunks, this.#held);
  }

  /** Gives the room back. */
  release(): void {
    this.#chunks = undefined;
    this.#budget.give(this.#held);
    this.#held = 0;
  }
}

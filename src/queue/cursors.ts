/**
 * Where those are who walk along a queue while mail comes and goes: one row each, by the number they were given.
 *
 * The one rule: a walk goes from what is next to what is last (ready mail, then delayed mail); when the row at which somebody stands leaves its
 * place, he stands at the one behind it. So a walk of many slices is never lost, and holds nothing up.
 * Bounds: CURSORS_MAX walks are remembered in a queue, the oldest is forgotten and finds nothing more; a sweep of the whole queue ends them all.
 * Not here: what is seen in a row (entry-view.ts), when a row leaves (domain-queue.ts). Truth: rule Q-01; attack A64.
 */
import type { EntryList, Waiting } from './waiting.ts';

/** Walks along one queue that are remembered; the oldest is forgotten. */
const CURSORS_MAX = 16;
/** The place of the look at what is over, among those of walks. */
export const EXPIRY_CURSOR = -1;

let lastCursor = 0;

export class Cursors {
  readonly #store: Pick<Waiting, 'newerOf' | 'listOf'>;
  readonly #lists: readonly EntryList[];
  readonly #rows = new Map<number, number>();

  constructor(store: Pick<Waiting, 'newerOf' | 'listOf'>, lists: readonly EntryList[]) {
    this.#store = store;
    this.#lists = lists;
  }

  /** The first row of all; -1 when nothing waits. */
  get first(): number {
    return this.#firstFrom(0);
  }

  /** The row behind this one, over the end of its list; -1 behind the last. */
  after(row: number): number {
    const newer = this.#store.newerOf(row);
    return newer >= 0 ? newer : this.#firstFrom(this.#store.listOf(row) + 1);
  }

  /**
   * A slice of the queue, row by row.
   * @param cursor 0 for the first slice, then what the slice before answered; an old one gives an empty slice
   * @returns where the next slice begins; undefined when that was all
   */
  walk(cursor: number, max: number, each: (row: number) => void): number | undefined {
    let at = cursor === 0 ? this.first : (this.take(cursor) ?? -1);
    for (let left = max; at >= 0 && left > 0; left -= 1) {
      each(at);
      at = this.after(at);
    }
    if (at < 0) return undefined;
    lastCursor += 1;
    this.#rows.set(lastCursor, at);
    if (this.#rows.size > CURSORS_MAX) this.#rows.delete(this.#rows.keys().next().value as number);
    return lastCursor;
  }

  has(cursor: number): boolean {
    return this.#rows.has(cursor);
  }

  put(cursor: number, row: number): void {
    this.#rows.set(cursor, row);
  }

  /** The row of a cursor, which is forgotten; undefined when it was before. */
  take(cursor: number): number | undefined {
    const row = this.#rows.get(cursor);
    this.#rows.delete(cursor);
    return row;
  }

  /** A row leaves its place: who stands there goes on behind it. */
  leaving(row: number): void {
    if (this.#rows.size === 0) return;
    for (const [cursor, at] of this.#rows) {
      if (at !== row) continue;
      const after = this.after(row);
      if (after < 0) this.#rows.delete(cursor);
      else this.#rows.set(cursor, after);
    }
  }

  /** All walks are over. */
  clear(): void {
    this.#rows.clear();
  }

  /** The first row of the lists from this one on. */
  #firstFrom(list: number): number {
    for (let i = list; i < this.#lists.length; i += 1) {
      const { oldest } = this.#lists[i] as EntryList;
      if (oldest >= 0) return oldest;
    }
    return -1;
  }
}

/**
 * The changes that were put into force since the start: who, when, what was and what is.
 *
 * The one rule: it is bounded, the oldest goes first, and a change too large to be kept whole says so and cannot be taken back by number.
 * It lives in memory only; the accounting log and eccfg remember longer. Truth: our own commands config history and config undo.
 */
import { differenceData, formatDifference, type Difference } from './differences.ts';

/** So many changes are remembered. */
const historyMax = 256;
/** So many differences of one change. */
const differencesMax = 1000;
/** So many are printed for each. */
const shownMax = 20;

export interface HistoryEntry {
  readonly number: number;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly who: string;
  /** The command that did it. */
  readonly what: string;
  readonly differences: readonly Difference[];
  /** How many more there were than are kept. */
  readonly more: number;
}

export class History {
  readonly #entries: HistoryEntry[] = [];
  #last = 0;

  add(entry: { at: number; who: string; what: string; differences: readonly Difference[] }): HistoryEntry {
    const { differences, ...rest } = entry;
    const more = Math.max(0, differences.length - differencesMax);
    const kept = { ...rest, number: ++this.#last, differences: more > 0 ? differences.slice(0, differencesMax) : differences, more };
    this.#entries.push(kept);
    if (this.#entries.length > historyMax) this.#entries.shift();
    return kept;
  }

  find(number: number): HistoryEntry | undefined {
    return this.#entries.find((entry) => entry.number === number);
  }

  last(): HistoryEntry | undefined {
    return this.#entries.at(-1);
  }

  /** For programs. */
  data(): unknown {
    return {
      changes: this.#entries.map(({ number, at, who, what, differences, more }) => ({
        number,
        at: new Date(at).toISOString(),
        who,
        what,
        differences: differences.map(differenceData),
        more,
      })),
    };
  }

  /** Oldest first. */
  lines(): string[] {
    return this.#entries.flatMap((entry) => {
      const shown = entry.differences.slice(0, shownMax);
      const more = entry.differences.length - shown.length + entry.more;
      return [
        titleOf(entry),
        ...shown.flatMap(formatDifference).map((line) => `  ${line}`),
        ...(more > 0 ? [`  and ${more} more differences`] : []),
      ];
    });
  }
}

export function titleOf(entry: HistoryEntry): string {
  return `${entry.number}  ${new Date(entry.at).toISOString().replace('T', ' ').slice(0, 19)} UTC  ${entry.who}  ${entry.what}`;
}

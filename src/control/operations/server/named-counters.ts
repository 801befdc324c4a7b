/*
 * Counters with names that a site chooses: added to, read and reset from the console.
 *
 * The one rule: a name begins with a namespace, `/site/`, `/vendor/` or `/sieve/`; "/" itself is reserved. Bound: COUNTERS_MAX counters; one more is
 * refused. They live as long as the server. Truth: the rules on `counter`.
 */
const COUNTERS_MAX = 10_000;

interface NamedCounter {
  readonly name: string;
  value: number;
  /** Epoch milliseconds at which it began at zero. */
  resetAt: number;
}

export class NamedCounters {
  readonly #counters = new Map<string, NamedCounter>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Gives a sentence when it cannot be done. */
  add(name: string, delta: number): string | undefined {
    if (!/^\/(site|vendor|sieve)\/[\x21-\x7e]{1,200}$/.test(name))
      return `"${name}" is no name of a counter: expected /site/<name> or /vendor/<name>`;
    const known = this.#counters.get(name);
    if (known !== undefined) {
      known.value += delta;
      return undefined;
    }
    if (this.#counters.size >= COUNTERS_MAX) return `There are ${COUNTERS_MAX} counters: unlink some first`;
    this.#counters.set(name, { name, value: delta, resetAt: this.#now() });
    return undefined;
  }

  reset(name: string): boolean {
    const known = this.#counters.get(name);
    if (known === undefined) return false;
    known.value = 0;
    known.resetAt = this.#now();
    return true;
  }

  unlink(name: string): boolean {
    return this.#counters.delete(name);
  }

  list(): NamedCounter[] {
    return [...this.#counters.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

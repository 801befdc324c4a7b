/**
 * How many messages were signed, for whom and in what time: the figures of signing_stats for one event loop.
 *
 * The one rule: a figure costs an addition; names are bounded by NAMES_MAX, beyond which domains and bindings are counted together as "(others)".
 * Figures of one loop; whoever shows them adds the loops up. Truth: the page of signing_stats.
 */
const NAMES_MAX = 10_000;

export interface SigningFigures {
  /** Milliseconds of the thread that signs, waiting included. */
  accumulatedMs: number;
  signed: number;
  failed: number;
  processed: number;
}

export class Tally {
  /** By scope: '' for all, `domain D`, `binding B`, `both B D`. */
  readonly #figures = new Map<string, SigningFigures>();

  processed(domain: string, binding: string): void {
    this.#each(domain, binding, (figures) => void (figures.processed += 1));
  }

  signed(domain: string, binding: string, ms: number): void {
    this.#each(domain, binding, (figures) => {
      figures.signed += 1;
      figures.accumulatedMs += ms;
    });
  }

  failed(domain: string, binding: string): void {
    this.#each(domain, binding, (figures) => void (figures.failed += 1));
  }

  /** Plain data: scope and figures. */
  get rows(): readonly (readonly [string, SigningFigures])[] {
    return [...this.#figures];
  }

  reset(): void {
    this.#figures.clear();
  }

  #each(domain: string, binding: string, add: (figures: SigningFigures) => void): void {
    for (const name of ['', `domain ${domain}`, `binding ${binding}`, `both ${binding} ${domain}`]) add(this.#of(name));
  }

  #of(name: string): SigningFigures {
    const known = this.#figures.get(name);
    if (known !== undefined) return known;
    if (this.#figures.size >= NAMES_MAX && name !== '(others)') return this.#of('(others)');
    const made = { accumulatedMs: 0, signed: 0, failed: 0, processed: 0 };
    this.#figures.set(name, made);
    return made;
  }
}

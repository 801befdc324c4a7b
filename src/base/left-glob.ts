// Lists of domains whose left end may be open: `example.com`, `*.example.com`, `*example.com`, `*` (SMTP-07).
//
// The rule to know: `*.example.com` matches names below example.com but not example.com; `*example.com` matches both and
// badexample.com too. A star anywhere else is an ordinary character, so such an entry matches nothing. A look-up costs one set
// look-up per distinct length of entry (at most 253), never one per entry, and names like __proto__ are only names.

import { foldDomain } from './domain-name.ts';

export class LeftGlobs {
  readonly size: number;
  readonly #exact = new Map<string, string>();
  readonly #byLength = new Map<number, Map<string, string>>();
  readonly #lengths: readonly number[];

  /** @param entries as the configuration writes them, in any case, U-labels welcome. */
  constructor(entries: Iterable<string>) {
    let size = 0;
    for (const entry of entries) {
      size += 1;
      if (!entry.startsWith('*')) {
        this.#exact.set(foldDomain(entry), entry);
        continue;
      }
      const isBelow = entry.startsWith('*.');
      const tail = (isBelow ? '.' : '') + foldDomain(entry.slice(isBelow ? 2 : 1));
      const sameLength = this.#byLength.get(tail.length) ?? new Map<string, string>();
      sameLength.set(tail, entry);
      this.#byLength.set(tail.length, sameLength);
    }
    this.size = size;
    this.#lengths = [...this.#byLength.keys()].sort((a, b) => b - a);
  }

  matches(domain: string): boolean {
    return this.find(domain) !== undefined;
  }

  /** The entry that matches, as written: the exact one, else the longest. The domain is folded first. */
  find(domain: string): string | undefined {
    if (this.size === 0) return undefined;
    const name = foldDomain(domain);
    const exact = this.#exact.get(name);
    if (exact !== undefined) return exact;
    for (const length of this.#lengths) {
      if (length > name.length) continue;
      const entry = this.#byLength.get(length)?.get(length === 0 ? '' : name.slice(-length));
      if (entry !== undefined && !(entry.startsWith('*.') && length === name.length)) return entry;
    }
    return undefined;
  }
}

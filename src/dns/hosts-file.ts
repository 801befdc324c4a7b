// The hosts file as data: names of the site that no DNS knows.
//
// The rule to know: a line is an address and its names; `#` begins a comment; what is no address or no name is skipped, as every system
// does. At most 100,000 names are kept, the first of them. Reading the file, and reading it again, is the caller's. Truth: hosts(5).

import { foldDomain, parseIp } from '#base';

const mostNames = 100_000;

export class HostTable {
  readonly #names = new Map<string, { A: string[]; AAAA: string[] }>();

  /** @param text the content of the file. */
  constructor(text: string) {
    for (const line of text.split('\n')) {
      const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
      const ip = parseIp(address);
      if (ip === undefined) continue;
      for (const name of names) this.#add(foldDomain(name), ip.family === 4 ? 'A' : 'AAAA', ip.text);
    }
  }

  get size(): number {
    return this.#names.size;
  }

  has(name: string): boolean {
    return this.#names.has(foldDomain(name));
  }

  /** Addresses in the order of the file; undefined for a name without any of this family. */
  find(name: string, type: 'A' | 'AAAA'): readonly string[] | undefined {
    const found = this.#names.get(foldDomain(name))?.[type];
    return found === undefined || found.length === 0 ? undefined : found;
  }

  #add(name: string, type: 'A' | 'AAAA', address: string): void {
    const known = this.#names.get(name);
    if (known === undefined && this.#names.size >= mostNames) return;
    const entry = known ?? { A: [], AAAA: [] };
    if (!entry[type].includes(address)) entry[type].push(address);
    this.#names.set(name, entry);
  }
}

/*
 * The connection of a prompt, which outlives the server's patience: an idle console is closed by the server (CON-08), a person comes back later.
 *
 * The one rule: a command that was sent is never sent twice; only what finds the connection closed before it was sent opens another one, and a
 * transaction that is lost with the old one is said. Not here: reading lines (prompt.ts).
 */
import type { ConsoleClient } from '#control';

export interface Said {
  readonly ok: boolean;
  readonly text: string;
}

export class Link {
  readonly #open: () => Promise<ConsoleClient>;
  readonly #within: <T>(work: Promise<T>) => Promise<T>;
  #client: ConsoleClient;
  #hasTransaction = false;

  constructor(o: { first: ConsoleClient; open: () => Promise<ConsoleClient>; within: <T>(work: Promise<T>) => Promise<T> }) {
    this.#client = o.first;
    this.#open = o.open;
    this.#within = o.within;
  }

  async run(line: string): Promise<Said> {
    const note = await this.#revive();
    const said = await this.#within(this.#client.run(line));
    if (said.ok && /^\s*config\s+begin\b/i.test(line)) this.#hasTransaction = true;
    if (said.ok && /^\s*config\s+(commit|rollback)\b/i.test(line)) this.#hasTransaction = false;
    return { ok: said.ok, text: note + said.text };
  }

  async complete(line: string): Promise<string[]> {
    return this.#client.isClosed ? [] : this.#within(this.#client.complete(line));
  }

  close(): void {
    this.#client.close();
  }

  async #revive(): Promise<string> {
    if (!this.#client.isClosed) return '';
    this.#client = await this.#open();
    const lost = this.#hasTransaction;
    this.#hasTransaction = false;
    return lost ? '(connected again; the open transaction was lost with the old connection)\n' : '';
  }
}

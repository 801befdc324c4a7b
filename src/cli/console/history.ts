/*
 * What was typed at the prompt, kept from one console to the next in a file that only its owner reads.
 *
 * The one rule: a console that cannot keep a history works without one. Bound: LINES_MAX lines. Truth: CON-05.
 */
import { appendFileSync, chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';

const LINES_MAX = 1000;
/** Bytes beyond which the file is cut to its last LINES_MAX lines at the next start. */
const BYTES_MAX = 1_048_576;

export class History {
  readonly #path: string | undefined;

  /** `path` undefined: nothing is kept. */
  constructor(path: string | undefined) {
    this.#path = path;
  }

  /** Newest first, as readline wants it. */
  load(): string[] {
    const path = this.#path;
    if (path === undefined || !existsSync(path)) return [];
    try {
      const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean).slice(-LINES_MAX);
      if (statSync(path).size > BYTES_MAX) writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 });
      return lines.reverse();
    } catch {
      return [];
    }
  }

  add(line: string): void {
    if (this.#path === undefined) return;
    try {
      const isNew = !existsSync(this.#path);
      appendFileSync(this.#path, `${line}\n`, { mode: 0o600 });
      if (!isNew && (statSync(this.#path).mode & 0o077) !== 0) chmodSync(this.#path, 0o600);
    } catch {
      // A read-only home: the line is still in this console's memory.
    }
  }
}

/**
 * The octets of one BDAT chunk: exactly as many as announced, untouched.
 *
 * The one rule: the count decides, never the content; what comes after the count is a command again (attack A22: fewer
 * octets and a closed connection leave `remaining` above zero, and then there is no message).
 * It does not put chunks together nor limit their number: it keeps nothing, so a million empty chunks cost nothing (A21).
 * Truth: RFC 3030 section 2.
 */
export class BdatReader {
  readonly #sink: (content: Buffer) => void;
  #remaining = 0;

  constructor(sink: (content: Buffer) => void) {
    this.#sink = sink;
  }

  /** Octets of the chunk still to come. */
  get remaining(): number {
    return this.#remaining;
  }

  get done(): boolean {
    return this.#remaining === 0;
  }

  /** @param size octets, as checked by parseCommand (0 to BDAT_CHUNK_MAX) */
  begin(size: number): void {
    this.#remaining = size;
  }

  /** Reads octets of the chunk; returns how many were used: fewer than given only when `done`. */
  push(chunk: Buffer): number {
    const used = Math.min(chunk.length, this.#remaining);
    if (used === 0) return 0;
    this.#remaining -= used;
    this.#sink(used === chunk.length ? chunk : chunk.subarray(0, used));
    return used;
  }
}

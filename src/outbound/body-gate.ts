/**
 * How much of messages may be in memory because they are being sent.
 *
 * The one rule: a body that is in memory anyway passes at once; one that must be read back from the spool waits until what was read back
 * and is not sent yet leaves room for it, so that many connections with large messages cannot fill the memory (A60, A63). Bound:
 * LOADED_BYTES_MAX on a loop; one message alone always passes. Not here: what stays resident in the queue (#queue).
 */
import type { Batch } from '#queue';
import type { BodiesPort, BodyDone } from './ports.ts';

/** Bytes of bodies read back and not sent yet. */
const LOADED_BYTES_MAX = 128 * 1024 * 1024;

type Load = (batch: Batch, done: (error: Error | undefined, body?: Buffer) => void) => void;

export class BodyGate implements BodiesPort {
  readonly #load: Load;
  readonly #max: number;
  readonly #waiting: { readonly batch: Batch; readonly done: BodyDone }[] = [];
  #held = 0;

  constructor(load: Load, max = LOADED_BYTES_MAX) {
    this.#load = load;
    this.#max = max;
  }

  load(batch: Batch, done: BodyDone): void {
    if (batch.body !== undefined) done(undefined, batch.body, 0);
    else if (this.#waiting.length === 0 && this.#hasRoom(batch)) this.#begin(batch, done);
    else this.#waiting.push({ batch, done });
  }

  giveBack(held: number): void {
    if (held === 0) return;
    this.#held -= held;
    for (let first = this.#waiting[0]; first !== undefined && this.#hasRoom(first.batch); first = this.#waiting[0]) {
      this.#waiting.shift();
      this.#begin(first.batch, first.done);
    }
  }

  #hasRoom(batch: Batch): boolean {
    return this.#held === 0 || this.#held + batch.size <= this.#max;
  }

  #begin(batch: Batch, done: BodyDone): void {
    this.#held += batch.size;
    this.#load(batch, (error, body) => done(error, body, batch.size));
  }
}

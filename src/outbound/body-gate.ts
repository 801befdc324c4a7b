/**
 * How much of messages may be in memory because they are being sent.
 *
 * The one rule: a body that is in memory anyway passes at once; one that must be read back from the spool waits until what is being sent
 * has room for it, so that many connections with large messages cannot fill the memory (A60, A63). Bound: LOADED_BYTES_MAX on a loop;
 * one message alone always passes. Not here: what stays resident in the queue (#queue).
 */
import type { Batch } from '#queue';
import type { BodyDone, LoadBody } from './ports.ts';

/** Bytes of bodies read back and not sent yet. */
export const LOADED_BYTES_MAX = 128 * 1024 * 1024;

export class BodyGate {
  readonly #load: LoadBody;
  readonly #max: number;
  readonly #waiting: { batch: Batch; done: BodyDone }[] = [];
  #loaded = 0;

  constructor(load: LoadBody, max = LOADED_BYTES_MAX) {
    this.#load = load;
    this.#max = max;
  }

  readonly load: LoadBody = (batch, done) => {
    if (batch.body !== undefined) done(undefined, batch.body);
    else if (this.#waiting.length === 0 && this.#hasRoom(batch)) this.#begin(batch, done);
    else this.#waiting.push({ batch, done });
  };

  #hasRoom(batch: Batch): boolean {
    return this.#loaded === 0 || this.#loaded + batch.size <= this.#max;
  }

  #begin(batch: Batch, done: BodyDone): void {
    this.#loaded += batch.size;
    this.#load(batch, (error, body) => {
      done(error, body);
      this.#loaded -= batch.size;
      this.#next();
    });
  }

  #next(): void {
    for (let first = this.#waiting[0]; first !== undefined && this.#hasRoom(first.batch); first = this.#waiting[0]) {
      this.#waiting.shift();
      this.#begin(first.batch, first.done);
    }
  }
}

/**
 * Private keys by file, read when they are first needed and again when they have grown old, so that a key that is replaced is taken up.
 *
 * The one rule: nobody waits for a disk on an event loop, and ten messages that want one key make one read. A file that is not
 * there, or holds no key, is remembered for its own time (neg_keycache_ttl), else each message would ask the disk again.
 * Bounds: `size` keys; WAITING_MAX questions for one file. Not here: which file (signer.ts). Truth: the pages of dkim_sign and opendkim.
 */
import { type Clock, Lru } from '#base';
import { readPrivateKey, type PrivateKey } from './signature.ts';

export type KeyAnswer = PrivateKey | { readonly problem: string };

interface KeyCacheOptions {
  readonly size: number;
  readonly foundSeconds: number;
  readonly missingSeconds: number;
  readonly clock: Clock;
  readonly readFile: (path: string, done: (error: Error | undefined, text?: string) => void) => void;
}

export class KeyCache {
  readonly #o: KeyCacheOptions;
  readonly #keys: Lru<string, KeyAnswer>;
  readonly #reading = new Map<string, ((answer: KeyAnswer) => void)[]>();

  constructor(o: KeyCacheOptions) {
    this.#o = o;
    this.#keys = new Lru({ max: Math.max(1, o.size), clock: o.clock });
  }

  get(path: string, done: (answer: KeyAnswer) => void): void {
    const known = this.#keys.get(path);
    if (known !== undefined) {
      done(known);
      return;
    }
    const waiting = this.#reading.get(path);
    if (waiting !== undefined) {
      waiting.push(done);
      return;
    }
    this.#reading.set(path, [done]);
    this.#o.readFile(path, (error, text) => {
      const answer: KeyAnswer = error !== undefined ? { problem: error.message } : readPrivateKey(text ?? '');
      const seconds = 'problem' in answer ? this.#o.missingSeconds : this.#o.foundSeconds;
      if (seconds > 0) this.#keys.set(path, answer, seconds * 1000);
      const waited = this.#reading.get(path) ?? [];
      this.#reading.delete(path);
      for (const tell of waited) tell(answer);
    });
  }

  /** All keys are read anew at their next use. */
  flush(): number {
    const { size } = this.#keys;
    this.#keys.clear();
    return size;
  }
}

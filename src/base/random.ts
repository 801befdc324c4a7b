// Chance, handed in. A seeded source replays a failure; the system source cannot be guessed from outside.
//
// The rule to know: systemRandom draws from the operating system's generator (in blocks), so DNS ids, ports and
// challenges may use it; seededRandom (xoshiro128**) is for tests and simulations and must never make a secret.

import { randomFillSync } from 'node:crypto';
import { assert } from './assert.ts';

export interface Random {
  /** A number from 0 (included) to 1 (excluded). */
  float(): number;
  /** A whole number from 0 to below-1; `below` is 1 to 2^32. */
  int(below: number): number;
  /** `n` random bytes. */
  bytes(n: number): Buffer;
}

const blockBytes = 8192;
const twoTo32 = 0x1_0000_0000;

class SystemRandom implements Random {
  readonly #block = new Uint32Array(blockBytes / 4);
  #left = 0;

  #word(): number {
    if (this.#left === 0) {
      randomFillSync(this.#block);
      this.#left = this.#block.length;
    }
    this.#left -= 1;
    return this.#block[this.#left] ?? 0;
  }

  float(): number {
    return floatOf(this.#word(), this.#word());
  }

  int(below: number): number {
    return intBelow(below, () => this.#word());
  }

  bytes(n: number): Buffer {
    return randomFillSync(Buffer.allocUnsafe(n));
  }
}

class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    let state = seed >>> 0;
    const next = (): number => {
      state = (state + 0x9e3779b9) >>> 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return (z ^ (z >>> 16)) >>> 0;
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1;
  }

  #word(): number {
    const scrambled = Math.imul(this.#b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  float(): number {
    return floatOf(this.#word(), this.#word());
  }

  int(below: number): number {
    return intBelow(below, () => this.#word());
  }

  bytes(n: number): Buffer {
    const out = Buffer.allocUnsafe(n);
    for (let i = 0; i < n; i += 1) out[i] = this.#word() >>> 24;
    return out;
  }
}

function floatOf(high: number, low: number): number {
  return ((high >>> 5) * 67_108_864 + (low >>> 6)) / 9_007_199_254_740_992;
}

/** Without bias: words in the incomplete last run are thrown away. */
function intBelow(below: number, word: () => number): number {
  assert(Number.isInteger(below) && below >= 1 && below <= twoTo32, `random int below ${below}`);
  const limit = twoTo32 - (twoTo32 % below);
  for (;;) {
    const w = word();
    if (w < limit) return w % below;
  }
}

/** The operating system's randomness. */
export const systemRandom: Random = new SystemRandom();

/** The same sequence for the same seed (any whole number, taken modulo 2^32). */
export function seededRandom(seed: number): Random {
  return new SeededRandom(seed);
}

/** Shuffles in place (Fisher-Yates), every order equally likely. */
export function shuffle<T>(items: T[], random: Random): T[] {
  for (let i = items.length - 1; i > 0; i -= 1) {
    const j = random.int(i + 1);
    const a = items[i] as T;
    items[i] = items[j] as T;
    items[j] = a;
  }
  return items;
}

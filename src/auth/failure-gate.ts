/**
 * Who guesses passwords is made to wait, then is not listened to any more, by network address (attack A43).
 *
 * The one rule: only failures count, only of that address (of its /64 for IPv6), and other addresses never notice. It is a loop's own:
 * with n loops a guesser has at most n times as many attempts.
 * Bounds: `ADDRESSES_MAX` addresses; each forgets after `WINDOW_MS`. Truth: attack A43.
 */
import { Lru, type Clock, type IpAddress } from '#base';

/** Failures of an address within the window after which it is turned away. */
export const FAILURES_MAX = 20;

const WINDOW_MS = 600_000;
const ADDRESSES_MAX = 10_000;
const DELAY_STEP_MS = 500;
const DELAY_MAX_MS = 5_000;

export class FailureGate {
  readonly #failures: Lru<string, number>;

  constructor(clock: Clock) {
    this.#failures = new Lru({ max: ADDRESSES_MAX, ttlMs: WINDOW_MS, clock });
  }

  isShut(ip: IpAddress): boolean {
    return (this.#failures.get(keyOf(ip)) ?? 0) >= FAILURES_MAX;
  }

  /** Counts a failure; milliseconds for which its answer is to be held back. */
  failed(ip: IpAddress): number {
    const key = keyOf(ip);
    const count = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, count);
    return Math.min(count * DELAY_STEP_MS, DELAY_MAX_MS);
  }
}

function keyOf(ip: IpAddress): string {
  return ip.family === 4 ? ip.text : Buffer.from(ip.bytes.subarray(0, 8)).toString('hex');
}

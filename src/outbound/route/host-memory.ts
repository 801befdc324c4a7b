/**
 * Which hosts did not answer lately.
 *
 * The one rule: an address and port that failed is skipped for Host_Failure_Retry seconds by every queue of this loop, and is good again
 * at its first success. Bound: HOSTS_MAX addresses; the least recently used is forgotten, which only means that it is tried.
 * Truth: rule Q-07.
 */
import { Lru, type Clock } from '#base';
import type { Target } from './targets.ts';

const HOSTS_MAX = 16_384;

export class HostMemory {
  readonly #clock: Clock;
  /** Monotonic time until which the host is skipped. */
  readonly #failed: Lru<string, number>;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#failed = new Lru({ max: HOSTS_MAX });
  }

  fail(target: Target, seconds: number): void {
    this.#failed.set(keyOf(target), this.#clock.mono() + seconds * 1000);
  }

  succeed(target: Target): void {
    this.#failed.delete(keyOf(target));
  }

  /** Milliseconds until the host may be tried; 0 when it may be tried now. */
  wait(target: Target): number {
    const until = this.#failed.get(keyOf(target));
    return until === undefined ? 0 : Math.max(0, until - this.#clock.mono());
  }
}

function keyOf(target: Target): string {
  return `${target.ip} ${target.port}`;
}

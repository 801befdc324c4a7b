/*
 * How long turns of this thread's event loop take, as the system's own histogram sees it.
 *
 * The one rule: measuring costs one timer a few hundred times a second and no memory; figures are since they were last asked for with `reset`.
 * Not here: saying that a turn was too long (loop-health.ts). Truth: ARCHITECTURE.md (no turn longer than 20 ms).
 */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';

/** Milliseconds between two looks: what is told is the delay beyond it. */
const resolutionMs = 5;

interface LoopDelays {
  /** Longest, 99th percentile and mean delay of a turn, in milliseconds. */
  readonly maxMs: number;
  readonly p99Ms: number;
  readonly meanMs: number;
  /** Part of the time that the thread was at work, 0 to 1. */
  readonly busy: number;
}

export class LoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  #since = performance.eventLoopUtilization();

  constructor() {
    this.#histogram.enable();
  }

  /** `reset`: the next figures begin now. */
  read(o: { reset: boolean }): LoopDelays {
    // Just after a reset there is no mean of anything.
    const over = (nanoseconds: number) => (nanoseconds > 0 ? Math.max(0, nanoseconds / 1e6 - resolutionMs) : 0);
    const delays = {
      maxMs: over(this.#histogram.max),
      p99Ms: over(this.#histogram.percentile(99)),
      meanMs: over(this.#histogram.mean),
      busy: performance.eventLoopUtilization(this.#since).utilization,
    };
    if (o.reset) {
      this.#histogram.reset();
      this.#since = performance.eventLoopUtilization();
    }
    return delays;
  }
}

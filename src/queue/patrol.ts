/**
 * Once a minute a look at every queue: mail whose time is over fails where it waits, when nothing moves there.
 *
 * The one rule: mail that moves expires after an attempt, as documented; only where no attempt will come, because the queue is suspended,
 * parked at a limit, or without a way, does it expire here. So every message has a time at which something happens to it.
 * Bound: slices of SLICE_MS; a queue is asked one question. Not here: what expiry means (domain-queue.ts). Truth: rules; SD-1426.
 */
import type { Clock, TimerWheel } from '#base';
import type { DomainQueue } from './domain-queue.ts';

export const PATROL_MS = 60_000;
const SLICE_MS = 5;

interface PatrolOptions {
  readonly clock: Pick<Clock, 'mono'>;
  readonly wheel: Pick<TimerWheel, 'schedule'>;
  readonly queues: () => Iterable<DomainQueue>;
}

export function startPatrol({ clock, wheel, queues }: PatrolOptions): void {
  let round: Iterator<DomainQueue> | undefined;
  const on = (): void => {
    round ??= queues()[Symbol.iterator]();
    const end = clock.mono() + SLICE_MS;
    for (let step = round.next(); step.done !== true; step = round.next()) {
      step.value.expire();
      if (clock.mono() < end) continue;
      wheel.schedule(0, on);
      return;
    }
    round = undefined;
    wheel.schedule(PATROL_MS, on);
  };
  wheel.schedule(PATROL_MS, on);
}

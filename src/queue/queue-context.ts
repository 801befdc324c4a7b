/**
 * What all queues of a loop share, handed to each of them.
 *
 * The one rule: queues talk to their surroundings through this alone; it is made once, in queues.ts.
 * Not here: any behaviour.
 */
import type { Clock, Random, TimerWheel } from '#base';
import type { Counters } from '#observe';
import type { DomainQueue } from './domain-queue.ts';
import type { Verdicts } from './verdicts.ts';
import type { Waiting } from './waiting.ts';

export interface QueueContext {
  readonly clock: Clock;
  readonly wheel: Pick<TimerWheel, 'schedule' | 'cancel'>;
  readonly random: Pick<Random, 'int'>;
  readonly counters: Pick<Counters, 'add'>;
  readonly verdicts: Verdicts;
  /** The queue in which mail for a domain waits. */
  readonly queueFor: (group: string, binding: string, domain: string) => DomainQueue;
  /** Whether the configuration has no binding of this name (OUT-05). */
  readonly isGone: (binding: string) => boolean;
  /** Where entries wait, and are found by the ids of messages. */
  readonly waiting: Waiting;
  /** There may be something to do for outbound. */
  readonly announce: (queue: DomainQueue) => void;
  /** The queue has nothing any more. */
  readonly emptied: (queue: DomainQueue) => void;
}

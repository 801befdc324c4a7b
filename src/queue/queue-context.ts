/**
 * What all queues of a loop share, handed to each of them.
 *
 * The one rule: queues talk to their surroundings through this alone; it is made once, in queues.ts.
 * Not here: any behaviour.
 */
import type { Clock, Random, TimerWheel } from '#base';
import type { Counters } from '#observe';
import type { DomainQueue } from './domain-queue.ts';
import type { Entry } from './entry.ts';
import type { Verdicts } from './verdicts.ts';

export interface QueueContext {
  readonly clock: Clock;
  readonly wheel: Pick<TimerWheel, 'schedule' | 'cancel'>;
  readonly random: Pick<Random, 'int'>;
  readonly counters: Pick<Counters, 'add'>;
  readonly verdicts: Verdicts;
  /** The queue in which mail for a domain waits. */
  readonly queueFor: (group: string, binding: string, domain: string) => DomainQueue;
  /** The entry of a message or batch. */
  readonly find: (id: string) => Entry | undefined;
  /** An entry is there, or has more or fewer recipients: it can be found by their ids. */
  readonly indexed: (entry: Entry) => void;
  /** There may be something to do for outbound. */
  readonly announce: (queue: DomainQueue) => void;
  /** The queue has nothing any more. */
  readonly emptied: (queue: DomainQueue) => void;
}

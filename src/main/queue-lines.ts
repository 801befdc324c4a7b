/*
 * The answer to "queue.lines": one line per queue of this loop, as `domain all` and its kin show them.
 */
import type { DomainLine } from '#control';
import type { Queues } from '#queue';

export function queueLines(queues: Queues): DomainLine[] {
  return [...queues.queues()].map((queue) => ({
    binding: queue.binding,
    domain: queue.domain,
    connections: queue.connections,
    active: queue.active,
    delayed: queue.delayed,
    sent: queue.statistics.deliveries,
  }));
}

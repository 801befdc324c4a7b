/**
 * What a queue is doing now, and the one thing that keeps it from doing more.
 *
 * The one rule: answering costs the same whatever waits: it reads what the pool knows already. `option` is the key in the sending record
 * (or in the global record for the server's own limits), so that the caller finds the place in the configuration that set it.
 * Not here: words for people, file and line (control). Truth: the issue's `explain`; rules OUT-04, SHP-*, Q-07, OUT-25.
 */
import type { DomainQueue } from '#queue';

export interface Cause {
  readonly kind: 'suspended' | 'limit' | 'throttle' | 'host-failed' | 'resolving' | 'unresolvable' | 'retry' | 'no-mail' | 'memory';
  readonly option?: string;
  readonly limit?: number | string;
  /** How much of the limit is taken now, by everybody who shares it. */
  readonly used?: number;
  /** Where the limit that binds is defined. */
  readonly scope?: 'global' | 'group' | 'binding' | 'domain' | 'host';
  readonly host?: string;
  readonly detail: string;
}

export interface Standing {
  readonly state: 'idle' | 'sending' | 'connecting' | 'waiting';
  /** Monotonic milliseconds of the next wake-up, where it is a matter of time alone. */
  readonly nextAtMono: number | undefined;
  /** Undefined when nothing holds the queue back. */
  readonly cause: Cause | undefined;
}

/** @param pool what the queue's pool says, when it has one */
export function standingOf(queue: DomainQueue, pool: Standing | undefined): Standing {
  if (pool !== undefined && (pool.state === 'sending' || pool.state === 'connecting')) return pool;
  if (queue.options.suspendDelivery && !queue.isEmpty) {
    const cause: Cause = { kind: 'suspended', option: 'suspendDelivery', detail: 'delivery is suspended' };
    return { state: 'waiting', nextAtMono: undefined, cause };
  }
  if (pool?.cause !== undefined) return { ...pool, state: 'waiting' };
  if (queue.ready > 0) return { state: 'waiting', nextAtMono: undefined, cause: undefined };
  if (queue.isEmpty) return { state: 'idle', nextAtMono: undefined, cause: { kind: 'no-mail', detail: 'there is no mail' } };
  return {
    state: 'waiting',
    nextAtMono: undefined,
    cause: { kind: 'retry', option: 'retryInterval', detail: 'all mail waits for its next attempt' },
  };
}

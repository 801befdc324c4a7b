/**
 * When a message that met a transient failure is tried again, and when it is given up.
 *
 * The one rule: a pure function of the number of failures, the age of the message and four options; it reads no clock. The
 * age is measured by the caller so that setting the machine's clock neither fires nor freezes anything (attack A65).
 * `auto` derives its count from the schedule, so that it differs from `none` only when tries were spent by hand.
 * Not here: waiting (domain-queue.ts). Truth: rules and the vectors of section 29.2.
 */
import { queueReplies } from './replies.ts';
import type { SendingOptions } from './ports.ts';

type RetryOptions = Pick<SendingOptions, 'retryInterval' | 'maxRetryInterval' | 'maxRetries' | 'messageExpiration' | 'neverRetry'>;

/** Seconds before try `failures` + 1. @param failures transient failures so far, 1 or more */
export function retryDelay(failures: number, o: Pick<RetryOptions, 'retryInterval' | 'maxRetryInterval'>): number {
  // Beyond 2^40 the cap has long decided; a larger shift would only lose digits.
  return Math.min(o.retryInterval * 2 ** Math.min(failures - 1, 40), o.maxRetryInterval);
}

/** How many tries after the first one are made: `Infinity` for `none`. */
export function retriesAllowed(o: RetryOptions): number {
  if (o.neverRetry) return 0;
  if (typeof o.maxRetries === 'number') return o.maxRetries;
  if (o.maxRetries === 'none') return Infinity;
  return automaticRetries(o);
}

/** The number of the first retry that the schedule puts at or behind the expiration. */
function automaticRetries(o: RetryOptions): number {
  let seconds = 0;
  let retries = 0;
  for (let gap = retryDelay(1, o); gap < o.maxRetryInterval && seconds < o.messageExpiration; gap = retryDelay(retries + 1, o)) {
    if (gap <= 0) return Infinity;
    seconds += gap;
    retries += 1;
  }
  if (seconds >= o.messageExpiration) return retries;
  return o.maxRetryInterval <= 0 ? Infinity : retries + Math.ceil((o.messageExpiration - seconds) / o.maxRetryInterval);
}

export function isExpired(ageMs: number, o: Pick<RetryOptions, 'messageExpiration'>): boolean {
  return ageMs >= o.messageExpiration * 1000;
}

/** After a transient failure: seconds to wait, or the reply with which the message ends. */
export function afterFailure(failures: number, ageMs: number, o: RetryOptions): number | string {
  if (o.neverRetry) return queueReplies.maxRetries;
  if (isExpired(ageMs, o)) return queueReplies.maxTime;
  if (failures > retriesAllowed(o)) return queueReplies.maxRetries;
  return retryDelay(failures, o);
}

/**
 * What becomes of a domain's mail when no connection to it can be had: no way is known, or no host could be reached.
 *
 * The one rule: a way that does not exist for good, or was not found too often in a row, ends the mail; everything else lets the domain rest. While
 * some connection works, a failure to open another one is no verdict; else it costs one message an attempt, and only long silence defers the
 * whole queue. Each rest says why. Not here: how failures are counted (setbacks.ts, plan-keeper.ts), the next attempt (domain-pool.ts).
 * Truth: rules, OUT-25; SD-1453.
 */
import { internalResult, type DomainQueue, type RecipientResult } from '#queue';
import { replies } from '../replies.ts';
import { tlsDemand, type HostMemory } from '../route/host-memory.ts';
import { sourceFor } from '../route/targets.ts';
import { transcoded, type MatchPort } from '../transcode.ts';
import type { AttemptFailure } from './attempt.ts';
import type { FailedPlan, PlanKeeper, Way } from './plan-keeper.ts';
import type { Setbacks } from './setbacks.ts';

interface Concerned {
  readonly queue: DomainQueue;
  readonly setbacks: Setbacks;
  readonly match: MatchPort;
}

/** There is no way to the domain. Whether that is for good is said by the plan, or by how often it happened (OUT-25). */
export function unplanned({ queue, setbacks, match, plans }: Concerned & { readonly plans: PlanKeeper }, plan: FailedPlan): void {
  const isLastStraw = plans.isLastStraw(plan);
  if (plan.isPermanent) queue.failAll(plan.reply);
  else if (isLastStraw) queue.failAll(replies.lookupFailed);
  else {
    queue.deferAll(transcoded(internalResult('transient', plan.reply), queue.options, match));
    const kind = plan.isLookup ? ('unresolvable' as const) : ('host-failed' as const);
    setbacks.rest(queue.options.hostFailureRetry * 1000, { kind, detail: plan.reply });
  }
}

/** No host of the way gave a connection. @param isInContact another connection works */
export function unreached(
  { queue, setbacks, match, hosts, isInContact }: Concerned & { readonly hosts: Pick<HostMemory, 'wait'>; readonly isInContact: boolean },
  plan: Way,
  failure: AttemptFailure,
): void {
  setbacks.failed();
  const { hostFailureRetry } = queue.options;
  const demand = tlsDemand(queue.options, queue.domain);
  const waits = plan.targets.map((target) => {
    const source = sourceFor(target, plan.sources);
    // To a host of the other family there is no way from here until something is changed.
    return source === undefined ? Infinity : hosts.wait(target, { demand, source });
  });
  const ms = Math.max(1, Math.min(hostFailureRetry * 1000, ...waits));
  setbacks.rest(ms, { kind: 'host-failed', host: failure.remoteIp, option: 'hostFailureRetry', detail: failure.reply });
  if (isInContact) return;
  const { kind, reply, stage, remoteIp } = { ...failure, kind: 'transient' as const };
  const result: RecipientResult = { kind, reply, stage, remoteIp, bytes: 0 };
  const delivery = queue.take();
  if (delivery !== undefined) {
    const told = transcoded(result, queue.options, match);
    queue.finish(
      delivery,
      delivery.recipients.map(() => told),
    );
  }
  if (setbacks.isLongSilent(queue.options)) queue.deferAll(transcoded({ ...result, reply: replies.noValidHosts }, queue.options, match));
}

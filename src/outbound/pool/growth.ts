/**
 * How many connections a queue should have.
 *
 * The one rule: a share of what is ready (Connection_Allocation_Aggressiveness: normal 0.3, high 0.75, or the number), at least one while
 * there is anything, never above Max_Outbound_Connections (-1: no limit); and one at a time until a host has answered, so that a
 * domain that is down meets one connection, not thirty. Truth: rules SHP-01, SHP-08.
 */
import type { SendingOptions } from '#queue';

export function connectionLimit(options: SendingOptions): number {
  return options.maxOutboundConnections < 0 ? Infinity : options.maxOutboundConnections;
}

/** @param ready transactions that wait; @param busy those under way */
export function wantedConnections(
  o: { readonly ready: number; readonly busy: number; readonly isInContact: boolean },
  options: SendingOptions,
): number {
  if (o.ready === 0) return 0;
  const setting = options.connectionAllocationAggressiveness;
  const share = setting === 'normal' ? 0.3 : setting === 'high' ? 0.75 : setting;
  const wanted = Math.max(1, Math.ceil((o.ready + o.busy) * share));
  return Math.min(o.isInContact ? wanted : 1, connectionLimit(options));
}

/*
 * Inbound_Throttle_Messages: one rate for each scope that sets it, counted by all event loops together.
 *
 * The one rule: the count belongs to the definition (FB-14): pathways that inherit a value from their group or from the top share its
 * messages; whoever has a value of its own has a count of its own. A count of 0 is no limit (SHP-05).
 * Bound: one open rate for each definition of the configuration in force; those of a former one are closed.
 * Not here: when a message is counted (inbound), the count itself (limits). Truth: SMTP-18.
 */
import type { ListeningRecord, Rate, Resolver } from '#config';
import type { InboundThrottle } from '#inbound';
import type { LimitTable, NamedRate } from '#limits';

export function inboundThrottles(resolver: Resolver, limits: Pick<LimitTable, 'rate'>): InboundThrottle {
  const open = new Map<string, NamedRate>();
  let version = -1;
  const rateOf = (record: ListeningRecord): NamedRate | undefined => {
    if (version !== resolver.version) {
      // A name keeps its memory for a while after it was closed: what was counted before a reload still counts.
      for (const rate of open.values()) rate.close();
      open.clear();
      version = resolver.version;
    }
    const id = resolver.definition(record, 'inboundThrottleMessages')?.id;
    if (id === undefined) return undefined;
    let rate = open.get(id);
    if (rate === undefined) open.set(id, (rate = limits.rate(`inbound throttle ${id}`)));
    return rate;
  };
  /** The rate and its limit; undefined where nothing is limited. Sessions read records that this resolver made. */
  const limitOf = (options: object): { rate: NamedRate; limit: Rate } | undefined => {
    const record = options as ListeningRecord;
    const limit = record.inboundThrottleMessages;
    if (limit === undefined || limit.count <= 0) return undefined;
    const rate = rateOf(record);
    return rate === undefined ? undefined : { rate, limit };
  };
  return {
    hasRoom: (options) => {
      const found = limitOf(options);
      return found === undefined || found.rate.look(found.limit) > 0;
    },
    take: (options) => {
      const found = limitOf(options);
      return found === undefined || found.rate.take(found.limit) === 0;
    },
  };
}

/**
 * What all pools of a loop share, handed to each of them.
 *
 * The one rule: a pool talks to its surroundings through this and its queue alone; it is made once, in deliverer.ts.
 * Not here: any behaviour; what one attempt needs of it (attempt.ts).
 */
import type { Clock } from '#base';
import type { PanicLog } from '#observe';
import type { BodiesPort, DnsPort } from '../ports.ts';
import type { Planner } from '../route/planner.ts';
import type { Tracers } from '../session/trace.ts';
import type { AddressMetrics } from '../shaping/address-metrics.ts';
import type { Shaper } from '../shaping/shaper.ts';
import type { Siblings } from '../shaping/siblings.ts';
import type { MatchPort } from '../transcode.ts';
import type { AttemptPorts } from './attempt.ts';
import type { Connection } from './connection.ts';
import type { DomainPool } from './domain-pool.ts';

export interface PoolPorts extends AttemptPorts {
  readonly planner: Planner;
  readonly dns: DnsPort;
  readonly shaper: Shaper;
  readonly siblings: Siblings<Connection, DomainPool>;
  /** Migrate_Connections_Between_Sibling_Domains. */
  readonly isMigrating: () => boolean;
  readonly metrics: AddressMetrics;
  readonly bodies: BodiesPort;
  readonly tracers: Tracers;
  readonly clock: Clock;
  readonly panic: Pick<PanicLog, 'log'>;
  /** Patterns of Response_Transcode_Pattern. */
  readonly match: MatchPort;
  /** Our own name. */
  readonly hostName: string;
  readonly counters: { add(name: 'outboundConnections' | 'outboundConnectionsTotal' | 'outboundConnectionFailures', n?: number): void };
  /** Work of this pool may have become possible: it asks to be poked in a turn of its own. */
  readonly later: (pool: DomainPool) => void;
}

/**
 * A connection comes to be: an attempt as the queue's options want it, and the connection in service that it leads to.
 *
 * The one rule: what a connection shows to its server is that of the options by which the attempt was begun; what a certificate proved it proved for
 * one domain, so no sibling is given that connection. Nothing is kept here.
 * Not here: whether one may be opened now (domain-pool.ts), dialling and greeting (attempt.ts), what a failure means (unreachable.ts).
 * Truth: rules SHP-03, SHP-07, OUT-42, OUT-60.
 */
import type { DomainQueue } from '#queue';
import { ClientSession, type SessionOwner } from '../session/session.ts';
import { ehloNameOf, faceOf, identityOf } from '../shaping/identity.ts';
import type { Lease, RateDemand } from '../shaping/shaper.ts';
import { siblingName } from '../shaping/siblings.ts';
import { admissionOf } from './admission.ts';
import { Attempt, type AttemptOutcome, type AttemptSuccess } from './attempt.ts';
import { Connection, type ConnectionHolder } from './connection.ts';
import type { Parking } from './parking.ts';
import type { Way } from './plan-keeper.ts';
import type { PoolPorts } from './pool-ports.ts';

/** What an attempt has while it is under way. */
export interface Held {
  readonly lease: Lease;
  readonly identity: string;
  readonly face: string;
}

interface AttemptPlace {
  readonly queue: DomainQueue;
  readonly plan: Way;
  readonly lease: Lease;
  readonly parking: Parking;
  /** Hosts where TLS failed and clear text waits for a throttle. */
  readonly clearOwed: Set<string>;
  /** The throttle of connections, where there is one. */
  readonly connections: RateDemand | undefined;
}

/** An attempt that is not begun yet. */
export function attemptOf(ports: PoolPorts, o: AttemptPlace, done: (held: Held, outcome: AttemptOutcome) => void): Attempt {
  const { queue, plan, lease, parking, clearOwed, connections } = o;
  const { planner, metrics, shaper } = ports;
  const { options, binding, domain } = queue;
  const ehloName = ehloNameOf(queue, ports.hostName);
  const identity = identityOf(options, { domain, ehloName });
  return new Attempt(
    ports,
    {
      targets: metrics.steer(binding, planner.spread(plan.targets)),
      options,
      ehloName,
      binding,
      domain,
      sources: plan.sources,
      admission: admissionOf({ queue, shaper, metrics, parking, clearOwed }, lease, connections),
      trace: (ip) => ports.tracers.of(queue, ip),
    },
    (outcome) => done({ lease, identity, face: faceOf(options) }, outcome),
  );
}

/** The connection to which an attempt led. */
export function connectionOf(
  ports: PoolPorts,
  { queue, held, owner }: { queue: DomainQueue; held: Held; owner: SessionOwner & ConnectionHolder },
  { wire, target, opened }: AttemptSuccess,
): Connection {
  const { capabilities, isTls, isProven, facts } = opened;
  const { bodies, panic, clock } = ports;
  const { lease, identity, face } = held;
  const ehloName = ehloNameOf(queue, ports.hostName);
  const session = new ClientSession({
    wire,
    capabilities,
    ehloName,
    isTls,
    isProven,
    facts,
    remoteIp: target.ip,
    owner,
    bodies,
    panic,
    clock,
  });
  const name = isProven ? undefined : siblingName(queue.binding, target, identity);
  return new Connection({ session, lease, target, name, openedAt: clock.mono(), face, holder: owner });
}

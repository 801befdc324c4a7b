/**
 * A connection as its pool knows it: the session, the places it holds, and what it is good for.
 *
 * The one rule: it holds its places from before it was dialled until the peer has closed too; they are given back once.
 * Not here: SMTP (session). Truth: rules SHP-02, SHP-07, SHP-09.
 */
import type { Target } from '../route/targets.ts';
import type { ClientSession } from '../session/session.ts';
import type { PlaceGate, Reclaimable } from '../shaping/place-gate.ts';
import type { Lease } from '../shaping/shaper.ts';

/** Who has the connection now. */
export interface ConnectionHolder {
  retire(connection: Connection): void;
  /** Lets go of an idle connection that another queue takes over. */
  give(connection: Connection): void;
}

export class Connection implements Reclaimable {
  readonly session: ClientSession;
  readonly lease: Lease;
  readonly target: Target;
  /** Under which siblings find it; undefined: it is handed to nobody. */
  readonly name: string | undefined;
  readonly openedAt: number;
  /** What the options showed when it was opened (identity.ts). */
  readonly face: string;
  holder: ConnectionHolder;
  /** The gate for whose sake it gives way. */
  yieldsTo: PlaceGate | undefined;
  /** Monotonic time at which the delivery under way was taken. */
  takenAt = 0;

  constructor(o: {
    session: ClientSession;
    lease: Lease;
    target: Target;
    name: string | undefined;
    openedAt: number;
    face: string;
    holder: ConnectionHolder;
  }) {
    this.session = o.session;
    this.lease = o.lease;
    this.target = o.target;
    this.name = o.name;
    this.openedAt = o.openedAt;
    this.face = o.face;
    this.holder = o.holder;
  }

  reclaim(): void {
    this.holder.retire(this);
  }

  /** Whether more connections hold places somewhere than are allowed now. */
  get isSurplus(): boolean {
    for (const gate of this.lease.gates.values()) if (gate.isOverfull) return true;
    return false;
  }

  /** A gate where somebody waits for a place that this connection could make free. */
  get wantedBy(): PlaceGate | undefined {
    for (const gate of this.lease.gates.values()) if (gate.isWanted) return gate;
    return undefined;
  }

  /** It waits for mail: whoever needs its places may have it ended. */
  rest(): void {
    for (const gate of this.lease.gates.values()) gate.rest(this);
  }

  work(): void {
    for (const gate of this.lease.gates.values()) gate.work(this);
  }

  /** It is over. */
  free(): void {
    this.work();
    if (this.yieldsTo !== undefined) this.yieldsTo.yielding -= 1;
    this.yieldsTo = undefined;
    this.lease.release();
  }
}

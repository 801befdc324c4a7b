/**
 * A limit on how many connections there are at once, and those who wait for one of its places.
 *
 * The one rule: a freed place calls one who waits, not all; a place that another loop frees is heard through shared memory, not by asking
 * again and again. When somebody waits, the connection that has been idle longest is ended, and connections that have served for
 * TURN_MS give way one by one, so that a queue that never runs dry does not keep the others out for ever.
 * Not here: which gates a connection passes (shaper.ts). Truth: rules SHP-01, SHP-02, SHP-03.
 */
import type { NamedConcurrency } from '#limits';
import { CALLED_PER_TURN, WaitingLine, type Waiter } from './waiter.ts';

/** How long a connection serves at least while others wait for its place. */
export const TURN_MS = 15_000;

/** A connection without work that holds a place. */
export interface Reclaimable {
  /** Ends it; the place is given back when the peer has closed too. */
  reclaim(): void;
}

interface PlaceGateOptions {
  readonly open: () => NamedConcurrency;
  /** Runs in a turn of its own. */
  readonly later: (work: () => void) => void;
  /** Nobody holds a place or waits for one. */
  readonly idle: () => void;
}

export class PlaceGate {
  /** In force now; whoever asks sets it first. */
  limit = Infinity;
  /** Places beyond it that only sweeps give (SHP-02). */
  reserve = 0;
  /** Connections here that will end at their next message to make room. */
  yielding = 0;
  readonly #o: PlaceGateOptions;
  readonly #named: NamedConcurrency;
  readonly #line = new WaitingLine();
  readonly #idle = new Set<Reclaimable>();
  #isArmed = false;
  #isClosed = false;

  constructor(o: PlaceGateOptions) {
    this.#o = o;
    this.#named = o.open();
  }

  /** Places taken, by all loops. */
  get used(): number {
    return this.#named.cell.total;
  }

  get waiting(): number {
    return this.#line.length;
  }

  /** Whether one more of those who serve should make room. */
  get isWanted(): boolean {
    return this.#line.length > this.yielding;
  }

  /** More places are taken than there are now, the reserve counted in. */
  get isOverfull(): boolean {
    return this.used > this.limit + this.reserve;
  }

  /** @param useReserve whether the reserve may be used too */
  acquire(useReserve = false): boolean {
    return this.#named.cell.acquire(useReserve ? this.limit + this.reserve : this.limit);
  }

  release(): void {
    this.#named.cell.release();
    if (this.#line.length > 0) this.#o.later(this.#callOne);
    else this.settle();
  }

  /** Refused: stand in line. */
  wait(waiter: Waiter): void {
    this.#line.join(waiter);
    for (const connection of this.#idle) {
      this.#idle.delete(connection);
      connection.reclaim();
      break;
    }
    this.#arm();
  }

  leave(waiter: Waiter): void {
    this.#line.leave(waiter);
    this.settle();
  }

  rest(connection: Reclaimable): void {
    this.#idle.add(connection);
  }

  work(connection: Reclaimable): void {
    this.#idle.delete(connection);
  }

  /** Those who have no connection at all, for the sweep of the reserve. */
  takeStarved(most: number): Waiter[] {
    return this.#line.takeStarved(most);
  }

  /** The limit changed: some of those who wait may go, one after the other as places are left. */
  readonly call = (): void => {
    let called = 0;
    while (called < CALLED_PER_TURN && this.used < this.limit) {
      const waiter = this.#line.shift();
      if (waiter === undefined) break;
      called += 1;
      waiter.resume();
    }
    if (called === CALLED_PER_TURN && this.#line.length > 0) this.#o.later(this.call);
    this.#arm();
    this.settle();
  };

  readonly #callOne = (): void => {
    this.#line.shift()?.resume();
    this.settle();
  };

  /** Lets another loop's release call here. */
  #arm(): void {
    if (this.#isArmed || this.#isClosed || this.#line.length === 0 || !this.#named.isShared) return;
    this.#isArmed = true;
    if (!this.#named.cell.acquireOrWake(this.limit, this.#released)) return;
    // A place came free between the refusal and now.
    this.#isArmed = false;
    this.#named.cell.release();
    this.#o.later(this.#callOne);
  }

  readonly #released = (): void => {
    this.#isArmed = false;
    if (!this.#isClosed) this.call();
  };

  /** Closed when nobody holds a place or waits for one. */
  settle(): void {
    if (this.#isClosed || this.#line.length > 0 || this.#named.cell.held > 0) return;
    this.#isClosed = true;
    this.#named.close();
    this.#o.idle();
  }
}

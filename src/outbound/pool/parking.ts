/**
 * The lines in which a queue stands: one for messages (a throttle), and those for one more connection.
 *
 * The one rule: being refused is one step, and nothing is asked again until some line calls; whoever is called for a connection leaves all lines
 * of that kind. Bound: a line for each host of a plan that refused, and one more.
 * Not here: the lines themselves (shaping). Truth: rules SHP-01 to SHP-05; the "parks".
 */
import type { DomainQueue } from '#queue';
import type { PlaceGate } from '../shaping/place-gate.ts';
import type { RateDemand, Refusal, Shaper } from '../shaping/shaper.ts';
import type { Waiter } from '../shaping/waiter.ts';
import type { Cause } from '../standing.ts';

interface ParkingOptions {
  readonly shaper: Shaper;
  readonly queue: DomainQueue;
  readonly isStarved: () => boolean;
  /** It may go on. */
  readonly resume: () => void;
  /** It wants no connection of a sibling any more. */
  readonly satisfied: () => void;
}

export class Parking {
  readonly #o: ParkingOptions;
  #messages: RateDemand | undefined;
  #connections: RateDemand | undefined;
  #places: Refusal[] = [];
  #mayUseReserve = false;
  readonly #forMessages: Waiter;
  readonly #forConnection: Waiter;

  constructor(o: ParkingOptions) {
    this.#o = o;
    const forMessages = (): void => {
      this.#messages = undefined;
      o.resume();
    };
    const forConnection = (): void => {
      this.leaveConnections();
      o.resume();
    };
    this.#forMessages = { resume: forMessages, resumeWithReserve: forMessages, isStarved: false };
    this.#forConnection = {
      resume: forConnection,
      resumeWithReserve: () => {
        this.#mayUseReserve = true;
        forConnection();
        this.#mayUseReserve = false;
      },
      get isStarved() {
        return o.isStarved();
      },
    };
  }

  /** No message may be sent now. */
  get isThrottled(): boolean {
    return this.#messages !== undefined;
  }

  /** No connection may be opened now. */
  get isParked(): boolean {
    return this.#connections !== undefined || this.#places.length > 0;
  }

  throttled(demand: RateDemand): void {
    this.#messages = demand;
    demand.gate.wait(this.#forMessages);
  }

  atRate(demand: RateDemand): void {
    this.#connections = demand;
    demand.gate.wait(this.#forConnection);
  }

  atPlace(refusal: Refusal): void {
    this.#places.push(refusal);
    this.#o.shaper.wait(refusal, this.#forConnection);
  }

  /** Whether the next connection may use the server's reserve; once. */
  takeReserve(): boolean {
    const may = this.#mayUseReserve;
    this.#mayUseReserve = false;
    return may;
  }

  leave(): void {
    this.#messages?.gate.leave(this.#forMessages);
    this.#messages = undefined;
    this.leaveConnections();
  }

  leaveConnections(): void {
    const places = this.#places;
    this.#connections?.gate.leave(this.#forConnection);
    this.#connections = undefined;
    if (places.length > 0) this.#places = [];
    for (const { gate } of places) gate.leave(this.#forConnection);
    this.#o.satisfied();
  }

  cause(): { readonly cause: Cause; readonly nextAtMono: number | undefined } | undefined {
    const demand = this.#messages ?? this.#connections;
    if (demand !== undefined) return throttle(demand, demand === this.#messages ? 'messages' : 'connections');
    const [first] = this.#places;
    return first === undefined ? undefined : { cause: limit(first.gate, first), nextAtMono: undefined };
  }
}

function throttle(demand: RateDemand, what: string): { cause: Cause; nextAtMono: number | undefined } {
  const { gate, option, scope } = demand;
  const { count, periodSeconds } = demand.limit;
  const written = periodSeconds === 1 ? String(count) : `${count}/${periodSeconds}`;
  const detail = `the throttle of ${what} lets no more through now`;
  return { cause: { kind: 'throttle', option, limit: written, scope, detail }, nextAtMono: gate.nextAtMono };
}

function limit(gate: PlaceGate, { demand }: Refusal): Cause {
  const { option, scope, host } = demand;
  const detail = demand.limit === 0 ? 'this limit lets no connection be' : 'no place for another connection is free within this limit';
  return { kind: 'limit', option, limit: demand.limit, used: gate.used, scope, ...(host === undefined ? {} : { host }), detail };
}

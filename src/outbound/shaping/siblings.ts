/**
 * Connections without work, and queues that want one: handed from a domain to another that shares a mail host.
 *
 * The one rule: only between queues of one binding whose plans have a host in common, and only when both would have opened the connection
 * alike (identity.ts). A queue is asked by one look-up for each of its hosts; no list of queues is gone through.
 * Bounds: LOOKED_AT hosts of a plan; a queue wants under that many names; the connections are those that are open.
 * Not here: whether the limits of the taker allow it (pool). Truth: rule SHP-07 (Migrate_Connections_Between_Sibling_Domains).
 */

/** Hosts of a plan that are looked at. */
const LOOKED_AT = 8;

interface Spot {
  readonly ip: string;
  readonly port: number;
}

export class Siblings<Connection extends object, Pool extends object> {
  readonly #idle = new Map<string, Set<Connection>>();
  readonly #hungry = new Map<string, Set<Pool>>();
  readonly #namesOf = new Map<Pool, string[]>();

  /** No connection may be handed on now. */
  get isEmpty(): boolean {
    return this.#idle.size === 0;
  }

  offer(name: string, connection: Connection): void {
    put(this.#idle, name, connection);
  }

  withdraw(name: string, connection: Connection): void {
    drop(this.#idle, name, connection);
  }

  /** The connection that became idle last, of a name. */
  *find(name: string): Iterable<Connection> {
    const set = this.#idle.get(name);
    if (set !== undefined) yield* set;
  }

  /** A queue cannot have a connection of its own now. */
  want(pool: Pool, names: readonly string[]): void {
    if (this.#namesOf.has(pool)) return;
    const some = names.slice(0, LOOKED_AT);
    this.#namesOf.set(pool, some);
    for (const name of some) put(this.#hungry, name, pool);
  }

  satisfied(pool: Pool): void {
    const names = this.#namesOf.get(pool);
    if (names === undefined) return;
    this.#namesOf.delete(pool);
    for (const name of names) drop(this.#hungry, name, pool);
  }

  /** Who has wanted such a connection longest. */
  taker(name: string): Pool | undefined {
    const set = this.#hungry.get(name);
    if (set !== undefined) for (const pool of set) return pool;
    return undefined;
  }
}

/** The name under which a connection is found. */
export function siblingName(binding: string, spot: Spot, identity: string): string {
  return `${binding}\0${spot.ip}\0${spot.port}\0${identity}`;
}

/** The names of the hosts of a plan. */
export function siblingNames(binding: string, spots: readonly Spot[], identity: string): string[] {
  return spots.slice(0, LOOKED_AT).map((spot) => siblingName(binding, spot, identity));
}

function put<V>(map: Map<string, Set<V>>, name: string, value: V): void {
  const set = map.get(name);
  if (set === undefined) map.set(name, new Set([value]));
  else set.add(value);
}

function drop<V>(map: Map<string, Set<V>>, name: string, value: V): void {
  const set = map.get(name);
  if (set === undefined) return;
  set.delete(value);
  if (set.size === 0) map.delete(name);
}

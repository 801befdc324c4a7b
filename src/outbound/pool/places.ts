/**
 * How many outbound connections there are in all, and of each binding.
 *
 * The one rule: Server_Max_Outbound_Connections holds for the server and for each binding that sets its own, over all loops (by the
 * ports that are handed in); who is refused is remembered, by what refused it, and called in order when such a place becomes free. Bound: each
 * queue waits once. Not here: the limit of a binding::domain, which its pool keeps exactly. Truth: rule SHP-02.
 */
import type { BindingPlacesPort, PlacesPort } from '../ports.ts';

interface BindingPlaces {
  taken: number;
  readonly port: BindingPlacesPort;
  readonly waiting: Set<() => void>;
}

export class Places {
  readonly #server: PlacesPort;
  readonly #serverMax: () => number;
  readonly #ofBinding: (binding: string) => BindingPlacesPort;
  readonly #bindings = new Map<string, BindingPlaces>();
  readonly #waiting = new Set<() => void>();

  constructor(o: { server: PlacesPort; serverMax: () => number; ofBinding?: ((binding: string) => BindingPlacesPort) | undefined }) {
    this.#server = o.server;
    this.#serverMax = o.serverMax;
    this.#ofBinding = o.ofBinding ?? ownPlaces;
  }

  /** Takes a place; refused, `wake` is called once when one may be free. */
  acquire(binding: string, bindingMax: number, wake: () => void): boolean {
    let own = this.#bindings.get(binding);
    if (own === undefined) this.#bindings.set(binding, (own = { taken: 0, port: this.#ofBinding(binding), waiting: new Set() }));
    if (!own.port.acquire(bindingMax)) {
      own.waiting.add(wake);
      return false;
    }
    if (!this.#server.acquire(this.#serverMax())) {
      own.port.release();
      this.#waiting.add(wake);
      this.#forgetIdle(binding, own);
      return false;
    }
    own.taken += 1;
    return true;
  }

  release(binding: string): void {
    const own = this.#bindings.get(binding);
    if (own !== undefined) {
      own.taken -= 1;
      own.port.release();
      wakeOne(own.waiting);
      this.#forgetIdle(binding, own);
    }
    this.#server.release();
    wakeOne(this.#waiting);
  }

  #forgetIdle(binding: string, own: BindingPlaces): void {
    if (own.taken > 0 || own.waiting.size > 0 || this.#bindings.get(binding) !== own) return;
    this.#bindings.delete(binding);
    own.port.close?.();
  }

  /** Something changed from outside (another loop, the limits): everybody may ask again. */
  wakeAll(): void {
    const waiting = [...this.#waiting, ...[...this.#bindings.values()].flatMap((own) => [...own.waiting])];
    this.#waiting.clear();
    for (const own of this.#bindings.values()) own.waiting.clear();
    for (const wake of waiting) wake();
    for (const [binding, own] of this.#bindings) this.#forgetIdle(binding, own);
  }

  /** For a queue that is forgotten. */
  forget(binding: string, wake: () => void): void {
    this.#waiting.delete(wake);
    this.#bindings.get(binding)?.waiting.delete(wake);
  }
}

function wakeOne(waiting: Set<() => void>): void {
  for (const wake of waiting) {
    waiting.delete(wake);
    wake();
    return;
  }
}

/** Places counted on this loop alone, where no other loop shares them. */
export function ownPlaces(): PlacesPort {
  let taken = 0;
  return {
    acquire(limit) {
      if (taken >= limit) return false;
      taken += 1;
      return true;
    },
    release() {
      taken -= 1;
    },
  };
}

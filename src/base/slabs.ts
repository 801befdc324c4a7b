// Memory for stores that live long and grow block by block: blocks of one size, cut from slabs that the heap of malloc never holds.
//
// The rule to know: columns that stay, allocated one by one among bodies that come and go, keep the holes between them in the process for ever: 20 to 50
// octets a queued message at a million. A slab is larger than what any malloc puts into its heap (glibc: 32 MiB at most), so the system maps it apart and
// gives it real memory only where it was written to. The lowest slab with room is used first; one whose blocks have all come back is let go.
// A block is all zero when it is taken. Cost: blocks that came back stay real memory until their slab goes. Not here: what is in them.

/** Octets of a slab at least. */
const SLAB_BYTES = 33 * 1024 * 1024;

export interface Block {
  readonly buffer: ArrayBuffer;
  /** Where in the buffer it begins: a multiple of the size of blocks. */
  readonly offset: number;
}

interface Slab {
  readonly buffer: ArrayBuffer;
  used: number;
  /** Octets from here on were never handed out. */
  fresh: number;
  readonly free: Block[];
}

export class Slabs {
  readonly #size: number;
  readonly #slabBytes: number;
  readonly #slabs: (Slab | undefined)[] = [];
  #used = 0;

  /** @param size of a block in octets, a multiple of 8 */
  constructor(size: number) {
    this.#size = size;
    this.#slabBytes = Math.ceil(SLAB_BYTES / size) * size;
  }

  /** Octets of the blocks in use. */
  get bytes(): number {
    return this.#used * this.#size;
  }

  /** Slabs that are there. */
  get slabs(): number {
    return this.#slabs.reduce((sum, slab) => sum + (slab === undefined ? 0 : 1), 0);
  }

  take(): Block {
    const slab = this.#withRoom();
    slab.used += 1;
    this.#used += 1;
    const old = slab.free.pop();
    if (old !== undefined) {
      new Uint8Array(old.buffer, old.offset, this.#size).fill(0);
      return old;
    }
    const offset = slab.fresh;
    slab.fresh += this.#size;
    return { buffer: slab.buffer, offset };
  }

  give(block: Block): void {
    const number = this.#slabs.findIndex((one) => one?.buffer === block.buffer);
    const slab = this.#slabs[number];
    if (slab === undefined) return;
    slab.free.push(block);
    slab.used -= 1;
    this.#used -= 1;
    if (slab.used === 0) this.#slabs[number] = undefined;
  }

  #withRoom(): Slab {
    let hole = -1;
    for (const [number, slab] of this.#slabs.entries()) {
      if (slab === undefined) hole = hole < 0 ? number : hole;
      else if (slab.free.length > 0 || slab.fresh < this.#slabBytes) return slab;
    }
    const slab: Slab = { buffer: new ArrayBuffer(this.#slabBytes), used: 0, fresh: 0, free: [] };
    this.#slabs[hole < 0 ? this.#slabs.length : hole] = slab;
    return slab;
  }
}

// The memory in which parts of large messages are filled and written: pieces of one size, used again and again, for all messages of a loop.
//
// The rule to know: a piece belongs to one writer from `take` to `give`, and is given back only when no write of it is under way.
// Fresh memory for each part would cost more than the disk does (it is mapped, zeroed and collected), so up to `partSparesMax` pieces wait here.
// Nobody is refused a piece: when `partsAtEase` are out, `isScarce` asks writers to get along with one each, so that hundreds of senders of large
// messages hold little. It does not know what is in a part. Truth: SPL-08; docs/decisions/0009.

import { largePartBytes, partsAtEase, partSparesMax } from './layout.ts';
import { recordBytes } from './record.ts';

export class PartMemory {
  readonly #spares: Buffer[] = [];
  #out = 0;

  get isScarce(): boolean {
    return this.#out >= partsAtEase;
  }

  /** Room for one part of `largePartBytes`, with the header of its record. */
  take(): Buffer {
    this.#out += 1;
    return this.#spares.pop() ?? Buffer.allocUnsafeSlow(recordBytes(largePartBytes));
  }

  give(piece: Buffer): void {
    this.#out -= 1;
    if (this.#spares.length < partSparesMax) this.#spares.push(piece);
  }
}

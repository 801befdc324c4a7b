/**
 * A message's bytes onto the wire: all at once when small, else a slice at a time as the peer takes them.
 *
 * The one rule: newlines and dots are made right by WireBody on the way (A13, A14), except for BINARYMIME, whose octets go out as they
 * are in BDAT chunks; never more than a slice is given to a socket that is full, so that a slow peer and a large message do not
 * meet in memory (A60). Bounds: WHOLE_MAX bytes at once, SLICE_BYTES a slice, CHUNK_BYTES a BDAT chunk.
 * Not here: commands and replies (transaction.ts). Truth: RFC 5321 section 4.5.2, RFC 3030.
 */
import { formatBdat, WireBody } from '#smtp';
import type { Wire } from './wire.ts';

/** A body up to this size leaves in one write with its end mark and what follows. */
const WHOLE_MAX = 65_536;
const SLICE_BYTES = 65_536;
/** Octets of message in one BDAT chunk; each is answered before the next is sent. */
const CHUNK_BYTES = 1_048_576;

export class BodySender {
  readonly #wire: Wire;
  readonly #body: Buffer;
  readonly #wireBody: WireBody | undefined;
  #chunk: Buffer[] = [];
  #chunkBytes = 0;
  #at = 0;
  #isStuffed = false;

  /** @param isBinary the octets are sent as they are; only ever by BDAT */
  constructor(wire: Wire, body: Buffer, isBinary: boolean) {
    this.#wire = wire;
    this.#body = body;
    this.#wireBody = isBinary ? undefined : new WireBody((bytes) => this.#give(bytes));
  }

  /** Octets of the message that were handed to the socket. */
  get sent(): number {
    return this.#at;
  }

  get isAway(): boolean {
    return this.#at === this.#body.length && this.#chunk.length === 0;
  }

  get isSmall(): boolean {
    return this.#body.length <= WHOLE_MAX;
  }

  /** After 354: sends what fits. Call again from drained() until isAway. */
  pumpData(): void {
    if (!this.#isStuffed) {
      this.#isStuffed = true;
      this.#wireBody?.begin(true);
    }
    const isSmall = this.isSmall;
    while (this.#at < this.#body.length) {
      if (!isSmall && this.#wire.isFull) return;
      const end = isSmall ? this.#body.length : Math.min(this.#at + SLICE_BYTES, this.#body.length);
      this.#wireBody?.push(isSmall ? this.#body : this.#body.subarray(this.#at, end));
      this.#at = end;
      if (end === this.#body.length) this.#wireBody?.end();
      if (!isSmall) this.#wire.flush();
    }
    if (this.#body.length === 0) this.#wireBody?.end();
  }

  /** Sends the next BDAT chunk, whole; true when it was the last. */
  sendChunk(): boolean {
    if (this.#at === 0) this.#wireBody?.begin(false);
    const end = Math.min(this.#at + CHUNK_BYTES, this.#body.length);
    const part = this.#body.subarray(this.#at, end);
    this.#at = end;
    const isLast = end === this.#body.length;
    if (this.#wireBody === undefined) this.#give(part);
    else {
      if (part.length > 0) this.#wireBody.push(part);
      if (isLast) this.#wireBody.end();
    }
    this.#wire.say(formatBdat(this.#chunkBytes, isLast));
    for (const piece of this.#chunk) this.#wire.send(piece);
    this.#chunk = [];
    this.#chunkBytes = 0;
    return isLast;
  }

  #give(bytes: Buffer): void {
    if (this.#isStuffed) {
      this.#wire.send(bytes);
      return;
    }
    this.#chunk.push(bytes);
    this.#chunkBytes += bytes.length;
  }
}

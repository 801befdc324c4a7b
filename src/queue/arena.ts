/**
 * Memory for many small byte strings of varying length: chunks of equal pieces, one size of piece for each chunk.
 *
 * The one rule: a place is a number (chunk and piece), good until it is given back; nothing moves, and no piece is larger than what it was
 * asked for by 8 octets or more. A chunk whose pieces have all come back goes back as a whole (one a size is kept).
 * Bounds: PIECE_MAX octets a piece; 32 GiB in all. Not here: what the bytes mean (packing.ts).
 */
import { Slabs, type Block } from '#base';

/** The largest piece. */
export const PIECE_MAX = 1024;
const CHUNK_BYTES = 64 * 1024;
const UNIT = 8;
const UNITS = CHUNK_BYTES / UNIT;
const NONE = 0xffff;

class Chunk {
  readonly block: Block;
  readonly bytes: Buffer;
  readonly number: number;
  readonly pieceUnits: number;
  readonly pieces: number;
  used = 0;
  /** Pieces at and above this were never given out. */
  fresh = 0;
  /** The first of those that came back; each begins with the number of the next. */
  free = NONE;
  /** It is among the chunks of its size that have room. */
  isListed = true;

  constructor(block: Block, number: number, pieceUnits: number) {
    this.block = block;
    this.bytes = Buffer.from(block.buffer, block.offset, CHUNK_BYTES);
    this.number = number;
    this.pieceUnits = pieceUnits;
    this.pieces = Math.floor(UNITS / pieceUnits);
  }

  take(): number {
    this.used += 1;
    let piece = this.free;
    if (piece === NONE) {
      piece = this.fresh;
      this.fresh += 1;
    } else {
      this.free = this.bytes.readUInt16LE(piece * this.pieceUnits * UNIT);
    }
    return this.number * UNITS + piece * this.pieceUnits;
  }

  give(unit: number): void {
    this.used -= 1;
    this.bytes.writeUInt16LE(this.free, unit * UNIT);
    this.free = unit / this.pieceUnits;
  }
}

export class Arena {
  readonly #chunks: (Chunk | undefined)[] = [];
  readonly #freeNumbers: number[] = [];
  readonly #slabs = new Slabs(CHUNK_BYTES);
  /** Chunks with room, by the units of their pieces. */
  readonly #open: Chunk[][] = Array.from({ length: PIECE_MAX / UNIT + 1 }, () => []);

  /** Octets of all chunks. */
  get bytes(): number {
    return this.#slabs.bytes;
  }

  /** A place for so many octets, PIECE_MAX at most. */
  take(length: number): number {
    const units = Math.max(1, Math.ceil(length / UNIT));
    const open = this.#open[units] as Chunk[];
    let chunk = open[open.length - 1];
    if (chunk === undefined) {
      chunk = new Chunk(this.#slabs.take(), this.#freeNumbers.pop() ?? this.#chunks.length, units);
      this.#chunks[chunk.number] = chunk;
      open.push(chunk);
    }
    const place = chunk.take();
    if (chunk.used === chunk.pieces) {
      open.pop();
      chunk.isListed = false;
    }
    return place;
  }

  give(place: number): void {
    const chunk = this.#chunks[Math.floor(place / UNITS)] as Chunk;
    chunk.give(place % UNITS);
    const open = this.#open[chunk.pieceUnits] as Chunk[];
    if (!chunk.isListed) {
      chunk.isListed = true;
      open.push(chunk);
    }
    if (chunk.used > 0 || open.length === 1) return;
    open.splice(open.indexOf(chunk), 1);
    this.#chunks[chunk.number] = undefined;
    this.#freeNumbers.push(chunk.number);
    this.#slabs.give(chunk.block);
  }

  /** The chunk in which a place lies; it begins at `offsetOf`. */
  bufferOf(place: number): Buffer {
    return (this.#chunks[Math.floor(place / UNITS)] as Chunk).bytes;
  }

  offsetOf(place: number): number {
    return (place % UNITS) * UNIT;
  }
}

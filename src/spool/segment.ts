// One segment of a log, as it is known in memory: its file, how far it is written, and how much of it still lives.
//
// The rule to know: a file may be recycled only when no live message, no reader and no needed note is left in it.
// `home` counts in `endings` tell which other segments its settled notes speak of; they are needed as long as those segments exist.
// The first 64 bytes of the file: 0 "IMPSEG1\n", 8 spool id, 12 log, 16 generation (6), 24 size (6), 32 flags (1: one large message), 60 crc32.
// It does no I/O (segment-store.ts does). Truth: design section 6.

import { crc32 } from 'node:zlib';

export const segmentHeaderBytes = 64;
const segmentMagic = Buffer.from('IMPSEG1\n', 'latin1');

interface SegmentHeader {
  spoolId: number;
  log: number;
  generation: number;
  size: number;
  isLarge: boolean;
}

export function writeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(segmentHeaderBytes);
  segmentMagic.copy(bytes);
  bytes.writeUInt32LE(header.spoolId, 8);
  bytes.writeUInt32LE(header.log, 12);
  bytes.writeUIntLE(header.generation, 16, 6);
  bytes.writeUIntLE(header.size, 24, 6);
  bytes.writeUInt32LE(header.isLarge ? 1 : 0, 32);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
  return bytes;
}

/** 'garbled' when it is no header of ours at all. */
export function readSegmentHeader(bytes: Buffer): SegmentHeader | 'garbled' {
  if (bytes.length < segmentHeaderBytes || !bytes.subarray(0, 8).equals(segmentMagic)) return 'garbled';
  if (crc32(bytes.subarray(0, 60)) !== bytes.readUInt32LE(60)) return 'garbled';
  return {
    spoolId: bytes.readUInt32LE(8),
    log: bytes.readUInt32LE(12),
    generation: bytes.readUIntLE(16, 6),
    size: bytes.readUIntLE(24, 6),
    isLarge: bytes.readUInt32LE(32) === 1,
  };
}

type SegmentState = 'ready' | 'active' | 'sealed' | 'large' | 'gone';

export class Segment {
  readonly log: number;
  readonly generation: number;
  /** What the checksums of its records start from. */
  readonly seed: number;
  readonly path: string;
  readonly isLarge: boolean;
  /** Only notes may be written: it was made of the reserve. */
  readonly isReserve: boolean;
  /** Its number in the spool's table; the batch index names segments by it. */
  slot = -1;
  size: number;
  /** -1 when the file is not open at the moment. */
  fd = -1;
  state: SegmentState = 'ready';
  /** Where the next record goes; all before it is durable. */
  offset = segmentHeaderBytes;
  /** Records and notes numbered in this generation. */
  step = 0;
  live = 0;
  liveBytes = 0;
  readers = 0;
  /** Damage in it could not be copied away: it stays. */
  isPinned = false;
  /** Offsets of its note records. */
  readonly noteOffsets: number[] = [];
  /** Whether a note in it speaks of deferrals, outcomes or rebinds: then the records must be read before it goes. */
  hasStateNotes = false;
  /** Generations that its settled, aborted and sealed notes speak of (its own excepted). */
  readonly endings = new Set<number>();
  /** Called when the last reader leaves. */
  onIdle: (() => void) | undefined;

  constructor(o: { log: number; generation: number; seed: number; path: string; size: number; isLarge?: boolean; isReserve?: boolean }) {
    this.log = o.log;
    this.generation = o.generation;
    this.seed = o.seed;
    this.path = o.path;
    this.size = o.size;
    this.isLarge = o.isLarge === true;
    this.isReserve = o.isReserve === true;
  }

  acquire(): void {
    this.readers += 1;
  }

  release(): void {
    this.readers -= 1;
    if (this.readers > 0) return;
    const idle = this.onIdle;
    this.onIdle = undefined;
    idle?.();
  }
}

// Reads a segment from one end to the other in windows of 1 MiB, believes what its checksums prove, and finds its way behind damage.
//
// The rule to know: records of another generation are no damage (the segment was used before); damage is a record of this generation
// that does not hold, or a gap before one that does. Behind damage the magic is searched on 8-byte boundaries, so one bad
// sector costs the records in it and no more (A67). Memory is a window and the largest record.
// It does not judge what records say (recovery.ts, check.ts). Truth: record.ts; design section 6.

import { type SpoolFs, readAllAsync } from './disk.ts';
import {
  readRecord,
  recordAlign,
  recordBytes,
  recordHeaderBytes,
  type RecordHome,
  recordMagicBytes,
  recordType,
  type RecordView,
} from './record.ts';
import { segmentHeaderBytes } from './segment.ts';

const windowBytes = 1024 * 1024;

interface ScanSink {
  /** A good record: its payload lies at `at` in `buffer`, for the time of the call. */
  record(view: RecordView, buffer: Buffer, at: number, offset: number, bytes: number): void;
  /** 'torn': the last write before a crash; 'garbled': bytes before a good record that are none. */
  damage(kind: 'torn' | 'garbled', offset: number, bytes: number): void;
}

/** A window over a file that moves forward. */
export class FileWindow {
  readonly #disk: SpoolFs;
  readonly #fd: number;
  readonly size: number;
  buffer = Buffer.allocUnsafeSlow(windowBytes);
  start = 0;
  end = 0;

  constructor(disk: SpoolFs, fd: number, size: number) {
    this.#disk = disk;
    this.#fd = fd;
    this.size = size;
  }

  /** Makes [offset, offset + bytes) present as far as the file goes. True without I/O when it is there already. */
  holds(offset: number, bytes: number): boolean {
    return offset >= this.start && (offset + bytes <= this.end || (this.end === this.size && offset <= this.end));
  }

  async load(offset: number, bytes: number): Promise<void> {
    if (bytes > this.buffer.length) this.buffer = Buffer.allocUnsafeSlow(bytes);
    const want = Math.min(this.buffer.length, this.size - offset);
    const got = await readAllAsync(this.#disk, this.#fd, this.buffer, 0, want, offset);
    this.start = offset;
    this.end = offset + got;
    if (got < want) throw new Error('EIO: the file is shorter than it was');
  }
}

/** Answers where the believed part ends. */
export async function scanSegment(disk: SpoolFs, fd: number, size: number, home: RecordHome, sink: ScanSink): Promise<number> {
  const window = new FileWindow(disk, fd, size);
  const view: RecordView = { type: 0, payload: 0, generation: 0, step: 0 };
  let offset = segmentHeaderBytes;
  for (;;) {
    if (offset >= size) return offset;
    if (!window.holds(offset, recordHeaderBytes)) await window.load(offset, recordHeaderBytes);
    const at = offset - window.start;
    let finding = readRecord(window.buffer, at, window.end - offset, home, view);
    if (finding === 'short' && window.end < size) {
      await window.load(offset, recordBytes(view.payload));
      continue;
    }
    if (finding === 'short') finding = view.payload > 0 ? 'bad' : 'none';
    if (finding === 'good') {
      if (view.type === recordType.end) return offset;
      const bytes = recordBytes(view.payload);
      sink.record(view, window.buffer, at + recordHeaderBytes, offset, bytes);
      offset += bytes;
      continue;
    }
    const claimed = finding === 'bad' ? recordBytes(view.payload) : 0;
    const next = await findRecord(window, offset + recordAlign, home);
    if (next < 0) {
      if (claimed > 0) sink.damage('torn', offset, Math.min(claimed, size - offset));
      return offset;
    }
    sink.damage('garbled', offset, next - offset);
    offset = next;
  }
}

/** The next good record of this generation at or behind `from`, or -1. */
async function findRecord(window: FileWindow, from: number, home: RecordHome): Promise<number> {
  const view: RecordView = { type: 0, payload: 0, generation: 0, step: 0 };
  let offset = from;
  while (offset + recordHeaderBytes <= window.size) {
    if (offset < window.start || offset >= window.end) await window.load(offset, recordHeaderBytes);
    const hit = window.buffer.subarray(0, window.end - window.start).indexOf(recordMagicBytes, offset - window.start);
    if (hit < 0) {
      if (window.end >= window.size) return -1;
      // The magic may straddle the edge of the window.
      offset = window.end - recordMagicBytes.length;
      await window.load(offset, recordHeaderBytes);
      continue;
    }
    const place = window.start + hit;
    offset = place + 1;
    if (place % recordAlign !== 0) continue;
    const finding = readRecord(window.buffer, hit, window.end - place, home, view);
    if (finding === 'good') return place;
    if (finding === 'short' && window.end < window.size) {
      await window.load(place, recordBytes(view.payload));
      offset = place;
    }
  }
  return -1;
}

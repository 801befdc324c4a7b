// How one record lies in a segment: a header of 32 bytes, the payload, zeros up to a multiple of 8.
//
// The rule to know: the checksum covers header and payload, and the header names the generation of the segment, because a recycled
// segment is full of old records that are valid in themselves. A record is believed only under the generation of its own file.
// Layout, little-endian: 0 magic, 4 crc32 of [8, end of payload), 8 type, 12 payload length, 16 generation (6 bytes), 24 sequence.
// The checksum starts from a secret number of the log, so nobody can mail us bytes that pass for a record when we search behind damage.
// It does not know what payloads mean (message-payload.ts, note-entry.ts). Truth: docs/protocols/spool.md; design section 6.

import { crc32 } from 'node:zlib';

export const recordType = { message: 1, part: 2, commit: 3, notes: 4, end: 5 } as const;
export type RecordType = (typeof recordType)[keyof typeof recordType];

export const recordHeaderBytes = 32;
export const recordAlign = 8;
const recordMagic = 0x31_52_4d_49; // "IMR1"
/** The same as bytes, to look for records behind damage. */
export const recordMagicBytes = Buffer.from('IMR1', 'latin1');
/** The longest payload; an envelope that does not fit is refused. 32 MiB and a part. */
export const recordPayloadMax = 33 * 1024 * 1024;

/** One order for all that a log says: generation first, then the place in it. 2^26 steps a generation. */
const stepsPerGeneration = 2 ** 26;
export function sequenceOf(generation: number, step: number): number {
  return generation * stepsPerGeneration + step;
}

/** Bytes on disk of a record with this payload. */
export function recordBytes(payload: number): number {
  return (recordHeaderBytes + payload + recordAlign - 1) & ~(recordAlign - 1);
}

/** Where a record belongs: the generation of its segment, and the number that its log's checksums start from. */
export interface RecordHome {
  readonly generation: number;
  readonly seed: number;
}

/** The number that the checksums of one log start from. */
export function seedOf(spoolId: number, log: number): number {
  return (spoolId ^ Math.imul(log + 1, 0x9e3779b1)) >>> 0;
}

/** Writes the header before a payload that is already at `at` + 32, and the padding behind it. Answers where the next record begins. */
export function sealRecord(buffer: Buffer, at: number, type: RecordType, payload: number, home: RecordHome, step: number): number {
  buffer.writeUInt32LE(recordMagic, at);
  buffer.writeUInt32LE(type, at + 8);
  buffer.writeUInt32LE(payload, at + 12);
  buffer.writeUIntLE(home.generation, at + 16, 6);
  buffer.writeUInt16LE(0, at + 22);
  buffer.writeUInt32LE(step, at + 24);
  buffer.writeUInt32LE(0, at + 28);
  const end = at + recordHeaderBytes + payload;
  buffer.writeUInt32LE(crc32(buffer.subarray(at + 8, end), home.seed), at + 4);
  const next = at + recordBytes(payload);
  if (next > end) buffer.fill(0, end, next);
  return next;
}

/** What `readRecord` found; one object is used again and again. */
export interface RecordView {
  type: number;
  payload: number;
  generation: number;
  step: number;
}

/**
 * 'good'; 'short' (more bytes are needed, `view.payload` tells how many when the header is there); 'none' (no record begins here);
 * 'stale' (a record of another generation); 'bad' (begins like ours, but length or checksum is wrong).
 */
type RecordFinding = 'good' | 'short' | 'none' | 'stale' | 'bad';

export function readRecord(buffer: Buffer, at: number, available: number, home: RecordHome, view: RecordView): RecordFinding {
  view.payload = 0;
  if (available < recordHeaderBytes) return 'short';
  view.generation = buffer.readUIntLE(at + 16, 6);
  // Our generation in its place without our magic: a record whose first bytes were damaged.
  if (buffer.readUInt32LE(at) !== recordMagic) return view.generation === home.generation ? 'bad' : 'none';
  const payload = buffer.readUInt32LE(at + 12);
  if (view.generation !== home.generation) return 'stale';
  if (payload > recordPayloadMax) return 'bad';
  view.payload = payload;
  view.type = buffer.readUInt32LE(at + 8);
  view.step = buffer.readUInt32LE(at + 24);
  const end = recordHeaderBytes + payload;
  if (available < end) return 'short';
  return crc32(buffer.subarray(at + 8, at + end), home.seed) === buffer.readUInt32LE(at + 4) ? 'good' : 'bad';
}

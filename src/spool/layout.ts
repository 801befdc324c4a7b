// Where things lie below SpoolBase, and the sizes that bound them.
//
// SpoolBase/impetus-spool      marker: this directory is ours, format version, id of the spool
// SpoolBase/lock               flock of the process that owns the spool        SpoolBase/instance/NNNNN  leased id numbers
// SpoolBase/L/GGGGGGGGGGGG.seg one segment of log L (a loop's number)          L/*.free spare   L/reserve  help out of a full disk
// SpoolBase/quarantine/        copies of what could not be read
// The rule to know: generations never repeat in a log: the next one is greater than that of any file name there, spares included.
// What has another name is not ours: it is reported once and never touched.

import { join } from 'node:path';

export const formatVersion = 1;
export const markerName = 'impetus-spool';
export const lockName = 'lock';
export const instanceDirectory = 'instance';
export const quarantineDirectory = 'quarantine';
export const reserveName = 'reserve';

/** Bytes of a full segment. */
export const segmentBytesDefault = 64 * 1024 * 1024;
/** The first segment of a log, and one that is needed before a full one is ready: quick to fill with zeros. */
export const segmentBytesQuick = 4 * 1024 * 1024;
/** Larger messages are streamed into a segment of their own (Large_Message_Threshold, SPL-08). */
export const largeMessageBytesDefault = 131_072;
/** Spare segments kept for reuse in each log; more are removed. */
export const spareSegmentsMax = 2;
/** The reserve that lets notes be written when the disk is full. */
export const reserveBytes = 1024 * 1024;
/** One write holds at most this; what does not fit waits for the next one. */
export const batchBytesMax = 1024 * 1024;
/** Bytes of unfinished small messages in memory, per loop; beyond it a message goes to a segment of its own at once. */
export const draftBytesMax = 64 * 1024 * 1024;
/** Bytes of a part of a large message at most. */
export const largePartBytes = 256 * 1024;
/** Bytes of a large message that are worth a write while more are to come. */
export const largePartWorth = 64 * 1024;
/** The most that is set aside for a part when memory is short: it is written at once, and its memory is not kept. */
export const largePartShort = 16 * 1024;
/** Bytes of one large message waiting for the disk at which it fails, because its reader did not wait. */
export const largeWaitingMax = 1024 * 1024;
/** Parts of a loop being filled or written from which on each message gets along with one at a time. */
export const partsAtEase = 16;
/** Memory of parts kept for the next ones. */
export const partSparesMax = 16;
/** Notes waiting for the disk: above the first deferrals are forgotten, above the second anything is (duplicates after a crash, no loss). */
export const noteBytesSoft = 16 * 1024 * 1024;
export const noteBytesHard = 64 * 1024 * 1024;
/** Open files of segments that are only read. */
export const openSegmentsMax = 128;
/** A body up to this size is read on the loop when its segment is fresh (1.6 us from the page cache against 10 us by callback). */
export const syncReadBytesMax = 64 * 1024;
/** After a failed attempt to open a segment, the next one waits this long; mail is refused meanwhile. */
export const retryAfterMs = 250;

interface SegmentName {
  generation: number;
  kind: 'seg' | 'free' | 'new';
}

export function segmentName(generation: number, kind: 'seg' | 'free' | 'new'): string {
  return `${String(generation).padStart(12, '0')}.${kind}`;
}

export function parseSegmentName(name: string): SegmentName | undefined {
  const match = /^(\d{12})\.(seg|free|new)$/.exec(name);
  if (match === null) return undefined;
  return { generation: Number(match[1]), kind: match[2] as SegmentName['kind'] };
}

/** The number of a log directory, or undefined when the name is none. */
export function parseLogName(name: string): number | undefined {
  return /^(0|[1-9]\d{0,4})$/.test(name) ? Number(name) : undefined;
}

export function logDirectory(spool: string, log: number): string {
  return join(spool, String(log));
}

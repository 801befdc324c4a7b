// Reads all segments of one log and joins messages with the notes about them: which batches live, where, and what was noted.
//
// The rule to know: newest segment first, so that a seal is known before the segment it speaks of, and of two copies of a batch (copied
// forward, then a crash) the newer is met first and counts. Notes may be met before or after their message.
// Memory: about 60 bytes a batch that is on the disk, 40 a note that still counts. It reads only; what to do about damage is its caller's.
// Truth: design section 6; A67.

import { BatchIndex } from './batch-index.ts';
import { type SpoolFs, readAllAsync } from './disk.ts';
import { type MessageHead, readHead } from './message-payload.ts';
import { emptyNote, noteHeaderBytes, noteKind, readNote } from './note-entry.ts';
import { recordHeaderBytes, type RecordHome, recordType, type RecordView, seedOf } from './record.ts';
import { scanSegment } from './scan.ts';
import { readSegmentHeader, segmentHeaderBytes } from './segment.ts';

const seenFlag = 1;
const deadFlag = 2;
const none = -1;

export interface ScannedSegment {
  generation: number;
  path: string;
  /** Bytes of the file. */
  fileBytes: number;
  size: number;
  isLarge: boolean;
  /** Where the believed part ends. */
  end: number;
  noteOffsets: number[];
  hasStateNotes: boolean;
  endings: Set<number>;
  records: number;
  /** It holds a record whose batch lives, or was ended, in another segment. */
  hasMovedOut: boolean;
}

export interface Damage {
  kind: 'torn' | 'garbled' | 'foreign' | 'empty';
  generation: number;
  path: string;
  /** undefined: the whole file. */
  place?: { offset: number; bytes: number };
}

export interface LiveBatch {
  generation: number;
  offset: number;
  bytes: number;
  recipients: number;
}

export class LogScan {
  readonly segments = new Map<number, ScannedSegment>();
  readonly damages: Damage[] = [];
  /** Messages seen that are settled, aborted or sealed away. */
  deadCount = 0;
  readonly #disk: SpoolFs;
  readonly #spoolId: number;
  readonly #log: number;
  readonly #index = new BatchIndex();
  readonly #flags: number[] = [];
  readonly #chain: number[] = [];
  /** The segment that a dead batch's ending names; none when endings name several. */
  readonly #homes: number[] = [];
  readonly #ids: string[] = [];
  readonly #seals = new Map<number, number>();
  readonly #noteNext: number[] = [];
  readonly #noteGeneration: number[] = [];
  readonly #noteOffset: number[] = [];
  readonly #noteBytes: number[] = [];
  readonly #noteSequence: number[] = [];
  readonly #noteIsForAll: boolean[] = [];
  readonly #keepsIds: boolean;

  /** @param o.keepsIds remembers the id of each batch as text (for the offline tool; a running server knows them from the envelope). */
  constructor(o: { disk: SpoolFs; spoolId: number; log: number; keepsIds?: boolean }) {
    this.#disk = o.disk;
    this.#spoolId = o.spoolId;
    this.#log = o.log;
    this.#keepsIds = o.keepsIds === true;
  }

  /** Scans one file; call it with falling generations. `fd` stays open. Throws what the disk throws. */
  async segment(fd: number, path: string, generation: number): Promise<void> {
    const fileBytes = await this.#disk.size(fd);
    const first = Buffer.alloc(segmentHeaderBytes);
    const got = await readAllAsync(this.#disk, fd, first, 0, segmentHeaderBytes, 0);
    if (got < segmentHeaderBytes) {
      this.damages.push({ kind: got === 0 ? 'empty' : 'torn', generation, path });
      return;
    }
    const header = readSegmentHeader(first);
    const isOurs = header !== 'garbled' && header.generation === generation && header.spoolId === this.#spoolId && header.log === this.#log;
    if (header !== 'garbled' && !isOurs) {
      this.damages.push({ kind: 'foreign', generation, path });
      return;
    }
    const scanned: ScannedSegment = {
      generation,
      path,
      fileBytes,
      size: header === 'garbled' || header.size === 0 ? fileBytes : header.size,
      isLarge: header !== 'garbled' && header.isLarge,
      end: segmentHeaderBytes,
      noteOffsets: [],
      hasStateNotes: false,
      endings: new Set(),
      records: 0,
      hasMovedOut: false,
    };
    const home: RecordHome = { generation, seed: seedOf(this.#spoolId, this.#log) };
    const parts = { count: 0, bytes: 0 };
    scanned.end = await scanSegment(this.#disk, fd, fileBytes, home, {
      record: (view, buffer, at, offset, bytes) => {
        scanned.records += 1;
        this.#record(scanned, parts, view, buffer, at, offset, bytes);
      },
      damage: (kind, offset, bytes) => this.damages.push({ kind, generation, path, place: { offset, bytes } }),
    });
    if (header === 'garbled' && scanned.records === 0) {
      this.damages.push({ kind: 'garbled', generation, path });
      return;
    }
    if (header === 'garbled') this.damages.push({ kind: 'garbled', generation, path, place: { offset: 0, bytes: segmentHeaderBytes } });
    this.segments.set(generation, scanned);
  }

  #record(
    segment: ScannedSegment,
    parts: { count: number; bytes: number },
    view: RecordView,
    buffer: Buffer,
    at: number,
    offset: number,
    bytes: number,
  ): void {
    if (view.type === recordType.notes) {
      segment.noteOffsets.push(offset);
      this.#notes(segment, buffer, at, view.payload, offset);
    } else if (view.type === recordType.part) {
      if (view.step === parts.count) parts.count += 1;
      parts.bytes += view.payload;
    } else if (view.type === recordType.message || view.type === recordType.commit) {
      const head = readHead(buffer, at, view.payload);
      const isWhole =
        head !== undefined &&
        (view.type === recordType.message || (head.parts === parts.count && head.bodyBytes === parts.bytes + head.inlineBytes));
      if (isWhole) this.#message(segment, head, offset, view.type === recordType.commit ? offset + bytes - segmentHeaderBytes : bytes);
      else this.damages.push({ kind: 'garbled', generation: segment.generation, path: segment.path, place: { offset, bytes } });
    }
  }

  #row(id: string): number {
    const found = this.#index.find(id);
    if (found >= 0) return found;
    const row = this.#index.add(id, none, 0, 0, 0);
    this.#flags[row] = 0;
    this.#chain[row] = none;
    if (this.#keepsIds) this.#ids[row] = id;
    return row;
  }

  #message(segment: ScannedSegment, head: MessageHead, offset: number, bytes: number): void {
    const seal = this.#seals.get(segment.generation);
    if (seal !== undefined && offset >= seal) {
      this.deadCount += 1;
      return;
    }
    const row = this.#row(head.id);
    const flags = this.#flags[row] ?? 0;
    if ((flags & seenFlag) !== 0) {
      segment.hasMovedOut = true;
      return;
    }
    this.#flags[row] = flags | seenFlag;
    this.#index.move(row, segment.generation, offset, bytes);
    this.#index.setRecipients(row, head.recipients);
  }

  #notes(segment: ScannedSegment, buffer: Buffer, from: number, payload: number, recordOffset: number): void {
    const end = from + payload;
    const entry = emptyNote();
    // From places in the buffer to places in the file.
    const shift = recordOffset + recordHeaderBytes - from;
    for (let at = from; readNote(buffer, at, end, entry); at = entry.end) {
      if (entry.kind === noteKind.sealed) {
        this.#seals.set(entry.home, Math.min(entry.offset, this.#seals.get(entry.home) ?? Infinity));
        segment.endings.add(entry.home);
      } else if (entry.kind === noteKind.settled || entry.kind === noteKind.aborted) {
        const row = this.#row(entry.id);
        const flags = this.#flags[row] ?? 0;
        this.#homes[row] = (flags & deadFlag) !== 0 && this.#homes[row] !== entry.home ? none : entry.home;
        this.#flags[row] = flags | deadFlag;
        if (entry.home !== segment.generation) segment.endings.add(entry.home);
      } else {
        segment.hasStateNotes = true;
        this.#stateNote(entry.id, entry.sequence, entry.isForAll, segment.generation, shift + entry.start, entry.end - entry.start);
      }
    }
  }

  #stateNote(id: string, sequence: number, isForAll: boolean, generation: number, offset: number, bytes: number): void {
    const row = this.#row(id);
    let node = isForAll ? this.#deferralOfAll(this.#chain[row] ?? none) : none;
    // Of deferrals of the whole batch only the latest counts: one node, however often it was tried.
    if (node >= 0) {
      if (sequence <= (this.#noteSequence[node] ?? 0)) return;
    } else {
      node = this.#noteNext.length;
      this.#noteNext.push(this.#chain[row] ?? none);
      this.#chain[row] = node;
    }
    this.#noteIsForAll[node] = isForAll;
    this.#noteSequence[node] = sequence;
    this.#noteGeneration[node] = generation;
    this.#noteOffset[node] = offset;
    this.#noteBytes[node] = bytes;
  }

  #deferralOfAll(first: number): number {
    let node = first;
    while (node >= 0 && this.#noteIsForAll[node] !== true) node = this.#noteNext[node] ?? none;
    return node;
  }

  /** What lives: rows by segment (rising) and place in it. */
  live(): Map<number, number[]> {
    const bySegment = new Map<number, number[]>();
    for (const generation of [...this.segments.keys()].sort((a, b) => a - b)) bySegment.set(generation, []);
    for (let row = 0; row < this.#index.rowsEnd; row += 1) {
      const flags = this.#flags[row] ?? 0;
      if ((flags & seenFlag) === 0) continue;
      if ((flags & deadFlag) !== 0) this.#countDead(row);
      else bySegment.get(this.#index.segmentOf(row))?.push(row);
    }
    for (const rows of bySegment.values()) rows.sort((a, b) => this.#index.offsetOf(a) - this.#index.offsetOf(b));
    return bySegment;
  }

  #countDead(row: number): void {
    this.deadCount += 1;
    const generation = this.#index.segmentOf(row);
    const home = this.#homes[row] ?? none;
    const segment = this.segments.get(generation);
    if (segment !== undefined && home !== none && home !== generation) segment.hasMovedOut = true;
  }

  batch(row: number): LiveBatch {
    return {
      generation: this.#index.segmentOf(row),
      offset: this.#index.offsetOf(row),
      bytes: this.#index.bytesOf(row),
      recipients: this.#index.recipientsOf(row),
    };
  }

  /** The text of a batch's id, when they are kept. */
  idOf(row: number): string {
    return this.#ids[row] ?? '';
  }

  /** The notes of a batch, oldest first: where their bytes lie. */
  notesOf(row: number): { generation: number; offset: number; bytes: number }[] {
    const nodes: number[] = [];
    for (let node = this.#chain[row] ?? none; node >= 0; node = this.#noteNext[node] ?? none) nodes.push(node);
    nodes.sort((a, b) => (this.#noteSequence[a] ?? 0) - (this.#noteSequence[b] ?? 0));
    return nodes.map((node) => ({
      generation: this.#noteGeneration[node] ?? 0,
      offset: this.#noteOffset[node] ?? 0,
      bytes: this.#noteBytes[node] ?? noteHeaderBytes,
    }));
  }
}

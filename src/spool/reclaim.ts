// Cleaning behind a log: dead segments are reused or removed, mostly dead ones are copied forward first.
//
// The rule to know: before a segment goes, the notes in it that are still needed are written again: state of batches that live elsewhere, and
// endings (settled, aborted, sealed) that speak of segments which still exist. It goes only when no reader is in it, those notes are
// durable, and nothing lives there; the directory is synced before its generation counts as gone.
// One segment at a time, in the background. What fails is tried again when the next segment is sealed. Truth: design section 6.

import type { BatchIndex } from './batch-index.ts';
import { CopyForward } from './copy-forward.ts';
import { readAllAsync, type SpoolFs } from './disk.ts';
import type { GroupCommit } from './group-commit.ts';
import { emptyNote, noteKind, readNote } from './note-entry.ts';
import { recordHeaderBytes, recordPayloadMax, recordType, readRecord } from './record.ts';
import type { Segment } from './segment.ts';
import type { SegmentStore } from './segment-store.ts';

/** Copying forward begins when sealed segments hold this many segments' worth of dead bytes. */
const deadSegmentsMax = 4;
/** A segment with more than this share alive is not worth copying. */
const liveShareMax = 0.5;

interface ReclaimOptions {
  disk: SpoolFs;
  store: SegmentStore;
  group: GroupCommit;
  index: BatchIndex;
  panic(text: string): void;
}

export class Reclaimer {
  readonly #o: ReclaimOptions;
  #dead: Segment[] = [];
  #isRunning = false;
  #isStopped = false;
  #wantsCheck = false;
  #hasComplained = false;
  #onIdle: (() => void)[] = [];

  constructor(o: ReclaimOptions) {
    this.#o = o;
  }

  /** A segment has been written to its end. */
  sealed(segment: Segment): void {
    if (segment.live === 0) this.#dead.push(segment);
    this.#wantsCheck = true;
    this.#start();
  }

  /** The last live batch of a segment has gone. */
  dead(segment: Segment): void {
    if (segment.state !== 'sealed' && segment.state !== 'large') return;
    this.#dead.push(segment);
    this.#start();
  }

  /** No new work; what runs ends at its next step. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Resolves when nothing runs. */
  idle(): Promise<void> {
    if (!this.#isRunning) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #start(): void {
    if (this.#isRunning || this.#isStopped) return;
    this.#isRunning = true;
    setImmediate(() => {
      this.#run().then(
        () => this.#rest(),
        (error: unknown) => {
          if (!this.#hasComplained) this.#o.panic(`spool: cannot clean ${this.#o.store.o.directory}: ${String(error)}; it goes on later`);
          this.#hasComplained = true;
          this.#rest();
        },
      );
    });
  }

  #rest(): void {
    this.#isRunning = false;
    const idle = this.#onIdle;
    this.#onIdle = [];
    for (const done of idle) done();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const segment = this.#dead.shift();
      if (segment !== undefined) {
        await this.#free(segment);
        continue;
      }
      if (!this.#wantsCheck) return;
      this.#wantsCheck = false;
      const sparse = this.#sparsest();
      if (sparse === undefined) continue;
      const isCopied = await new CopyForward({ ...this.#o, isStopped: () => this.#isStopped }).run(sparse);
      if (!isCopied) return;
      this.#dead.push(sparse);
      this.#wantsCheck = true;
    }
  }

  /** A segment that was left half copied, else the one with the smallest living share, when there is enough to gain. */
  #sparsest(): Segment | undefined {
    for (const segment of this.#o.store.movedOut) if (segment.state === 'sealed' && !segment.isPinned && segment.live > 0) return segment;
    let dead = 0;
    let best: Segment | undefined;
    for (const segment of this.#o.store.segments.values()) {
      if (segment.state !== 'sealed' || segment.isPinned || segment.live === 0) continue;
      dead += segment.offset - segment.liveBytes;
      const share = segment.liveBytes / segment.offset;
      if (share <= liveShareMax && (best === undefined || share < best.liveBytes / best.offset)) best = segment;
    }
    return dead > deadSegmentsMax * this.#o.store.o.segmentBytes ? best : undefined;
  }

  async #free(segment: Segment): Promise<void> {
    if (segment.state === 'gone' || segment.live > 0 || segment.isPinned) return;
    await this.#carryNotes(segment);
    if (segment.readers > 0) await new Promise<void>((resolve) => (segment.onIdle = resolve));
    if (this.#isStopped || segment.live > 0) return;
    try {
      await this.#o.store.free(segment);
      this.#hasComplained = false;
    } catch (error) {
      // First again next time: what was moved out of it must not be forgotten elsewhere before it is gone.
      this.#dead.unshift(segment);
      throw error;
    }
  }

  /** Writes the notes again that outlive this segment; resolves when they are durable. */
  async #carryNotes(segment: Segment): Promise<void> {
    const { store, group } = this.#o;
    let isNeeded = segment.hasStateNotes || this.#keepsEndings(segment);
    for (const home of segment.endings) isNeeded ||= store.has(home);
    if (!isNeeded || segment.noteOffsets.length === 0) return;
    segment.acquire();
    try {
      const fd = await store.openForRead(segment);
      for (const offset of segment.noteOffsets) await this.#carryRecord(segment, fd, offset);
    } finally {
      segment.release();
    }
    await new Promise<void>((resolve) => group.notes.whenDurable(resolve));
  }

  async #carryRecord(segment: Segment, fd: number, offset: number): Promise<void> {
    const head = Buffer.allocUnsafe(recordHeaderBytes);
    await readAllAsync(this.#o.disk, fd, head, 0, head.length, offset);
    const bytes = recordHeaderBytes + Math.min(head.readUInt32LE(12), recordPayloadMax);
    const record = Buffer.allocUnsafe(bytes);
    await readAllAsync(this.#o.disk, fd, record, 0, bytes, offset);
    const view = { type: 0, payload: 0, generation: 0, step: 0 };
    if (readRecord(record, 0, bytes, segment, view) !== 'good' || view.type !== recordType.notes) {
      segment.isPinned = true;
      throw new Error(`the notes at ${offset} of ${segment.path} cannot be read; the segment is kept`);
    }
    const entry = emptyNote();
    for (let at = recordHeaderBytes; readNote(record, at, bytes, entry); at = entry.end) {
      if (this.#isNeeded(entry.kind, entry.id, entry.home, segment))
        this.#o.group.note(Buffer.from(record.subarray(entry.start, entry.end)));
    }
  }

  /** Another segment holds records that only endings elsewhere keep dead (a copy was made, but the original could not be removed). */
  #keepsEndings(segment: Segment): boolean {
    const { movedOut } = this.#o.store;
    return movedOut.size > (movedOut.has(segment) ? 1 : 0);
  }

  #isNeeded(kind: number, id: string, home: number, segment: Segment): boolean {
    if (kind < noteKind.settled || kind > noteKind.sealed) return this.#o.index.find(id) >= 0;
    return this.#keepsEndings(segment) || (home !== segment.generation && this.#o.store.has(home));
  }
}

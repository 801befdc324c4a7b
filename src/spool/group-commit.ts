// The writer of one log: what waits at one moment goes out as one durable write, and the next batch gathers meanwhile.
//
// The rule to know: one write is in flight, it starts at once when none is (no fixed wait), and nothing counts before its callback.
// After a failed write nothing since the last good byte is believed: the segment is sealed there, a seal note opens the next one, and only
// then are the sessions told (452). While no segment can be had, mail is refused at once and an attempt is made every 250 ms.
// Writes are O_DSYNC on preallocated blocks (measured here: a quarter quicker than write + fdatasync for one client, equal for many).
// It does not know what the records mean. Truth: design section 6; A62.

import type { Clock } from '#base';
import { type Fault, type SpoolFs, writeAll } from './disk.ts';
import { diskError, SpoolError } from './errors.ts';
import { batchBytesMax, retryAfterMs } from './layout.ts';
import { encodeSeal } from './note-entry.ts';
import { NoteStage } from './note-stage.ts';
import { recordBytes, recordHeaderBytes, recordType, type RecordType, sealRecord, sequenceOf } from './record.ts';
import type { Segment } from './segment.ts';
import type { SegmentStore } from './segment-store.ts';

/** Something that becomes one record. The object itself is kept: no closure for each message. */
export interface PendingRecord {
  readonly type: RecordType;
  readonly payloadBytes: number;
  writePayload(buffer: Buffer, at: number): void;
  /** Durable now, and here: for accounts only. */
  placed(segment: Segment, offset: number, bytes: number): void;
  /** Called after the next batch has left: for answers. */
  confirmed(): void;
  refused(error: SpoolError): void;
}

interface GroupCommitOptions {
  disk: SpoolFs;
  store: SegmentStore;
  clock: Clock;
  panic(text: string): void;
  /** Runs `work` after some milliseconds, once; undefined: notes that could not be written wait for the next call. */
  later: ((ms: number, work: () => void) => void) | undefined;
  /** A segment that will not be written any more. */
  onSealed(segment: Segment): void;
}

const endBytes = recordBytes(0);

export class GroupCommit {
  readonly notes = new NoteStage();
  readonly #o: GroupCommitOptions;
  readonly #buffers = [Buffer.allocUnsafeSlow(batchBytesMax), Buffer.allocUnsafeSlow(batchBytesMax)] as const;
  #turn: 0 | 1 = 0;
  #segment: Segment | undefined;
  #sequenceGeneration: number;
  #step = 0;
  #queue: PendingRecord[] = [];
  #queueStart = 0;
  /** The batch in flight: its records with their offsets, where it began and ends. */
  #batch: PendingRecord[] = [];
  #batchOffsets: number[] = [];
  #batchEnd = 0;
  #batchNotesAt = -1;
  /** Refused already, but told only when the seal is durable or cannot be made so. */
  #refused: PendingRecord[] = [];
  #isWriting = false;
  #isOpening = false;
  #isScheduled = false;
  #isClosed = false;
  #lastError: SpoolError | undefined;
  #refusal: SpoolError | undefined;
  #failedAt = -retryAfterMs;
  #retryAt = 0;
  #isRetryPlanned = false;
  #onQuiet: (() => void)[] = [];
  /** Writes made, for figures. */
  batches = 0;

  constructor(o: GroupCommitOptions) {
    this.#o = o;
    this.#sequenceGeneration = o.store.lastGeneration + 1;
  }

  get segment(): Segment | undefined {
    return this.#segment;
  }

  /** A new place in the log's order. */
  nextSequence(): number {
    this.#step += 1;
    return sequenceOf(this.#sequenceGeneration, this.#step);
  }

  commit(record: PendingRecord): void {
    if (this.#isClosed) {
      record.refused(new SpoolError('closed', 'the spool is closed'));
      return;
    }
    this.#queue.push(record);
    this.#kick();
  }

  note(entry: Buffer): void {
    if (!this.notes.push(entry) && this.notes.forgotten === 1) {
      this.#o.panic('spool: too many state notes wait for the disk; some are forgotten, mail may be sent twice after a crash');
    }
    this.#kickLater();
  }

  /** Records that wait, without those in flight. */
  get waiting(): number {
    return this.#queue.length - this.#queueStart;
  }

  #kick(): void {
    if (this.#isWriting || this.#isOpening || this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(this.#run);
  }

  #kickLater(): void {
    if (this.#isWriting || this.#isOpening || this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#run);
  }

  readonly #run = (): void => {
    this.#isScheduled = false;
    this.#flush();
  };

  #flush(): void {
    if (this.#isWriting || this.#isOpening || this.#isClosed) return;
    if (this.waiting === 0 && this.notes.isEmpty) {
      this.#tellRefused();
      const quiet = this.#onQuiet;
      this.#onQuiet = [];
      for (const done of quiet) done();
      return;
    }
    const segment = this.#segment;
    if (segment === undefined) {
      if (this.#o.clock.mono() >= this.#retryAt) this.#openNext();
      else this.#standStill();
      return;
    }
    if (segment.isReserve && this.waiting > 0) {
      if (this.#o.clock.mono() >= this.#retryAt) {
        this.#openNext();
        return;
      }
      this.#refuseQueue();
    }
    if (this.#fillBatch(segment)) this.#write(segment);
    else if (this.waiting === 0 && this.notes.isEmpty) this.#flush();
    else if (this.#o.clock.mono() >= this.#retryAt) this.#openNext();
    else this.#standStill();
  }

  /** Gathers the next batch. False when nothing fits this segment. */
  #fillBatch(segment: Segment): boolean {
    this.#turn = this.#turn === 0 ? 1 : 0;
    let buffer = this.#buffers[this.#turn];
    const first = this.#queue[this.#queueStart];
    const firstBytes = first === undefined ? 0 : recordBytes(first.payloadBytes);
    const room = Math.min(Math.max(buffer.length, firstBytes), segment.size - segment.offset - endBytes);
    let at = 0;
    this.#batchNotesAt = -1;
    const notesRoom = Math.min(room, buffer.length) - recordHeaderBytes - 8;
    if (!this.notes.isEmpty && notesRoom > 0) {
      const used = this.notes.fill(buffer, recordHeaderBytes, notesRoom, segment);
      if (used > 0) {
        this.#batchNotesAt = 0;
        at = this.#seal(buffer, 0, recordType.notes, used, segment);
      }
    }
    if (at === 0 && firstBytes > buffer.length && firstBytes <= room) buffer = Buffer.allocUnsafeSlow(firstBytes);
    const limit = Math.min(room, buffer.length);
    while (this.#queueStart < this.#queue.length) {
      const record = this.#queue[this.#queueStart];
      if (record === undefined || at + recordBytes(record.payloadBytes) > limit) break;
      record.writePayload(buffer, at + recordHeaderBytes);
      this.#batch.push(record);
      this.#batchOffsets.push(segment.offset + at);
      at = this.#seal(buffer, at, record.type, record.payloadBytes, segment);
      this.#queueStart += 1;
    }
    if (this.#queueStart === this.#queue.length) {
      this.#queue = [];
      this.#queueStart = 0;
    }
    this.#batchEnd = at;
    this.#inHand = buffer;
    return at > 0;
  }

  #inHand: Buffer = this.#buffers[0];

  #seal(buffer: Buffer, at: number, type: RecordType, payload: number, segment: Segment): number {
    this.#step += 1;
    return sealRecord(buffer, at, type, payload, segment, this.#step);
  }

  #write(segment: Segment): void {
    this.#isWriting = true;
    this.batches += 1;
    writeAll(this.#o.disk, segment.fd, this.#inHand, this.#batchEnd, segment.offset, this.#onWritten);
  }

  readonly #onWritten = (error: Fault): void => {
    const segment = this.#segment;
    this.#isWriting = false;
    const records = this.#batch;
    const offsets = this.#batchOffsets;
    this.#batch = [];
    this.#batchOffsets = [];
    if (segment === undefined) return;
    if (error !== null) {
      this.#fail(segment, error, records);
      return;
    }
    if (this.#batchNotesAt >= 0) segment.noteOffsets.push(segment.offset);
    const end = segment.offset + this.#batchEnd;
    segment.offset = end;
    if (end * 2 > segment.size) this.#o.store.prepare();
    this.notes.settleBatch();
    for (let i = 0; i < records.length; i += 1) {
      const offset = offsets[i] ?? 0;
      records[i]?.placed(segment, offset, (offsets[i + 1] ?? end) - offset);
    }
    this.#tellRefused();
    // The next batch leaves before the sessions of this one are answered: the disk does not wait for replies.
    this.#flush();
    for (const record of records) record.confirmed();
  };

  #fail(segment: Segment, error: Fault, records: PendingRecord[]): void {
    this.#lastError = diskError(error, `write ${segment.path}`);
    this.#o.panic(`spool: ${this.#lastError.message}; ${records.length} messages refused, the segment ends at ${segment.offset}`);
    this.notes.failBatch();
    this.notes.pushFirst(encodeSeal(this.nextSequence(), segment.generation, segment.offset));
    this.#refused.push(...records);
    // Not for reuse: its blocks failed once. A size of its own makes it go instead.
    segment.size = Math.max(segment.offset, 1);
    this.#leave(segment);
    this.#refusal = this.#lastError;
    const now = this.#o.clock.mono();
    const isSecond = now - this.#failedAt < retryAfterMs;
    this.#failedAt = now;
    if (!isSecond) {
      this.#openNext();
      return;
    }
    this.#retryAt = now + retryAfterMs;
    this.#standStill();
  }

  #leave(segment: Segment): void {
    this.#segment = undefined;
    segment.state = 'sealed';
    this.#o.store.keepOpen(segment);
    this.#o.onSealed(segment);
  }

  #openNext(): void {
    this.#isOpening = true;
    this.#o.store.take(!this.notes.isEmpty && this.#segment?.isReserve !== true, (error, next) => {
      this.#isOpening = false;
      if (next === undefined) {
        this.#lastError = error ?? new SpoolError('io', 'no segment');
        this.#retryAt = this.#o.clock.mono() + retryAfterMs;
        this.#standStill();
        return;
      }
      const old = this.#segment;
      if (old !== undefined) this.#end(old);
      this.#enter(next);
      if (next.isReserve) {
        this.#lastError = new SpoolError('full', `no space for a new segment in ${this.#o.store.o.directory}`);
        this.#retryAt = this.#o.clock.mono() + retryAfterMs;
        this.#o.panic(`spool: ${this.#lastError.message}; mail is refused, notes go to the reserve`);
      } else if (this.#lastError !== undefined) {
        this.#lastError = undefined;
        this.#retryAt = 0;
        this.#o.panic(`spool: writing again, in ${next.path}`);
      }
      this.#flush();
    });
  }

  #enter(next: Segment): void {
    next.state = 'active';
    this.#segment = next;
    if (next.generation <= this.#sequenceGeneration) return;
    this.#sequenceGeneration = next.generation;
    this.#step = 0;
  }

  /** Marks the end of a full segment, so that a start need not search behind it. Not waited for: without it the search is only longer. */
  #end(segment: Segment): void {
    const mark = Buffer.alloc(endBytes);
    this.#seal(mark, 0, recordType.end, 0, segment);
    this.#leave(segment);
    if (segment.offset + endBytes > segment.size) return;
    segment.acquire();
    writeAll(this.#o.disk, segment.fd, mark, endBytes, segment.offset, () => segment.release());
  }

  /** No segment can be had now: mail is refused, notes wait. */
  #standStill(): void {
    this.#refuseQueue();
    this.#tellRefused();
    const quiet = this.#onQuiet;
    this.#onQuiet = [];
    for (const done of quiet) done();
    if (this.#o.later === undefined || this.#isRetryPlanned || this.#isClosed || this.notes.isEmpty) return;
    this.#isRetryPlanned = true;
    this.#o.later(retryAfterMs, () => {
      this.#isRetryPlanned = false;
      this.#flush();
    });
  }

  #refuseQueue(): void {
    const refused = this.#queue.slice(this.#queueStart);
    this.#queue = [];
    this.#queueStart = 0;
    const error = this.#lastError ?? new SpoolError('io', 'no segment');
    for (const record of refused) record.refused(error);
  }

  #tellRefused(): void {
    if (this.#refused.length === 0) return;
    const refused = this.#refused;
    this.#refused = [];
    const error = this.#refusal ?? new SpoolError('io', 'a write failed');
    for (const record of refused) record.refused(error);
  }

  /** Writes what waits, marks the end, and refuses from now on. Resolves when the disk has it or cannot take it. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onQuiet.push(resolve);
      this.#kick();
    });
    this.#isClosed = true;
    this.notes.abandon();
    const segment = this.#segment;
    if (segment === undefined || segment.offset + endBytes > segment.size) return;
    const mark = Buffer.alloc(endBytes);
    this.#seal(mark, 0, recordType.end, 0, segment);
    await new Promise<void>((resolve) => writeAll(this.#o.disk, segment.fd, mark, endBytes, segment.offset, () => resolve()));
  }
}

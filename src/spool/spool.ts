// The spool of one loop: messages become durable here, notes about them are kept, and after a crash everything comes back.
//
// The rule to know: `done` of a commit without error means durable (law 4); with an error it means not there. Each loop opens its own
// Spool under the process's claim (claim.ts). Old logs of loops that do not exist any more are read and owned by loop (log modulo loops).
// A batch is known by its batchId from the moment its commit is confirmed until `settled`.
// It does not decide what is retried or bounced. Truth: design section 6; SPL-04.

import type { Clock } from '#base';
import type { Envelope } from '#mail';
import { BatchIndex } from './batch-index.ts';
import { listLogs, readMarker } from './claim.ts';
import { nodeDisk, type SpoolFs } from './disk.ts';
import { type DraftHost, SpoolDraft } from './draft.ts';
import { SpoolError } from './errors.ts';
import type { PendingRecord } from './group-commit.ts';
import { LargeWriter } from './large-writer.ts';
import { batchBytesMax, largeMessageBytesDefault, noteBytesSoft, segmentBytesDefault, segmentBytesQuick } from './layout.ts';
import { Log, type LogOptions } from './log.ts';
import type { EncodedHead } from './message-payload.ts';
import { type BodyDone, MessageReader, type Place } from './message-reader.ts';
import { PartMemory } from './part-memory.ts';
import { encodeEnd, encodeNote, noteKind } from './note-entry.ts';
import { Quarantine } from './quarantine.ts';
import { LogRecovery } from './recovery.ts';
import type { Segment } from './segment.ts';
import { SegmentTable } from './segment-store.ts';
import type { RecoveredBatch, StateNote } from './state.ts';

export interface SpoolOptions {
  /** SpoolBase. */
  dir: string;
  /** Number of this loop, from 0. */
  loop: number;
  /** How many loops there are now; default 1. */
  loops?: number;
  fs?: SpoolFs;
  clock: Clock;
  /** Writes one line to the paniclog. */
  panic(text: string): void;
  /** False only when the operator set Force_Fsync = false. */
  durable: boolean;
  /** Spool_mode; default 0640. */
  fileMode?: number;
  /** Default 0750. */
  directoryMode?: number;
  /** Large_Message_Threshold in bytes; default 131072. */
  largeMessageBytes?: number;
  /** Bytes of a segment; default 64 MiB, at least 64 KiB. */
  segmentBytes?: number;
  /** Runs something later (a timer wheel): pending notes are retried without waiting for the next message. */
  later?: (ms: number, work: () => void) => void;
}

/** A log's share that is kept for one record: what is larger goes to a segment of its own. */
const recordShare = 4;
const freshGenerations = 3;

export class Spool implements DraftHost {
  readonly largeMessageBytes: number;
  readonly smallPayloadMax: number;
  draftBytes = 0;
  isClosed = false;
  readonly #o: SpoolOptions;
  readonly #disk: SpoolFs;
  readonly #spoolId: number;
  readonly #index = new BatchIndex();
  readonly #partMemory = new PartMemory();
  readonly #table = new SegmentTable();
  readonly #logs = new Map<number, Log>();
  readonly #reader: MessageReader;
  readonly #segmentBytes: number;
  #own: Log | undefined;
  /** The last entry of the last `note`, and whose it was. */
  #lastNote: Buffer | undefined;
  #lastNoted = '';
  #isRecovered = false;

  private constructor(o: SpoolOptions, disk: SpoolFs, spoolId: number) {
    this.#o = o;
    this.#disk = disk;
    this.#spoolId = spoolId;
    this.#reader = new MessageReader(disk);
    this.#segmentBytes = Math.max(65_536, o.segmentBytes ?? segmentBytesDefault);
    this.smallPayloadMax = Math.floor(Math.min(batchBytesMax, Math.min(this.#segmentBytes, segmentBytesQuick) / recordShare));
    this.largeMessageBytes = Math.min(o.largeMessageBytes ?? largeMessageBytesDefault, this.smallPayloadMax);
  }

  /** Opens the loop's log; it takes mail at once. The directory must have been claimed. Throws SpoolError. */
  static async open(o: SpoolOptions): Promise<Spool> {
    const disk = o.fs ?? nodeDisk;
    const marker = await readMarker(disk, o.dir);
    if (marker === undefined) throw new SpoolError('foreign', `${o.dir} is not an Impetus spool; it has not been claimed`);
    const spool = new Spool(o, disk, marker.spoolId);
    spool.#own = await spool.#openLog(o.loop);
    spool.#own.store.prepare();
    return spool;
  }

  async #openLog(number: number): Promise<Log> {
    const o: LogOptions = {
      disk: this.#disk,
      clock: this.#o.clock,
      spool: this.#o.dir,
      spoolId: this.#spoolId,
      segmentBytes: this.#segmentBytes,
      fileMode: this.#o.fileMode ?? 0o640,
      directoryMode: this.#o.directoryMode ?? 0o750,
      isDurable: this.#o.durable,
      table: this.#table,
      index: this.#index,
      later: this.#o.later,
      panic: (text) => this.#o.panic(text),
    };
    const log = await Log.open(number, o);
    this.#logs.set(number, log);
    return log;
  }

  /** Batches that live in this loop's logs, as far as they are known (all, when recovery is over). */
  get size(): number {
    return this.#index.size;
  }

  /** True when all that was on the disk at start has been handed out. */
  get isRecovered(): boolean {
    return this.#isRecovered;
  }

  /** Bytes of notes that wait for the disk: the deliverer may slow down (SPL-11). */
  get noteBytesWaiting(): number {
    let bytes = 0;
    for (const log of this.#logs.values()) bytes += log.group.notes.bytes;
    return bytes;
  }

  /** So many wait that notes are forgotten from here on, or soon: what must not be forgotten is better not begun. */
  get forgetsNotes(): boolean {
    return this.noteBytesWaiting >= noteBytesSoft;
  }

  /** Writes made by the loop's own log since start. */
  get batches(): number {
    return this.#own?.group.batches ?? 0;
  }

  openDraft(): SpoolDraft {
    return new SpoolDraft(this);
  }

  commitSmall(record: PendingRecord): void {
    if (this.#own === undefined) record.refused(new SpoolError('closed', 'the spool is not open'));
    else this.#own.group.commit(record);
  }

  openLarge(draft: SpoolDraft): LargeWriter {
    const own = this.#own;
    if (own === undefined) throw new SpoolError('closed', 'the spool is not open');
    return new LargeWriter({
      disk: this.#disk,
      store: own.store,
      isDurable: this.#o.durable,
      owner: draft,
      memory: draft.size > this.largeMessageBytes ? this.#partMemory : undefined,
      abandon: (id, generation) => own.group.note(encodeEnd(noteKind.aborted, id, own.group.nextSequence(), generation)),
    });
  }

  placed(head: EncodedHead, segment: Segment, offset: number, bytes: number): void {
    this.#index.add(head.id, segment.slot, offset, bytes, head.recipients);
    segment.live += 1;
    segment.liveBytes += bytes;
  }

  /** Remembers what happened to recipients. Not waited for: it is durable with the next batch. Ignored for a batch that is not known. */
  note(batchId: string, note: StateNote): void {
    const row = this.#index.find(batchId);
    const log = row < 0 ? undefined : this.#logOf(row);
    if (log === undefined) return;
    const sequence = (): number => log.group.nextSequence();
    for (const entry of encodeNote(batchId, note, sequence, this.#index.recipientsOf(row))) {
      log.group.note(entry);
      this.#lastNote = entry;
    }
    this.#lastNoted = batchId;
  }

  /** All recipients have an outcome: the message is dead and its bytes may be reclaimed. Ignored for a batch that is not known. */
  settled(batchId: string): void {
    const row = this.#index.find(batchId);
    if (row < 0) return;
    const segment = this.#table.get(this.#index.segmentOf(row));
    const bytes = this.#index.bytesOf(row);
    this.#index.remove(batchId, row);
    const log = segment === undefined ? undefined : this.#logs.get(segment.log);
    if (segment === undefined || log === undefined) return;
    segment.live -= 1;
    segment.liveBytes -= bytes;
    // What was noted of it just now is said by its end, too; without it nothing need be read before the segment is used again.
    if (this.#lastNoted === batchId && this.#lastNote !== undefined) log.group.notes.takeBack(this.#lastNote);
    log.group.note(encodeEnd(noteKind.settled, batchId, log.group.nextSequence(), segment.generation));
    if (segment.live === 0) log.reclaimer.dead(segment);
  }

  #logOf(row: number): Log | undefined {
    const segment = this.#table.get(this.#index.segmentOf(row));
    return segment === undefined ? undefined : this.#logs.get(segment.log);
  }

  #place(batchId: string): Place | undefined {
    const row = this.#index.find(batchId);
    if (row < 0) return undefined;
    const segment = this.#table.get(this.#index.segmentOf(row));
    const log = segment === undefined ? undefined : this.#logs.get(segment.log);
    if (segment === undefined || log === undefined) return undefined;
    const isFresh = segment.generation + freshGenerations >= (log.group.segment?.generation ?? Infinity);
    return { segment, store: log.store, offset: this.#index.offsetOf(row), bytes: this.#index.bytesOf(row), isFresh };
  }

  /** The body as it was appended. `done` may be called before this returns (small and fresh) or later. */
  loadBody(batchId: string, done: BodyDone): void {
    const place = this.#place(batchId);
    if (place === undefined) done(new SpoolError('not-found', `no message ${batchId} in this spool`));
    else this.#reader.body(place, done);
  }

  /** The body piece by piece, with memory for one piece: for large messages. Rejects with SpoolError. */
  async loadBodyParts(batchId: string, part: (bytes: Buffer) => Promise<void> | void): Promise<void> {
    const place = this.#place(batchId);
    if (place === undefined) throw new SpoolError('not-found', `no message ${batchId} in this spool`);
    await this.#reader.bodyParts(place, part);
  }

  loadEnvelope(batchId: string, done: (error: SpoolError | undefined, envelope?: Envelope) => void): void {
    const place = this.#place(batchId);
    if (place === undefined) done(new SpoolError('not-found', `no message ${batchId} in this spool`));
    else this.#reader.envelope(place, done);
  }

  /**
   * Hands out every live batch that was on the disk at start, once, oldest first in each log, while new mail goes on. Call it once.
   * It waits for the caller between batches; memory does not grow with bodies.
   */
  async *recover(): AsyncGenerator<RecoveredBatch> {
    const loops = Math.max(1, this.#o.loops ?? 1);
    let numbers: number[] = [];
    try {
      numbers = await listLogs(this.#disk, this.#o.dir);
    } catch (error) {
      this.#o.panic(`spool: cannot list ${this.#o.dir}: ${String(error)}; old mail comes back at the next start`);
      return;
    }
    for (const number of numbers.filter((n) => n % loops === this.#o.loop % loops)) {
      if (this.isClosed) return;
      try {
        yield* this.#recoverLog(number);
      } catch (error) {
        this.#o.panic(`spool: recovery of log ${number} stopped: ${String(error)}; the rest comes back at the next start`);
      }
    }
    this.#isRecovered = true;
  }

  async *#recoverLog(number: number): AsyncGenerator<RecoveredBatch> {
    const log = this.#logs.get(number) ?? (await this.#openLog(number));
    if (log.store.found.size === 0) return;
    const modes = { fileMode: this.#o.fileMode ?? 0o640, directoryMode: this.#o.directoryMode ?? 0o750 };
    const panic = (text: string): void => this.#o.panic(text);
    const recovery = new LogRecovery({
      disk: this.#disk,
      log,
      spoolId: this.#spoolId,
      index: this.#index,
      quarantine: new Quarantine({ disk: this.#disk, spool: this.#o.dir, ...modes, panic }),
      panic,
      settled: (batchId) => this.settled(batchId),
    });
    yield* recovery.batches(await recovery.read());
  }

  /** Resolves when every note given so far is durable (or the disk refuses). */
  async flush(): Promise<void> {
    const waits = [...this.#logs.values()].map((log) => new Promise<void>((resolve) => log.group.notes.whenDurable(resolve)));
    await Promise.all(waits);
  }

  /** Writes what waits and closes the files. Drafts that are not committed are refused from now on. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const log of this.#logs.values()) await log.close();
  }
}

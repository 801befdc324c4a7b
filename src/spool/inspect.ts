// Reads a whole spool without changing it: every live message with its state, every damage. For the offline tool.
//
// The rule to know: it uses the same scan and the same application of notes as recovery, so it says what a start would find. With the
// server running (live) files may come and go under it: what has vanished is skipped, and a torn end is the write in progress.

import { join } from 'node:path';
import type { Envelope } from '#mail';
import { applyNotes } from './batch-state.ts';
import { listLogs, readMarker } from './claim.ts';
import { readAllAsync, type SpoolFs } from './disk.ts';
import { SpoolError, systemCode } from './errors.ts';
import { logDirectory, parseSegmentName, segmentName } from './layout.ts';
import { type Damage, type LiveBatch, LogScan, type ScannedSegment } from './log-scan.ts';
import { parseEnvelope, readHead } from './message-payload.ts';
import { MessageReader, type Place } from './message-reader.ts';
import { recordHeaderBytes, recordPayloadMax, seedOf } from './record.ts';
import { Segment } from './segment.ts';
import type { RecipientState } from './state.ts';

export interface StoredMessage {
  batchId: string;
  envelope: Envelope;
  states: RecipientState[];
  bodyBytes: number;
  log: number;
  place: LiveBatch;
  isLarge: boolean;
  path: string;
}

/** True ends the reading. */
type Visit = (message: StoredMessage) => boolean | void | Promise<boolean | void>;

export interface Inspection {
  logs: number;
  segments: number;
  records: number;
  live: number;
  openRecipients: number;
  bodyBytes: number;
  /** Settled or refused messages whose bytes are still there. */
  dead: number;
  damages: (Damage & { log: number })[];
  /** Live by its record, but the envelope cannot be read. */
  unreadable: { path: string; offset: number }[];
}

export class SpoolInspector {
  readonly #disk: SpoolFs;
  readonly #dir: string;
  readonly #isLive: boolean;
  readonly #spoolId: number;

  private constructor(disk: SpoolFs, dir: string, isLive: boolean, spoolId: number) {
    this.#disk = disk;
    this.#dir = dir;
    this.#isLive = isLive;
    this.#spoolId = spoolId;
  }

  /** Throws SpoolError 'foreign' or 'version'. */
  static async open(o: { disk: SpoolFs; dir: string; isLive: boolean }): Promise<SpoolInspector> {
    const marker = await readMarker(o.disk, o.dir);
    if (marker === undefined) throw new SpoolError('foreign', `${o.dir} is not an Impetus spool: it has no file "impetus-spool"`);
    return new SpoolInspector(o.disk, o.dir, o.isLive, marker.spoolId);
  }

  get spoolId(): number {
    return this.#spoolId;
  }

  /** Calls `visit` for every live message; when it answers true, the rest is not read. */
  async visit(visit: Visit): Promise<Inspection> {
    const sum: Inspection = {
      logs: 0,
      segments: 0,
      records: 0,
      live: 0,
      openRecipients: 0,
      bodyBytes: 0,
      dead: 0,
      damages: [],
      unreadable: [],
    };
    for (const log of await listLogs(this.#disk, this.#dir)) {
      sum.logs += 1;
      if (await this.#log(log, sum, visit)) break;
    }
    return sum;
  }

  async #log(log: number, sum: Inspection, visit: Visit): Promise<boolean> {
    const directory = logDirectory(this.#dir, log);
    const scan = new LogScan({ disk: this.#disk, spoolId: this.#spoolId, log });
    const generations: number[] = [];
    for (const { name } of (await this.#disk.list(directory)) ?? []) {
      const parsed = parseSegmentName(name);
      if (parsed?.kind === 'seg') generations.push(parsed.generation);
    }
    for (const generation of generations.sort((a, b) => b - a)) {
      const path = join(directory, segmentName(generation, 'seg'));
      await this.#withFile(path, (fd) => scan.segment(fd, path, generation));
    }
    const live = scan.live();
    sum.segments += scan.segments.size;
    sum.dead += scan.deadCount;
    for (const segment of scan.segments.values()) sum.records += segment.records;
    for (const damage of scan.damages) sum.damages.push({ ...damage, log });
    for (const [generation, rows] of live) {
      const segment = scan.segments.get(generation);
      if (segment !== undefined && (await this.#segment(log, scan, segment, rows, sum, visit))) return true;
    }
    return false;
  }

  async #withFile<T>(path: string, work: (fd: number) => Promise<T>): Promise<T | undefined> {
    let fd: number;
    try {
      fd = await this.#disk.open(path, { access: 'read' });
    } catch (error) {
      if (this.#isLive && systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
    try {
      return await work(fd);
    } finally {
      await this.#disk.close(fd);
    }
  }

  async #segment(log: number, scan: LogScan, segment: ScannedSegment, rows: number[], sum: Inspection, visit: Visit): Promise<boolean> {
    if (rows.length === 0) return false;
    const isOver = await this.#withFile(segment.path, async (fd) => {
      for (const row of rows) {
        const place = scan.batch(row);
        const message = await this.#message(log, segment, fd, place, await this.#notes(scan, row));
        if (message === undefined) {
          sum.unreadable.push({ path: segment.path, offset: place.offset });
          continue;
        }
        sum.live += 1;
        sum.bodyBytes += message.bodyBytes;
        for (const state of message.states) if (state.outcome === 'open') sum.openRecipients += 1;
        const answer = visit(message);
        if ((answer instanceof Promise ? await answer : answer) === true) return true;
      }
      return false;
    });
    return isOver === true;
  }

  async #notes(scan: LogScan, row: number): Promise<Buffer[]> {
    const entries: Buffer[] = [];
    for (const note of scan.notesOf(row)) {
      const path = scan.segments.get(note.generation)?.path;
      if (path === undefined) continue;
      const bytes = Buffer.alloc(note.bytes);
      await this.#withFile(path, (fd) => readAllAsync(this.#disk, fd, bytes, 0, bytes.length, note.offset));
      entries.push(bytes);
    }
    return entries;
  }

  async #message(log: number, segment: ScannedSegment, fd: number, place: LiveBatch, notes: Buffer[]): Promise<StoredMessage | undefined> {
    const header = Buffer.alloc(recordHeaderBytes);
    await readAllAsync(this.#disk, fd, header, 0, header.length, place.offset);
    const payload = Math.min(header.readUInt32LE(12), recordPayloadMax);
    const bytes = Buffer.alloc(payload);
    await readAllAsync(this.#disk, fd, bytes, 0, payload, place.offset + recordHeaderBytes);
    const head = readHead(bytes, 0, payload);
    const envelope = head === undefined ? undefined : parseEnvelope(bytes, head);
    if (head === undefined || envelope === undefined) return undefined;
    const states = applyNotes(envelope.recipients.length, notes);
    const { path, isLarge } = segment;
    return { batchId: head.id, envelope, states, bodyBytes: head.bodyBytes, log, place, isLarge, path };
  }

  /** Hands out the body of a message piece by piece. Rejects with SpoolError when it does not hold. */
  async body(message: StoredMessage, part: (bytes: Buffer) => Promise<void> | void): Promise<void> {
    const { log, place, path, isLarge } = message;
    const segment = new Segment({ log, generation: place.generation, seed: seedOf(this.#spoolId, log), path, size: 0, isLarge });
    const fd = await this.#disk.open(path, { access: 'read' });
    segment.offset = await this.#disk.size(fd);
    const opened: Place = {
      segment,
      store: { openForRead: () => Promise.resolve(fd) },
      offset: place.offset,
      bytes: place.bytes,
      isFresh: false,
    };
    try {
      await new MessageReader(this.#disk).bodyParts(opened, part);
    } finally {
      await this.#disk.close(fd);
    }
  }
}

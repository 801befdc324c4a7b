// Brings back what a log holds at start, while new mail goes to fresh segments.
//
// The rule to know: first all segments are read and joined (log-scan.ts), then each live batch is handed out once, oldest first, as fast as
// the caller takes them. Batches stay where they lie. Nothing is reclaimed from the old segments before the last one is handed out.
// Running it twice gives the same; damage is put aside and does not stop it (A67). A segment that cannot be read at all is left as it
// is, with a panic line. A batch whose recipients all have an outcome is settled here.

import type { BatchIndex } from './batch-index.ts';
import { applyNotes, isOver } from './batch-state.ts';
import type { SpoolFs } from './disk.ts';
import type { Log } from './log.ts';
import { type Damage, LogScan } from './log-scan.ts';
import { parseEnvelope, readHead } from './message-payload.ts';
import type { Quarantine } from './quarantine.ts';
import { recordHeaderBytes } from './record.ts';
import { FileWindow } from './scan.ts';
import type { Segment } from './segment.ts';
import type { RecoveredBatch } from './state.ts';

interface RecoveryOptions {
  disk: SpoolFs;
  log: Log;
  spoolId: number;
  index: BatchIndex;
  quarantine: Quarantine;
  panic(text: string): void;
  settled(batchId: string): void;
}

export class LogRecovery {
  readonly #o: RecoveryOptions;
  readonly #scan: LogScan;
  readonly #segments = new Map<number, Segment>();

  constructor(o: RecoveryOptions) {
    this.#o = o;
    this.#scan = new LogScan({ disk: o.disk, spoolId: o.spoolId, log: o.log.number });
  }

  /** Reads the log and knows all that lives in it when this resolves. Answers the number of live batches. */
  async read(): Promise<Map<number, number[]>> {
    const { log } = this.#o;
    for (const generation of [...log.store.found].sort((a, b) => b - a)) await this.#readSegment(generation);
    const live = this.#scan.live();
    for (const [generation, scanned] of this.#scan.segments) {
      const segment = log.store.adopt(generation, scanned.size, scanned.isLarge);
      segment.isPinned = true;
      segment.offset = scanned.end;
      segment.noteOffsets.push(...scanned.noteOffsets);
      segment.hasStateNotes = scanned.hasStateNotes;
      for (const home of scanned.endings) segment.endings.add(home);
      if (scanned.hasMovedOut) log.store.movedOut.add(segment);
      this.#segments.set(generation, segment);
    }
    for (const generation of this.#scan.segments.keys()) log.store.found.delete(generation);
    for (const damage of this.#scan.damages) await this.#putAside(damage);
    return live;
  }

  async #readSegment(generation: number): Promise<void> {
    const { disk, log, panic } = this.#o;
    const path = log.store.path(generation, 'seg');
    try {
      const fd = await disk.open(path, { access: 'read' });
      try {
        await this.#scan.segment(fd, path, generation);
      } finally {
        await disk.close(fd);
      }
    } catch (error) {
      panic(`spool: cannot read ${path}: ${String(error)}; it is left as it is and tried again at the next start`);
    }
  }

  async #putAside(damage: Damage): Promise<void> {
    const { disk, log, quarantine } = this.#o;
    const from = { path: damage.path, log: log.number, generation: damage.generation };
    if (damage.place === undefined) {
      const what = {
        torn: 'a segment without its header',
        garbled: 'no segment of ours',
        foreign: 'a segment of another spool or place',
        empty: 'an empty segment',
      };
      if (await quarantine.move(damage.path, from, what[damage.kind])) log.store.found.delete(damage.generation);
      return;
    }
    const fd = await disk.open(damage.path, { access: 'read' });
    try {
      const what = damage.kind === 'torn' ? 'an unfinished record' : 'bytes that are no record';
      const isSafe = await quarantine.copy(fd, from, what, damage.place.offset, damage.place.bytes);
      if (!isSafe) this.#damaged.add(damage.generation);
    } finally {
      await disk.close(fd);
    }
  }

  /** Segments whose damage could not be copied: they stay. */
  readonly #damaged = new Set<number>();

  /** Counts what lives and hands it out. */
  async *batches(live: Map<number, number[]>): AsyncGenerator<RecoveredBatch> {
    for (const [generation, rows] of live) {
      const segment = this.#segments.get(generation);
      if (segment !== undefined) yield* this.#batchesOf(segment, rows);
    }
    this.#release();
  }

  async *#batchesOf(segment: Segment, rows: number[]): AsyncGenerator<RecoveredBatch> {
    if (rows.length === 0) return;
    const { disk, log, index } = this.#o;
    segment.acquire();
    try {
      const fd = await log.store.openForRead(segment);
      const window = new FileWindow(disk, fd, segment.offset);
      for (const row of rows) {
        const place = this.#scan.batch(row);
        const bytes = segment.isLarge ? segment.offset - place.offset : place.bytes;
        if (!window.holds(place.offset, bytes)) await window.load(place.offset, bytes);
        const at = place.offset - window.start + recordHeaderBytes;
        const head = readHead(window.buffer, at, window.buffer.readUInt32LE(at - recordHeaderBytes + 12));
        const envelope = head === undefined ? undefined : parseEnvelope(window.buffer, head);
        if (envelope === undefined) {
          await this.#unreadable(segment, fd, place.offset, bytes);
          continue;
        }
        if (index.find(envelope.batchId) < 0) {
          index.add(envelope.batchId, segment.slot, place.offset, place.bytes, place.recipients);
          segment.live += 1;
          segment.liveBytes += place.bytes;
        }
        const states = applyNotes(envelope.recipients.length, await this.#notes(row));
        if (isOver(states)) this.#o.settled(envelope.batchId);
        else yield { envelope, states, loop: log.number, segment: segment.generation };
      }
    } finally {
      segment.release();
    }
  }

  async #notes(row: number): Promise<Buffer[]> {
    const entries: Buffer[] = [];
    for (const note of this.#scan.notesOf(row)) {
      const segment = this.#segments.get(note.generation);
      if (segment === undefined) continue;
      segment.acquire();
      try {
        const fd = await this.#o.log.store.openForRead(segment);
        const bytes = Buffer.allocUnsafe(note.bytes);
        // Just scanned, so it comes from the page cache.
        this.#o.disk.readSync(fd, bytes, 0, note.bytes, note.offset);
        entries.push(bytes);
      } finally {
        segment.release();
      }
    }
    return entries;
  }

  async #unreadable(segment: Segment, fd: number, offset: number, bytes: number): Promise<void> {
    const from = { path: segment.path, log: this.#o.log.number, generation: segment.generation };
    if (!(await this.#o.quarantine.copy(fd, from, 'an envelope that cannot be read', offset, bytes))) this.#damaged.add(segment.generation);
  }

  #release(): void {
    for (const segment of this.#segments.values()) {
      segment.isPinned = this.#damaged.has(segment.generation);
      this.#o.log.reclaimer.sealed(segment);
    }
  }
}

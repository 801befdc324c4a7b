// Moves what still lives in a mostly dead segment to the head of the log, through the same batches as new mail.
//
// The rule to know: the index points to the new place only when it is durable; who settles in between settles both places. The old segment
// holds everything until then, so a crash at any moment finds each message once or twice, never torn and never missing.
// At most 1 MB is on its way. It stops at the first refusal (no space): nothing is lost, it is tried again later.

import type { BatchIndex } from './batch-index.ts';
import { readAllAsync, type SpoolFs } from './disk.ts';
import type { SpoolError } from './errors.ts';
import type { GroupCommit, PendingRecord } from './group-commit.ts';
import { readHead } from './message-payload.ts';
import { encodeEnd, noteKind } from './note-entry.ts';
import { readRecord, recordHeaderBytes, recordType } from './record.ts';
import type { Segment } from './segment.ts';
import type { SegmentStore } from './segment-store.ts';

const inFlightBytesMax = 1024 * 1024;

interface CopyOptions {
  disk: SpoolFs;
  store: SegmentStore;
  group: GroupCommit;
  index: BatchIndex;
  isStopped(): boolean;
}

export class CopyForward {
  readonly #o: CopyOptions;
  #inFlight = 0;
  #wake: (() => void) | undefined;
  #error: SpoolError | undefined;

  constructor(o: CopyOptions) {
    this.#o = o;
  }

  /** True when all that lived in the segment lives elsewhere now. */
  async run(from: Segment): Promise<boolean> {
    const { index, store, disk } = this.#o;
    from.acquire();
    try {
      const fd = await store.openForRead(from);
      for (const row of index.rowsIn(from.slot)) {
        await this.#whenBelow(inFlightBytesMax);
        if (this.#error !== undefined || this.#o.isStopped()) break;
        // It may have been settled meanwhile, and its row may belong to another batch.
        if (!index.isUsed(row) || index.segmentOf(row) !== from.slot) continue;
        const offset = index.offsetOf(row);
        const bytes = index.bytesOf(row);
        const buffer = Buffer.allocUnsafe(bytes);
        await readAllAsync(disk, fd, buffer, 0, bytes, offset);
        const view = { type: 0, payload: 0, generation: 0, step: 0 };
        const isGood = readRecord(buffer, 0, bytes, from, view) === 'good' && view.type === recordType.message;
        const head = isGood ? readHead(buffer, recordHeaderBytes, view.payload) : undefined;
        if (head === undefined) {
          from.isPinned = true;
          continue;
        }
        this.#inFlight += bytes;
        this.#o.group.commit(new CopiedRecord(this, head.id, from, buffer.subarray(recordHeaderBytes, recordHeaderBytes + view.payload)));
      }
      await this.#whenBelow(0);
    } finally {
      from.release();
    }
    return from.live === 0;
  }

  #whenBelow(bytes: number): Promise<void> | undefined {
    if (this.#inFlight <= bytes) return undefined;
    return new Promise((resolve) => {
      this.#wake = () => {
        if (this.#inFlight > bytes) return;
        this.#wake = undefined;
        resolve();
      };
    });
  }

  moved(record: CopiedRecord, to: Segment, offset: number, bytes: number): void {
    const { index, group, store } = this.#o;
    const row = index.find(record.id);
    store.movedOut.add(record.from);
    if (row >= 0 && index.segmentOf(row) === record.from.slot) {
      record.from.live -= 1;
      record.from.liveBytes -= index.bytesOf(row);
      to.live += 1;
      to.liveBytes += bytes;
      index.move(row, to.slot, offset, bytes);
      return;
    }
    group.note(encodeEnd(noteKind.settled, record.id, group.nextSequence(), to.generation));
  }

  finished(bytes: number, error?: SpoolError): void {
    this.#error ??= error;
    this.#inFlight -= bytes;
    this.#wake?.();
  }
}

class CopiedRecord implements PendingRecord {
  readonly type = recordType.message;
  readonly id: string;
  readonly from: Segment;
  readonly #owner: CopyForward;
  readonly #payload: Buffer;
  readonly #bytes: number;

  constructor(owner: CopyForward, id: string, from: Segment, payload: Buffer) {
    this.#owner = owner;
    this.id = id;
    this.from = from;
    this.#payload = payload;
    this.#bytes = (payload.length + recordHeaderBytes + 7) & ~7;
  }

  get payloadBytes(): number {
    return this.#payload.length;
  }

  writePayload(buffer: Buffer, at: number): void {
    this.#payload.copy(buffer, at);
  }

  placed(segment: Segment, offset: number, bytes: number): void {
    this.#owner.moved(this, segment, offset, bytes);
  }

  confirmed(): void {
    this.#owner.finished(this.#bytes);
  }

  refused(error: SpoolError): void {
    this.#owner.finished(this.#bytes, error);
  }
}

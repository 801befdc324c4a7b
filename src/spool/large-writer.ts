// Writes one large message into a segment of its own while it is received: part records, a commit record, sync, name, sync.
//
// The rule to know: until the very end the file has a name that counts for nothing, so a start removes what was not finished.
// At most one write is in flight; while more than 256 KB wait the reader is asked to wait, at four times that the message fails.
// If anything fails after the name was given, an `aborted` note makes sure that it does not come back. Truth: design section 6; BZ3049/3050
// (large messages are synced like all others).

import { type Fault, type SpoolFs, writeAll } from './disk.ts';
import { diskError, SpoolError } from './errors.ts';
import { largeWindowBytes } from './layout.ts';
import { type EncodedHead, headBytes, writeHead } from './message-payload.ts';
import { recordBytes, recordHeaderBytes, recordType, type RecordType, sealRecord } from './record.ts';
import { type Segment, segmentHeaderBytes } from './segment.ts';
import type { SegmentStore } from './segment-store.ts';

interface LargeOwner {
  drained(): void;
  placed(segment: Segment, offset: number, bytes: number): void;
  confirmed(): void;
  refused(error: SpoolError): void;
}

interface LargeOptions {
  disk: SpoolFs;
  store: SegmentStore;
  isDurable: boolean;
  owner: LargeOwner;
  /** Bytes worth a write: less when memory is short. */
  partBytes: number;
  /** The message may have reached the disk although it is refused: says so durably. */
  abandon(id: string, generation: number): void;
}

export class LargeWriter {
  /** Bytes of the message that stand before all parts; they are written with the commit record. */
  top: Buffer = Buffer.alloc(0);
  readonly #o: LargeOptions;
  #segment: Segment | undefined;
  #chunks: Buffer[] = [];
  #waiting = 0;
  #parts = 0;
  #buffer: Buffer = Buffer.alloc(0);
  #isBusy = true;
  #isAborted = false;
  #isThrottled = false;
  #error: SpoolError | undefined;
  #head: EncodedHead | undefined;
  #size = 0;
  #isEnding = false;

  constructor(o: LargeOptions) {
    this.#o = o;
    o.store.createLarge().then(
      (segment) => {
        this.#segment = segment;
        this.#isBusy = false;
        this.#next();
      },
      (error: unknown) => {
        this.#error = diskError(error, `make a segment in ${o.store.o.directory}`);
        this.#isBusy = false;
        this.#next();
      },
    );
  }

  append(chunk: Buffer): boolean {
    if (this.#error !== undefined || this.#isAborted) return true;
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
    if (this.#waiting > largeWindowBytes * 4 + chunk.length) this.#fail(new SpoolError('busy', 'more was appended than the disk takes'));
    this.#next();
    this.#isThrottled = this.#waiting > largeWindowBytes;
    return !this.#isThrottled;
  }

  commit(head: EncodedHead, size: number): void {
    this.#head = head;
    this.#size = size;
    this.#next();
  }

  abort(): void {
    this.#isAborted = true;
    this.#chunks = [];
    this.#waiting = 0;
    this.#next();
  }

  #fail(error: SpoolError): void {
    this.#error ??= error;
    this.#chunks = [];
    this.#waiting = 0;
  }

  #next(): void {
    if (this.#isBusy || this.#isEnding) return;
    const segment = this.#segment;
    if (this.#isAborted || this.#error !== undefined || segment === undefined) {
      this.#drain();
      if (this.#isAborted || this.#head !== undefined) this.#giveUp();
      return;
    }
    if (this.#waiting >= this.#o.partBytes || (this.#head !== undefined && this.#waiting > 0)) this.#writePart(segment);
    else if (this.#head !== undefined) this.#writeCommit(segment, this.#head);
  }

  #drain(): void {
    if (!this.#isThrottled || this.#waiting > largeWindowBytes) return;
    this.#isThrottled = false;
    this.#o.owner.drained();
  }

  #writePart(segment: Segment): void {
    let bytes = 0;
    let count = 0;
    while (count < this.#chunks.length && bytes < largeWindowBytes) {
      bytes += this.#chunks[count]?.length ?? 0;
      count += 1;
    }
    if (this.#buffer.length < recordBytes(bytes)) this.#buffer = Buffer.allocUnsafeSlow(recordBytes(bytes));
    let at = recordHeaderBytes;
    for (const chunk of this.#chunks.splice(0, count)) at += chunk.copy(this.#buffer, at);
    this.#waiting -= bytes;
    this.#write(segment, recordType.part, bytes, this.#parts, () => {
      this.#parts += 1;
      this.#drain();
      this.#next();
    });
  }

  #write(segment: Segment, type: RecordType, payload: number, step: number, then: () => void): void {
    this.#isBusy = true;
    const end = sealRecord(this.#buffer, 0, type, payload, segment, step);
    writeAll(this.#o.disk, segment.fd, this.#buffer, end, segment.offset, (error: Fault) => {
      this.#isBusy = false;
      if (error !== null) this.#fail(diskError(error, `write ${segment.path}`));
      else segment.offset += end;
      if (error !== null) this.#next();
      else then();
    });
  }

  #writeCommit(segment: Segment, head: EncodedHead): void {
    const payload = headBytes(head) + this.top.length;
    if (this.#buffer.length < recordBytes(payload)) this.#buffer = Buffer.allocUnsafeSlow(recordBytes(payload));
    this.top.copy(this.#buffer, writeHead(this.#buffer, recordHeaderBytes, head, this.#size, this.#parts));
    const commitAt = segment.offset;
    this.#write(segment, recordType.commit, payload, this.#parts, () => this.#sync(segment, commitAt));
  }

  #sync(segment: Segment, commitAt: number): void {
    this.#isBusy = true;
    const named = (error: Fault): void => {
      if (error !== null) {
        this.#isBusy = false;
        this.#fail(diskError(error, `sync ${segment.path}`));
        this.#next();
        return;
      }
      this.#o.store.nameLarge(segment).then(
        () => this.#complete(segment, commitAt),
        (reason: unknown) => {
          this.#isBusy = false;
          this.#fail(diskError(reason, `name ${segment.path}`));
          this.#next();
        },
      );
    };
    if (this.#o.isDurable) this.#o.disk.fdatasync(segment.fd, named);
    else named(null);
  }

  #complete(segment: Segment, commitAt: number): void {
    this.#isEnding = true;
    this.#buffer = Buffer.alloc(0);
    this.#o.owner.placed(segment, commitAt, segment.offset - segmentHeaderBytes);
    this.#o.owner.confirmed();
  }

  /** Takes the file away and tells the sender, unless it has hung up. */
  #giveUp(): void {
    this.#isEnding = true;
    const segment = this.#segment;
    const head = this.#head;
    const tell = (): void => {
      if (!this.#isAborted) this.#o.owner.refused(this.#error ?? new SpoolError('io', 'no segment'));
    };
    if (segment === undefined) {
      queueMicrotask(tell);
      return;
    }
    const isRisky = head !== undefined;
    this.#o.store.discardLarge(segment).then(
      (isGone) => {
        if (!isGone && isRisky) this.#o.abandon(head.id, segment.generation);
        tell();
      },
      () => tell(),
    );
  }
}

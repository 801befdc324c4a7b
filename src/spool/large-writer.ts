// Writes one large message into a segment of its own while it is received: part records, a commit record, sync, name, sync.
//
// The rule to know: until the very end the file has a name that counts for nothing, so a start removes what was not finished.
// What is appended is copied at once into a part; at most one write is in flight, and while it is and much waits, the reader is asked to
// wait; at `largeWaitingMax` the message fails.
// If anything fails after the name was given, an `aborted` note makes sure that it does not come back. Truth: design section 6; BZ3049/3050
// (large messages are synced like all others).

import { type Fault, type SpoolFs, writeAll } from './disk.ts';
import { diskError, SpoolError } from './errors.ts';
import { largePartBytes, largePartShort, largePartWorth, largeWaitingMax } from './layout.ts';
import { type EncodedHead, headBytes, writeHead } from './message-payload.ts';
import type { PartMemory } from './part-memory.ts';
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
  /** Where parts get their memory; undefined when memory is short: then what comes is written at once, with no more memory than it takes. */
  memory: PartMemory | undefined;
  /** The message may have reached the disk although it is refused: says so durably. */
  abandon(id: string, generation: number): void;
}

/** A part record with room for its header, being filled. */
interface Part {
  readonly buffer: Buffer;
  bytes: number;
}

export class LargeWriter {
  /** Bytes of the message that stand before all parts; they are written with the commit record. */
  top: Buffer = Buffer.alloc(0);
  readonly #o: LargeOptions;
  #segment: Segment | undefined;
  /** Parts that wait for their write; the last one is still being filled. */
  #staged: Part[] = [];
  #waiting = 0;
  #parts = 0;
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
        this.#drain();
      },
      (error: unknown) => {
        this.#fail(diskError(error, `make a segment in ${o.store.o.directory}`));
        this.#isBusy = false;
        this.#next();
      },
    );
  }

  /** The chunk is copied before this returns. */
  append(chunk: Buffer): boolean {
    if (this.#error !== undefined || this.#isAborted) return true;
    if (this.#waiting > largeWaitingMax) this.#fail(new SpoolError('busy', 'more was appended than the disk takes'));
    else this.#stage(chunk);
    this.#next();
    this.#isThrottled = this.#mustWait;
    return !this.#isThrottled;
  }

  commit(head: EncodedHead, size: number): void {
    this.#head = head;
    this.#size = size;
    this.#next();
  }

  abort(): void {
    this.#isAborted = true;
    this.#dropStaged();
    this.#next();
  }

  #fail(error: SpoolError): void {
    this.#error ??= error;
    this.#dropStaged();
  }

  /** While a part is written another one is filled, or none when memory is scarce. */
  get #mustWait(): boolean {
    return this.#isBusy && (this.#waiting > 0 || this.#o.memory?.isScarce !== false);
  }

  #stage(chunk: Buffer): void {
    this.#waiting += chunk.length;
    for (let at = 0; at < chunk.length;) {
      let part = this.#staged.at(-1);
      if (part === undefined || recordHeaderBytes + part.bytes >= part.buffer.length) {
        part = { buffer: this.#newBuffer(chunk.length - at), bytes: 0 };
        this.#staged.push(part);
      }
      const from = recordHeaderBytes + part.bytes;
      const copied = chunk.copy(part.buffer, from, at, at + part.buffer.length - from);
      part.bytes += copied;
      at += copied;
    }
  }

  #newBuffer(bytes: number): Buffer {
    return this.#o.memory?.take() ?? Buffer.allocUnsafeSlow(recordBytes(Math.min(Math.max(bytes, largePartShort), largePartBytes)));
  }

  #dropStaged(): void {
    for (const { buffer } of this.#staged) this.#o.memory?.give(buffer);
    this.#staged = [];
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
    const isWorth = this.#waiting >= largePartWorth || this.#o.memory === undefined || this.#head !== undefined;
    const part = isWorth ? this.#staged.shift() : undefined;
    if (part !== undefined) this.#writePart(segment, part);
    else if (this.#head !== undefined) this.#writeCommit(segment, this.#head);
  }

  #drain(): void {
    if (!this.#isThrottled || this.#mustWait) return;
    this.#isThrottled = false;
    this.#o.owner.drained();
  }

  #writePart(segment: Segment, { buffer, bytes }: Part): void {
    this.#waiting -= bytes;
    this.#write(segment, recordType.part, buffer, bytes, (isWritten) => {
      this.#o.memory?.give(buffer);
      if (isWritten) this.#parts += 1;
      this.#next();
      this.#drain();
    });
  }

  #write(segment: Segment, type: RecordType, buffer: Buffer, payload: number, then: (isWritten: boolean) => void): void {
    this.#isBusy = true;
    const end = sealRecord(buffer, 0, type, payload, segment, this.#parts);
    writeAll(this.#o.disk, segment.fd, buffer, end, segment.offset, (error: Fault) => {
      this.#isBusy = false;
      if (error !== null) this.#fail(diskError(error, `write ${segment.path}`));
      else segment.offset += end;
      then(error === null);
    });
  }

  #writeCommit(segment: Segment, head: EncodedHead): void {
    const payload = headBytes(head) + this.top.length;
    const buffer = Buffer.allocUnsafeSlow(recordBytes(payload));
    this.top.copy(buffer, writeHead(buffer, recordHeaderBytes, head, this.#size, this.#parts));
    const commitAt = segment.offset;
    this.#write(segment, recordType.commit, buffer, payload, (isWritten) => {
      if (isWritten) this.#sync(segment, commitAt);
      else this.#next();
    });
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

// A message being received: its bytes until `commit` makes it durable or `abort` forgets it.
//
// The rule to know: a small message stays in memory (the chunks themselves, so the caller must not change them) and becomes one record
// of the common log; a large one, or any one when memory is short, is streamed into a segment of its own, and memory stays flat.
// `append` that answers false asks the caller to wait for `onDrain`; who does not wait gets an error at commit, never a torn message.
// It does not know what a session is. Truth: design section 6; SPL-08.

import type { Envelope } from '#mail';
import { SpoolError } from './errors.ts';
import type { PendingRecord } from './group-commit.ts';
import type { LargeWriter } from './large-writer.ts';
import { draftBytesMax } from './layout.ts';
import { type EncodedHead, encodeHead, headBytes, writeHead } from './message-payload.ts';
import { recordPayloadMax, recordType } from './record.ts';
import type { Segment } from './segment.ts';

export type CommitDone = (error?: SpoolError) => void;

/** What a draft needs of its spool. */
export interface DraftHost {
  readonly largeMessageBytes: number;
  /** Longest payload of a record in the common log. */
  readonly smallPayloadMax: number;
  /** Bytes of all unfinished small messages. */
  draftBytes: number;
  readonly isClosed: boolean;
  openLarge(draft: SpoolDraft): LargeWriter;
  commitSmall(record: PendingRecord): void;
  placed(head: EncodedHead, segment: Segment, offset: number, bytes: number): void;
}

export class SpoolDraft implements PendingRecord {
  readonly type = recordType.message;
  payloadBytes = 0;
  /** Set by the caller: space again after `append` answered false. */
  onDrain: (() => void) | undefined;
  readonly #host: DraftHost;
  #chunks: Buffer[] = [];
  #size = 0;
  #held = 0;
  #large: LargeWriter | undefined;
  #head: EncodedHead | undefined;
  #done: CommitDone | undefined;
  #isOver = false;

  constructor(host: DraftHost) {
    this.#host = host;
  }

  /** Bytes appended so far. */
  get size(): number {
    return this.#size;
  }

  /** Whether pieces appended from now on are copied at once. */
  get isCopying(): boolean {
    return this.#large !== undefined;
  }

  /**
   * Takes a piece of the message. False: wait for `onDrain` before the next one. The piece must not be changed until the end, unless
   * `isCopying` was true before.
   */
  append(chunk: Buffer): boolean {
    if (this.#isOver || this.#done !== undefined) return true;
    this.#size += chunk.length;
    if (this.#large !== undefined) return this.#large.append(chunk);
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    this.#host.draftBytes += chunk.length;
    if (this.#size <= this.#host.largeMessageBytes && this.#host.draftBytes <= draftBytesMax) return true;
    return this.#becomeLarge();
  }

  /** Puts bytes in front of all that was appended: once, when everything was. Small ones: a large message has them in its commit record. */
  prepend(bytes: Buffer): void {
    if (this.#isOver || this.#done !== undefined) return;
    this.#size += bytes.length;
    if (this.#large !== undefined) {
      this.#large.top = bytes;
      return;
    }
    this.#chunks.unshift(bytes);
    this.#held += bytes.length;
    this.#host.draftBytes += bytes.length;
  }

  #becomeLarge(): boolean {
    this.#large = this.#host.openLarge(this);
    const chunks = this.#chunks;
    this.#letGo();
    let hasRoom = true;
    for (const chunk of chunks) hasRoom = this.#large.append(chunk);
    return hasRoom;
  }

  #letGo(): void {
    this.#chunks = [];
    this.#host.draftBytes -= this.#held;
    this.#held = 0;
  }

  /**
   * Makes the message durable, then calls `done`: without error it is on the disk and may be answered 250; with a SpoolError it is
   * not there, and will not come back. `done` is never called before this returns.
   */
  commit(envelope: Envelope, done: CommitDone): void {
    if (this.#done !== undefined || this.#isOver) throw new SpoolError('closed', 'this draft is finished');
    this.#done = done;
    try {
      this.#head = encodeHead(envelope);
    } catch (error) {
      this.#refuseSoon(error instanceof SpoolError ? error : new SpoolError('too-large', 'the envelope cannot be written', error));
      return;
    }
    if (this.#host.isClosed) {
      this.#refuseSoon(new SpoolError('closed', 'the spool is closed'));
      return;
    }
    if (headBytes(this.#head) + (this.#large?.top.length ?? 0) > recordPayloadMax) {
      this.#refuseSoon(new SpoolError('too-large', `an envelope of ${this.#head.jsonBytes} bytes`));
      return;
    }
    this.payloadBytes = headBytes(this.#head) + this.#size;
    if (this.#large === undefined && this.payloadBytes > this.#host.smallPayloadMax) this.#becomeLarge();
    if (this.#large === undefined) this.#host.commitSmall(this);
    else this.#large.commit(this.#head, this.#size);
  }

  #refuseSoon(error: SpoolError): void {
    this.#large?.abort();
    queueMicrotask(() => this.refused(error));
  }

  /** Forgets the message; nothing of it will ever be seen. Without effect after `commit`. */
  abort(): void {
    if (this.#done !== undefined || this.#isOver) return;
    this.#isOver = true;
    this.#letGo();
    this.#large?.abort();
  }

  writePayload(buffer: Buffer, at: number): void {
    if (this.#head === undefined) return;
    let next = writeHead(buffer, at, this.#head, this.#size, 0);
    for (const chunk of this.#chunks) next += chunk.copy(buffer, next);
  }

  placed(segment: Segment, offset: number, bytes: number): void {
    if (this.#head !== undefined) this.#host.placed(this.#head, segment, offset, bytes);
  }

  confirmed(): void {
    this.#finish(undefined);
  }

  refused(error: SpoolError): void {
    this.#finish(error);
  }

  #finish(error: SpoolError | undefined): void {
    this.#isOver = true;
    this.#letGo();
    const done = this.#done;
    // A draft may outlive its message (a session keeps its last one): the envelope and the closures behind `done` must not.
    this.#done = undefined;
    this.#head = undefined;
    if (error === undefined) done?.();
    else done?.(error);
  }

  /** For the writer of a large message: the disk has caught up. */
  drained(): void {
    this.onDrain?.();
  }
}

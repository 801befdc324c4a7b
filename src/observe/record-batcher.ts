/*
 * A thread's mail records on their way to the writer: gathered, and posted as one flat array.
 *
 * A batch is posted 80 ms after its first record, or at 1,024 records. When the writer does not take it, batches wait
 * here, up to 65,536 records a thread; beyond that the oldest batch is dropped, and that is never silent: one panic line
 * when it begins, one with the count when the writer keeps up again, and `dropped` counts. `isCrowded` tells the reader
 * of the network, from half of the bound, that accepting more mail now would outrun its records.
 */
import type { PanicLog } from './panic-log.ts';
import { flatten, type FlatRecords, type MailRecord, type RecordSink } from './records.ts';

/** What a TimerWheel offers; batching needs no more. */
export interface FlushTimers {
  schedule(delayMs: number, fn: () => void): number;
  cancel(id: number): unknown;
}

export interface RecordBatcherOptions {
  /** Hands a batch to the transport. False: not taken, try later. */
  post: (batch: FlatRecords) => boolean;
  timers: FlushTimers;
  panic: Pick<PanicLog, 'log'>;
  /** Milliseconds from the first record of a batch to its posting; default 80: with a tick of the wheel a line is in its file within 100 ms. */
  flushMs?: number;
  /** Records in a batch that is posted without waiting; default 1,024. */
  batchMax?: number;
  /** Records that may wait in this thread; default 65,536. */
  backlogMax?: number;
}

interface Batch {
  flat: FlatRecords;
  count: number;
}

export class RecordBatcher implements RecordSink {
  /** Records dropped since the start of this thread. */
  dropped = 0;
  #o: Required<RecordBatcherOptions>;
  #current: Batch = { flat: [], count: 0 };
  #backlog: Batch[] = [];
  #waiting = 0;
  #timer: number | undefined;
  #droppedBeforeTrouble = 0;
  #isDropping = false;

  constructor(o: RecordBatcherOptions) {
    this.#o = { flushMs: 80, batchMax: 1024, backlogMax: 65_536, ...o };
  }

  /** Records that wait in this thread. */
  get waiting(): number {
    return this.#waiting;
  }

  get isCrowded(): boolean {
    return this.#waiting * 2 >= this.#o.backlogMax;
  }

  record(r: MailRecord): void {
    flatten(r, this.#current.flat);
    this.#current.count++;
    this.#waiting++;
    if (this.#current.count >= this.#o.batchMax) this.flush();
    else this.#timer ??= this.#o.timers.schedule(this.#o.flushMs, this.#due);
  }

  /** Posts what waits, oldest first. True when nothing is left. */
  flush(): boolean {
    this.#cancelTimer();
    if (this.#current.count > 0) {
      this.#backlog.push(this.#current);
      this.#current = { flat: [], count: 0 };
    }
    while (this.#backlog.length > 0) {
      const batch = this.#backlog[0] as Batch;
      if (!this.#o.post(batch.flat)) break;
      this.#backlog.shift();
      this.#waiting -= batch.count;
    }
    if (this.#backlog.length === 0) {
      this.#reportRecovery();
      return true;
    }
    this.#dropBeyondBound();
    this.#timer = this.#o.timers.schedule(this.#o.flushMs, this.#due);
    return false;
  }

  /** Last flush, then no timer stays behind. */
  close(): void {
    this.flush();
    this.#cancelTimer();
  }

  #due = (): void => {
    this.#timer = undefined;
    this.flush();
  };

  #cancelTimer(): void {
    if (this.#timer === undefined) return;
    this.#o.timers.cancel(this.#timer);
    this.#timer = undefined;
  }

  #dropBeyondBound(): void {
    while (this.#waiting > this.#o.backlogMax && this.#backlog.length > 0) {
      const oldest = this.#backlog.shift() as Batch;
      this.#waiting -= oldest.count;
      this.dropped += oldest.count;
      if (this.#isDropping) continue;
      this.#isDropping = true;
      this.#o.panic.log(
        'CRITICAL',
        'LOG1',
        `the log writer does not keep up: ${this.#o.backlogMax} mail records wait, the oldest are dropped`,
      );
    }
  }

  #reportRecovery(): void {
    if (!this.#isDropping) return;
    this.#isDropping = false;
    this.#o.panic.log(
      'CRITICAL',
      'LOG1',
      `the log writer keeps up again: ${this.dropped - this.#droppedBeforeTrouble} mail records were dropped`,
    );
    this.#droppedBeforeTrouble = this.dropped;
  }
}

/*
 * The way from a thread to the writer: what a RecordBatcher posts to and a PanicLog writes to.
 *
 * Batches are large, so few may be under way: at 64 that the writer has not confirmed, a batch is refused and waits in the
 * batcher, whose bound then counts. Panic lines that cannot be sent (no writer yet, queue full) are kept here, at most
 * 1,000; beyond that the oldest is dropped, and the next one that goes says how many were.
 * The link is handed in: a LoopLink in a loop, the LoopPool on main.
 */
import type { FlatRecords } from './records.ts';
import type { PanicLine } from './repeat-gate.ts';
import { writerRoom } from './writer.ts';

/** What LoopLink and LoopPool offer. */
export interface WriterLink {
  send(to: 'writer', room: string, message: unknown): boolean;
  /** Messages sent and not known to have arrived. */
  backlog(to: 'writer'): number;
}

export const batchesUnderWayMax = 64;
export const panicsKeptMax = 1000;

export class WriterOutlet {
  #link: WriterLink;
  #kept: PanicLine[] = [];
  #dropped = 0;

  constructor(link: WriterLink) {
    this.#link = link;
  }

  /** For RecordBatcher's `post`. */
  readonly postRecords = (flat: FlatRecords): boolean => {
    return this.#link.backlog('writer') < batchesUnderWayMax && this.#link.send('writer', writerRoom, flat);
  };

  /** For PanicLog's `write`. */
  readonly writePanic = (line: PanicLine): void => {
    this.#kept.push(line);
    if (this.#kept.length > panicsKeptMax) {
      this.#kept.shift();
      this.#dropped++;
    }
    this.flush();
  };

  /** Sends the lines that were kept; called when the writer has become ready. */
  flush(): void {
    while (this.#kept.length > 0) {
      const line = this.#kept[0] as PanicLine;
      const told = this.#dropped === 0 ? line : { ...line, text: `${line.text} (${this.#dropped} lines before this one were dropped)` };
      if (!this.#link.send('writer', writerRoom, told)) return;
      this.#kept.shift();
      this.#dropped = 0;
    }
  }
}

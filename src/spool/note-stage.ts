// Notes on their way to the disk: gathered in memory, given to the next batch, kept until that batch is durable.
//
// The rule to know: first in, first out, and what was in a failed batch goes back to the front; so "all notes up to here" is a number.
// At the soft bound deferrals are forgotten (a message is tried sooner after a crash), at the hard bound everything is (it may be
// delivered twice after a crash); a message itself is never lost by a forgotten note. Nothing here knows of files.

import { noteBytesHard, noteBytesSoft } from './layout.ts';
import { noteHeaderBytes, noteKind } from './note-entry.ts';
import type { Segment } from './segment.ts';

interface Waiter {
  until: number;
  done: () => void;
}

export class NoteStage {
  #waiting: Buffer[] = [];
  #inFlight: Buffer[] = [];
  #bytes = 0;
  #staged = 0;
  #durable = 0;
  #waiters: Waiter[] = [];
  #isAbandoned = false;
  /** Notes forgotten at the bounds. */
  forgotten = 0;

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Bytes that wait or are being written. */
  get bytes(): number {
    return this.#bytes;
  }

  /** False when the note was forgotten at a bound. */
  push(entry: Buffer): boolean {
    const bound = entry[0] === noteKind.deferred ? noteBytesSoft : noteBytesHard;
    if (this.#bytes + entry.length > bound) {
      this.forgotten += 1;
      return false;
    }
    this.#waiting.push(entry);
    this.#bytes += entry.length;
    this.#staged += 1;
    return true;
  }

  /** Forgets `entry` if it is the last one and waits still: the caller stages one in its place that says more. */
  takeBack(entry: Buffer): void {
    if (this.#waiting[this.#waiting.length - 1] !== entry) return;
    this.#waiting.pop();
    this.#bytes -= entry.length;
    this.#staged -= 1;
  }

  /** Puts an entry before all others: the next batch begins with it. */
  pushFirst(entry: Buffer): void {
    this.#waiting.unshift(entry);
    this.#bytes += entry.length;
    this.#staged += 1;
    for (const waiter of this.#waiters) waiter.until += 1;
  }

  /** Copies as many entries as fit to `buffer` at `at`, and tells `segment` what it will hold. Answers the bytes. */
  fill(buffer: Buffer, at: number, room: number, segment: Segment): number {
    let used = 0;
    let count = 0;
    for (const entry of this.#waiting) {
      if (used + entry.length > room) break;
      entry.copy(buffer, at + used);
      used += entry.length;
      count += 1;
      tellSegment(segment, entry);
    }
    if (count === 0) return 0;
    this.#inFlight = this.#waiting.slice(0, count);
    this.#waiting = count === this.#waiting.length ? [] : this.#waiting.slice(count);
    return used;
  }

  settleBatch(): void {
    if (this.#inFlight.length > 0) {
      for (const entry of this.#inFlight) this.#bytes -= entry.length;
      this.#durable += this.#inFlight.length;
      this.#inFlight = [];
    }
    while (this.#waiters[0] !== undefined && this.#waiters[0].until <= this.#durable) this.#waiters.shift()?.done();
  }

  failBatch(): void {
    if (this.#inFlight.length === 0) return;
    this.#waiting = [...this.#inFlight, ...this.#waiting];
    this.#inFlight = [];
  }

  /** The disk will not take more: nobody waits any longer. */
  abandon(): void {
    this.#isAbandoned = true;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.done();
  }

  /** Calls `done` when all notes staged so far are durable; at once when they are. */
  whenDurable(done: () => void): void {
    if (this.#staged === this.#durable || this.#isAbandoned) done();
    else this.#waiters.push({ until: this.#staged, done });
  }
}

/** Keeps a segment's own account of the notes in it (segment.ts); an ending that speaks of its own segment dies with it. */
function tellSegment(segment: Segment, entry: Buffer): void {
  const kind = entry[0] ?? 0;
  if (kind < noteKind.settled || kind > noteKind.sealed) {
    segment.hasStateNotes = true;
    return;
  }
  const home = entry.readDoubleLE(noteHeaderBytes + (entry[1] ?? 0));
  if (home !== segment.generation) segment.endings.add(home);
}

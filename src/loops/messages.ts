/*
 * What threads say to each other: addresses, the layout of a batch, and the control messages of this room.
 *
 * One batch is one array and one postMessage: [ack, kind, id, room, message, kind, id, room, message, ...].
 * `ack` is the running count of frames the sender of the batch has received on this channel (flow control).
 * `id` is 0 for plain messages. The control room's name is empty, so no other room can be confused with it.
 */
import type { MessagePort } from 'node:worker_threads';

/** A thread: a loop's number from 0, the thread of the pool's owner, or the log writer. */
export type Address = number | 'main' | 'writer';

export const frameMessage = 0;
export const frameRequest = 1;
export const frameReply = 2;
/** A reply that carries why not: its message is [code, text]. */
export const frameRefusal = 3;
export type FrameKind = 0 | 1 | 2 | 3;

export const frameWidth = 4;
export const controlRoom = '';

/** Control messages, main to a thread and back. Sent past the bound of a queue: they are few. */
export type Control =
  | { kind: 'wire'; peer: Address; port: MessagePort }
  | { kind: 'lost'; peer: Address }
  | { kind: 'stop'; graceMs: number }
  | { kind: 'close'; graceMs: number }
  | { kind: 'ready' }
  | { kind: 'stopped' }
  | { kind: 'closed' };

/** Stands in place of the birth in workerData of a thread that was begun early: its birth is the first message. */
export const bornLater = 'later';

/** What a thread is born with (inside workerData, under the key `impetusLoop`, or the first message to a thread that was begun early). */
export interface Birth {
  self: number | 'writer';
  pool: string;
  count: number;
  hasWriter: boolean;
  /** How many threads had this address before; 0 for the first. */
  generation: number;
  /** Ports to the threads that are alive already; the rest arrive as `wire`. */
  ports: { peer: Address; port: MessagePort }[];
  bounds: { queue: number; window: number; acknowledge?: number };
  data: unknown;
}

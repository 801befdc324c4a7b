/*
 * One direction pair between two threads: gathers what is sent in a turn, posts it as one array, counts what is not
 * yet acknowledged, and holds what is sent while the other side is down.
 *
 * Bounds: `window` frames may be posted and not yet acknowledged; beyond it frames wait here. `queue` frames may wait
 * here; beyond it push() answers false and the frame is NOT taken (behaviour "refuse", the sender decides).
 * Deliberately no retry of what was posted to a thread that died: only the room that sent it knows whether the spool
 * makes it good. Frames still held here do go to the successor.
 */
import type { MessagePort, Transferable } from 'node:worker_threads';
import type { Address, FrameKind } from './messages.ts';
import { controlRoom, frameWidth } from './messages.ts';

/** What a Worker, a parentPort and a MessagePort have in common. */
type Port = Pick<MessagePort, 'postMessage'> & { close?: () => void };

export interface ChannelOwner {
  /** The channel has something to post at the end of this turn. */
  dirty(channel: Channel): void;
  frame(from: Channel, kind: FrameKind, id: number, room: string, message: unknown): void;
  /** A frame could not be copied to the other thread and was dropped. */
  unsendable(to: Channel, kind: FrameKind, id: number, room: string, error: Error): void;
  drained(channel: Channel): void;
}

export interface ChannelBounds {
  /** Frames that may wait on this side. */
  queue: number;
  /** Frames that may be under way, not yet acknowledged. */
  window: number;
  /** Frames after which this side acknowledges at the latest; default a quarter of the window. */
  acknowledge?: number;
}

export const defaultBounds: ChannelBounds = { queue: 65_536, window: 16_384 };

export class Channel {
  readonly peer: Address;
  /** Frames refused at the bound since the start. */
  refused = 0;
  isDirty = false;
  #owner: ChannelOwner;
  #bounds: ChannelBounds;
  #port: Port | undefined;
  #out: unknown[] = [0];
  #waiting = 0;
  #transfers: Map<number, readonly Transferable[]> | undefined;
  #posted = 0;
  #acknowledged = 0;
  #received = 0;
  #receivedAcknowledged = 0;
  #wasFull = false;

  constructor(peer: Address, owner: ChannelOwner, bounds: ChannelBounds) {
    this.peer = peer;
    this.#owner = owner;
    this.#bounds = bounds;
  }

  get isConnected(): boolean {
    return this.#port !== undefined;
  }

  /** Frames waiting on this side. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Frames posted and not yet acknowledged. */
  get underWay(): number {
    return this.#posted - this.#acknowledged;
  }

  connect(port: Port): void {
    this.#port = port;
    this.#posted = 0;
    this.#acknowledged = 0;
    this.#received = 0;
    this.#receivedAcknowledged = 0;
    if (this.#waiting > 0) this.#owner.dirty(this);
  }

  /** The other side is gone. Returns how many frames were under way: they may or may not have been seen. */
  disconnect(): number {
    const lost = this.underWay;
    this.#port?.close?.();
    this.#port = undefined;
    this.#posted = 0;
    this.#acknowledged = 0;
    this.#dropControl();
    return lost;
  }

  /** False at the bound: the frame was not taken. Control frames are `urgent` and always taken. */
  push(kind: FrameKind, id: number, room: string, message: unknown, transfer?: readonly Transferable[], urgent = false): boolean {
    if (this.#waiting >= this.#bounds.queue && !urgent) {
      this.refused++;
      this.#wasFull = true;
      return false;
    }
    if (transfer !== undefined && transfer.length > 0) {
      this.#transfers ??= new Map();
      this.#transfers.set(this.#waiting, transfer);
    }
    this.#out.push(kind, id, room, message);
    this.#waiting++;
    if (!this.isDirty) this.#owner.dirty(this);
    return true;
  }

  /** Posts what waits, if the window allows. `force` ignores the window (last words before a stop). */
  flush(force = false): void {
    const port = this.#port;
    if (port === undefined) return;
    const owesAck = this.#owesAck();
    const open = this.#waiting > 0 && (force || this.underWay < this.#bounds.window);
    if (!open) {
      if (owesAck) port.postMessage([this.#takeAck()]);
      return;
    }
    const batch = this.#out;
    const count = this.#waiting;
    const transfers = this.#transfers;
    batch[0] = this.#takeAck();
    this.#out = [0];
    this.#waiting = 0;
    this.#transfers = undefined;
    try {
      port.postMessage(batch, transfers === undefined ? undefined : flatten(transfers));
      this.#posted += count;
    } catch {
      this.#postOneByOne(port, batch, transfers);
    }
    if (this.#wasFull) {
      this.#wasFull = false;
      this.#owner.drained(this);
    }
  }

  /** A batch has arrived from the other side. */
  receive(batch: readonly unknown[]): void {
    this.#acknowledged = Math.max(this.#acknowledged, batch[0] as number);
    for (let i = 1; i + frameWidth <= batch.length; i += frameWidth) {
      this.#received++;
      this.#owner.frame(this, batch[i] as FrameKind, batch[i + 1] as number, batch[i + 2] as string, batch[i + 3]);
    }
    if ((this.#owesAck() || this.#waiting > 0) && !this.isDirty) this.#owner.dirty(this);
  }

  #owesAck(): boolean {
    return this.#received - this.#receivedAcknowledged >= (this.#bounds.acknowledge ?? this.#bounds.window >> 2);
  }

  #takeAck(): number {
    this.#receivedAcknowledged = this.#received;
    return this.#received;
  }

  /** Control messages were meant for the one who died; its successor gets its own. */
  #dropControl(): void {
    const old = this.#out;
    const transfers = this.#transfers;
    this.#out = [0];
    this.#waiting = 0;
    this.#transfers = undefined;
    for (let i = 1, n = 0; i < old.length; i += frameWidth, n++) {
      if (old[i + 2] === controlRoom) continue;
      const transfer = transfers?.get(n);
      this.push(old[i] as FrameKind, old[i + 1] as number, old[i + 2] as string, old[i + 3], transfer, true);
    }
  }

  /** Something in the batch cannot be cloned: post frame by frame, so that only the guilty one is dropped. */
  #postOneByOne(port: Port, batch: readonly unknown[], transfers: ReadonlyMap<number, readonly Transferable[]> | undefined): void {
    const count = (batch.length - 1) / frameWidth;
    for (let n = 0; n < count; n++) {
      const i = 1 + n * frameWidth;
      const frame = batch.slice(i, i + frameWidth);
      try {
        port.postMessage([batch[0], ...frame], transfers?.get(n));
        this.#posted++;
      } catch (error) {
        this.#owner.unsendable(this, frame[0] as FrameKind, frame[1] as number, frame[2] as string, error as Error);
      }
    }
  }
}

function flatten(transfers: ReadonlyMap<number, readonly Transferable[]>): Transferable[] {
  const all = new Set<Transferable>();
  for (const list of transfers.values()) for (const item of list) all.add(item);
  return [...all];
}

/**
 * What may be handed over of these buffers: those that own their whole memory. A Buffer that is a slice of Node's
 * pool cannot be transferred (it would take its neighbours along), so it is left out and copied instead.
 */
export function transferable(buffers: readonly Uint8Array[]): Transferable[] {
  const list: Transferable[] = [];
  for (const b of buffers) {
    if (b.buffer instanceof ArrayBuffer && b.byteOffset === 0 && b.byteLength === b.buffer.byteLength && b.byteLength > 0)
      list.push(b.buffer);
  }
  return list;
}

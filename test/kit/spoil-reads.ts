/**
 * Spoils what a connection lent as soon as its listener has returned (src/net/shared-reads.ts), so that an octet that somebody kept without a copy is wrong every
 * time, and not only when another read came in between.
 *
 * The one rule: import it, or load it by --import into a server under test; each thread says once on stderr that it is at work. A campaign without that line has proved nothing.
 */
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';

/** What is left of a read: no octet that a campaign sends. */
export const SPOILT = 0xaa;

/** The memory that is shared. What was given back to a stream (behind a PROXY header) is the stream's own. */
const SHARED_BYTES = 262_144;

/** Reads spoilt in this thread. */
export const reads = { spoilt: 0 };

const emit = Reflect.get(Socket.prototype, 'emit') as (this: Socket, event: string | symbol, ...rest: unknown[]) => boolean;

Socket.prototype.emit = function (this: Socket, event: string | symbol, ...rest: unknown[]): boolean {
  const [lent] = rest;
  const isLent = event === 'data' && 'readsMany' in this && Buffer.isBuffer(lent) && lent.buffer.byteLength === SHARED_BYTES;
  const isHeard = emit.call(this, event, ...rest);
  if (!isLent) return isHeard;
  lent.fill(SPOILT);
  if (++reads.spoilt === 1) writeSync(2, 'reads are spoilt\n');
  return isHeard;
};

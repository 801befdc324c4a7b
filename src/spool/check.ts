// What an operator can do with a spool while the server does not run: verify it, list it, take one message out, drop one.
//
// The rule to know: everything but --live takes the lock first, so it never works on a spool in use; dropping writes a note like the
// server's own (settled, or dropped for one recipient) into a fresh small segment, synced, and removes nothing itself.
// An id may be that of a batch or of one of its recipients. Words for people are made in cli. Truth: design section 6.

import type { Clock, Random } from '#base';
import { BatchIndex } from './batch-index.ts';
import { claimSpool, type LockPort, type SpoolClaim } from './claim.ts';
import { nodeDisk, type SpoolFs } from './disk.ts';
import { diskError, SpoolError } from './errors.ts';
import { type Inspection, SpoolInspector, type StoredMessage } from './inspect.ts';
import { Log } from './log.ts';
import { encodeDropped, encodeEnd, noteKind } from './note-entry.ts';
import { SegmentTable } from './segment-store.ts';

export interface CheckOptions {
  dir: string;
  clock: Clock;
  random: Random;
  /** Read only, without the lock: the server may be running. */
  isLive?: boolean;
  disk?: SpoolFs;
  lock?: LockPort;
}

const toolSegmentBytes = 65_536;

async function inspected<T>(o: CheckOptions, work: (inspector: SpoolInspector) => Promise<T>): Promise<T> {
  const disk = o.disk ?? nodeDisk;
  const inspector = await SpoolInspector.open({ disk, dir: o.dir, isLive: o.isLive === true });
  let claim: SpoolClaim | undefined;
  if (o.isLive !== true)
    claim = await claimSpool({ dir: o.dir, disk, random: o.random, ...(o.lock === undefined ? {} : { lock: o.lock }) });
  try {
    return await work(inspector);
  } catch (error) {
    throw diskError(error, `read the spool ${o.dir}`);
  } finally {
    claim?.release();
  }
}

/** Verifies all records. Throws SpoolError: 'foreign', 'version', 'locked', 'io'. */
export function checkSpool(o: CheckOptions): Promise<Inspection> {
  return inspected(o, (inspector) => inspector.visit(() => false));
}

/** Tells every live message, in the order of the logs. */
export function listSpool(o: CheckOptions, tell: (message: StoredMessage) => void): Promise<Inspection> {
  return inspected(o, (inspector) =>
    inspector.visit((message) => {
      tell(message);
    }),
  );
}

/** Hands out the body of the message piece by piece. Rejects with SpoolError when it does not hold any more. */
export type BodyOf = (part: (bytes: Buffer) => Promise<void> | void) => Promise<void>;

/** Tells every live message and waits for each; its body can be read meanwhile. True ends the reading. */
export function readSpool(o: CheckOptions, tell: (message: StoredMessage, body: BodyOf) => Promise<boolean | void>): Promise<Inspection> {
  return inspected(o, (inspector) => inspector.visit((message) => tell(message, (part) => inspector.body(message, part))));
}

function hasId(message: StoredMessage, id: string): boolean {
  return message.batchId === id || message.envelope.recipients.some((r) => r.id === id);
}

async function findMessage(inspector: SpoolInspector, id: string, dir: string): Promise<StoredMessage> {
  let found: StoredMessage | undefined;
  await inspector.visit((message) => {
    if (hasId(message, id)) found = message;
    return found !== undefined;
  });
  if (found === undefined) throw new SpoolError('not-found', `no live message "${id}" in ${dir}`);
  return found;
}

/** Hands out the message (RFC 5322) of a batch or recipient id piece by piece. Throws SpoolError 'not-found', 'damaged', .... */
export function extractMessage(o: CheckOptions, id: string, part: (bytes: Buffer) => Promise<void> | void): Promise<StoredMessage> {
  return inspected(o, async (inspector) => {
    const message = await findMessage(inspector, id, o.dir);
    await inspector.body(message, part);
    return message;
  });
}

export interface Dropped {
  message: StoredMessage;
  /** The recipients that were still open and are not any more. */
  recipients: number[];
  /** True: the whole batch is dead now. */
  isWhole: boolean;
}

/** Takes a batch, or one recipient of it, out of the spool, durably and without a DSN. Throws SpoolError. */
export function dropMessage(o: CheckOptions, id: string): Promise<Dropped> {
  if (o.isLive === true) throw new SpoolError('locked', 'dropping a message needs the spool for itself: stop the server first');
  return inspected(o, async (inspector) => {
    const message = await findMessage(inspector, id, o.dir);
    const all = message.envelope.recipients.map((_, i) => i);
    const isMeant = (i: number): boolean => message.batchId === id || message.envelope.recipients[i]?.id === id;
    const isOpen = (i: number): boolean => message.states[i]?.outcome === 'open';
    const recipients = all.filter((i) => isMeant(i) && isOpen(i));
    const isWhole = !all.some((i) => isOpen(i) && !isMeant(i));
    await writeDrop(o, inspector.spoolId, message, recipients, isWhole);
    return { message, recipients, isWhole };
  });
}

async function writeDrop(o: CheckOptions, spoolId: number, message: StoredMessage, recipients: number[], isWhole: boolean): Promise<void> {
  const panics: string[] = [];
  const log = await Log.open(message.log, {
    disk: o.disk ?? nodeDisk,
    clock: o.clock,
    spool: o.dir,
    spoolId,
    segmentBytes: toolSegmentBytes,
    fileMode: 0o640,
    directoryMode: 0o750,
    isDurable: true,
    table: new SegmentTable(),
    index: new BatchIndex(),
    preparesAhead: false,
    later: undefined,
    panic: (text) => panics.push(text),
  });
  const sequence = log.group.nextSequence();
  if (isWhole) log.group.note(encodeEnd(noteKind.settled, message.batchId, sequence, message.place.generation));
  else log.group.note(encodeDropped(message.batchId, sequence, recipients));
  await log.close();
  if (!log.group.notes.isEmpty) throw new SpoolError('io', `cannot write the note: ${panics.join('; ')}`);
}

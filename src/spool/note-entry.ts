// Small records of what changed for a batch: delivered, deferred, rebind, settled, ... many of them in one record of type `notes`.
//
// The rule to know: an entry carries its own place in the log's order (`sequence`), so that it can be copied to a later segment and
// still not supersede what was said after it. Entries may be applied in any order: outcomes add up, of deferrals and rebinds the latest wins.
// `settled` and `aborted` name the segment where the message lies (`home`): they may be forgotten when that segment is gone.
// Layout, little-endian: 0 kind, 1 id bytes, 2 data bytes (u16), 4 sequence (double), 12 id, then data.

import type { StateNote } from './state.ts';

export const noteKind = {
  delivered: 1,
  failed: 2,
  deferred: 3,
  rebind: 4,
  settled: 5,
  aborted: 6,
  sealed: 7,
  dropped: 8,
  reroute: 9,
} as const;

export const noteHeaderBytes = 12;
/** Longer replies of a peer are cut in the note; the log line has them whole. */
const noteReplyBytesMax = 512;
const recipientsPerNote = 4096;

interface NoteEntry {
  kind: number;
  id: string;
  sequence: number;
  /** For settled, aborted and sealed: the generation of the segment meant. */
  home: number;
  /** For sealed: nothing from here on is to be believed in that segment. */
  offset: number;
  /** For deferred: every recipient of the batch that is still open. */
  isForAll: boolean;
  dataStart: number;
  dataBytes: number;
  start: number;
  end: number;
}

function listBytes(recipients: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(recipients.length * 2);
  for (let i = 0; i < recipients.length; i += 1) bytes.writeUInt16LE(recipients[i] ?? 0, i * 2);
  return bytes;
}

function encode(kind: number, id: string, sequence: number, data: Buffer): Buffer {
  const idBytes = Buffer.byteLength(id);
  const entry = Buffer.allocUnsafe(noteHeaderBytes + idBytes + data.length);
  entry.writeUInt8(kind, 0);
  entry.writeUInt8(idBytes, 1);
  entry.writeUInt16LE(data.length, 2);
  entry.writeDoubleLE(sequence, 4);
  entry.write(id, noteHeaderBytes, 'utf8');
  data.copy(entry, noteHeaderBytes + idBytes);
  return entry;
}

/** `settled`, `aborted`: the message of this id in segment `home` is dead. */
export function encodeEnd(kind: 5 | 6, id: string, sequence: number, home: number): Buffer {
  const data = Buffer.allocUnsafe(8);
  data.writeDoubleLE(home, 0);
  return encode(kind, id, sequence, data);
}

/** `sealed`: nothing in segment `home` from `offset` on was ever answered with yes. */
export function encodeSeal(sequence: number, home: number, offset: number): Buffer {
  const data = Buffer.allocUnsafe(16);
  data.writeDoubleLE(home, 0);
  data.writeDoubleLE(offset, 8);
  return encode(noteKind.sealed, '', sequence, data);
}

/** `dropped`: an operator took this recipient out; no DSN. */
export function encodeDropped(id: string, sequence: number, recipients: readonly number[]): Buffer {
  return encode(noteKind.dropped, id, sequence, listBytes(recipients));
}

/** @param total recipients of the batch: a deferral of all of them supersedes earlier ones. Long lists become several entries. */
export function encodeNote(id: string, note: StateNote, sequence: () => number, total: number): Buffer[] {
  if ('recipient' in note) {
    return [encode(noteKind[note.kind], id, sequence(), listBytes([note.recipient]))];
  }
  const entries: Buffer[] = [];
  for (let i = 0; i < note.recipients.length; i += recipientsPerNote) {
    const some = note.recipients.slice(i, i + recipientsPerNote);
    if (note.kind !== 'deferred') {
      const words = note.kind === 'rebind' ? [note.binding, note.bindingGroup] : [note.domain];
      const names = Buffer.from(JSON.stringify(words), 'utf8');
      const length = Buffer.allocUnsafe(2);
      length.writeUInt16LE(names.length, 0);
      entries.push(encode(noteKind[note.kind], id, sequence(), Buffer.concat([length, names, listBytes(some)])));
      continue;
    }
    const reply = Buffer.from(note.reply ?? '', 'utf8').subarray(0, noteReplyBytesMax);
    const head = Buffer.allocUnsafe(16);
    const isForAll = note.recipients.length >= total && total <= recipientsPerNote;
    head.writeUInt8(isForAll ? 1 : 0, 0);
    head.writeUInt8(note.reply === undefined ? 0 : 1, 1);
    head.writeUInt32LE(Math.min(note.attempts, 0xffff_ffff), 2);
    head.writeDoubleLE(note.nextAt, 6);
    head.writeUInt16LE(reply.length, 14);
    entries.push(encode(noteKind.deferred, id, sequence(), Buffer.concat([head, reply, listBytes(some)])));
  }
  return entries;
}

/** Reads the entry at `at` into `entry`; false when there is none before `end` (the record's checksum was right: a defect or a newer format). */
export function readNote(buffer: Buffer, at: number, end: number, entry: NoteEntry): boolean {
  if (at + noteHeaderBytes > end) return false;
  const idBytes = buffer.readUInt8(at + 1);
  entry.kind = buffer.readUInt8(at);
  entry.dataBytes = buffer.readUInt16LE(at + 2);
  entry.sequence = buffer.readDoubleLE(at + 4);
  entry.dataStart = at + noteHeaderBytes + idBytes;
  entry.start = at;
  entry.end = entry.dataStart + entry.dataBytes;
  if (entry.end > end) return false;
  entry.id = buffer.toString('utf8', at + noteHeaderBytes, entry.dataStart);
  const hasHome = entry.kind >= noteKind.settled && entry.kind <= noteKind.sealed;
  entry.home = hasHome && entry.dataBytes >= 8 ? buffer.readDoubleLE(entry.dataStart) : 0;
  entry.offset = entry.kind === noteKind.sealed && entry.dataBytes >= 16 ? buffer.readDoubleLE(entry.dataStart + 8) : 0;
  entry.isForAll = entry.kind === noteKind.deferred && entry.dataBytes >= 16 && buffer.readUInt8(entry.dataStart) === 1;
  return true;
}

export function emptyNote(): NoteEntry {
  return { kind: 0, id: '', sequence: 0, home: 0, offset: 0, isForAll: false, dataStart: 0, dataBytes: 0, start: 0, end: 0 };
}

function readList(buffer: Buffer, from: number, to: number): number[] {
  const list: number[] = [];
  for (let at = from; at + 2 <= to; at += 2) list.push(buffer.readUInt16LE(at));
  return list;
}

type DecodedNote =
  | { kind: 'delivered' | 'failed' | 'dropped'; recipients: number[] }
  | { kind: 'deferred'; recipients: number[]; attempts: number; nextAt: number; reply?: string }
  | { kind: 'rebind'; recipients: number[]; binding: string; bindingGroup: string }
  | { kind: 'reroute'; recipients: number[]; domain: string };

/** What an entry says about recipients; undefined for the kinds that end a message and for kinds of a newer version. */
export function decodeNote(buffer: Buffer, entry: NoteEntry): DecodedNote | undefined {
  const { dataStart: at, end, kind } = entry;
  if (kind === noteKind.delivered) return { kind: 'delivered', recipients: readList(buffer, at, end) };
  if (kind === noteKind.failed) return { kind: 'failed', recipients: readList(buffer, at, end) };
  if (kind === noteKind.dropped) return { kind: 'dropped', recipients: readList(buffer, at, end) };
  if (kind === noteKind.rebind || kind === noteKind.reroute) {
    const names = at + 2 + buffer.readUInt16LE(at);
    const [first = '', bindingGroup = ''] = JSON.parse(buffer.toString('utf8', at + 2, names)) as string[];
    const recipients = readList(buffer, names, end);
    if (kind === noteKind.reroute) return { kind: 'reroute', recipients, domain: first };
    return { kind: 'rebind', recipients, binding: first, bindingGroup };
  }
  if (kind !== noteKind.deferred) return undefined;
  const listStart = at + 16 + buffer.readUInt16LE(at + 14);
  const known = {
    recipients: readList(buffer, listStart, end),
    attempts: buffer.readUInt32LE(at + 2),
    nextAt: buffer.readDoubleLE(at + 6),
  };
  if (buffer.readUInt8(at + 1) === 0) return { kind: 'deferred', ...known };
  return { kind: 'deferred', ...known, reply: buffer.toString('utf8', at + 16, listStart) };
}

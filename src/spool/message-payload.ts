// What a message record holds: a prefix of 24 bytes, the batch id, the envelope as JSON, and (in a small message) the body.
//
// The rule to know: prefix and id can be read without parsing the envelope, so that a start over 100,000 messages parses each
// envelope once, when it is handed out. A commit record is the same without the body, which lies in part records before it; what was put
// on top of that body at the last moment (a signature) stands in the commit record.
// Prefix, little-endian: 0 envelope bytes, 4 recipients, 6 id bytes, 8 body bytes (double), 16 parts, 20 zero.

import type { Envelope } from '#mail';
import { SpoolError } from './errors.ts';

const messagePrefixBytes = 24;

/** An envelope ready to be written: its JSON is made once, when the commit is asked. */
export interface EncodedHead {
  id: string;
  idBytes: number;
  json: string;
  jsonBytes: number;
  recipients: number;
}

export function encodeHead(envelope: Envelope): EncodedHead {
  const json = JSON.stringify(envelope);
  const id = envelope.batchId;
  const idBytes = Buffer.byteLength(id);
  if (idBytes === 0 || idBytes > 255) throw new SpoolError('too-large', `batch id of ${idBytes} bytes`);
  return { id, idBytes, json, jsonBytes: Buffer.byteLength(json), recipients: Math.min(65_535, envelope.recipients.length) };
}

/** Bytes of the payload before the body. */
export function headBytes(head: EncodedHead): number {
  return messagePrefixBytes + head.idBytes + head.jsonBytes;
}

/** Writes prefix, id and envelope at `at`; answers where the body begins. */
export function writeHead(buffer: Buffer, at: number, head: EncodedHead, bodyBytes: number, parts: number): number {
  buffer.writeUInt32LE(head.jsonBytes, at);
  buffer.writeUInt16LE(head.recipients, at + 4);
  buffer.writeUInt16LE(head.idBytes, at + 6);
  buffer.writeDoubleLE(bodyBytes, at + 8);
  buffer.writeUInt32LE(parts, at + 16);
  buffer.writeUInt32LE(0, at + 20);
  let next = at + messagePrefixBytes;
  next += buffer.write(head.id, next, 'utf8');
  return next + buffer.write(head.json, next, 'utf8');
}

export interface MessageHead {
  envelopeStart: number;
  envelopeBytes: number;
  bodyStart: number;
  bodyBytes: number;
  /** Bytes of the body in this record: all of a small message, the top of a large one. */
  inlineBytes: number;
  recipients: number;
  parts: number;
  id: string;
}

/** Reads what `writeHead` wrote; undefined when the numbers cannot be true for a payload of this length. */
export function readHead(buffer: Buffer, at: number, payload: number): MessageHead | undefined {
  if (payload < messagePrefixBytes) return undefined;
  const envelopeBytes = buffer.readUInt32LE(at);
  const idBytes = buffer.readUInt16LE(at + 6);
  const bodyBytes = buffer.readDoubleLE(at + 8);
  const parts = buffer.readUInt32LE(at + 16);
  const envelopeStart = at + messagePrefixBytes + idBytes;
  const inline = payload - messagePrefixBytes - idBytes - envelopeBytes;
  if (idBytes === 0 || idBytes > 255 || inline < 0 || !(bodyBytes >= 0) || (parts === 0 && inline !== bodyBytes)) return undefined;
  const id = buffer.toString('utf8', at + messagePrefixBytes, envelopeStart);
  const bodyStart = envelopeStart + envelopeBytes;
  return { envelopeStart, envelopeBytes, bodyStart, bodyBytes, inlineBytes: inline, recipients: buffer.readUInt16LE(at + 4), parts, id };
}

/** The envelope; undefined when it is not one (a valid checksum over foreign text). */
export function parseEnvelope(buffer: Buffer, head: MessageHead): Envelope | undefined {
  try {
    const value = JSON.parse(buffer.toString('utf8', head.envelopeStart, head.envelopeStart + head.envelopeBytes)) as Envelope;
    return value.batchId === head.id && Array.isArray(value.recipients) ? value : undefined;
  } catch {
    return undefined;
  }
}

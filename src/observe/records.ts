/*
 * What happened to mail, as typed records, and their flat form for the way to the writer thread.
 *
 * A record carries the facts a log line needs and no format: formats belong to logger modules. Texts are Unicode text as
 * received (whoever read bytes has decoded them); nothing is escaped here. Times are epoch milliseconds, durations
 * milliseconds, sizes bytes. A batch is one flat array of primitives, the cheapest thing to copy to another thread.
 * Truth: rules LOG-02, LOG-10, LOG-12 and the reject line of section 15.2.
 */

interface Identified {
  /** When it happened. */
  at: number;
  messageId: string;
  batchId: string;
  connectionId: string;
}

export interface ReceptionRecord extends Identified {
  kind: 'R';
  recipientLocal: string;
  recipientDomain: string;
  /** Both '' for the null sender. */
  senderLocal: string;
  senderDomain: string;
  remoteIp: string;
  size: number;
  protocol: 'esmtp' | 'ecstream' | 'xfer' | 'internal';
  bindingGroup: string;
  binding: string;
}

/** X: handed to another node of the cluster. */
export interface DeliveryRecord extends Identified {
  kind: 'D' | 'X';
  domain: string;
  size: number;
  bindingGroup: string;
  binding: string;
  /** Attempts before this one. */
  retries: number;
  /** Since reception. */
  elapsedMs: number;
  remoteIp: string;
}

interface FailureRecord extends Identified {
  domain: string;
  /** Bytes sent before the failure. */
  size: number;
  bindingGroup: string;
  binding: string;
  /** Connection stage 0 to 22. */
  stage: number;
  retries: number;
  elapsedMs: number;
  /** '' when no peer was reached. */
  remoteIp: string;
  reply: string;
}

export interface TransientRecord extends FailureRecord {
  kind: 'T';
}

export interface PermanentRecord extends FailureRecord {
  kind: 'P';
}

/** Mail that was refused while it was being received. */
export interface RejectionRecord {
  kind: 'J';
  at: number;
  remoteIp: string;
  remotePort: number;
  localIp: string;
  localPort: number;
  connectionId: string;
  pathway: string;
  pathwayGroup: string;
  /** State of the reception in words, e.g. "awaiting mailfrom". */
  phase: string;
  code: number;
  /** The module that ran last, '' for none. */
  module: string;
  /** Key, value, key, value: see contextPairs. */
  contextConnection: readonly string[];
  contextMessage: readonly string[];
  text: string;
}

export type MailRecord = ReceptionRecord | DeliveryRecord | TransientRecord | PermanentRecord | RejectionRecord;

/** Where the engine puts records. Never throws, never waits. */
export interface RecordSink {
  record(r: MailRecord): void;
}

type Primitive = string | number;
/** Records one after the other, each as its kind and its fields in a fixed order. */
export type FlatRecords = Primitive[];

/** Most pairs of one context that a rejection carries; the rest is left out. */
export const contextPairsMax = 256;
/** Longest context value a rejection carries, in UTF-16 units; what is longer is cut. */
export const contextValueMax = 1024;

/** A validation context as a rejection carries it, within the bounds above. */
export function contextPairs(context: ReadonlyMap<string, string>): string[] {
  const pairs: string[] = [];
  for (const [key, value] of context) {
    if (pairs.length >= contextPairsMax * 2) break;
    pairs.push(cut(key), cut(value));
  }
  return pairs;
}

function cut(text: string): string {
  return text.length > contextValueMax ? text.slice(0, contextValueMax) : text;
}

/** Appends the flat form of `r` to `out`. */
export function flatten(r: MailRecord, out: FlatRecords): void {
  switch (r.kind) {
    case 'R':
      out.push(r.kind, r.at, r.messageId, r.batchId, r.connectionId, r.recipientLocal, r.recipientDomain, r.senderLocal, r.senderDomain);
      out.push(r.remoteIp, r.size, r.protocol, r.bindingGroup, r.binding);
      return;
    case 'D':
    case 'X':
      out.push(r.kind, r.at, r.messageId, r.batchId, r.connectionId, r.domain, r.size, r.bindingGroup, r.binding, r.retries, r.elapsedMs);
      out.push(r.remoteIp);
      return;
    case 'T':
    case 'P':
      out.push(r.kind, r.at, r.messageId, r.batchId, r.connectionId, r.domain, r.size, r.bindingGroup, r.binding, r.stage, r.retries);
      out.push(r.elapsedMs, r.remoteIp, r.reply);
      return;
    case 'J':
      out.push(r.kind, r.at, r.remoteIp, r.remotePort, r.localIp, r.localPort, r.connectionId, r.pathway, r.pathwayGroup, r.phase, r.code);
      out.push(r.module, r.text, r.contextConnection.length, r.contextMessage.length);
      for (const word of r.contextConnection) out.push(word);
      for (const word of r.contextMessage) out.push(word);
      return;
  }
}

/** The records of a flat batch, in order. The batch comes from `flatten` in another thread of this process and is trusted. */
export function unflatten(flat: FlatRecords): MailRecord[] {
  const records: MailRecord[] = [];
  const cursor = { at: 0 };
  const text = (): string => flat[cursor.at++] as string;
  const number = (): number => flat[cursor.at++] as number;
  while (cursor.at < flat.length) records.push(unflattenOne(text, number));
  return records;
}

function unflattenOne(text: () => string, number: () => number): MailRecord {
  const kind = text() as MailRecord['kind'];
  const at = number();
  if (kind === 'J') return unflattenRejection(at, text, number);
  const ids = { at, messageId: text(), batchId: text(), connectionId: text() };
  if (kind === 'R') {
    return {
      kind,
      ...ids,
      recipientLocal: text(),
      recipientDomain: text(),
      senderLocal: text(),
      senderDomain: text(),
      remoteIp: text(),
      size: number(),
      protocol: text() as ReceptionRecord['protocol'],
      bindingGroup: text(),
      binding: text(),
    };
  }
  const route = { domain: text(), size: number(), bindingGroup: text(), binding: text() };
  if (kind === 'D' || kind === 'X') return { kind, ...ids, ...route, retries: number(), elapsedMs: number(), remoteIp: text() };
  return { kind, ...ids, ...route, stage: number(), retries: number(), elapsedMs: number(), remoteIp: text(), reply: text() };
}

function unflattenRejection(at: number, text: () => string, number: () => number): RejectionRecord {
  const head = {
    at,
    remoteIp: text(),
    remotePort: number(),
    localIp: text(),
    localPort: number(),
    connectionId: text(),
    pathway: text(),
    pathwayGroup: text(),
    phase: text(),
    code: number(),
    module: text(),
    text: text(),
  };
  const connectionWords = number();
  const messageWords = number();
  const contextConnection = Array.from({ length: connectionWords }, text);
  const contextMessage = Array.from({ length: messageWords }, text);
  return { kind: 'J', ...head, contextConnection, contextMessage };
}

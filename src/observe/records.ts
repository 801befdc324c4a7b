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

/** Whom mail is from and to, and what the loggers of the configuration want to know beyond that. */
interface Addressed {
  /** The mailboxes of the envelope; the sender is '' for the null sender. */
  sender: string;
  recipient: string;
  /** Octets of the whole message. */
  messageSize: number;
  /** Key, value, key, value: only what a logger asked for (facts.ts). */
  facts: readonly string[];
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
  facts: readonly string[];
}

/** X: handed to another node of the cluster. */
export interface DeliveryRecord extends Identified, Addressed {
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
  /** The words with which it was taken. */
  reply: string;
}

interface FailureRecord extends Identified, Addressed {
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
  /** Its sender is one whose bounces are counted (BNC-06). */
  isBounce: boolean;
}

export interface TransientRecord extends FailureRecord {
  kind: 'T';
}

export interface PermanentRecord extends FailureRecord {
  kind: 'P';
}

/** A bounce that came in as mail, and what it tells of a message of ours (BNC-06). */
export interface OutOfBandRecord extends Identified {
  kind: 'B';
  /** The recipient of the original message, '' when none could be found. */
  recipient: string;
  /** The sender of the original: the address that the bounce came to. */
  sender: string;
  bindingGroup: string;
  binding: string;
  /** The code of its class (BNC-09). */
  bounceClass: number;
  size: number;
  remoteIp: string;
  reply: string;
}

/** A complaint that a receiver reported (BNC-13). */
export interface FeedbackRecord {
  kind: 'F';
  at: number;
  messageId: string;
  recipientLocal: string;
  recipientDomain: string;
  binding: string;
  bindingGroup: string;
  /** As the report says it: abuse, fraud, ... */
  feedbackType: string;
  /** The domain that the report was sent to. */
  reportDomain: string;
  userString: string;
}

/** A message of another spool, or of a folder, that `spool import` brought in or could not. */
export interface ImportRecord {
  kind: 'I';
  at: number;
  /** Its id where it was: that of the spool, or the name of the file. */
  originalId: string;
  /** '' when it could not be brought in. */
  messageId: string;
  /** 1 done, 2 its metadata cannot be read, 3 the message cannot be read, 4 it could not be written here. */
  result: 1 | 2 | 3 | 4;
  /** Where it came from. */
  directory: string;
}

/** What a policy writes for a log of its own. */
interface PolicyTextRecord {
  kind: 'C';
  at: number;
  text: string;
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

/** What the mainlog is about: messages on their way. */
export type FlowRecord = ReceptionRecord | DeliveryRecord | TransientRecord | PermanentRecord;

export type MailRecord = FlowRecord | OutOfBandRecord | FeedbackRecord | ImportRecord | PolicyTextRecord | RejectionRecord;

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
      pushList(r.facts, out);
      return;
    case 'D':
    case 'X':
      out.push(r.kind, r.at, r.messageId, r.batchId, r.connectionId, r.domain, r.size, r.bindingGroup, r.binding, r.retries, r.elapsedMs);
      out.push(r.remoteIp, r.reply);
      pushAddressed(r, out);
      return;
    case 'T':
    case 'P':
      out.push(r.kind, r.at, r.messageId, r.batchId, r.connectionId, r.domain, r.size, r.bindingGroup, r.binding, r.stage, r.retries);
      out.push(r.elapsedMs, r.remoteIp, r.reply, r.isBounce ? 1 : 0);
      pushAddressed(r, out);
      return;
    case 'B':
      out.push(r.kind, r.at, r.messageId, r.batchId, r.connectionId, r.recipient, r.sender, r.bindingGroup, r.binding, r.bounceClass);
      out.push(r.size, r.remoteIp, r.reply);
      return;
    case 'F':
      out.push(r.kind, r.at, r.messageId, r.recipientLocal, r.recipientDomain, r.binding, r.bindingGroup, r.feedbackType);
      out.push(r.reportDomain, r.userString);
      return;
    case 'I':
      out.push(r.kind, r.at, r.originalId, r.messageId, r.result, r.directory);
      return;
    case 'C':
      out.push(r.kind, r.at, r.text);
      return;
    case 'J':
      out.push(r.kind, r.at, r.remoteIp, r.remotePort, r.localIp, r.localPort, r.connectionId, r.pathway, r.pathwayGroup, r.phase, r.code);
      out.push(r.module, r.text, r.contextConnection.length, r.contextMessage.length);
      for (const word of r.contextConnection) out.push(word);
      for (const word of r.contextMessage) out.push(word);
      return;
  }
}

function pushAddressed(r: Addressed, out: FlatRecords): void {
  out.push(r.sender, r.recipient, r.messageSize);
  pushList(r.facts, out);
}

function pushList(words: readonly string[], out: FlatRecords): void {
  out.push(words.length);
  for (const word of words) out.push(word);
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
  if (kind === 'F') return unflattenFeedback(at, text);
  if (kind === 'C') return { kind, at, text: text() };
  if (kind === 'I') {
    return { kind, at, originalId: text(), messageId: text(), result: number() as ImportRecord['result'], directory: text() };
  }
  const ids = { at, messageId: text(), batchId: text(), connectionId: text() };
  if (kind === 'R') return unflattenReception(ids, text, number);
  if (kind === 'B') {
    const who = { recipient: text(), sender: text(), bindingGroup: text(), binding: text() };
    return { kind, ...ids, ...who, bounceClass: number(), size: number(), remoteIp: text(), reply: text() };
  }
  const route = { domain: text(), size: number(), bindingGroup: text(), binding: text() };
  const addressed = () => ({ sender: text(), recipient: text(), messageSize: number(), facts: list(text, number) });
  if (kind === 'D' || kind === 'X') {
    return { kind, ...ids, ...route, retries: number(), elapsedMs: number(), remoteIp: text(), reply: text(), ...addressed() };
  }
  const end = { stage: number(), retries: number(), elapsedMs: number(), remoteIp: text(), reply: text(), isBounce: number() === 1 };
  return { kind, ...ids, ...route, ...end, ...addressed() };
}

function list(text: () => string, number: () => number): string[] {
  return Array.from({ length: number() }, text);
}

function unflattenReception(
  ids: { at: number; messageId: string; batchId: string; connectionId: string },
  text: () => string,
  number: () => number,
): ReceptionRecord {
  return {
    kind: 'R',
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
    facts: list(text, number),
  };
}

function unflattenFeedback(at: number, text: () => string): FeedbackRecord {
  return {
    kind: 'F',
    at,
    messageId: text(),
    recipientLocal: text(),
    recipientDomain: text(),
    binding: text(),
    bindingGroup: text(),
    feedbackType: text(),
    reportDomain: text(),
    userString: text(),
  };
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

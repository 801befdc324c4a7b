// DNS packets as data, both ways; the one file that knows the codec.
//
// The rule to know: a packet is what a stranger sent. Decoding never throws, takes nothing from sections or classes that
// cannot answer the question, and folds names to lower case without a trailing dot ('.' is the root). TTLs above 2^31-1 count as 0 (RFC 2181, 8).
// Who asked what, and whether this is the answer to it, is decided by the exchange. Truth: RFC 1035 4, RFC 6891, RFC 2308 5.

import dnsPacket from 'dns-packet';
import type { Answer, Packet } from 'dns-packet';

export const recordTypes = ['A', 'AAAA', 'MX', 'TXT', 'PTR', 'TLSA', 'CNAME', 'SRV', 'NS'] as const;
export type RecordType = (typeof recordTypes)[number];

export function isRecordType(text: string): text is RecordType {
  return (recordTypes as readonly string[]).includes(text);
}

export interface Question {
  /** Lower-case ASCII without a trailing dot. */
  readonly name: string;
  readonly type: RecordType;
}

interface Common {
  readonly name: string;
  /** Seconds. */
  readonly ttl: number;
}

export type DnsRecord =
  | (Common & { readonly type: 'A' | 'AAAA'; readonly address: string })
  | (Common & { readonly type: 'MX'; readonly preference: number; readonly exchange: string })
  | (Common & { readonly type: 'TXT'; readonly chunks: readonly Buffer[] })
  | (Common & { readonly type: 'PTR' | 'CNAME' | 'NS'; readonly target: string })
  | (Common & { readonly type: 'SRV'; readonly priority: number; readonly weight: number; readonly port: number; readonly target: string })
  | (Common & {
      readonly type: 'TLSA';
      readonly usage: number;
      readonly selector: number;
      readonly matching: number;
      readonly data: Buffer;
    });

export interface Response {
  readonly id: number;
  readonly isTruncated: boolean;
  /** The resolver says it verified the answer; worth as much as the resolver and the way to it. */
  readonly isAuthenticated: boolean;
  /** 0 no error, 1 format error, 2 server failure, 3 no such name, 4 not implemented, 5 refused, 16 bad EDNS version. */
  readonly rcode: number;
  readonly question: { readonly name: string; readonly type: string } | undefined;
  readonly answers: readonly DnsRecord[];
  /** From the SOA of the authority section: how long "no" may be believed, in seconds; undefined without one. */
  readonly negativeTtl: number | undefined;
  readonly bytes: number;
}

export const rcodes = { noError: 0, formatError: 1, noSuchName: 3, notImplemented: 4, refused: 5, badVersion: 16 } as const;

/** What we say we can take by UDP: fits every path without fragments (RFC 9715, DNS flag day 2020). */
const ednsBytes = 1232;
const recursionDesired = 1 << 8;
/** In a question: say whether you verified it (RFC 6840, 5.7). */
const authenticData = 1 << 5;
const headerBytes = 12;

/** A query packet. The question's name must be a valid name: the codec does not check. */
export function encodeQuery(id: number, question: Question, o: { edns: boolean; asksForProof?: boolean }): Buffer {
  const packet: Packet = {
    type: 'query',
    id,
    flags: o.asksForProof === true ? recursionDesired | authenticData : recursionDesired,
    questions: [{ name: question.name, type: question.type, class: 'IN' }],
  };
  if (o.edns) {
    packet.additionals = [
      { type: 'OPT', name: '.', udpPayloadSize: ednsBytes, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] },
    ];
  }
  return dnsPacket.encode(packet);
}

/** Reads a response; undefined when it is none, or so broken that not even its header can be used. */
export function decodeResponse(packet: Buffer): Response | undefined {
  if (packet.length < headerBytes || ((packet[2] ?? 0) & 0xf8) !== 0x80) return undefined;
  const isTruncated = ((packet[2] ?? 0) & 0x02) !== 0;
  const decoded = decode(packet) ?? (isTruncated ? decode(withoutRecords(packet)) : undefined);
  if (decoded === undefined) return undefined;
  const [question] = decoded.questions ?? [];
  const answers: DnsRecord[] = [];
  for (const answer of decoded.answers ?? []) {
    const record = recordOf(answer);
    if (record !== undefined) answers.push(record);
  }
  return {
    id: packet.readUInt16BE(0),
    isTruncated,
    isAuthenticated: ((packet[3] ?? 0) & 0x20) !== 0,
    rcode: ((packet[3] ?? 0) & 0x0f) | (extendedRcode(decoded.additionals ?? []) << 4),
    question: question === undefined || decoded.questions?.length !== 1 ? undefined : { name: fold(question.name), type: question.type },
    answers,
    negativeTtl: negativeTtl(decoded.authorities ?? []),
    bytes: packet.length,
  };
}

/** The id of a packet whose content could not be read. */
export function packetId(packet: Buffer): number | undefined {
  return packet.length < 2 ? undefined : packet.readUInt16BE(0);
}

function decode(packet: Buffer): Packet | undefined {
  try {
    return dnsPacket.decode(packet);
  } catch {
    return undefined;
  }
}

/** A truncated packet may end within a record: what counts of it is the question. */
function withoutRecords(packet: Buffer): Buffer {
  const copy = Buffer.from(packet);
  copy.fill(0, 6, headerBytes);
  return copy;
}

function fold(name: string): string {
  const lower = name.replace(/[A-Z]+/g, (upper) => upper.toLowerCase());
  return lower.length > 1 && lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

function ttlOf(ttl: number | undefined): number {
  return ttl === undefined || ttl > 0x7fff_ffff ? 0 : ttl;
}

function extendedRcode(additionals: readonly Answer[]): number {
  for (const a of additionals) if (a.type === 'OPT') return a.extendedRcode;
  return 0;
}

function negativeTtl(authorities: readonly Answer[]): number | undefined {
  for (const a of authorities) {
    if (a.type === 'SOA' && a.class === 'IN') return Math.min(ttlOf(a.ttl), ttlOf(a.data.minimum));
  }
  return undefined;
}

function recordOf(a: Answer): DnsRecord | undefined {
  if (a.type === 'OPT' || a.class !== 'IN') return undefined;
  const common = { name: fold(a.name), ttl: ttlOf(a.ttl) };
  switch (a.type) {
    case 'A':
    case 'AAAA':
      return { ...common, type: a.type, address: a.data };
    case 'MX':
      return { ...common, type: 'MX', preference: a.data.preference ?? 0, exchange: fold(a.data.exchange) };
    case 'CNAME':
    case 'PTR':
    case 'NS':
      return { ...common, type: a.type, target: fold(a.data) };
    case 'TXT':
      return { ...common, type: 'TXT', chunks: chunksOf(a.data) };
    case 'SRV':
      return {
        ...common,
        type: 'SRV',
        priority: a.data.priority ?? 0,
        weight: a.data.weight ?? 0,
        port: a.data.port,
        target: fold(a.data.target),
      };
    case 'TLSA':
      return {
        ...common,
        type: 'TLSA',
        usage: a.data.usage,
        selector: a.data.selector,
        matching: a.data.matchingType,
        data: a.data.certificate,
      };
    default:
      return undefined;
  }
}

function chunksOf(data: string | Buffer | (string | Buffer)[]): Buffer[] {
  return (Array.isArray(data) ? data : [data]).map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk));
}

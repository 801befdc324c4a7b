/**
 * Questions to the DNS as this room asks them: one at a time, by promise, of whatever resolver is handed in.
 *
 * The one rule: "no such name", "no such record" and "could not be asked" are three answers; only the last is temporary. The bounds of the questions
 * (places, caches, timeouts) are the resolver's; how many are asked for one message is said by who asks.
 * Not here: the resolver itself (dns).
 */
import type { DnsAnswer, RecordType } from '#dns';

/** `Resolver.query`, or what stands in for it. */
export type Query = (name: string, type: RecordType, done: (answer: DnsAnswer) => void) => void;

/** @param name any printable ASCII between its dots */
export type Lookup = (name: string, type: RecordType) => Promise<DnsAnswer>;

export function lookupBy(query: Query): Lookup {
  return (name, type) => new Promise((done) => query(name, type, done));
}

/** The texts of an answer to a question for TXT, each with its pieces put together, as octets in latin1. */
export function textsOf(answer: DnsAnswer): string[] {
  if (answer.kind !== 'records') return [];
  return answer.records.flatMap((record) => (record.type === 'TXT' ? [Buffer.concat(record.chunks).toString('latin1')] : []));
}

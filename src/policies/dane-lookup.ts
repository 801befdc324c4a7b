/**
 * What DNSSEC says of the TLS of one mail host: the decision table of DANE for SMTP.
 *
 * The one rule: a failed look-up is never "no": where an answer may have been suppressed the host is not used now. DANE holds only where everything
 * on the way is signed: the MX records (or their absence), the addresses of the host, or at least the alias that its name is, and the TLSA
 * records; of a signed alias the end of the chain is asked for first, then the name itself. Signed records none of which can be used
 * still demand TLS. Nothing is kept here: the resolver's cache holds it. Truth: RFC 7672 sections 2.1, 2.2 and 3.1.
 */
import { isIP } from 'node:net';
import type { DnsAnswer, RecordType } from '#dns';
import { usableTlsa, type Tlsa } from './tlsa.ts';

interface DaneQuestion {
  /** As the MX record says it. */
  readonly host: string;
  /** The address that is about to be used. */
  readonly ip: string;
  readonly port: number;
  /** Whether DNSSEC vouches that this host takes the domain's mail. */
  readonly isHostSecure: boolean;
}

export type DaneFinding =
  /** `why` is for people. */
  | { readonly kind: 'none'; readonly why: string }
  | { readonly kind: 'failed'; readonly reason: string }
  | {
      readonly kind: 'tlsa';
      /** The name under which the records are: what the certificate is for. */
      readonly base: string;
      readonly owner: string;
      /** Empty: TLS is demanded, and no certificate can be checked. */
      readonly records: readonly Tlsa[];
    };

/** What is needed of the resolver. */
export interface Asking {
  query(name: string, type: RecordType, done: (answer: DnsAnswer) => void): void;
}

export function findDane(dns: Asking, o: DaneQuestion, done: (finding: DaneFinding) => void): void {
  const { host, port } = o;
  if (isIP(host) !== 0 || host.startsWith('[')) return done({ kind: 'none', why: 'an address has no TLSA records' });
  if (!o.isHostSecure) return done({ kind: 'none', why: 'the MX records are not signed' });
  basesOf(dns, o, (bases) => {
    if (typeof bases === 'string') done({ kind: 'failed', reason: bases });
    else if (bases.length === 0) done({ kind: 'none', why: `the addresses of ${host} are not signed` });
    else tlsaOf(dns, bases, port, done);
  });
}

/** The names to look for TLSA records under, best first; a text says why that cannot be known now. */
function basesOf(dns: Asking, { host, ip }: DaneQuestion, done: (bases: readonly string[] | string) => void): void {
  const type = ip.includes(':') ? 'AAAA' : 'A';
  dns.query(host, type, (answer) => {
    if (answer.kind === 'failed') return done(`addresses of ${host}: ${answer.reason}`);
    if (answer.isAuthenticated) return done(answer.kind === 'records' && answer.name !== host.toLowerCase() ? [answer.name, host] : [host]);
    // An alias out of a signed zone into one that is not: the name itself may still have records.
    dns.query(host, 'CNAME', (alias) => {
      if (alias.kind === 'failed') done(`alias of ${host}: ${alias.reason}`);
      else done(alias.kind === 'records' && alias.isAuthenticated ? [host] : []);
    });
  });
}

function tlsaOf(dns: Asking, bases: readonly string[], port: number, done: (finding: DaneFinding) => void): void {
  const [base, ...others] = bases;
  if (base === undefined) return done({ kind: 'none', why: 'there are no signed TLSA records' });
  const owner = `_${port}._tcp.${base}`;
  dns.query(owner, 'TLSA', (answer) => {
    if (answer.kind === 'failed') done({ kind: 'failed', reason: `TLSA of ${owner}: ${answer.reason}` });
    else if (answer.kind === 'records' && answer.isAuthenticated) done({ kind: 'tlsa', base, owner, records: usableTlsa(answer.records) });
    else tlsaOf(dns, others, port, done);
  });
}

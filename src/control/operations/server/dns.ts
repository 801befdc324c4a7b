/*
 * `dig` and `dns_cache`: what the resolvers of the loops know, and questions to the DNS.
 *
 * Each loop has a resolver and a cache of its own: lookups show what any of them knows, submits ask the first one. `dig` fills the cache of all.
 */
import { answer, refusal, type Answer, type Operation } from '../operation.ts';

const types = ['A', 'AAAA', 'MX', 'PTR', 'TXT', 'CNAME', 'NS', 'SRV', 'TLSA'];

type Known =
  | { readonly kind: 'records'; readonly ttl: number; readonly records: readonly Record<string, unknown>[] }
  | { readonly kind: 'nodata' | 'nxdomain'; readonly ttl: number }
  | { readonly kind: 'failed'; readonly failure: string; readonly reason: string };

interface Stats {
  readonly asked: number;
  readonly hits: number;
  readonly failures: number;
  readonly entries: number;
  readonly capacity: number;
  readonly inFlight: number;
  readonly waiting: number;
}

function shown(name: string, type: string, known: Known): string[] {
  if (known.kind === 'failed') return [`${name} ${type}: failed, ${known.reason}`];
  if (known.kind !== 'records')
    return [`${name} ${type}: ${known.kind === 'nodata' ? 'no such record' : 'no such name'} (for ${known.ttl} s)`];
  const { records, ttl } = known;
  const words = ({ type: own, ...rest }: Record<string, unknown>) => {
    const { name: _name, ttl: _ttl, ...fields } = rest;
    const bytesOf = (value: Uint8Array): string =>
      own === 'TLSA' ? Buffer.from(value).toString('hex') : JSON.stringify(Buffer.from(value).toString('latin1'));
    const values = Object.values(fields)
      .flat()
      .map((value) => (value instanceof Uint8Array ? bytesOf(value) : String(value)));
    return `  ${String(own)} ${values.join(' ')}`;
  };
  return [`${name} ${type}: ${records.length} records for ${ttl} s`, ...records.map(words)];
}

function asked(args: readonly string[]): { name: string; type: string } | Answer {
  const [name = '', type = ''] = args;
  if (args.length !== 2 || !types.includes(type.toUpperCase()))
    return refusal(`Cannot look up "${args.join(' ')}": expected a name and a type, one of ${types.join(' ')}`);
  return { name, type: type.toUpperCase() };
}

export const dnsLookup: Operation = {
  words: ['dns_cache', 'lookup'],
  usage: 'dns_cache lookup <record> <type>',
  about: 'what the cache knows; nothing is asked',
  async run(server, args) {
    const wanted = asked(args);
    if ('ok' in wanted) return wanted;
    const { answers, silent } = await server.askLoops('dns.lookup', wanted);
    const known = [...answers.values()].find((value) => value !== undefined) as Known | undefined;
    if (known === undefined) return { ...answer(['Cached result not found, try a submit.', ...silent].join('\n')), data: { found: false } };
    return { ...answer([...shown(wanted.name, wanted.type, known), ...silent].join('\n')), data: { found: true, answer: known } };
  },
};

export const dnsSubmit: Operation = {
  words: ['dns_cache', 'submit'],
  usage: 'dns_cache submit <record> <type>',
  about: 'ask the DNS; a lookup shows the answer afterwards',
  run(server, args) {
    const wanted = asked(args);
    if ('ok' in wanted) return wanted;
    void server.askLoops('dns.submit', wanted, 30_000);
    return answer('Submitted');
  },
};

export const dig: Operation = {
  words: ['dig'],
  usage: 'dig <domain> [type]',
  about: 'ask for the MX records of a domain, or for another type, and show the answer',
  async run(server, [domain = '', type = 'MX', ...more]) {
    const wanted = asked(domain === '' || more.length > 0 ? [] : [domain, type]);
    if ('ok' in wanted) return refusal('Cannot dig: expected a domain, and perhaps a type');
    const { answers, silent } = await server.askLoops('dns.submit', wanted, 30_000);
    const known = [...answers.values()].find((value) => value !== undefined) as Known | undefined;
    if (known === undefined) return refusal(['No loop asks the DNS here.', ...silent].join('\n'));
    return { ...answer(['submitted', ...shown(wanted.name, wanted.type, known), ...silent].join('\n')), data: { answer: known } };
  },
};

export const dnsStats: Operation = {
  words: ['dns_cache', 'stats'],
  usage: 'dns_cache stats',
  about: 'figures of the resolvers',
  async run(server) {
    const { answers, silent } = await server.askLoops('dns.stats', undefined);
    const all = [...answers.values()].filter((value) => value !== undefined) as Stats[];
    const sum = (key: keyof Stats) => all.reduce((total, one) => total + one[key], 0);
    const [hits, questions] = [sum('hits'), sum('asked')];
    const rate = hits + questions === 0 ? '-' : `${((100 * hits) / (hits + questions)).toFixed(1)} %`;
    const figures = {
      entries: sum('entries'),
      capacity: sum('capacity'),
      lookups: hits + questions,
      hits,
      asked: questions,
      failures: sum('failures'),
      inFlight: sum('inFlight'),
      waiting: sum('waiting'),
    };
    const lines = Object.entries(figures).map(([name, value]) => `${`${name}:`.padEnd(12)}${value}`);
    return { ...answer([...lines, `hit rate:   ${rate}`, ...silent].join('\n')), data: figures };
  },
};

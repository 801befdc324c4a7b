// The resolver's configuration file as data (OUT-30): name servers, search list, options, and whether DNS or hosts file comes first.
//
// The rule to know: nothing here fails; what cannot be used is a problem with its line, and the defaults stand. Besides the usual forms
// a name server may have a port: `[127.0.0.1]:5353`, `127.0.0.1:5353`, `[::1]:5353` (ours). Without any name server it is the one on this
// machine, as everywhere. `search`, `domain` and `sortlist` are read and reported; names of mail are always whole, so routing does not use them.
// Truth: resolv.conf(5), and the manual's page of Resolv_Conf for `lookup`, `retrans` and `retry`.

import { parseIp } from '#base';
import type { NameServer } from './transport.ts';

export interface ResolvConf {
  readonly servers: readonly NameServer[];
  readonly search: readonly string[];
  readonly ndots: number;
  /** Seconds, 1 to 30. */
  readonly timeout: number;
  /** 1 to 5 rounds. */
  readonly attempts: number;
  readonly lookup: 'b' | 'f' | 'bf' | 'fb';
  readonly problems: readonly ResolvConfProblem[];
}

export interface ResolvConfProblem {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

const mostServers = 8;
const mostSearch = 32;
const silentOptions =
  /^(rotate|edns0|use-vc|single-request(-reopen)?|inet6|debug|trust-ad|no-tld-query|no-aaaa|no-check-names|no_tld_query|ip6-.*|insecure1|insecure2|tcp)$/;

interface Draft {
  servers: NameServer[];
  search: string[];
  ndots: number;
  timeout: number;
  attempts: number;
  lookup: ResolvConf['lookup'];
}

export function parseResolvConf(text: string): ResolvConf {
  const draft: Draft = { servers: [], search: [], ndots: 1, timeout: 5, attempts: 2, lookup: 'bf' };
  const problems: ResolvConfProblem[] = [];
  text.split('\n').forEach((raw, index) => {
    const words = raw
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (words[0] === '') return;
    const message = readLine(draft, words[0] ?? '', words.slice(1));
    if (message !== undefined) problems.push({ line: index + 1, message });
  });
  if (draft.servers.length === 0) draft.servers.push({ ip: '127.0.0.1', port: 53 });
  return { ...draft, problems };
}

/** Reads one line into the draft; returns what is wrong with it. */
function readLine(draft: Draft, keyword: string, values: readonly string[]): string | undefined {
  const [first = ''] = values;
  switch (keyword.toLowerCase()) {
    case 'nameserver': {
      const server = parseNameServer(first);
      if (server === undefined) return `"${first}" is no name server: expected an address, or an address in brackets with a port`;
      if (draft.servers.length >= mostServers) return `more than ${mostServers} name servers: "${first}" is not used`;
      draft.servers.push(server);
      return undefined;
    }
    case 'search':
    case 'domain':
      draft.search = values.slice(0, keyword === 'domain' ? 1 : mostSearch);
      return undefined;
    case 'sortlist':
      return undefined;
    case 'lookup': {
      const order = lookupOrder(values);
      if (order === undefined) return `"${values.join(' ')}" is no order of lookups: expected "bf" or "fb"`;
      draft.lookup = order;
      return undefined;
    }
    case 'options': {
      const wrong = values.filter((option) => !readOption(draft, option));
      return wrong.length === 0 ? undefined : `options without effect here: ${wrong.join(' ')}`;
    }
    default:
      return `unknown keyword "${keyword}"`;
  }
}

/** An address, or an address with a port; brackets are needed for IPv6 with a port and allowed otherwise. */
export function parseNameServer(text: string): NameServer | undefined {
  const bare = parseIp(text);
  if (bare !== undefined) return { ip: bare.text, port: 53 };
  const match = /^(?:\[([^\]]+)\](?::(\d{1,5}))?|([^:[\]]+):(\d{1,5}))$/.exec(text);
  if (match === null) return undefined;
  const ip = parseIp(match[1] ?? match[3] ?? '');
  const port = Number(match[2] ?? match[4] ?? 53);
  return ip === undefined || port < 1 || port > 65_535 ? undefined : { ip: ip.text, port };
}

function lookupOrder(values: readonly string[]): ResolvConf['lookup'] | undefined {
  const long: Readonly<Record<string, string | undefined>> = { bind: 'b', dns: 'b', file: 'f', files: 'f' };
  const order = values.map((v) => long[v.toLowerCase()] ?? v.toLowerCase()).join('');
  return order === 'b' || order === 'f' || order === 'bf' || order === 'fb' ? order : undefined;
}

/** Numbers outside their range are taken as the nearest legal one, as the system's own resolver does. */
function readOption(draft: Draft, option: string): boolean {
  const match = /^(ndots|timeout|retrans|attempts|retry):(\d{1,6})$/.exec(option);
  if (match === null) return silentOptions.test(option);
  const value = Number(match[2]);
  const within = (least: number, most: number): number => Math.max(least, Math.min(most, value));
  if (match[1] === 'ndots') draft.ndots = within(0, 15);
  else if (match[1] === 'timeout' || match[1] === 'retrans') draft.timeout = within(1, 30);
  else draft.attempts = within(1, 5);
  return true;
}

/*
 * `show outbound` and `domain X`: connections to next hops, and all that is known of one domain (of its TLS: domain-tls.ts).
 *
 * The one rule: a look at what is there; nothing is asked of the DNS. Truth: section 5.1.
 */
import { parseIp } from '#base';
import { quoteWord } from '#config';
import type { QueueLine, QueueStanding } from '#desk';
import { answer, refusal, type ConsoleSession, type Operation, type ServerPort } from '../operation.ts';
import { gathered, table } from '../server/table.ts';
import { hopLine, hopLines, waysOf, type Hop } from './domain-way.ts';
import { domainTlsLines, known, portOf, tlsaLines } from './domain-tls.ts';
import { domainName, duration, queueLines, shown } from './words.ts';

interface OutboundLine {
  readonly binding: string;
  readonly domain: string;
  readonly remoteIp: string;
  readonly state: string;
}

/** Hosts of a domain whose addresses are shown. */
const HOSTS_MAX = 20;
/** Queues of a domain of which it is told that the DNS failed them. */
const FAILURES_MAX = 10;

const familyOf = (ip: string): string => (ip.includes(':') ? 'IPv6' : 'IPv4');

async function sessions(server: ServerPort): Promise<{ lines: (OutboundLine & { loop: number })[]; silent: readonly string[] }> {
  const { answers, silent } = await server.askLoops('outbound.sessions', undefined);
  return { lines: gathered<OutboundLine>(answers), silent };
}

const showOutbound: Operation = {
  words: ['show', 'outbound'],
  usage: 'show outbound',
  about: 'connections to next hops: for which domain, where to, what they do',
  async run(server) {
    const { lines, silent } = await sessions(server);
    const rows = lines.map(
      ({ loop, binding, domain, remoteIp, state }) =>
        `loop ${loop}: [outbound/${binding}] ${shown(domain)} ${familyOf(remoteIp)} ${remoteIp} ${state}`,
    );
    return answer([...rows, `${rows.length} connections`, ...silent].join('\n'), { connections: lines });
  },
};

interface HostsAsked {
  readonly domain: string;
  readonly port: number;
  /** How hosts are, by their address. */
  readonly hops: ReadonlyMap<string, Hop>;
}

async function hostsOf(server: ServerPort, { domain, port, hops }: HostsAsked): Promise<{ text: string[]; data: unknown }> {
  const mx = await known(server, domain, 'MX');
  if (mx === undefined) {
    const failed = await failures(server, domain);
    const none = `Domain '${domain}' is not in the DNS cache: "dig ${domain}" asks.`;
    return { text: failed.length > 0 ? failed : [none], data: undefined };
  }
  if (mx.kind === 'failed') return { text: [`Domain '${domain}': the DNS did not answer, ${shown(mx.reason)}`], data: mx };
  if (mx.kind !== 'records') {
    const what = mx.kind === 'nodata' ? 'has no MX: its own address is used' : 'does not exist';
    const own = hopLines([...hops.values()]);
    return { text: [`Domain '${domain}' ${what} (known for ${mx.ttl} s)`, ...own], data: { ...mx, hosts: [...hops.values()] } };
  }
  if (mx.records.length === 1 && /^\.?$/.test(String(mx.records[0]?.['exchange'])))
    return { text: [`Domain '${domain}' says that it takes no mail (MX 0 ., known for ${mx.ttl} s)`], data: mx };
  const hosts = mx.records.filter(({ type }) => type === 'MX').sort((a, b) => Number(a['preference']) - Number(b['preference']));
  const text = [`Domain '${domain}' has ${hosts.length} MXs and a TTL of ${mx.ttl} seconds`];
  const data: unknown[] = [];
  for (const host of hosts.slice(0, HOSTS_MAX)) {
    const name = String(host['exchange']);
    const found = await Promise.all(['A', 'AAAA'].map((type) => known(server, name, type)));
    const ips = found
      .flatMap((one) => (one?.kind === 'records' ? one.records.flatMap((record) => record['address'] ?? []) : []))
      .map(String);
    text.push(`  [${String(host['preference'])} ${shown(name)}. TTL:${String(host['ttl'] ?? mx.ttl)}]`);
    const none = parseIp(name) === undefined ? 'no address in the DNS cache' : 'an address stands where a name must: not used';
    text.push(...(ips.length === 0 ? [`\t(${none})`] : ips.map((ip) => hopLine(`[${ip}]`, ip, hops.get(ip)))));
    const ends = found.flatMap((one) => (one?.kind === 'records' ? one.name : []));
    text.push(...(await tlsaLines(server, { ends: [...ends, name], port })));
    data.push({ host: name, preference: host['preference'], addresses: ips, hops: ips.flatMap((ip) => hops.get(ip) ?? []) });
  }
  return { text, data };
}

/** What came of the look-ups for queues of the domain: a cache soon forgets that there was no answer, a queue that waits for one does not. */
async function failures(server: ServerPort, domain: string): Promise<string[]> {
  const { lines } = await queueLines(server, { domains: [domain] });
  const full = lines.filter(({ active, delayed }) => active + delayed > 0).slice(0, FAILURES_MAX);
  const asked = await Promise.all(full.map(({ binding }) => server.askLoops('queue.explain', { binding, domain })));
  const standings = asked.flatMap(({ answers }) => [...answers.values()].filter((value) => value !== undefined) as QueueStanding[]);
  return standings.flatMap(({ queue, cause, nextAt }) => {
    if (cause?.kind !== 'unresolvable') return [];
    const again = nextAt === undefined ? '' : `, asked again in ${duration(nextAt - server.now())}`;
    return [`Domain '${domain}': the DNS gives no way to it, ${shown(cause.detail)} (binding ${shown(queue.binding)}${again})`];
  });
}

async function wayAndHosts(server: ServerPort, session: ConsoleSession, domain: string) {
  const ways = await waysOf(server, session, domain);
  // What the DNS says of a domain whose mail goes elsewhere would only mislead.
  const asked = { domain, port: portOf(session, domain), hops: ways.byDns };
  const hosts = ways.isByDns ? await hostsOf(server, asked) : { text: [], data: undefined };
  return { ways, hosts };
}

/** What the configuration says of a domain by its name or by a pattern, as it is written. */
function stanzasOf(session: ConsoleSession, domain: string): string[] {
  return session.config
    .resolver()
    .domainStanzas(domain)
    .flatMap((instance) => {
      const { ok, text } = session.config.show(`domain ${quoteWord(instance)}`);
      return ok ? [`Domain "${instance}" {`, text.replace(/\n$/, ''), '}'] : [];
    });
}

const domain: Operation = {
  words: ['domain'],
  usage: 'domain <domain>',
  about: 'all that is known of one domain: its hosts, its queues in each binding, its connections',
  examples: ['domain example.com'],
  async run(server, args, { session }) {
    const [typed] = args;
    if (typed === undefined || args.length > 1) return refusal(`Cannot show "${args.join(' ')}": expected ${domain.usage}`);
    const name = domainName(typed);
    // All at once: a loop that is loading a million messages answers each question only between two pieces of its work.
    const [{ lines, silent }, { ways, hosts }, all, tls] = await Promise.all([
      queueLines(server, { domains: [name] }),
      wayAndHosts(server, session, name),
      sessions(server),
      domainTlsLines(server, name),
    ]);
    const stanzas = stanzasOf(session, name);
    const open = all.lines.filter((line) => line.domain === name);
    const rows = lines.map((line) => [line.binding, line.received, line.sent, line.failed, line.deferred, line.active, line.delayed]);
    const head = ['Binding', 'Receptions', 'Deliveries', 'Failures (5xx)', 'Trans. Failures (4xx)', 'Active Queue', 'Delayed Queue'];
    const total = (of: (line: QueueLine) => number) => lines.reduce((sum, line) => sum + of(line), 0);
    const totals = [
      'Server Totals:',
      total((l) => l.received),
      total((l) => l.sent),
      total((l) => l.failed),
      total((l) => l.deferred),
      total((l) => l.active),
      total((l) => l.delayed),
    ];
    const connections = open.map(
      ({ binding, remoteIp, state }, i) => `  [${String(i).padStart(2)}] ${binding}  IP: ${remoteIp}  State: ${state}`,
    );
    const text = [
      ...stanzas,
      ...ways.text,
      ...hosts.text,
      ...tls,
      'Statistics:',
      ...table(head, [...rows, totals]).map((line) => `  ${line}`),
      `Active Connections: ${connections.length}`,
      ...connections,
      ...silent,
    ];
    return answer(text.join('\n'), { domain: name, ways: ways.ways, hosts: hosts.data, queues: lines, connections: open });
  },
};

export const outboundOperations: readonly Operation[] = [domain, showOutbound];

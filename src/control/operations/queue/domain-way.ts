/*
 * Where the mail of one domain goes, for `domain X`: whose word it is (Gateway, Routes, static_routes, the DNS), the hosts, which is next, which failed.
 *
 * The one rule: a look at what the last plan of each queue holds; nothing is asked. The form is the manual's: `=>` before the next choice (before
 * several, where one of them is drawn), `*` before a host that failed. Truth: section 5.1; rules OUT-20 to OUT-23, Q-07, SHP-09.
 */
import { childrenNamed } from '#config';
import type { QueueWay } from '#desk';
import type { ConsoleSession, ServerPort, WhereSet } from '../operation.ts';
import { gathered } from '../server/table.ts';
import { duration, placeOf, shown } from './words.ts';

export type Hop = QueueWay['way']['hops'][number];
type Source = QueueWay['way']['by'];

/** Bindings that are looked at for a Gateway of the domain, and that one line names. */
const LOOKED_MAX = 200;
const NAMED_MAX = 10;

interface Ways {
  readonly ways: readonly QueueWay[];
  /** What is said before the hosts of the DNS; '' for nothing. */
  readonly text: readonly string[];
  /** Some queue goes by the DNS, or would. */
  readonly isByDns: boolean;
  /** The hosts of queues that go by the DNS, by their address. */
  readonly byDns: ReadonlyMap<string, Hop>;
}

export async function waysOf(server: ServerPort, session: ConsoleSession, domain: string): Promise<Ways> {
  const gateways = gatewaysOf(server, session, domain);
  const asked = await Promise.all([domain, ...gateways.keys()].map((name) => server.askLoops('domain.ways', { domain: name })));
  const ways = asked.flatMap(({ answers }) => gathered<QueueWay>(answers));
  const text = [...gateways].map(
    ([name, setIn]) => `Mail for '${shown(domain)}' waits under the name of its gateway, '${shown(name)}' (${placeOf(setIn)})`,
  );
  const others = ways.filter(({ way }) => way.by !== 'dns');
  for (const alike of grouped(server, domain, others)) text.push(alike.head, ...hopLines(alike.first.way.hops, alike.first.way.more));
  const ofDns = ways.filter(({ way }) => way.by === 'dns');
  const own = ways.length === 0 ? unused(server, domain) : undefined;
  if (own !== undefined && gateways.size === 0) text.push(own);
  return {
    ways,
    text,
    isByDns: ofDns.length > 0 || (ways.length === 0 && own === undefined && gateways.size === 0),
    byDns: merged(ofDns),
  };
}

/** Names of gateways under which mail of the domain waits (OUT-21), with the place that says so. */
function gatewaysOf(server: ServerPort, { config }: ConsoleSession, domain: string): Map<string, WhereSet> {
  const { root } = config.resolver().snapshot;
  const places = [{ group: 'default', binding: 'default' }];
  const groups = [{ group: 'default', node: root }];
  for (const node of childrenNamed(root, 'Binding_Group')) groups.push({ group: node.instance ?? '', node });
  for (const { group, node } of groups)
    for (const { instance } of childrenNamed(node, 'Binding')) places.push({ group, binding: instance ?? '' });
  const found = new Map<string, WhereSet>();
  for (const place of places.slice(0, LOOKED_MAX)) {
    const setIn = server.whereSet({ ...place, domain, option: 'gateway' });
    const name = nameOf(setIn);
    if (name !== undefined && setIn !== undefined && !found.has(name)) found.set(name, setIn);
  }
  return found;
}

/** The name under which mail of a domain waits, where that is not its own. */
export function gatewayOf(server: ServerPort, place: { group?: string; binding?: string; domain: string }): string | undefined {
  return nameOf(server.whereSet({ ...place, option: 'gateway' }));
}

/** One that a Domain scope sets; mail for Unix sockets waits under the domain itself (quirks, OUT-21). */
function nameOf(setIn: WhereSet | undefined): string | undefined {
  if (setIn?.file === undefined || !/(^| )domain /.test(setIn.words)) return undefined;
  const name = setIn.value.replace(/^"(.*)"$/, '$1').toLowerCase();
  return name === '' || name.includes('/') ? undefined : name;
}

/** What would hold for mail of the default binding, where there was none yet. */
function unused(server: ServerPort, domain: string): string | undefined {
  const place = { group: 'default', binding: 'default', domain };
  for (const option of ['gateway', 'routes'] as const) {
    const setIn = server.whereSet({ ...place, option });
    if (setIn?.file === undefined || setIn.value === '' || setIn.value === '""') continue;
    return `Mail for '${shown(domain)}' would go by ${setIn.option} (${placeOf(setIn)}); nothing was sent there yet`;
  }
  return undefined;
}

/** Queues with the same way, told once. */
function grouped(server: ServerPort, domain: string, ways: readonly QueueWay[]): { head: string; first: QueueWay }[] {
  const groups = new Map<string, QueueWay[]>();
  for (const one of ways) {
    const hops = one.way.hops.map(({ ip, port, isNext, reply }) => `${ip} ${port} ${isNext} ${reply ?? ''}`).join(' ');
    const key = `${one.way.by} ${one.gateway ?? ''} ${sourceText(server, domain, one)} ${hops}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].map((same) => {
    const [first] = same as [QueueWay];
    const names = [...new Set(same.map(({ binding }) => binding))];
    const more = names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : '';
    const bindings = `${names.slice(0, NAMED_MAX).join(', ')}${more}`;
    const none = first.way.hops.length === 0 ? '; its hosts are not known now' : '';
    return { first, head: `Binding ${shown(bindings)} sends by ${sourceText(server, domain, first)}${none}` };
  });
}

const optionOf: Readonly<Record<Exclude<Source, 'dns'>, string>> = { gateway: 'Gateway', routes: 'Routes', staticRoute: 'static_routes' };

function sourceText(server: ServerPort, domain: string, { group, binding, gateway, way }: QueueWay): string {
  if (way.by === 'dns') return 'the DNS';
  if (way.by === 'staticRoute') return 'the target of static_routes';
  const setIn = server.whereSet({ group, binding, domain, option: way.by });
  if (setIn?.file !== undefined) return `${setIn.option} (${placeOf(setIn)})`;
  return `${optionOf[way.by]}${gateway === undefined ? '' : ` ${shown(gateway)}`}`;
}

/** One line for each host name and preference, and one for each address of it. */
export function hopLines(hops: readonly Hop[], more = 0): string[] {
  const lines: string[] = [];
  let before = '';
  for (const hop of hops) {
    const head = `  [${Math.floor(hop.preference)} ${shown(hop.name)}]`;
    if (head !== before) lines.push(head);
    before = head;
    lines.push(hopLine(hop.port === 0 ? hop.ip : `[${hop.ip}]:${hop.port}`, hop.ip, hop));
  }
  if (more > 0) lines.push(`  and ${more} more`);
  return lines;
}

/** @param hop undefined: no queue of ours knows it */
export function hopLine(address: string, ip: string, hop: Hop | undefined): string {
  const mark = `${hop?.isNext === true ? '=>' : ''}${hop?.failedMsAgo === undefined ? '' : '*'}`;
  const family = ip.startsWith('/') ? 'socket' : ip.includes(':') ? 'IPv6' : 'IPv4';
  const words = [` ${mark.padEnd(7)}${address} ${family}`];
  if (hop?.connectMs !== undefined || hop?.deliveryMs !== undefined)
    words.push(`(${(hop.connectMs ?? 0).toFixed(2)}ms con ${(hop.deliveryMs ?? 0).toFixed(2)}ms dlv)`);
  if (hop?.failedMsAgo !== undefined)
    words.push(
      `${(hop.failedMsAgo / 1000).toFixed(2)}s since failure, tried again in ${duration(hop.waitMs ?? 0)}: ${shown(hop.reply ?? '')}`,
    );
  else if (hop?.reply !== undefined) words.push(`not used: ${shown(hop.reply)}`);
  return words.join(' ');
}

/** The same address as several bindings and loops see it: what failed for one of them is shown. */
function merged(ways: readonly QueueWay[]): Map<string, Hop> {
  const byIp = new Map<string, Hop>();
  for (const hop of ways.flatMap(({ way }) => way.hops)) {
    const known = byIp.get(hop.ip);
    if (known === undefined) byIp.set(hop.ip, hop);
    else {
      const worse = known.failedMsAgo === undefined ? hop : known;
      byIp.set(hop.ip, {
        ...worse,
        isNext: known.isNext || hop.isNext,
        connectMs: known.connectMs ?? hop.connectMs,
        deliveryMs: known.deliveryMs ?? hop.deliveryMs,
      });
    }
  }
  return byIp;
}

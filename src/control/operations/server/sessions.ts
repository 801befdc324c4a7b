/*
 * `show inbound` and `count`: connections that are open now.
 *
 * A moment's picture of all loops, at most some thousand lines a loop. `count` adds connections up by network, from the widest prefix to the longest.
 */
import { cidrContains, parseCidr, parseIp } from '#base';
import { answer, refusal, type Operation, type ServerPort } from '../operation.ts';
import { gathered } from './table.ts';

interface InboundLine {
  readonly listen: string;
  readonly remoteIp: string;
  readonly remotePort: number;
  readonly helo: string;
  readonly authUser: string;
  readonly messages: number;
  readonly state: string;
  readonly seconds: number;
}

interface OutboundLine {
  readonly binding: string;
  readonly domain: string;
  readonly remoteIp: string | undefined;
  readonly state: string;
}

export const showInbound: Operation = {
  words: ['show', 'inbound'],
  usage: 'show inbound',
  about: 'inbound sessions: where from, what they do, for how long',
  async run(server) {
    const { answers, silent } = await server.askLoops('inbound.sessions', undefined);
    const sessions = gathered<InboundLine>(answers);
    const lines = sessions.map(({ loop, listen, remoteIp, remotePort, state, seconds, authUser, messages }) => {
      const family = remoteIp === '' ? 'local' : remoteIp.includes(':') ? 'IPv6' : 'IPv4';
      const user = authUser === '' ? '' : ` user ${authUser}`;
      return `loop ${loop}: [esmtp_listener ${listen}] ${family} ${remoteIp}:${remotePort} ${state} (for ${seconds.toFixed(3)}s) messages ${messages}${user}`;
    });
    return { ...answer([...lines, `${lines.length} sessions`, ...silent].join('\n')), data: { sessions } };
  },
};

const services: Readonly<Record<string, string>> = { esmtp: 'SMTP', smtp: 'SMTP', inbound: 'SMTP' };

export const count: Operation = {
  words: ['count'],
  usage: 'count {outbound | outbound/<binding> | SMTP} <ip | cidr | masklen | masklen-masklen>',
  about: 'open connections by network',
  async run(server, [what = '', how = '', ...more]) {
    const [, binding] = /^outbound(?:\/(.+))?$/i.exec(what) ?? [];
    const service = services[what.toLowerCase()];
    if (more.length > 0 || how === '' || (service === undefined && !/^outbound/i.test(what)))
      return refusal(
        'Cannot count: expected outbound, outbound/<binding> or SMTP, then an address, a network, a prefix length or two of them (8-24)',
      );
    const addresses = service === undefined ? await outbound(server, binding) : await inbound(server);
    const range = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(how);
    if (range === null) return within(addresses, how);
    const [from, to] = [Number(range[1]), Number(range[2] ?? range[1])];
    if (from > to || to > 128) return refusal(`Cannot count by "${how}": expected prefix lengths from 0 to 128, the smaller one first`);
    const lines = [`Displaying '${service ?? what}' from /${from} to /${to}`];
    for (let length = from; length <= to; length += 1)
      lines.push(...byNetwork(addresses, length).map((line) => `${' '.repeat(length - from)}${line}`));
    return answer(lines.join('\n'));
  },
};

async function inbound(server: ServerPort): Promise<string[]> {
  return gathered<InboundLine>((await server.askLoops('inbound.sessions', undefined)).answers).map((line) => line.remoteIp);
}

async function outbound(server: ServerPort, binding: string | undefined): Promise<string[]> {
  const lines = gathered<OutboundLine>((await server.askLoops('outbound.sessions', undefined)).answers);
  return lines.filter((line) => binding === undefined || line.binding === binding).map((line) => line.remoteIp ?? '');
}

function within(addresses: readonly string[], network: string) {
  const cidr = parseCidr(network);
  if (cidr === undefined) return refusal(`"${network}" is no address or network`);
  const found = addresses.map(parseIp).filter((ip) => ip !== undefined && cidrContains(cidr, ip));
  return { ...answer(`${found.length} sessions`), data: { sessions: found.length } };
}

function byNetwork(addresses: readonly string[], length: number): string[] {
  const counts = new Map<string, number>();
  for (const text of addresses) {
    const ip = parseIp(text);
    if (ip === undefined || length > ip.bytes.length * 8) continue;
    const bytes = Uint8Array.from(ip.bytes, (byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, length - 8 * i))) & 0xff);
    const name = ip.family === 4 ? [...bytes].join('.') : (parseIp(hex(bytes))?.text ?? text);
    counts.set(`${name}/${length}`, (counts.get(`${name}/${length}`) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]).map(([net, n]) => `${n}  ${net}`);
}

function hex(bytes: Uint8Array): string {
  return (Buffer.from(bytes).toString('hex').match(/.{4}/g) ?? []).join(':');
}

/*
 * `summary` and `summary reset`: the figures of the whole server, in the manual's order and words.
 *
 * Rates are over the time since the last reset; Delivery Rate counts successes and failures, as the manual says. Questions to the DNS are counted
 * since the start of each loop. There are no queues of SMPP and MM7, so that with-mobile adds nothing.
 */
import { answer, refusal, type Operation, type ServerPort } from '../operation.ts';

interface DnsFigures {
  readonly asked: number;
  readonly addressesAsked: number;
  readonly mxAsked: number;
  readonly inFlight: number;
  readonly waiting: number;
}

async function dnsFigures(server: ServerPort): Promise<{ sum: (key: keyof DnsFigures) => number; silent: readonly string[] }> {
  const { answers, silent } = await server.askLoops('dns.stats', undefined);
  const all = [...answers.values()].filter((value) => value !== undefined) as DnsFigures[];
  return { sum: (key) => all.reduce((total, one) => total + one[key], 0), silent };
}

export const summary: Operation = {
  words: ['summary'],
  usage: 'summary [with-mobile]',
  about: 'the figures of the whole server',
  async run(server, args) {
    const [word, ...more] = args;
    if (more.length > 0 || (word !== undefined && word.toLowerCase() !== 'with-mobile'))
      return refusal(`Cannot show the summary: "${args.join(' ')}" is not what was expected, ${summary.usage}`);
    const dns = await dnsFigures(server);
    const seconds = Math.max(1, Math.min(server.uptimeSeconds(), server.secondsSinceReset()));
    const n = (name: string) => server.total(name);
    const rate = (count: number) => `${(count / seconds).toFixed(2)} messages/second`;
    const rows: [string, string | number][] = [
      ['Outbound Concurrency', n('outboundConnections')],
      ['Inbound Concurrency', n('inboundConnections')],
      ['Active Domains', n('activeDomains')],
      ['Active Queue Size', n('activeQueue')],
      ['Delayed Queue Size', n('delayedQueue')],
      ['Destaged Queue Size', n('destagedQueue')],
      ['Total Queue Size', n('activeQueue') + n('delayedQueue')],
      ['DNS A Queries', dns.sum('addressesAsked')],
      ['DNS MX Queries', dns.sum('mxAsked')],
      ['Pending DNS Queries', dns.sum('inFlight') + dns.sum('waiting')],
      ['Query Rate', `${(dns.sum('asked') / Math.max(1, server.uptimeSeconds())).toFixed(2)} queries/second`],
      ['Successfully Delivered Messages', n('deliveries')],
      ['Failed Messages', n('failures')],
      ['Rejected Messages', n('rejections')],
      ['Received Messages', n('receptions')],
      ['Delivery Rate', rate(n('deliveries') + n('failures'))],
      ['Reception Rate', rate(n('receptions'))],
      ['Statistics Last Reset', `${Math.floor(server.secondsSinceReset())} seconds`],
      ['Uptime', `${Math.floor(server.uptimeSeconds())} seconds`],
    ];
    return answer(
      ['Summary Statistics', ...rows.map(([name, value]) => `  ${`${name}:`.padEnd(34)} ${value}`), ...dns.silent].join('\n'),
      Object.fromEntries(rows),
    );
  },
};

export const summaryReset: Operation = {
  words: ['summary', 'reset'],
  usage: 'summary reset',
  about: 'start counting anew',
  run(server, args) {
    if (args.length > 0) return refusal(`Cannot reset the summary: "${args.join(' ')}" is too much, expected ${summaryReset.usage}`);
    server.resetStatistics();
    return answer('statistics cleared.');
  },
};

/*
 * `summary` and `summary reset`: the figures of the whole server, in the manual's order and words.
 *
 * Rates are over the time since the last reset; Delivery Rate counts successes and failures, as the manual says.
 */
import { answer, type Operation } from '../operation.ts';

export const summary: Operation = {
  words: ['summary'],
  usage: 'summary',
  about: 'the figures of the whole server',
  run(server) {
    const seconds = Math.max(1, Math.min(server.uptimeSeconds(), server.secondsSinceReset()));
    const n = (name: string) => server.total(name);
    const rate = (count: number) => `${(count / seconds).toFixed(2)} messages/second`;
    const rows: [string, string | number][] = [
      ['Outbound Concurrency', n('outboundConnections')],
      ['Inbound Concurrency', n('inboundConnections')],
      ['Active Queue Size', n('activeQueue')],
      ['Delayed Queue Size', n('delayedQueue')],
      ['Total Queue Size', n('activeQueue') + n('delayedQueue')],
      ['Successfully Delivered Messages', n('deliveries')],
      ['Failed Messages', n('failures')],
      ['Rejected Messages', n('rejections')],
      ['Received Messages', n('receptions')],
      ['Delivery Rate', rate(n('deliveries') + n('failures'))],
      ['Reception Rate', rate(n('receptions'))],
      ['Uptime', `${Math.floor(server.uptimeSeconds())} seconds`],
    ];
    return answer(
      ['Summary Statistics', ...rows.map(([name, value]) => `  ${`${name}:`.padEnd(34)} ${value}`)].join('\n'),
      Object.fromEntries(rows),
    );
  },
};

export const summaryReset: Operation = {
  words: ['summary', 'reset'],
  usage: 'summary reset',
  about: 'start counting anew',
  run(server) {
    server.resetStatistics();
    return answer('statistics cleared.');
  },
};

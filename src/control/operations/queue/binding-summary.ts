/*
 * `binding summary` and `summary table`: the figures of each binding, as the manual's block or as one line each.
 *
 * Figures are those of the queues that are remembered: a domain that had no mail for long is forgotten with what it counted.
 * Truth: section 5.1.
 */
import type { QueueLine } from '#desk';
import { answer, refusal, type Operation, type ServerPort } from '../operation.ts';
import { table } from '../server/table.ts';
import { noBinding, queueLines, shown } from './words.ts';

type Sum = Omit<QueueLine, 'domain'> & { readonly domains: number };

async function perBinding(
  server: ServerPort,
  which: { binding?: string; group?: string },
): Promise<{ sums: Sum[]; silent: readonly string[] }> {
  const { lines, silent } = await queueLines(server, which);
  const sums = new Map<string, Sum>();
  for (const { domain: _domain, ...line } of lines) {
    const key = `${line.group}\0${line.binding}`;
    const sum = sums.get(key);
    sums.set(key, sum === undefined ? { ...line, domains: 1 } : added(sum, line));
  }
  return { sums: [...sums.values()], silent };
}

function added(sum: Sum, line: Omit<QueueLine, 'domain'>): Sum {
  return {
    ...sum,
    domains: sum.domains + 1,
    connections: sum.connections + line.connections,
    active: sum.active + line.active,
    delayed: sum.delayed + line.delayed,
    sent: sum.sent + line.sent,
    received: sum.received + line.received,
    failed: sum.failed + line.failed,
    deferred: sum.deferred + line.deferred,
    resident: sum.resident + line.resident,
  };
}

function block(title: string, sum: Sum, seconds: number): string[] {
  const rate = (count: number) => `${(count / Math.max(1, seconds)).toFixed(2).padStart(6)} messages/second`;
  const rows: [string, string | number][] = [
    ['Open Connections', sum.connections],
    ['Active Queue Size', sum.active],
    ['Total Queue Size', sum.active + sum.delayed],
    ['Successfully Delivered Messages', sum.sent],
    ['Failed Messages', sum.failed],
    ['Received Messages', sum.received],
    ['Resident Messages', sum.resident],
    ['Delivery Rate', rate(sum.sent + sum.failed)],
    ['Reception Rate', rate(sum.received)],
    ['Uptime', `${String(Math.floor(seconds)).padStart(6)} seconds`],
  ];
  return [`Summary Statistics For ${title}`, ...rows.map(([name, value]) => `        ${name}: ${String(value).padStart(6)}`)];
}

const bindingSummary: Operation = {
  words: ['binding', 'summary'],
  usage: 'binding summary [<binding> | <pattern> | group:<name>]',
  about: 'the figures of each binding; * in a name stands for anything',
  examples: ['binding summary', 'binding summary group:transactional'],
  async run(server, [name, ...more], { session }) {
    if (more.length > 0) return refusal(`Cannot show "${[name, ...more].join(' ')}": expected ${bindingSummary.usage}`);
    const group = /^group:(.+)$/i.exec(name ?? '')?.[1];
    const isPattern = name?.includes('*') === true;
    const which = group !== undefined ? { group } : name === undefined || isPattern ? {} : { binding: name };
    const found = await perBinding(server, which);
    const pattern = isPattern ? new RegExp(`^${name.split('*').map(escaped).join('.*')}$`) : undefined;
    const sums = found.sums.filter(({ binding }) => pattern === undefined || pattern.test(binding));
    if (sums.length === 0 && name !== undefined) {
      const nobody = which.binding === undefined ? undefined : noBinding(session.config.resolver(), name);
      const none = nobody === undefined ? `No mail is or was queued in "${shown(name)}".` : `Cannot show it: ${nobody}`;
      return refusal([none, ...found.silent].join('\n'));
    }
    const seconds = server.uptimeSeconds();
    const lines = sums.flatMap((sum) =>
      block(`Binding ${sum.binding}${sum.group === 'default' ? '' : ` in Binding Group ${sum.group}`}`, sum, seconds),
    );
    const [first, ...rest] = sums;
    const whole = group === undefined || first === undefined ? [] : block(`Binding Group ${group}`, rest.reduce(added, first), seconds);
    return answer([...lines, ...whole, ...found.silent].join('\n'), { bindings: sums });
  },
};

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

const summaryTable: Operation = {
  words: ['summary', 'table'],
  usage: 'summary table',
  about: 'one line for each binding: connections, queues, what was sent, deferred and failed',
  async run(server) {
    const { sums, silent } = await perBinding(server, {});
    const rows = sums.map((sum) => [
      sum.group,
      sum.binding,
      sum.domains,
      sum.connections,
      sum.active,
      sum.delayed,
      sum.received,
      sum.sent,
      sum.deferred,
      sum.failed,
    ]);
    const head = ['Group', 'Binding', 'Domains', 'Conns', 'Active', 'Delayed', 'Received', 'Sent', 'Deferred', 'Failed'];
    return answer([...table(head, rows), ...silent].join('\n'), { bindings: sums });
  },
};

export const bindingOperations: readonly Operation[] = [bindingSummary, summaryTable];

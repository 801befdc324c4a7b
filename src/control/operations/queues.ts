/*
 * `active N`, `delayed N`, `domain all` (alias `domains`): a line per queue in the manual's columns, totals over all of them.
 *
 * Numbers are a moment's picture gathered from all loops; a loop that did not answer in time is named below the table.
 */
import { answer, refusal, type Answer, type DomainLine, type Operation, type ServerPort } from './operation.ts';

interface Sums {
  domain: string;
  connections: number;
  active: number;
  delayed: number;
  sent: number;
}

function perDomain(lines: readonly DomainLine[]): Sums[] {
  const sums = new Map<string, Sums>();
  for (const line of lines) {
    const sum = sums.get(line.domain) ?? { domain: line.domain, connections: 0, active: 0, delayed: 0, sent: 0 };
    sum.connections += line.connections;
    sum.active += line.active;
    sum.delayed += line.delayed;
    sum.sent += line.sent;
    sums.set(line.domain, sum);
  }
  return [...sums.values()].sort((a, b) => (a.domain < b.domain ? -1 : 1));
}

function columns({ connections, active, delayed, sent }: Omit<Sums, 'domain'>): string {
  const pad = (n: number, width: number) => String(n).padStart(width);
  return `C:${pad(connections, 3)}  A:${pad(active, 7)}  D:${pad(delayed, 6)}  S:${pad(sent, 6)}`;
}

async function table(server: ServerPort, head: string | undefined, totalName: string, isShown: (sum: Sums) => boolean): Promise<Answer> {
  const { answers, silent } = await server.askLoops('queue.lines', undefined);
  const lines = [...answers.values()].flat() as DomainLine[];
  const sums = perDomain(lines);
  const total = sums.reduce(
    (all, sum) => ({
      connections: all.connections + sum.connections,
      active: all.active + sum.active,
      delayed: all.delayed + sum.delayed,
      sent: all.sent + sum.sent,
    }),
    { connections: 0, active: 0, delayed: 0, sent: 0 },
  );
  const rows = sums.filter(isShown).map((sum) => `Domain: ${sum.domain.padStart(30)}  ${columns(sum)}`);
  const text = [...(head ? [head] : []), ...rows, `${totalName.padStart(38)}  ${columns(total)}`, ...silent];
  return answer(text.join('\n'));
}

function threshold(name: 'active' | 'delayed'): Operation {
  return {
    words: [name],
    usage: `${name} <threshold>`,
    about: `domains with more than <threshold> messages in the ${name} queue`,
    run(server, args) {
      const limit = Number(args[0]);
      if (args.length !== 1 || !Number.isInteger(limit) || limit < 0)
        return refusal(`Cannot list ${name} queues above "${args.join(' ')}": expected a whole number from 0`);
      return table(server, undefined, 'Total:', (sum) => sum[name] > limit);
    },
  };
}

export const active = threshold('active');
export const delayed = threshold('delayed');

export const domainAll: Operation = {
  words: ['domain', 'all'],
  usage: 'domain all',
  about: 'every domain that has a queue',
  run: (server) => table(server, 'Domain summary:', 'Totals:', () => true),
};

export const domains: Operation = { ...domainAll, words: ['domains'], usage: 'domains' };

/*
 * `active`, `delayed`, `domain all` (`domains`), `binding active|delayed`, `mailq`: a line per queue or domain in the manual's columns.
 *
 * Numbers are a moment's picture gathered from all loops; a loop that did not answer in time is named below the table.
 * Truth: section 5.1.
 */
import type { QueueLine } from '#desk';
import { answer, refusal, type Answer, type ConsoleSession, type Operation, type ServerPort } from '../operation.ts';
import { domainName, noBinding, queueLines } from './words.ts';

type Sums = Pick<QueueLine, 'domain' | 'connections' | 'active' | 'delayed' | 'sent'>;

function perDomain(lines: readonly QueueLine[]): Sums[] {
  const sums = new Map<string, Sums>();
  for (const { domain, connections, active, delayed, sent } of lines) {
    const sum = sums.get(domain) ?? { domain, connections: 0, active: 0, delayed: 0, sent: 0 };
    sums.set(domain, {
      domain,
      connections: sum.connections + connections,
      active: sum.active + active,
      delayed: sum.delayed + delayed,
      sent: sum.sent + sent,
    });
  }
  return [...sums.values()].sort((a, b) => (a.domain < b.domain ? -1 : 1));
}

function columns({ connections, active, delayed, sent }: Omit<Sums, 'domain'>): string {
  const pad = (n: number, width: number) => String(n).padStart(width);
  return `C:${pad(connections, 3)}  A:${pad(active, 7)}  D:${pad(delayed, 6)}  S:${pad(sent, 6)}`;
}

interface TableOptions {
  readonly binding?: string;
  readonly head?: string;
  readonly totalName: string;
  readonly isShown: (sum: Sums) => boolean;
}

async function table(server: ServerPort, session: ConsoleSession, { binding, head, totalName, isShown }: TableOptions): Promise<Answer> {
  const { lines, totals, silent } = await queueLines(server, binding === undefined ? {} : { binding });
  const nobody = binding === undefined || lines.length > 0 ? undefined : noBinding(session.config.resolver(), binding);
  if (nobody !== undefined) return refusal(`Cannot list its queues: ${nobody}`);
  const domains = perDomain(lines).filter(isShown);
  const rows = domains.map((sum) => `Domain: ${sum.domain.padStart(30)}  ${columns(sum)}`);
  const text = [...(head ? [head] : []), ...rows, `${totalName.padStart(38)}  ${columns(totals)}`, ...silent];
  return answer(text.join('\n'), { domains, totals });
}

function threshold(name: 'active' | 'delayed', ofBinding: boolean): Operation {
  const words = ofBinding ? ['binding', name] : [name];
  return {
    words,
    usage: `${words.join(' ')}${ofBinding ? ' <binding>' : ''} <threshold>`,
    about: `domains with more than <threshold> messages in the ${name} queue${ofBinding ? ' of a binding' : ''}`,
    examples: [`${words.join(' ')}${ofBinding ? ' default' : ''} 100`],
    run(server, args, { session }) {
      const [binding, text] = ofBinding ? args : ['', args[0]];
      const limit = Number(text ?? '');
      if (args.length !== (ofBinding ? 2 : 1) || !/^\d{1,15}$/.test(text ?? ''))
        return refusal(
          `Cannot list ${name} queues: "${args.join(' ')}" is not what was expected, ${ofBinding ? 'a binding and ' : ''}a whole number from 0`,
        );
      const only = ofBinding && binding !== undefined ? { binding } : {};
      return table(server, session, { ...only, totalName: 'Total:', isShown: (sum) => sum[name] > limit });
    },
  };
}

const domainAll: Operation = {
  words: ['domain', 'all'],
  usage: 'domain all',
  about: 'every domain that has a queue',
  run: (server, _, { session }) => table(server, session, { head: 'Domain summary:', totalName: 'Totals:', isShown: () => true }),
};

const mailq: Operation = {
  words: ['mailq'],
  usage: 'mailq [-d|--domain <domain>]... [-b|--binding <binding>]... [-l|--limit <n>]',
  about: 'queues by binding and domain, the largest when there are more than the limit (20)',
  examples: ['mailq -d example.com', 'mailq --binding first --limit 100'],
  async run(server, args, { session }) {
    const domains: string[] = [];
    const bindings: string[] = [];
    let limit = 20;
    for (let i = 0; i < args.length; i += 2) {
      const value = args[i + 1];
      const name = args[i] ?? '';
      if (value === undefined || !/^(?:-[dbl]|--domain|--binding|--limit)$/.test(name))
        return refusal(`Cannot show "${args.slice(i).join(' ')}": expected ${mailq.usage}`);
      if (name === '-d' || name === '--domain') domains.push(domainName(value));
      else if (name === '-b' || name === '--binding') bindings.push(value);
      else if (/^\d{1,6}$/.test(value) && Number(value) > 0) limit = Number(value);
      else return refusal(`Cannot show "${value}" lines: expected a whole number from 1`);
    }
    const ofDomains = domains.length === 0 ? {} : { domains };
    const asked = bindings.length === 0 ? [ofDomains] : bindings.map((binding) => ({ ...ofDomains, binding }));
    const found = await Promise.all(asked.map((which) => queueLines(server, { ...which, limit })));
    const nobody = bindings
      .map((name, i) => (found[i]?.queues === 0 ? noBinding(session.config.resolver(), name) : undefined))
      .find(Boolean);
    if (nobody !== undefined) return refusal(`Cannot show the queues: ${nobody}`);
    const all = found.flatMap(({ lines }) => lines);
    const queues = found.reduce((sum, one) => sum + one.queues, 0);
    const shown = [...all].sort((a, b) => b.active + b.delayed - a.active - a.delayed).slice(0, limit);
    const lines = all.filter((line) => shown.includes(line));
    const row = (where: string, domain: string, aq: string, dq: string) =>
      `${where.padEnd(30)} ${domain.padStart(31)} ${aq.padStart(7)} ${dq.padStart(7)}`;
    const head = row('Group/Binding', 'Domain', 'AQ', 'DQ');
    const rows = lines.map(({ group, binding, domain, active, delayed }) =>
      row(`${group}/${binding}`, domain, String(active), String(delayed)),
    );
    const left = queues > lines.length ? [`${queues - lines.length} more queues: --limit shows them.`] : [];
    const silent = [...new Set(found.flatMap((one) => one.silent))];
    return answer([head, '-'.repeat(head.length), ...rows, ...left, ...silent].join('\n'), { queues: lines, total: queues });
  },
};

export const listOperations: readonly Operation[] = [
  threshold('active', false),
  threshold('delayed', false),
  threshold('active', true),
  threshold('delayed', true),
  domainAll,
  { ...domainAll, words: ['domains'], usage: 'domains' },
  mailq,
];

/*
 * Commands that act on whole queues: fail, flush, rebind, reroute, refresh, and their forms for one binding and without notices.
 *
 * The one rule: with `--dry-run` anywhere the same queues are found and nothing is touched; without it what was done is counted message by
 * message, said, and written to the acctlog, or the paniclog, with the name of who asked. Truth: section 5.1; rules BNC-01, Q-14.
 */
import type { Steer, Steered, Which } from '#desk';
import { answer, refusal, type Answer, type ConsoleSession, type Operation, type ServerPort } from '../operation.ts';
import { counted, domainName, dryRun, inQueues, noBinding, shown } from './words.ts';

/** Longer than a loop works before it answers that it goes on. */
const DEADLINE_MS = 35_000;
const PURGED = '554 Message manually purged.';

interface Asked {
  readonly steer: Steer;
  readonly which: Which;
  readonly isDry: boolean;
  /** The command, for the record. */
  readonly command: string;
  readonly say: (messages: number) => string;
  /** `fail`, `requeue`: what a dry run says of messages. */
  readonly would: string;
}

async function ask(server: ServerPort, session: ConsoleSession, o: Asked): Promise<Answer> {
  const { answers, silent } = await server.askLoops('queue.steer', { ...o.steer, ...o.which, isDry: o.isDry }, DEADLINE_MS);
  const parts = [...answers.values()] as Steered[];
  const problem = parts.find((part) => part.problem !== undefined)?.problem;
  if (problem !== undefined) return refusal(`Cannot run "${shown(o.command)}": ${problem}`);
  const nobody =
    o.which.binding !== undefined && parts.every((part) => part.queues === 0)
      ? noBinding(session.config.resolver(), o.which.binding)
      : undefined;
  if (nobody !== undefined) return refusal(`Cannot run "${shown(o.command)}": ${nobody}`);
  const sum = (of: (part: Steered) => number) => parts.reduce((total, part) => total + of(part), 0);
  const [messages, queues, underway, looked] = [sum((p) => p.messages), sum((p) => p.queues), sum((p) => p.underway), sum((p) => p.looked)];
  const each = parts.flatMap((part) => part.each).sort((a, b) => b.messages - a.messages);
  const isOver = parts.every((part) => part.isOver);
  const notes = [
    ...(looked > messages && o.steer.action === 'rebind'
      ? [`${counted(looked, 'message')} ${were(looked)} looked at; the others stay where they are.`]
      : []),
    ...(underway > 0 && o.steer.action !== 'refresh'
      ? [`${counted(underway, 'message')} ${underway === 1 ? 'is' : 'are'} being delivered now and ${were(underway)} left alone.`]
      : []),
    ...(isOver ? [] : ['There is much of it: the server goes on with it. "mailq" shows what is left.']),
    ...silent,
  ];
  const data = { messages, queues, underway, looked, each, isDry: o.isDry, isOver };
  if (o.isDry) {
    const rows = each.map((one) => `  ${one.binding} ${one.domain}: ${one.messages}`);
    const which = o.steer.action === 'refresh' ? counted(queues, 'queue') : inQueues(messages, each.length);
    return answer([`Would ${o.would} ${which}. Nothing was done.`, ...rows, ...notes].join('\n'), data);
  }
  const said = o.say(messages);
  session.access.record(`${o.command}: ${isOver ? '' : 'begun, '}${inQueues(messages, queues)}`);
  return answer([said, ...notes].join('\n'), data);
}

function were(count: number): string {
  return count === 1 ? 'was' : 'were';
}

function ofDomain(domain: string): Which {
  return domain.toLowerCase() === 'all' ? {} : { domains: [domainName(domain)] };
}

interface Form {
  readonly ofBinding: boolean;
  readonly isQuiet: boolean;
}

function fail({ ofBinding, isQuiet }: Form): Operation {
  const words = [...(ofBinding ? ['binding'] : []), 'fail', 'domain', ...(isQuiet ? ['quiet'] : [])];
  const usage = `${words.join(' ')}${ofBinding ? ' <binding>' : ''} {<domain> | all}${ofBinding && !isQuiet ? ' [<code> <text>]' : ''} [--dry-run]`;
  return {
    words,
    usage,
    about: `fail all waiting mail of a domain${ofBinding ? ' in one binding' : ''}${isQuiet ? ', telling nobody' : ' and tell its senders'}`,
    examples: [`${words.join(' ')}${ofBinding ? ' default' : ''} example.com --dry-run`],
    run(server, args, { session }) {
      const { isDry, words: given } = dryRun(args);
      const [binding, domain, ...text] = ofBinding ? given : [undefined, ...given];
      if (domain === undefined || (text.length > 0 && (!ofBinding || isQuiet)))
        return refusal(`Cannot fail "${given.join(' ')}": expected ${usage}`);
      const reply = text.length === 0 ? PURGED : text.join(' ');
      if (!/^5\d\d .*\S/.test(reply)) return refusal(`Cannot fail with "${reply}": expected a code from 500 to 599 and a text`);
      const which = { ...ofDomain(domain), ...(binding === undefined ? {} : { binding }) };
      const say = (messages: number) =>
        'domains' in which ? `${shown(domain)} purged, ${messages} messages failed.` : `All domains purged.  ${messages} messages failed.`;
      const command = [...words, ...given].join(' ');
      return ask(server, session, { steer: { action: 'fail', reply, isQuiet }, which, isDry, command, say, would: 'fail' });
    },
  };
}

function flush(ofBinding: boolean): Operation {
  const words = [...(ofBinding ? ['binding'] : []), 'flush', 'domain'];
  const usage = `${words.join(' ')}${ofBinding ? ' <binding>' : ''} {<domain> | all} [--dry-run]`;
  return {
    words,
    usage,
    about: `try delayed mail of a domain${ofBinding ? ' in one binding' : ''} now`,
    run(server, args, { session }) {
      const { isDry, words: given } = dryRun(args);
      const [binding, domain, ...more] = ofBinding ? given : [undefined, ...given];
      if (domain === undefined || more.length > 0) return refusal(`Cannot flush "${given.join(' ')}": expected ${usage}`);
      const which = { ...ofDomain(domain), ...(binding === undefined ? {} : { binding }) };
      const name = 'domains' in which ? shown(domain) : 'All domains';
      const say = (messages: number) => `${name} flushed.  ${messages} messages requeued.`;
      const command = [...words, ...given].join(' ');
      return ask(server, session, { steer: { action: 'flush' }, which, isDry, command, say, would: 'try now' });
    },
  };
}

const rebind: Operation = {
  words: ['rebind'],
  usage: 'rebind {<binding> | all} [<domain>] [to <binding or group>] [--dry-run]',
  about: 'choose the binding of waiting mail again, by policy, or move it to the one that is named',
  examples: ['rebind first', 'rebind first example.com to second --dry-run'],
  run(server, args, { session }) {
    const { isDry, words } = dryRun(args);
    const at = words.findIndex((word, i) => i > 0 && word.toLowerCase() === 'to');
    const [binding, domain, ...more] = at < 0 ? words : words.slice(0, at);
    const [to, ...rest] = at < 0 ? [] : words.slice(at + 1);
    if (binding === undefined || more.length > 0 || rest.length > 0 || (at >= 0 && to === undefined))
      return refusal(`Cannot rebind "${words.join(' ')}": expected ${rebind.usage}`);
    const which = { ...(domain === undefined ? {} : ofDomain(domain)), ...(binding.toLowerCase() === 'all' ? {} : { binding }) };
    const steer: Steer = to === undefined ? { action: 'rebind' } : { action: 'rebind', to };
    const say = (messages: number) => `Rebound ${messages} messages.`;
    return ask(server, session, { steer, which, isDry, command: ['rebind', ...words].join(' '), say, would: 'rebind' });
  },
};

const reroute: Operation = {
  words: ['reroute', 'queue'],
  usage: 'reroute queue <from domain> <to domain> [--dry-run]',
  about: 'move waiting mail to the queue of another domain: it goes where mail of that domain goes, to the same recipients',
  examples: ['reroute queue relay.example.com new-relay.example.com'],
  run(server, args, { session }) {
    const { isDry, words } = dryRun(args);
    const [from, to, ...more] = words;
    if (from === undefined || to === undefined || more.length > 0 || domainName(from) === domainName(to))
      return refusal(`Cannot reroute "${words.join(' ')}": expected two domains`);
    const say = (messages: number) => `Moved ${messages} messages from '${shown(from)}' to '${shown(to)}'`;
    const steer: Steer = { action: 'reroute', to: domainName(to) };
    const which = { domains: [domainName(from)] };
    return ask(server, session, { steer, which, isDry, command: ['reroute queue', ...words].join(' '), say, would: 'move' });
  },
};

const refresh: Operation = {
  words: ['refresh', 'domain'],
  usage: 'refresh domain {<domain> | all} [--dry-run]',
  about: 'forget what DNS said of a domain and ask again',
  run(server, args, { session }) {
    const { isDry, words } = dryRun(args);
    const [domain, ...more] = words;
    if (domain === undefined || more.length > 0) return refusal(`Cannot refresh "${words.join(' ')}": expected ${refresh.usage}`);
    const say = () => `${domain.toLowerCase() === 'all' ? 'All domains' : shown(domain)} refreshed.`;
    return ask(server, session, {
      steer: { action: 'refresh' },
      which: ofDomain(domain),
      isDry,
      command: `refresh domain ${domain}`,
      say,
      would: 'ask DNS anew for',
    });
  },
};

export const steeringOperations: readonly Operation[] = [
  fail({ ofBinding: false, isQuiet: false }),
  fail({ ofBinding: false, isQuiet: true }),
  fail({ ofBinding: true, isQuiet: false }),
  fail({ ofBinding: true, isQuiet: true }),
  flush(false),
  flush(true),
  rebind,
  reroute,
  refresh,
];

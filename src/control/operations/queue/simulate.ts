/*
 * `simulate PLAN`: how long mail to some domains would take under the configuration in force, or that of the open transaction.
 *
 * The one rule: what is simulated is said with the result, and so is what is not. Nothing is sent. Truth: the issue's `simulate`.
 */
import { MESSAGES_MAX, QUEUES_MAX, type SimulatedQueueResult, type SimulationPlan, type SimulationResult } from '#simulation';
import { answer, refusal, type Operation, type ServerPort } from '../operation.ts';
import { table } from '../server/table.ts';
import { bindingOf, domainName, duration, noBinding, shown } from './words.ts';

type Resolver = Parameters<ServerPort['simulate']>[0];

function planOf(args: readonly string[], resolver: Resolver): SimulationPlan | string {
  const items: SimulationPlan['items'][number][] = [];
  let place = { group: 'default', binding: 'default' };
  let [roundTripMs, takesMs] = [50, 100];
  for (let i = 0; i < args.length; i += 2) {
    const [name = '', value] = [args[i]?.toLowerCase(), args[i + 1]];
    if (value === undefined) return `"${name}" stands alone`;
    const number = /^\d{1,9}$/.test(value) ? Number(value) : undefined;
    if (name === 'binding') {
      const found = bindingOf(resolver, value);
      if (found === undefined) return noBinding(resolver, value) ?? '';
      place = found;
    } else if (name === 'rtt' || name === 'takes') {
      if (number === undefined || number > 600_000) return `"${value}" is not a number of milliseconds`;
      if (name === 'rtt') roundTripMs = number;
      else takesMs = number;
    } else if (!/^\d{1,9}$/.test(name) || Number(name) === 0) return `"${name}" is no number of messages`;
    else items.push({ ...place, domain: domainName(value), messages: Number(name) });
  }
  if (items.length === 0) return 'there is no mail in the plan';
  const messages = items.reduce((sum, item) => sum + item.messages, 0);
  if (messages > MESSAGES_MAX || items.length > QUEUES_MAX) return `at most ${MESSAGES_MAX} messages in ${QUEUES_MAX} queues are simulated`;
  if (new Set(items.map(({ binding, domain }) => `${binding}\0${domain}`)).size < items.length) return 'a domain stands in it twice';
  return { items, roundTripMs, takesMs };
}

function causeText(server: ServerPort, resolver: Resolver, row: SimulatedQueueResult): string {
  const { cause } = row;
  if (cause === undefined) return 'nothing: as fast as the hosts take it';
  const { group, binding, optionsName: domain } = row;
  const scope = cause.scope === 'domain' ? undefined : cause.scope;
  const setIn =
    cause.option === undefined
      ? undefined
      : server.whereSet({ group, binding, domain, option: cause.option, host: cause.host, scope }, resolver);
  const place = setIn?.file === undefined ? (setIn === undefined ? '' : ', the default') : `, ${setIn.scope}, ${setIn.file}:${setIn.line}`;
  const value = cause.limit === undefined ? '' : ` = ${cause.limit}`;
  return `${setIn?.option ?? shown(cause.detail)}${setIn === undefined ? '' : value}${place} (${Math.round(100 * row.share)} % of the time)`;
}

const ends: Readonly<Record<SimulationResult['end'], string>> = {
  'all sent': 'All of it was sent.',
  'nothing moves': 'Not all of it can be sent as it is configured.',
  'out of patience': 'The simulation was ended before all of it was sent: what is left is reckoned from the rate so far.',
};

const simulate: Operation = {
  words: ['simulate'],
  usage: 'simulate [rtt <ms>] [takes <ms>] [binding <binding>] <messages> <domain> [[binding <binding>] <messages> <domain>]...',
  about: 'how long so much mail would take under this configuration, or that of the open transaction; nothing is sent',
  examples: ['simulate 10000 example.com', 'simulate rtt 80 takes 300 binding first 5000 example.com binding second 5000 example.com'],
  async run(server, args, { session }) {
    const resolver = session.config.resolver();
    const plan = planOf(args, resolver);
    if (typeof plan === 'string') return refusal(`Cannot simulate: ${plan}. ${simulate.usage}`);
    const result = await server.simulate(resolver, plan);
    const rows = result.queues.map((row) => {
      const rate = row.sent / Math.max(0.001, row.seconds ?? result.seconds);
      const left = row.messages - row.sent;
      const time =
        row.seconds !== undefined
          ? duration(row.seconds * 1000)
          : row.sent === 0
            ? 'never'
            : `about ${duration((result.seconds + left / rate) * 1000)}`;
      return [
        row.binding,
        row.domain,
        row.messages,
        row.sent,
        time,
        rate.toFixed(2),
        row.peakConnections,
        causeText(server, resolver, row),
      ];
    });
    const head = ['Binding', 'Domain', 'Messages', 'Sent', 'Time', 'A second', 'Conns', 'Held back by'];
    const from = session.config.hasTransaction ? 'the open transaction' : 'the configuration in force';
    const notes = [
      ends[result.end],
      `Simulated under ${from}: answers take ${plan.roundTripMs} ms, a message ${plan.takesMs} ms; every host takes everything, without TLS, and there is no other mail.`,
      `${duration(result.seconds * 1000)} passed in ${duration(result.realMs)}.`,
    ];
    return answer([...table(head, rows), ...notes].join('\n'), { ...result, plan });
  },
};

export const simulateOperations: readonly Operation[] = [simulate];

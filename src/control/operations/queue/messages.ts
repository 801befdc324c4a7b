/*
 * `showqueue`, and commands about one message: `message details`, `message fail`, `message retry`.
 *
 * The one rule: what others wrote is shown with its control characters visible (A74); for programs it is the text itself. What fails or retries a
 * message is written to the acctlog. Truth: section 5.1.
 */
import type { Details, Listing, MessageDone, MessageLine } from '#desk';
import { LIST_MAX } from '#desk';
import { answer, refusal, type Answer, type ConsoleSession, type Operation, type ServerPort } from '../operation.ts';
import { domainName, inQueues, noBinding, shown, when } from './words.ts';

const BODY_DEADLINE_MS = 30_000;

const showQueue: Operation = {
  words: ['showqueue'],
  usage: 'showqueue [binding {<binding> | all}] <domain> [<limit>[,<offset>]]',
  about: 'the messages that wait for a domain, in the order in which they go; 100,0 unless said otherwise',
  examples: ['showqueue example.com', 'showqueue binding all example.com 20,100'],
  async run(server, args, { session }) {
    const hasBinding = args[0]?.toLowerCase() === 'binding' && args.length > 2;
    const binding = hasBinding ? (args[1] ?? '') : 'default';
    const [domain, range = '100,0', ...more] = hasBinding ? args.slice(2) : args;
    const numbers = /^(\d{1,9})(?:,(\d{1,9}))?$/.exec(range);
    if (domain === undefined || numbers === null || more.length > 0)
      return refusal(`Cannot show the queue "${args.join(' ')}": expected ${showQueue.usage}`);
    const [limit, offset] = [Math.min(Number(numbers[1]), LIST_MAX), Number(numbers[2] ?? 0)];
    const which = { domains: [domainName(domain)], ...(binding === 'all' ? {} : { binding }), limit, offset };
    const { answers, silent } = await server.askLoops('queue.list', which, BODY_DEADLINE_MS);
    const parts = [...answers.values()] as Listing[];
    const messages = parts.flatMap((part) => part.messages);
    const waiting = parts.reduce((sum, part) => sum + part.waiting, 0);
    const lines = messages.flatMap(linesOf).slice(0, 2 * limit);
    const left = waiting - offset - lines.length / 2;
    const notes =
      left > 0 ? [`${left} more: showqueue${hasBinding ? ` binding ${binding}` : ''} ${domain} ${limit},${offset + limit}`] : [];
    if (waiting === 0 && silent.length === 0) {
      const nobody = binding === 'all' ? undefined : noBinding(session.config.resolver(), binding);
      if (nobody !== undefined) return refusal(`Cannot show the queue: ${nobody}`);
      notes.push(nothing(shown(domain), binding));
    }
    return answer([...lines, ...notes, ...silent].join('\n'), { messages, waiting });
  },
};

function nothing(domain: string, binding: string): string {
  if (binding === 'all') return `Nothing waits for ${domain}.`;
  return `Nothing waits for ${domain} in binding ${shown(binding)}; "showqueue binding all ${domain}" looks in every one.`;
}

function linesOf(message: MessageLine): string[] {
  const { state, binding, receivedAt, sender, recipients } = message;
  const place = `[${state === 'delayed' ? 'delayed' : 'active'}/${binding}]`;
  return recipients.flatMap(({ id, address }) => [
    `${place} ${id} Created: ${Math.floor(receivedAt / 1000)}`,
    `  From: <${shown(sender)}> To: <${shown(address)}>`,
  ]);
}

async function one<T>(
  server: ServerPort,
  question: string,
  args: Readonly<Record<string, unknown>>,
): Promise<{ found: T | undefined; silent: readonly string[] }> {
  const { answers, silent } = await server.askLoops(question, args, BODY_DEADLINE_MS);
  return { found: [...answers.values()].find((value) => value !== undefined) as T | undefined, silent };
}

export function gone(id: string, silent: readonly string[]): Answer {
  const where = 'it is delivered, failed, or never was here; the mainlog knows';
  return refusal([`There is no message "${shown(id)}" in the queues: ${where}.`, ...silent].join('\n'));
}

const details: Operation = {
  words: ['message', 'details'],
  usage: 'message details [full | body] <message id>',
  about: 'what is known of a waiting message; its text too with full, only its text with body',
  async run(server, args) {
    const what = args.length === 2 ? args[0]?.toLowerCase() : '';
    const id = args.at(-1);
    if (id === undefined || args.length > 2 || !['', 'full', 'body'].includes(what ?? '?'))
      return refusal(`Cannot show "${args.join(' ')}": expected ${details.usage}`);
    const { found, silent } = await one<Details>(server, 'message.details', { id, withText: what !== '' });
    if (found === undefined) return gone(id, silent);
    const text = found.text === undefined ? undefined : textOf(found.text);
    const body = text === undefined ? (what === '' ? [] : ['(its text could not be read)']) : [visibleText(text)];
    const cut = found.isCut ? ['(there is more)'] : [];
    const lines = [...(what === 'body' ? [] : factsOf(id, found)), ...(what === 'full' ? [''] : []), ...body, ...cut];
    return answer(lines.join('\n'), { ...found, text });
  },
};

function factsOf(id: string, { message, from, context }: Details): string[] {
  const { state, receivedAt, nextAt, attempts, sender, recipients, lastReply, size, group, binding, domain } = message;
  const next = state === 'underway' ? 'now: it is being delivered' : state === 'ready' ? 'as soon as its queue may send' : when(nextAt);
  const family = from === undefined || from.ip === '' ? '' : from.ip.includes(':') ? ' (IPv6)' : ' (IPv4)';
  const via = from === undefined ? 'unknown' : `${from.protocol === 'esmtp' ? 'SMTP' : from.protocol} ${from.ip || 'this server'}${family}`;
  const rows: [string, string][] = [
    ['Created', when(receivedAt)],
    ['Next Attempt', next],
    ['Retries', String(attempts)],
    ['Received Via', via],
    ['Sender', shown(sender)],
    ...recipients.map(({ address }): [string, string] => ['Recipient', shown(address)]),
    ['Code', shown(lastReply ?? '')],
    ['Size', String(size)],
    ['Queue', `${group}/${binding} ${domain} (${state === 'delayed' ? 'delayed' : 'active'})`],
    ...Object.entries(context).map(([key, value]): [string, string] => ['Context', `${shown(key)} = ${shown(value)}`]),
  ];
  return [`Message: ${shown(id)}`, 'Message Type: full message', ...rows.map(([name, value]) => `${name.padStart(22)}: ${value}`)];
}

/** Text where it is text, octets as latin1 where not. */
function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return Buffer.from(bytes).toString('latin1');
  }
}

/** Lines stay lines; whatever else could steer a terminal becomes visible. */
function visibleText(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/\r\n/g, '\n').replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, shown);
}

function act(verb: 'retry' | 'fail' | 'fail quiet'): Operation {
  const words = ['message', ...verb.split(' ')];
  const about = { retry: 'try a message now', fail: 'fail a message and tell its sender', 'fail quiet': 'fail a message, telling nobody' }[
    verb
  ];
  return {
    words,
    usage: `${words.join(' ')} <message id>`,
    about,
    async run(server, [id, ...more], { session }) {
      if (id === undefined || more.length > 0) return refusal(`Expected ${words.join(' ')} <message id>`);
      const question =
        verb === 'retry' ? { action: 'retry' } : { action: 'fail', reply: '554 manually failed.', isQuiet: verb === 'fail quiet' };
      const { found, silent } = await one<MessageDone>(server, 'message.steer', { id, ...question });
      if (found === undefined) return gone(id, silent);
      if (!found.isDone)
        return refusal(`Message ${shown(id)} is being delivered now: nothing was done. Try again when the attempt is over.`);
      return done(
        session,
        found.message,
        `${words.join(' ')} ${id}`,
        verb === 'retry' ? 'Message requeued for delivery' : 'Message failed',
      );
    },
  };
}

function done(session: ConsoleSession, message: MessageLine, command: string, text: string): Answer {
  session.access.record(`${command}: ${inQueues(message.recipients.length, 1)}`);
  const many = message.recipients.length === 1 ? [] : [`It stood for ${message.recipients.length} recipients.`];
  return answer([text, ...many].join('\n'), { message });
}

export const messageOperations: readonly Operation[] = [showQueue, details, act('retry'), act('fail'), act('fail quiet')];

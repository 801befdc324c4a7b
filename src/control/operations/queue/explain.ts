/*
 * `explain message | queue | binding`: where mail is, why it does not move, until when, and what would change that.
 *
 * The one rule: one cause, the one that binds now, with the place in the configuration that set it; a second one is not guessed at. It costs the same
 * whatever is queued (desk). Truth: the issue's `explain`; rules OUT-04, SHP-*, Q-07, OUT-25.
 */
import type { Resolver } from '#config';
import type { BindingStanding, MessageStanding, QueueStanding, StandingLine } from '#desk';
import { answer, refusal, type Answer, type Operation, type ServerPort, type WhereSet } from '../operation.ts';
import { gatewayOf, type Hop } from './domain-way.ts';
import { gone } from './messages.ts';
import { bindingOf, counted, domainName, duration, inQueues, noBinding, placeOf, shown, when } from './words.ts';

interface Place {
  readonly group: string;
  readonly binding: string;
  /** The name whose options hold. */
  readonly domain: string;
}

interface Reason {
  readonly text: string;
  readonly setIn: WhereSet | undefined;
  readonly change: string | undefined;
}

/** What a queue knows beside its cause. */
type Known = Partial<Pick<QueueStanding, 'lastReply' | 'way'>>;

type Cause = NonNullable<StandingLine['cause']>;

function reasonOf(server: ServerPort, place: Place, standing: StandingLine, { lastReply, way }: Known = {}): Reason {
  const { cause } = standing;
  if (standing.state === 'not sending') return plain('this server runs without its queue service: nothing is sent');
  if (cause === undefined) return plain('nothing: it is about to be sent');
  switch (cause.kind) {
    case 'suspended':
      return suspended(server, place);
    case 'limit':
    case 'throttle':
      return limited(server, place, cause);
    case 'host-failed':
      return hostFailed(server, place, cause, way?.hops ?? []);
    case 'unresolvable':
      return unresolvable(server, place, cause, way?.by);
    case 'retry':
      return retry(server, place, lastReply);
    case 'resolving':
    case 'no-mail':
    case 'memory':
      return plain(shown(cause.detail));
  }
}

function plain(text: string, change?: string): Reason {
  return { text, setIn: undefined, change };
}

/** Suspend_Delivery, or Default_Binding for mail that nobody assigned (OUT-03). */
function suspended(server: ServerPort, place: Place): Reason {
  const setIn = server.whereSet({ ...place, option: 'suspendDelivery' });
  if (setIn?.value === 'true')
    return { text: `delivery is suspended: ${setIn.option} = true`, setIn, change: `config set ${setIn.words}${setIn.option} false` };
  const held = server.whereSet({ option: 'defaultBinding', scope: 'global' });
  const text = 'mail of the default binding is held: Default_Binding = suspended';
  return { text, setIn: held, change: 'config unset Default_Binding, or give the mail a binding: rebind default to <binding>' };
}

function limited(server: ServerPort, place: Place, cause: Cause): Reason {
  const scope = cause.scope === 'domain' ? undefined : cause.scope;
  const setIn = cause.option === undefined ? undefined : server.whereSet({ ...place, option: cause.option, host: cause.host, scope });
  const name = setIn?.option ?? cause.option ?? '';
  const used = cause.used === undefined ? '' : `, ${cause.used} in use`;
  const host = cause.host === undefined ? '' : ` for ${shown(cause.host)}`;
  const where = setIn?.file === undefined ? `domain ${place.domain} ` : setIn.words;
  const words = cause.scope === 'global' ? '' : where;
  return {
    text: `${name} = ${cause.limit ?? setIn?.value ?? '?'}${host}${used}: ${shown(cause.detail)}`,
    setIn,
    change: `config set ${words}${name} <more than ${cause.limit ?? '?'}>`,
  };
}

/** Names that lead nowhere: those of the domain itself, or those that the operator wrote. */
function unresolvable(server: ServerPort, place: Place, cause: Cause, by: string | undefined): Reason {
  const option = by === 'gateway' || by === 'routes' ? by : undefined;
  const setIn = option === undefined ? undefined : server.whereSet({ ...place, option });
  if (setIn?.file === undefined)
    return plain(
      `the DNS gives no way to the domain: ${shown(cause.detail)}`,
      `correct the DNS, then "refresh domain ${place.domain}"; "dig ${place.domain}" shows what it says`,
    );
  const text = `the DNS knows no host of ${setIn.option} = ${shown(setIn.value)}: ${shown(cause.detail)}`;
  return { text, setIn, change: `correct ${setIn.option} or the DNS, then "refresh domain ${place.domain}"` };
}

/** Hosts that an explanation names. */
const NAMED_MAX = 5;

/** All hosts that are left alone now, each with its own failure; undefined where none is known. */
function failedHosts(hops: readonly Hop[]): string | undefined {
  const failed = hops.filter(({ failedMsAgo }) => failedMsAgo !== undefined);
  if (failed.length === 0) return undefined;
  const named = failed.slice(0, NAMED_MAX).map(({ ip, port, reply }) => `${port === 0 ? ip : `[${ip}]:${port}`} (${shown(reply ?? '')})`);
  const more = failed.length > NAMED_MAX ? ` and ${failed.length - NAMED_MAX} more` : '';
  const what =
    failed.length === hops.length ? (hops.length === 1 ? 'its only host failed' : `all ${hops.length} hosts failed`) : 'hosts failed';
  return `${what}: ${named.join(', ')}${more}`;
}

function hostFailed(server: ServerPort, place: Place, cause: Cause, hops: readonly Hop[]): Reason {
  const setIn = server.whereSet({ ...place, option: 'hostFailureRetry' });
  const host = cause.host === undefined || cause.host === '' ? 'no host could be reached' : `host ${shown(cause.host)} failed`;
  const reply = cause.detail;
  const policy = /\bDANE\b/.test(reply) ? 'useDane' : /\bMTA-STS\b/.test(reply) ? 'useMtaSts' : undefined;
  if (policy !== undefined) return heldByPolicy(server.whereSet({ ...place, option: policy }), place, `${host}: ${shown(reply)}`);
  if (hops.length > 0 && hops.every((hop) => hop.reply?.endsWith('(Bind_Address)') === true)) return ownAddress(server, place, hops);
  const isTls = /TLS\b/i.test(reply);
  const ours = isTls ? server.whereSet({ ...place, option: 'tls' }) : undefined;
  const tls = ours === undefined ? '' : ` (${ours.option} = ${ours.value}, ${placeOf(ours)})`;
  const change = isTls
    ? `the host must offer TLS as demanded, or config set ${ours?.file === undefined ? `domain ${place.domain} ` : ours.words}TLS ifavailable`
    : `mend the host; it is tried again by itself, ${setIn?.option ?? 'Host_Failure_Retry'} = ${setIn?.value ?? ''} s after a failure`;
  const all = isTls ? undefined : failedHosts(hops);
  return { text: all ?? `${host}: ${shown(reply)}${tls}`, setIn, change };
}

/** OUT-02: no host is to blame. */
function ownAddress(server: ServerPort, place: Place, hops: readonly Hop[]): Reason {
  const setIn = server.whereSet({ ...place, option: 'bindAddress' });
  const where = setIn?.file === undefined ? `binding ${place.binding} ` : setIn.words;
  const change = `give this machine the address, or config set ${where}Bind_Address <one that it has>`;
  return { text: `${shown(hops[0]?.reply ?? '')}: ${setIn?.value ?? ''}`, setIn, change };
}

/** What the domain's people have published holds it back, because an option of ours lets that count. */
function heldByPolicy(setIn: WhereSet | undefined, place: Place, text: string): Reason {
  const where = setIn?.file === undefined ? `domain ${place.domain} ` : setIn.words;
  const change = `the domain must correct what it publishes, or its host; config set ${where}${setIn?.option ?? ''} false sends without regard to it`;
  return { text, setIn, change };
}

function retry(server: ServerPort, place: Place, lastReply: string | undefined): Reason {
  const setIn = server.whereSet({ ...place, option: 'retryInterval' });
  const why = lastReply === undefined ? '' : `; the last attempt ended with: ${shown(lastReply)}`;
  return { text: `every message waits for its next attempt${why}`, setIn, change: `flush domain ${place.domain} tries all of it now` };
}

function setInText(setIn: WhereSet): string {
  return setIn.file === undefined ? `${setIn.option} = ${setIn.value} is the default` : placeOf(setIn);
}

function rows(lines: readonly (readonly [string, string | undefined])[]): string[] {
  return lines.flatMap(([name, text]) => (text === undefined ? [] : [`  ${`${name}:`.padEnd(15)}${text}`]));
}

function untilText(now: number, at: number | undefined): string | undefined {
  if (at === undefined) return undefined;
  return at <= now ? 'now' : `in ${duration(at - now)} (${when(at)})`;
}

function reasonRows({ text, setIn, change }: Reason): [string, string | undefined][] {
  return [
    ['Held back by', text],
    ['Set in', setIn === undefined ? undefined : setInText(setIn)],
    ['What helps', change],
  ];
}

function queueRows(server: ServerPort, standing: QueueStanding): { rows: string[]; reason: Reason; next: number | undefined } {
  const { queue, state, looked, waiting, earliestNextAt, oldestReceivedAt, nextAt, cause } = standing;
  const place = { group: queue.group, binding: queue.binding, domain: standing.optionsName };
  const reason = reasonOf(server, place, standing, standing);
  const isByTime = nextAt === undefined && cause?.kind === 'retry';
  const next = nextAt ?? (isByTime ? earliestNextAt : undefined);
  const now = server.now();
  const part = isByTime && looked < waiting ? ` at the latest (of ${looked} messages looked at)` : '';
  const underway = queue.active + queue.delayed - waiting;
  const mail = `${queue.active - underway} ready, ${queue.delayed} delayed, ${underway} being delivered; ${queue.connections} connections`;
  const text = rows([
    ['State', `${state}${standing.gateway === undefined ? '' : `, by way of ${shown(standing.gateway)}`}`],
    ['Mail', mail],
    ['Oldest', oldestReceivedAt === undefined ? undefined : `received ${duration(now - oldestReceivedAt)} ago`],
    ...reasonRows(reason),
    ['Next wake-up', next === undefined ? wakesBy(cause) : `${untilText(now, next) ?? ''}${part}`],
  ]);
  return { rows: text, reason, next };
}

/** What it waits for, when that is no moment in time. */
function wakesBy(cause: StandingLine['cause']): string | undefined {
  switch (cause?.kind) {
    case 'suspended':
      return 'when the configuration is changed';
    case 'limit':
      // Of none that may be, none will end.
      return Number(cause.limit) === 0 ? 'when the configuration is changed' : 'when a connection ends';
    case 'resolving':
      return 'when the DNS answers';
    default:
      return undefined;
  }
}

async function first<T>(server: ServerPort, question: string, args: unknown): Promise<{ found: T | undefined; silent: readonly string[] }> {
  const { answers, silent } = await server.askLoops(question, args);
  return { found: [...answers.values()].find((value) => value !== undefined) as T | undefined, silent };
}

const explainQueue: Operation = {
  words: ['explain', 'queue'],
  usage: 'explain queue <binding> <domain>',
  about: 'why the mail of a queue does not move, until when, and what would change it',
  examples: ['explain queue default example.com'],
  async run(server, args, { session }) {
    const [binding, typed, ...more] = args;
    if (binding === undefined || typed === undefined || more.length > 0) return refusal(`Expected ${explainQueue.usage}`);
    const { answers, silent } = await server.askLoops('queue.explain', { binding, domain: domainName(typed) });
    const found = [...answers.values()].filter((value) => value !== undefined) as QueueStanding[];
    // A queue has one owner; another loop may remember it empty.
    const standing = found.sort((a, b) => b.waiting - a.waiting)[0];
    if (standing === undefined) {
      const nobody = noBinding(session.config.resolver(), binding);
      const none =
        nobody === undefined ? `No mail is or was queued for ${shown(typed)} in binding ${shown(binding)}.` : `Cannot explain: ${nobody}`;
      const gateway =
        nobody === undefined
          ? gatewayOf(server, { ...bindingOf(session.config.resolver(), binding), domain: domainName(typed) })
          : undefined;
      const hint =
        gateway === undefined ? [] : [`Its mail waits under the name of its gateway: explain queue ${shown(binding)} ${shown(gateway)}`];
      return refusal([none, ...hint, ...silent].join('\n'));
    }
    const told = queueRows(server, standing);
    const head = `Queue ${standing.queue.binding} ${standing.queue.domain}${groupOf(standing.queue.group)}`;
    return answer([head, ...told.rows, ...silent].join('\n'), { ...standing, reason: told.reason, nextAt: told.next });
  },
};

function groupOf(group: string): string {
  return group === 'default' ? '' : ` (group ${group})`;
}

const explainMessage: Operation = {
  words: ['explain', 'message'],
  usage: 'explain message <message id>',
  about: 'where a message is and why it does not move',
  async run(server, [id, ...more]) {
    if (id === undefined || more.length > 0) return refusal(`Expected ${explainMessage.usage}`);
    const { found, silent } = await first<MessageStanding>(server, 'message.explain', { id });
    if (found === undefined) return gone(id, silent);
    const { message, standing } = found;
    const told = queueRows(server, standing);
    const now = server.now();
    const facts = rows([
      ['From', `<${shown(message.sender)}>`],
      ['To', message.recipients.map(({ address }) => `<${shown(address)}>`).join(' ')],
      ['Received', `${when(message.receivedAt)}, ${duration(now - message.receivedAt)} ago`],
      ['Attempts', `${message.attempts}${message.lastReply === undefined ? '' : `; the last one ended with: ${shown(message.lastReply)}`}`],
    ]);
    const own = messageRows(server, found, told.rows);
    const head = `Message ${shown(id)} in queue ${message.binding} ${message.domain}${groupOf(message.group)}`;
    return answer([head, ...facts, ...own, ...silent].join('\n'), { message, ...standing, reason: told.reason });
  },
};

/** A message has a reason of its own when it waits for its next attempt and its queue could send. */
function messageRows(server: ServerPort, { message, standing }: MessageStanding, ofQueue: readonly string[]): string[] {
  if (message.state === 'underway') return rows([['State', 'it is being delivered now; "show outbound" shows the connection']]);
  if (message.state === 'ready' || standing.cause?.kind === 'suspended') return [...ofQueue];
  const place = { group: message.group, binding: message.binding, domain: standing.optionsName };
  const setIn = server.whereSet({ ...place, option: 'retryInterval' });
  return rows([
    ['State', 'delayed'],
    ['Held back by', 'it waits for its next attempt'],
    ['Set in', setIn === undefined ? undefined : `${setIn.option} = ${setIn.value}, ${placeOf(setIn)}`],
    ['What helps', `message retry ${message.recipients[0]?.id ?? message.batchId}`],
    ['Next wake-up', untilText(server.now(), message.nextAt)],
  ]);
}

/** Of a binding that has had no mail there is still to say whether it would send. */
function idle(server: ServerPort, resolver: Resolver, { binding, silent }: { binding: string; silent: readonly string[] }): Answer {
  const nobody = noBinding(resolver, binding);
  if (nobody !== undefined) return refusal([`Cannot explain: ${nobody}`, ...silent].join('\n'));
  const setIn = server.whereSet({ ...bindingOf(resolver, binding), option: 'suspendDelivery' });
  const isSuspended = setIn?.value === 'true';
  const state = isSuspended
    ? [`  It is suspended: ${setIn.option} = true (${setInText(setIn)}); config set ${setIn.words}${setIn.option} false`]
    : [];
  return answer([`Binding ${shown(binding)}: no mail is or was queued in it.`, ...state, ...silent].join('\n'), {
    binding,
    queues: 0,
    isSuspended,
  });
}

const explainBinding: Operation = {
  words: ['explain', 'binding'],
  usage: 'explain binding <binding>',
  about: 'what holds the queues of a binding back, the cause of most waiting mail first',
  async run(server, [binding, ...more], { session }) {
    if (binding === undefined || more.length > 0) return refusal(`Expected ${explainBinding.usage}`);
    const { answers, silent } = await server.askLoops('binding.explain', { binding });
    const parts = [...answers.values()] as BindingStanding[];
    const sum = (of: (part: BindingStanding) => number) => parts.reduce((total, part) => total + of(part), 0);
    const queues = sum((part) => part.queues);
    if (queues === 0) return idle(server, session.config.resolver(), { binding, silent });
    const causes = parts.flatMap((part) => part.causes).sort((a, b) => b.messages - a.messages);
    const lines = causes.map(({ example, optionsName, ...line }) => {
      const reason = reasonOf(server, { group: example.group, binding: example.binding, domain: optionsName }, line);
      const where = reason.setIn === undefined ? '' : ` (${setInText(reason.setIn)})`;
      return `  ${inQueues(line.messages, line.queues)}, such as ${example.domain}: ${line.state}; ${reason.text}${where}`;
    });
    const totals = {
      connections: sum((p) => p.totals.connections),
      active: sum((p) => p.totals.active),
      delayed: sum((p) => p.totals.delayed),
    };
    const head = `Binding ${shown(binding)}: ${counted(queues, 'queue')}, ${counted(totals.active, 'message')} active, ${totals.delayed} delayed, ${counted(totals.connections, 'connection')}`;
    const none = lines.length === 0 ? ['  There is no mail in it.'] : [];
    return answer([head, ...lines, ...none, ...silent].join('\n'), { binding, queues, totals, causes });
  },
};

export const explainOperations: readonly Operation[] = [explainBinding, explainMessage, explainQueue];

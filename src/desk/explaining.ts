/**
 * Why mail does not move: of a message, a queue, a binding, from what the rooms know already.
 *
 * The one rule: the cost does not grow with the mail. A message is found by its id, a queue by its name; of a queue's mail the first LOOKED_AT
 * messages are looked at, of a binding the first QUEUES_MAX queues, and it is said when that was not all.
 * Not here: where in the configuration a limit stands, and words for people (control). Truth: the issue's `explain`.
 */
import type { Cause, Standing, WayView } from '#outbound';
import type { DomainQueue } from '#queue';
import type { DeskPorts, MessageLine, QueueLine } from './ports.ts';
import { chosen, lineOf, messageLine } from './views.ts';

const LOOKED_AT = 200;
const QUEUES_MAX = 10_000;
/** Queues of one domain, each in a binding of its own, whose ways are told. */
const WAYS_MAX = 200;

export interface StandingLine {
  readonly state: Standing['state'] | 'not sending';
  readonly cause: Cause | undefined;
  /** Epoch milliseconds of the next wake-up, where it is known. */
  readonly nextAt: number | undefined;
}

export interface QueueStanding extends StandingLine {
  readonly queue: QueueLine;
  /** The name whose options hold: another than the queue's only under a Gateway. */
  readonly optionsName: string;
  readonly gateway: string | undefined;
  /** Of the first messages, how many were looked at. */
  readonly looked: number;
  readonly waiting: number;
  readonly oldestReceivedAt: number | undefined;
  readonly earliestNextAt: number | undefined;
  /** The reply to the last attempt of the first of them that has one. */
  readonly lastReply: string | undefined;
  /** Where its mail goes, when hosts there hold it back. */
  readonly way: WayView | undefined;
}

/** Of a domain: where the mail of one of its queues goes. */
export interface QueueWay {
  readonly group: string;
  readonly binding: string;
  /** Another name than the domain's: that of its Gateway (OUT-21). */
  readonly domain: string;
  readonly gateway: string | undefined;
  readonly way: WayView;
}

export interface MessageStanding {
  readonly message: MessageLine;
  readonly standing: QueueStanding;
}

export interface BindingStanding {
  readonly queues: number;
  readonly looked: number;
  readonly totals: { readonly connections: number; readonly active: number; readonly delayed: number };
  /** What holds queues with mail back, the cause of most mail first. */
  readonly causes: readonly (StandingLine & {
    readonly queues: number;
    readonly messages: number;
    readonly example: QueueLine;
    readonly optionsName: string;
  })[];
}

export function explainQueue(ports: DeskPorts, { binding, domain }: { binding: string; domain: string }): QueueStanding | undefined {
  const queue = ports.queues.find(binding, domain);
  return queue === undefined ? undefined : standingOf(ports, queue);
}

export function explainMessage(ports: DeskPorts, id: string): MessageStanding | undefined {
  const view = ports.queues.findMessage(id);
  if (view === undefined) return undefined;
  const message = messageLine(view);
  const own = message.recipients.filter((recipient) => recipient.id === id);
  return { message: own.length === 0 ? message : { ...message, recipients: own }, standing: standingOf(ports, view.queue) };
}

function standingOf(ports: DeskPorts, queue: DomainQueue): QueueStanding {
  // A slice of its own, from the start: nothing is remembered of it but one place in a bounded list.
  const { entries } = queue.walk(0, LOOKED_AT);
  const delayed = entries.filter(({ state }) => state === 'delayed');
  const line = lineFor(ports, queue);
  return {
    ...line,
    queue: lineOf(queue),
    optionsName: queue.optionsName,
    gateway: queue.gateway,
    looked: entries.length,
    waiting: queue.waiting,
    oldestReceivedAt: least(entries.map(({ receivedAt }) => receivedAt)),
    earliestNextAt: least(delayed.map(({ nextAt }) => nextAt)),
    lastReply: entries.find(({ lastReply }) => lastReply !== undefined)?.lastReply,
    way: line.cause?.kind === 'host-failed' || line.cause?.kind === 'unresolvable' ? ports.way(queue) : undefined,
  };
}

/** Of each queue of this name that had mail here. */
export function waysOf(ports: DeskPorts, domain: string): QueueWay[] {
  const ways: QueueWay[] = [];
  for (const queue of chosen(ports.queues, { domains: [domain] })) {
    const way = ports.way(queue);
    const { group, binding, gateway } = queue;
    if (way !== undefined) ways.push({ group, binding, domain: queue.domain, gateway, way });
    if (ways.length === WAYS_MAX) break;
  }
  return ways;
}

function least(numbers: readonly number[]): number | undefined {
  return numbers.length === 0 ? undefined : Math.min(...numbers);
}

function lineFor({ standing, clock }: DeskPorts, queue: DomainQueue): StandingLine {
  const found = standing(queue);
  if (found === undefined) return { state: 'not sending', cause: undefined, nextAt: undefined };
  const { state, cause, nextAtMono } = found;
  return { state, cause, nextAt: nextAtMono === undefined ? undefined : clock.now() + Math.max(0, nextAtMono - clock.mono()) };
}

export function explainBinding(ports: DeskPorts, binding: string): BindingStanding {
  const causes = new Map<string, BindingStanding['causes'][number]>();
  const totals = { connections: 0, active: 0, delayed: 0 };
  let [queues, looked] = [0, 0];
  for (const queue of chosen(ports.queues, { binding })) {
    queues += 1;
    totals.connections += queue.connections;
    totals.active += queue.active;
    totals.delayed += queue.delayed;
    if (queue.isEmpty || looked === QUEUES_MAX) continue;
    looked += 1;
    const line = lineFor(ports, queue);
    const { kind = 'none', option = '', limit = '', host = '' } = line.cause ?? {};
    const key = `${kind} ${option} ${limit} ${host}`;
    const known = causes.get(key) ?? { ...line, queues: 0, messages: 0, example: lineOf(queue), optionsName: queue.optionsName };
    causes.set(key, { ...known, queues: known.queues + 1, messages: known.messages + queue.waiting });
  }
  const sorted = [...causes.values()].sort((a, b) => b.messages - a.messages).slice(0, 20);
  return { queues, looked, totals, causes: sorted };
}

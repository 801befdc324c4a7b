/**
 * Looking: lines of queues, and the messages of a queue.
 *
 * The one rule: a look at all queues costs by queues, not by mail; a look along one queue goes in slices, each in a turn of its own, so that mail
 * does not wait for it (A64). Bounds: LINES_MAX queues are listed, LIST_MAX messages; what is left out is counted.
 * Not here: search.ts, which looks into messages. Truth: section 5.1; rules.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { DomainQueue, EntryView, Queues } from '#queue';
import type { MessageLine, QueueLine, QueueLines, Which } from './ports.ts';

const LINES_MAX = 20_000;
export const LIST_MAX = 10_000;
/** Messages that one turn looks at. */
export const SLICE = 500;

export function* chosen(queues: Queues, which: Which): IterableIterator<DomainQueue> {
  const { group, binding, domains } = which;
  if (binding !== undefined && domains !== undefined) {
    for (const domain of domains) {
      const queue = queues.find(binding, domain);
      if (queue !== undefined && (group === undefined || queue.group === group)) yield queue;
    }
    return;
  }
  const wanted = domains === undefined ? undefined : new Set(domains);
  for (const queue of queues.queues()) {
    if (binding !== undefined && queue.binding !== binding) continue;
    if (group !== undefined && queue.group !== group) continue;
    if (wanted === undefined || wanted.has(queue.domain)) yield queue;
  }
}

export function lineOf(queue: DomainQueue): QueueLine {
  const { group, binding, domain, connections, active, delayed, resident } = queue;
  const { receptions, deliveries, failures, transientFailures } = queue.statistics;
  return {
    group,
    binding,
    domain,
    connections,
    active,
    delayed,
    sent: deliveries,
    received: receptions,
    failed: failures,
    deferred: transientFailures,
    resident,
  };
}

export function linesOf(queues: Queues, which: Which & { readonly limit?: number }): QueueLines {
  const lines: QueueLine[] = [];
  for (const queue of chosen(queues, which)) lines.push(lineOf(queue));
  const totals = { connections: 0, active: 0, delayed: 0, sent: 0, received: 0, failed: 0, deferred: 0, resident: 0 };
  for (const line of lines) for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += line[key];
  const most = Math.min(which.limit ?? LINES_MAX, LINES_MAX);
  const largest = lines.length <= most ? lines : lines.sort((a, b) => b.active + b.delayed - a.active - a.delayed).slice(0, most);
  return { lines: largest, queues: lines.length, totals };
}

/** How many messages wait in each of these bindings, for those that have any. */
export function waitingIn(queues: Queues, bindings: readonly string[]): Readonly<Record<string, number>> {
  const sums = new Map<string, number>();
  const wanted = new Set(bindings);
  for (const { binding, waiting } of queues.queues())
    if (waiting > 0 && wanted.has(binding)) sums.set(binding, (sums.get(binding) ?? 0) + waiting);
  return Object.fromEntries(sums);
}

export function messageLine({
  batchId,
  queue,
  state,
  sender,
  recipients,
  attempts,
  nextAt,
  receivedAt,
  size,
  lastReply,
}: EntryView): MessageLine {
  const { group, binding, domain } = queue;
  const told = recipients.map(({ id, address }) => ({ id, address }));
  return { batchId, group, binding, domain, state, sender, recipients: told, attempts, nextAt, receivedAt, size, lastReply };
}

export interface Listing {
  readonly messages: readonly MessageLine[];
  /** Recipients that wait in the queues that were meant. */
  readonly waiting: number;
}

/** The messages of some queues, without the first `offset`. */
export async function listOf(queues: Queues, which: Which & { readonly limit: number; readonly offset: number }): Promise<Listing> {
  const messages: MessageLine[] = [];
  let skip = which.offset;
  let waiting = 0;
  for (const queue of Array.from(chosen(queues, which))) {
    waiting += queue.active + queue.delayed;
    let cursor: number | undefined = 0;
    while (cursor !== undefined && messages.length < Math.min(which.limit, LIST_MAX)) {
      const slice = queue.walk(cursor, SLICE);
      cursor = slice.next;
      for (const view of slice.entries) {
        if (skip >= view.recipients.length) {
          skip -= view.recipients.length;
          continue;
        }
        const line = messageLine(view);
        messages.push(skip === 0 ? line : { ...line, recipients: line.recipients.slice(skip) });
        skip = 0;
      }
      if (cursor !== undefined) await turn();
    }
  }
  return { messages: firstRecipients(messages, Math.min(which.limit, LIST_MAX)), waiting };
}

/** Messages count by recipients. */
function firstRecipients(messages: readonly MessageLine[], most: number): MessageLine[] {
  const first: MessageLine[] = [];
  let left = most;
  for (const message of messages) {
    if (left <= 0) break;
    first.push(message.recipients.length <= left ? message : { ...message, recipients: message.recipients.slice(0, left) });
    left -= message.recipients.length;
  }
  return first;
}

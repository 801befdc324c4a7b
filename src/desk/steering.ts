/**
 * Steering whole queues: fail, flush, bind anew, reroute, refresh; and one message: fail, retry.
 *
 * The one rule: what is answered is what was done, counted message by message where it is done; with `isDry` the same choice is made and nothing
 * is touched. Mail that is on the wire at that moment is left alone. A command that takes longer than PATIENCE_MS answers with what it found and
 * goes on. Bound: SHOWN queues are named, all are counted.
 * Not here: who may do it, and the record of who did (control). Truth: section 5.1; rules BNC-01, Q-09, Q-14; attack A64.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { Envelope } from '#mail';
import type { DomainQueue, EntryView } from '#queue';
import type { BindingName, DeskPorts, MessageLine, Which } from './ports.ts';
import { chosen, messageLine, SLICE } from './views.ts';

/** Long enough for hundreds of thousands of messages, and below what a console waits for. */
const PATIENCE_MS = 25_000;
const SHOWN = 50;
/** Envelopes that are read at a time for a new choice of bindings. */
const READ_AT_ONCE = 16;

export type Steer =
  | { readonly action: 'fail'; readonly reply: string; readonly isQuiet: boolean }
  | { readonly action: 'flush' | 'refresh' }
  /** Without a name policy is asked anew for each message. */
  | { readonly action: 'rebind'; readonly to?: string }
  | { readonly action: 'reroute'; readonly to: string };

export type SteerQuestion = Steer & Which & { readonly isDry: boolean };

export interface Steered {
  readonly messages: number;
  readonly queues: number;
  /** The largest of them. */
  readonly each: readonly { readonly binding: string; readonly domain: string; readonly messages: number }[];
  /** Messages on the wire, which were left alone. */
  readonly underway: number;
  /** Messages looked at, where that is more than those for which something was done. */
  readonly looked: number;
  /** False: it goes on. */
  readonly isOver: boolean;
  /** Why nothing was done. */
  readonly problem?: string;
}

export async function steer(ports: DeskPorts, question: SteerQuestion): Promise<Steered> {
  const queues = [...chosen(ports.queues, question)].filter((queue) => question.action === 'refresh' || !queue.isEmpty);
  const problem = problemOf(ports, question, queues);
  if (problem !== undefined) return { ...tally([], queues), isOver: true, problem };
  const found = queues.map((queue) => ({ queue, messages: wouldBe(queue, question), looked: queue.waiting }));
  if (question.isDry && !isAsking(question)) return { ...tally(found, queues), isOver: true };
  const done: Found[] = [];
  const work = (async () => {
    for (const queue of queues) done.push({ queue, ...(await one(ports, queue, question)) });
  })();
  let timer = 0;
  const patience = new Promise<false>((late) => (timer = ports.wheel.schedule(PATIENCE_MS, () => late(false))));
  const isOver = await Promise.race([work.then(() => true as const), patience]);
  ports.wheel.cancel(timer);
  return { ...tally(isOver ? done : found, queues), isOver };
}

interface Found {
  readonly queue: DomainQueue;
  readonly messages: number;
  readonly looked: number;
}

/** Whether each message has to be looked at to know what becomes of it. */
function isAsking(question: SteerQuestion): boolean {
  return question.action === 'rebind' && question.to === undefined;
}

function problemOf(ports: DeskPorts, question: SteerQuestion, queues: readonly DomainQueue[]): string | undefined {
  if (question.action !== 'rebind' || question.to === undefined) return undefined;
  const name = question.to;
  // Also where there is nothing to move: a wrong name is a wrong name.
  const domains = queues.length === 0 ? [''] : queues.map((queue) => queue.domain);
  return domains.some((domain) => ports.binding(name, domain) === undefined) ? `there is no binding or group "${name}"` : undefined;
}

function wouldBe(queue: DomainQueue, { action }: SteerQuestion): number {
  return action === 'flush' ? queue.delayed : action === 'refresh' ? 0 : queue.waiting;
}

function tally(found: readonly Found[], queues: readonly DomainQueue[]): Omit<Steered, 'isOver' | 'problem'> {
  const each = found.map(({ queue: { binding, domain }, messages }) => ({ binding, domain, messages }));
  return {
    messages: found.reduce((sum, { messages }) => sum + messages, 0),
    looked: found.reduce((sum, { looked }) => sum + looked, 0),
    queues: queues.length,
    each: each
      .filter(({ messages }) => messages > 0)
      .sort((a, b) => b.messages - a.messages)
      .slice(0, SHOWN),
    underway: queues.reduce((sum, queue) => sum + queue.active + queue.delayed - queue.waiting, 0),
  };
}

/** Does it for one queue; answers for how many messages it was done. */
async function one(ports: DeskPorts, queue: DomainQueue, question: SteerQuestion): Promise<{ messages: number; looked: number }> {
  if (question.action === 'refresh') {
    ports.refresh(queue);
    return { messages: 0, looked: 0 };
  }
  if (question.action === 'rebind' && question.to === undefined) return askAnew(ports, queue, question.isDry);
  const messages = await new Promise<number>((done) => {
    switch (question.action) {
      case 'fail':
        queue.failAll(question.reply, { isQuiet: question.isQuiet, done });
        break;
      case 'flush':
        queue.flush(done);
        break;
      case 'reroute':
        queue.rerouteAll(question.to, done);
        break;
      case 'rebind': {
        const to = ports.binding(question.to ?? '', queue.domain) ?? queue;
        queue.rebindAll(to.group, to.binding, done);
      }
    }
  });
  return { messages, looked: messages };
}

/** Every message of the queue is asked about; those that belong elsewhere now go there. */
async function askAnew(ports: DeskPorts, queue: DomainQueue, isDry: boolean): Promise<{ messages: number; looked: number }> {
  const sum = { messages: 0, looked: 0 };
  // What is there now, and no more: mail that is moved into this queue meanwhile was asked about already.
  const most = queue.waiting;
  for (let cursor: number | undefined = 0; cursor !== undefined;) {
    const slice = queue.walk(cursor, SLICE);
    cursor = slice.next;
    for (let at = 0; at < slice.entries.length && sum.looked < most; at += READ_AT_ONCE)
      await askSome(ports, { queue, views: slice.entries.slice(at, at + READ_AT_ONCE), isDry, sum });
    if (sum.looked >= most) break;
    await turn();
  }
  return sum;
}

interface Some {
  readonly queue: DomainQueue;
  readonly views: readonly EntryView[];
  readonly isDry: boolean;
  readonly sum: { messages: number; looked: number };
}

async function askSome(ports: DeskPorts, { queue, views, isDry, sum }: Some): Promise<void> {
  const to = await Promise.all(views.map((view) => assignmentOf(ports, view)));
  views.forEach((view, i) => {
    const found = to[i];
    sum.looked += view.recipients.length;
    if (found === undefined || isSame(found, queue)) return;
    if (isDry || queue.rebind(view, found.group, found.binding)) sum.messages += view.recipients.length;
  });
}

function isSame(found: BindingName, queue: DomainQueue): boolean {
  return found.binding === queue.binding && found.group === queue.group;
}

async function assignmentOf(ports: DeskPorts, view: EntryView): Promise<BindingName | undefined> {
  const envelope = await new Promise<Envelope | undefined>((done) => ports.envelope(view.batchId, done));
  const index = view.recipients[0]?.index;
  if (envelope === undefined || index === undefined) return undefined;
  const needsBody = ports.assignNeedsBody();
  const body = needsBody ? await new Promise<Buffer | undefined>((done) => ports.body(view.batchId, done)) : undefined;
  return new Promise((done) => ports.assign({ envelope, index, body }, done));
}

export type MessageAction =
  | { readonly id: string; readonly action: 'retry' }
  | { readonly id: string; readonly action: 'fail'; readonly reply: string; readonly isQuiet: boolean };

/** Undefined: it is not here. */
export interface MessageDone {
  readonly message: MessageLine;
  /** False: it was on the wire. */
  readonly isDone: boolean;
}

/** The id of a message means that one recipient alone; the id of a batch those that wait together. */
export function steerMessage({ queues }: DeskPorts, question: MessageAction): MessageDone | undefined {
  const entry = queues.findMessage(question.id);
  if (entry === undefined) return undefined;
  const { queue } = entry;
  const own = entry.recipients.filter(({ id }) => id === question.id);
  const view = own.length === 0 ? entry : { ...entry, recipients: own };
  const isDone = question.action === 'retry' ? queue.retryNow(view) : queue.fail(view, question.reply, { isQuiet: question.isQuiet });
  return { message: messageLine(view), isDone };
}

/**
 * The room desk: what an operator may see of the queues of one loop, and do to them.
 *
 * The one rule: every answer is plain data, made in slices of a turn, and says how much it looked at; nothing is done that is not counted.
 * Not here: words for people (control/operations/queue), who may do what (control/access), asking all loops (main).
 * Truth: console commands of section 5.1; rules CON, Q-01, Q-09 to.
 */
import { explainBinding, explainMessage, explainQueue, waysOf } from './explaining.ts';
import { messageDetails, type DetailsQuestion } from './details.ts';
import type { DeskPorts, Which } from './ports.ts';
import { search, type SearchQuestion } from './search.ts';
import { steer, steerMessage, type MessageAction, type SteerQuestion } from './steering.ts';
import { linesOf, listOf, waitingIn } from './views.ts';

export type { Details, DetailsQuestion } from './details.ts';
export type { BindingStanding, MessageStanding, QueueStanding, QueueWay, StandingLine } from './explaining.ts';
export type { BindingName, DeskPorts, MessageLine, QueueLine, QueueLines, Which } from './ports.ts';
export { FOUND_MAX, type Found, type SearchCursor, type SearchQuestion } from './search.ts';
export type { MessageAction, MessageDone, Steer, Steered, SteerQuestion } from './steering.ts';
export { LIST_MAX, type Listing } from './views.ts';

/** The questions that a desk answers, by the names under which they are asked. */
export function deskAnswers(ports: DeskPorts, loop: number): [question: string, answer: (args: unknown) => unknown][] {
  return [
    on('queue.lines', (args: (Which & { limit?: number }) | undefined) => linesOf(ports.queues, args ?? {})),
    on('queue.list', (args: Which & { limit: number; offset: number }) => listOf(ports.queues, args)),
    on('queue.steer', (args: SteerQuestion) => steer(ports, args)),
    on('queue.explain', (args: { binding: string; domain: string }) => explainQueue(ports, args)),
    on('queue.search', (args: SearchQuestion) => search(ports, args, loop)),
    on('domain.ways', (args: { domain: string }) => waysOf(ports, args.domain)),
    on('bindings.waiting', (args: { bindings: readonly string[] }) => waitingIn(ports.queues, args.bindings)),
    on('binding.explain', (args: { binding: string }) => explainBinding(ports, args.binding)),
    on('message.explain', (args: { id: string }) => explainMessage(ports, args.id)),
    on('message.steer', (args: MessageAction) => steerMessage(ports, args)),
    on('message.details', (args: DetailsQuestion) => messageDetails(ports, args)),
  ];
}

function on<T>(question: string, answer: (args: T) => unknown): [string, (args: unknown) => unknown] {
  return [question, (args) => answer(args as T)];
}

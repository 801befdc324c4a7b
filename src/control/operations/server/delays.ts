/*
 * `delay_dsn show pending events`: the notices of delay that are to come, soonest first.
 *
 * The one rule: what loops answer is bounded; with more the soonest of each are shown. Truth: BNC-11, the page of delay_dsn.
 */
import { answer, type Operation } from '../operation.ts';

interface Pending {
  readonly messageId: string;
  readonly at: number;
}

export const delayOperations: readonly Operation[] = [
  {
    words: ['delay_dsn', 'show', 'pending', 'events'],
    usage: 'delay_dsn[:instance] show pending events',
    about: 'notices of delay that are to come, soonest first',
    isModule: true,
    async run(server) {
      const { answers, silent } = await server.askLoops('delays.pending', undefined);
      const events = [...answers.values()]
        .flatMap((list) => (list as readonly Pending[] | undefined) ?? [])
        .toSorted((a, b) => a.at - b.at);
      const lines = events.map(({ messageId, at }) => `${new Date(at).toISOString()} ${messageId}`);
      const text = [events.length === 0 ? 'No pending events.' : `${events.length} pending events:`, ...lines, ...silent].join('\n');
      return { ...answer(text), data: { events } };
    },
  },
];

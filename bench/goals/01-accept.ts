/** Goal 1: mail is accepted, durable before the 250, at 0.7 of what a bare Node.js server does, and at several times what Postfix does. */
import { hasPostfix, interleave, rates, ratio, type Effort, type Figure } from '../goal.ts';

export async function accept({ rounds, count }: Effort): Promise<Figure[]> {
  const systems = hasPostfix() ? ['impetus', 'floor', 'postfix'] : ['impetus', 'floor'];
  const figures: Figure[] = [];
  for (const keep of [true, false]) {
    const all = await interleave(systems, rounds, { workload: 'accept', load: { sessions: 50, count, bytes: 5120, keep } });
    const how = keep ? 'many messages a connection' : 'one message a connection';
    const note = rates(all);
    figures.push(
      {
        what: `accept, ${how}: rate against the bare server`,
        value: ratio(all, 'impetus', 'floor', 'perSecond'),
        unit: 'x',
        limit: { atLeast: 0.7 },
        note,
      },
      {
        what: `accept, ${how}: rate against Postfix`,
        value: ratio(all, 'impetus', 'postfix', 'perSecond'),
        unit: 'x',
        limit: { atLeast: keep ? 5 : 2 },
        note,
      },
      {
        what: `accept, ${how}: processor against the bare server`,
        value: ratio(all, 'impetus', 'floor', 'cpuPer1000'),
        unit: 'x',
        limit: { atMost: 2 },
        note,
      },
    );
  }
  return figures;
}

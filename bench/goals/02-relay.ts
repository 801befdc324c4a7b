/** Goal 2: mail is accepted, delivered and recorded at 0.7 of what a bare Node.js relay does, and at six times the rate of Postfix. */
import { hasPostfix, interleave, rates, ratio, type Effort, type Figure } from '../goal.ts';

export async function relay({ rounds, count }: Effort): Promise<Figure[]> {
  const systems = hasPostfix() ? ['impetus', 'floor', 'postfix'] : ['impetus', 'floor'];
  const all = await interleave(systems, rounds, { workload: 'relay', load: { sessions: 50, count, bytes: 5120, keep: true } });
  const note = rates(all);
  return [
    {
      what: 'relay: rate against the bare relay',
      value: ratio(all, 'impetus', 'floor', 'perSecond'),
      unit: 'x',
      limit: { atLeast: 0.7 },
      note,
    },
    { what: 'relay: rate against Postfix', value: ratio(all, 'impetus', 'postfix', 'perSecond'), unit: 'x', limit: { atLeast: 6 }, note },
    {
      what: 'relay: processor against the bare relay',
      value: ratio(all, 'impetus', 'floor', 'cpuPer1000'),
      unit: 'x',
      limit: { atMost: 2.2 },
      note,
    },
  ];
}

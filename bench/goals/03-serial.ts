/** Goal 3: one connection that waits for each 250 before the next message gets 0.8 of what the bare server gives it. */
import { interleave, rates, ratio, type Effort, type Figure } from '../goal.ts';

export async function serial({ rounds, count }: Effort): Promise<Figure[]> {
  const load = { sessions: 1, count: Math.max(500, Math.floor(count / 4)), bytes: 5120, keep: true };
  const all = await interleave(['impetus', 'floor'], rounds, { workload: 'accept', load });
  const value = ratio(all, 'impetus', 'floor', 'perSecond');
  return [{ what: 'one serial connection: rate against the bare server', value, unit: 'x', limit: { atLeast: 0.8 }, note: rates(all) }];
}

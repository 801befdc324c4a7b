/** Goal 5: two event loops against one. Here only the part without work of policy is measured: the load tool shares the same processors. */
import { interleave, rates, ratio, type Effort, type Figure } from '../goal.ts';

export async function loops({ rounds, count }: Effort): Promise<Figure[]> {
  const load = { sessions: 200, count, bytes: 5120, keep: true };
  const all = await interleave(['impetus', 'impetus-2'], rounds, { workload: 'accept', load });
  return [
    {
      what: 'two loops against one, no work of policy',
      value: ratio(all, 'impetus-2', 'impetus', 'perSecond'),
      unit: 'x',
      limit: { atLeast: 0.8 },
      note: rates(all),
    },
    {
      what: 'two loops against one, 2 ms of policy a message',
      value: undefined,
      unit: 'x',
      limit: { atLeast: 1.6 },
      note: 'needs a generator on other processors than the server, and a module that signs, in the configuration',
    },
  ];
}

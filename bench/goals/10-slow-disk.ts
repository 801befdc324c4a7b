/** Goal 10: with a disk that takes 5 ms longer for each sync and 200 sessions, accepting keeps 0.7 of its rate. */
import { join } from 'node:path';
import { here, interleave, rates, round, type Effort, type Figure } from '../goal.ts';
import { median } from '../measure.ts';

export async function slowDisk({ rounds, count }: Effort): Promise<Figure[]> {
  const load = { sessions: 200, count, bytes: 5120, keep: true };
  const env = { NODE_OPTIONS: `--import=${join(here, 'slow-disk.mjs')}` };
  const ratios: number[] = [];
  let note = '';
  for (let i = 0; i < rounds; i += 1) {
    const quick = await interleave(['impetus'], 1, { workload: 'accept', load });
    const slow = await interleave(['impetus'], 1, { workload: 'accept', load, options: { env } });
    const [a, b] = [slow.get('impetus')?.[0]?.perSecond, quick.get('impetus')?.[0]?.perSecond];
    if (a !== undefined && b !== undefined) ratios.push(a / b);
    note = `${rates(quick)} here, ${rates(slow)} with 5 ms more a sync`;
  }
  const value = ratios.length === 0 ? undefined : round(median(ratios));
  return [{ what: 'slow disk: rate of accepting against this disk', value, unit: 'x', limit: { atLeast: 0.7 }, note }];
}

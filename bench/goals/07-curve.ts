/** Goal 7: memory and time of a queued message stay on one line from ten thousand to ten million (with less effort to a million). */
import { scriptFigures, type Effort, type Figure } from '../goal.ts';

export function curve({ isFull }: Effort): Figure[] {
  const counts = isFull ? [10_000, 100_000, 1_000_000, 10_000_000] : [10_000, 100_000, 1_000_000];
  return counts.map((count) => {
    const said = scriptFigures(['--expose-gc', '--max-old-space-size=8000', 'bench/goals/queue-memory.ts', String(count), 'delayed']);
    if (typeof said === 'string') return { what: `${count} queued`, value: undefined, unit: 'us', limit: undefined, note: said };
    const note = `${said['withoutBodies']} octets each without resident bodies`;
    return {
      what: `${count} queued: time to accept, try and delay one`,
      value: said['microsPerMessage'],
      unit: 'us',
      limit: undefined,
      note,
    };
  });
}

/** Goal 11: how fast a large configuration is parsed, and how long an event loop stands still while it is read again. */
import { scriptFigures, type Effort, type Figure } from '../goal.ts';

export function config({ isFull }: Effort): Figure[] {
  const parsed = scriptFigures(['bench/parse-config.ts', isFull ? '10' : '4']);
  const reloaded = scriptFigures(['bench/reload.ts', isFull ? '10000' : '2000', '3']);
  const turns = typeof reloaded === 'string' ? undefined : (reloaded['longestTurnMs'] as unknown as number[]);
  return [
    {
      what: 'configuration: parsed',
      value: typeof parsed === 'string' ? undefined : parsed['realistic'],
      unit: 'MB/s',
      limit: { atLeast: 10 },
      note: typeof parsed === 'string' ? parsed : 'bindings, domains, listeners, comments',
    },
    {
      what: 'configuration: longest turn of a loop during a reload',
      value: turns === undefined ? undefined : Math.max(...turns),
      unit: 'ms',
      limit: { atMost: 20 },
      note: typeof reloaded === 'string' ? reloaded : `${String(reloaded['scopes'])} scopes with mail queued for each domain`,
    },
  ];
}

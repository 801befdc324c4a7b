/** Goal 6: a million queued messages: their memory, and the rate of accepting behind them. With less effort 100,000 are queued in the server. */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConsoleClient } from '#control';
import { round, scriptFigures, type Effort, type Figure } from '../goal.ts';
import { banner, endTree, send, sleep } from '../load.ts';
import { freePort } from '../measure.ts';
import { startSystem } from '../systems.ts';

async function fullAgainstEmpty(queued: number): Promise<Figure[]> {
  const dir = join(tmpdir(), 'impetus-bench', 'million');
  mkdirSync(dir, { recursive: true });
  const job = { port: await freePort(), sink: 9, workload: 'accept' as const, dir };
  const child = startSystem('impetus', job);
  const load = { sessions: 50, count: 5000, bytes: 1024, keep: true };
  const timed = async (): Promise<number> => {
    const begun = performance.now();
    await send(job.port, load);
    return (load.count * 1000) / (performance.now() - begun);
  };
  try {
    await banner(job.port);
    await timed();
    const empty = await timed();
    const filling = send(job.port, { ...load, count: queued });
    const client = await ConsoleClient.open(join(dir, 'control'));
    let longest = 0;
    const state = { isOver: false };
    void filling.then(() => void (state.isOver = true));
    while (!state.isOver) {
      const begun = performance.now();
      await client.run('summary');
      longest = Math.max(longest, performance.now() - begun);
      await sleep(100);
    }
    client.close();
    const full = await timed();
    return [
      {
        what: `accept behind ${queued} queued messages, against an empty queue`,
        value: round(full / empty),
        unit: 'x',
        limit: { atLeast: 0.8 },
        note: `${Math.round(empty)}/s, then ${Math.round(full)}/s`,
      },
      {
        what: 'longest answer of the console meanwhile',
        value: round(longest, 1),
        unit: 'ms',
        limit: { atMost: 100 },
        note: 'summary, ten times a second',
      },
    ];
  } finally {
    if (child.pid !== undefined) await endTree(child.pid);
  }
}

export async function million({ isFull }: Effort): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const state of ['delayed', 'ready']) {
    const said = scriptFigures(['--expose-gc', 'bench/goals/queue-memory.ts', '1000000', state]);
    const value = typeof said === 'string' ? undefined : said['octetsPerMessage'];
    const note =
      typeof said === 'string' ? said : `${said['withoutBodies']} without the ${said['residentBodies']} bodies that the options keep`;
    figures.push({ what: `memory of a queued message, a million ${state}`, value, unit: 'octets', limit: { atMost: 150 }, note });
  }
  return [...figures, ...(await fullAgainstEmpty(isFull ? 1_000_000 : 100_000))];
}

/**
 * Goal 6: a million queued messages: their memory, the rate of accepting behind them, answers of the console, and a restart that takes mail at once.
 *
 * The one rule: memory is measured with the real structures and no disk (queue-memory.ts), the rest in a server that holds the messages; with less
 * effort than --full it holds 100,000.
 */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConsoleClient } from '#control';
import { round, scriptFigures, type Effort, type Figure } from '../goal.ts';
import { banner, endTree, send, sleep } from '../load.ts';
import { freePort, median } from '../measure.ts';
import { startSystem } from '../systems.ts';

const LOAD = { sessions: 50, count: 10_000, bytes: 1024, keep: true };
/** What an operator asks; those that list are bounded by themselves. */
const COMMANDS = ['summary', 'threads', 'count', 'mailq', 'domain sink.test', 'binding summary', 'explain queue default sink.test'];
const RESTART_SECONDS = 60;

async function timed(port: number): Promise<number> {
  const begun = performance.now();
  await send(port, LOAD);
  return (LOAD.count * 1000) / (performance.now() - begun);
}

/** Asks everything in turn, ten times a second, until `work` is over. */
class Asker {
  longest = 0;
  command = '';

  async during(control: string, work: Promise<unknown>): Promise<void> {
    const client = await ConsoleClient.open(control);
    const state = { isOver: false };
    const over = (): void => void (state.isOver = true);
    void work.then(over, over);
    for (let i = 0; !state.isOver; i += 1) {
      const command = COMMANDS[i % COMMANDS.length] ?? 'summary';
      const begun = performance.now();
      await client.run(command);
      const took = performance.now() - begun;
      if (took > this.longest) {
        this.longest = took;
        this.command = command;
      }
      await sleep(100);
    }
    client.close();
    await work;
  }
}

/** Messages in the queues, as the console says. */
async function queuedNow(control: string): Promise<number> {
  const client = await ConsoleClient.open(control);
  const { text } = await client.run('summary');
  client.close();
  return Number(/Total Queue Size\W+([\d,]+)/.exec(text)?.[1]?.replaceAll(',', '') ?? 0);
}

async function server(queued: number): Promise<Figure[]> {
  const dir = join(tmpdir(), 'impetus-bench', 'million');
  mkdirSync(dir, { recursive: true });
  const control = join(dir, 'control');
  const job = { port: await freePort(), sink: 9, workload: 'accept' as const, dir };
  let child = startSystem('impetus', job);
  const asker = new Asker();
  try {
    await banner(job.port);
    await send(job.port, { ...LOAD, count: 20_000 });
    const empty = [await timed(job.port), await timed(job.port)];
    await asker.during(control, send(job.port, { ...LOAD, count: queued }));
    const full = [await timed(job.port), await timed(job.port)];
    const held = await queuedNow(control);
    if (child.pid !== undefined) await endTree(child.pid);
    const begun = performance.now();
    child = startSystem('impetus', { ...job, isRestart: true });
    await banner(job.port);
    await send(job.port, { ...LOAD, sessions: 1, count: 1 });
    const first = performance.now() - begun;
    await asker.during(control, loaded(control, held));
    const all = performance.now() - begun;
    return [
      {
        what: `accept behind ${queued} queued messages, against an almost empty queue`,
        value: round(median(full) / median(empty)),
        unit: 'x',
        limit: { atLeast: 0.8 },
        note: `${Math.round(median(empty))}/s, then ${Math.round(median(full))}/s`,
      },
      {
        what: `restart with ${held} messages: the first 250, against the time in which all are loaded`,
        value: round(first / all),
        unit: 'x',
        limit: { atMost: 1 },
        note: `first 250 after ${Math.round(first)} ms, all queued after ${Math.round(all)} ms`,
      },
      {
        what: 'longest answer of the console meanwhile, while they load too',
        value: round(asker.longest, 1),
        unit: 'ms',
        limit: { atMost: 100 },
        note: `${asker.command}; ten times a second one of ${COMMANDS.length} commands`,
      },
    ];
  } finally {
    if (child.pid !== undefined) await endTree(child.pid);
  }
}

async function loaded(control: string, wanted: number): Promise<void> {
  const end = performance.now() + RESTART_SECONDS * 1000;
  while ((await queuedNow(control)) < wanted) {
    if (performance.now() > end) throw new Error(`not all of ${wanted} messages are queued ${RESTART_SECONDS} s after a restart`);
    await sleep(20);
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
  return [...figures, ...(await server(isFull ? 1_000_000 : 100_000))];
}

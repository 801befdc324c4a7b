/**
 * Goal 5: two event loops against one, with and without work of policy; and what a slow module on one loop costs those on the other.
 *
 * The one rule: the load tool shares the processors, so without work the second loop can only cost. What is measured with work of policy was warmed up without it,
 * else V8's compiling takes a twelfth of the processors: with 2 ms, two loops, their policies and the tool want all of two.
 * The loop of a connection is known by the instance in the ids of its 250s (SMTP-17).
 */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { interleave, rates, ratio, round, type Effort, type Figure } from '../goal.ts';
import { banner, endTree, send, sleep } from '../load.ts';
import { freePort, type Result } from '../measure.ts';
import { p99, PacedClient, type Sent } from '../paced-client.ts';
import { startSystem } from '../systems.ts';

const CONNECTIONS = 16;
const SLOW_SECONDS = 6;

export async function loops({ rounds, count }: Effort): Promise<Figure[]> {
  const load = { sessions: 200, count, bytes: 5120, keep: true };
  const plain = await interleave(['impetus', 'impetus-2'], rounds, { workload: 'accept', load });
  const working = (names: readonly string[], share: number): Promise<Map<string, Result[]>> =>
    interleave(names, rounds, { workload: 'accept', load: { ...load, count: Math.floor(count / share) }, options: { warmUp: count } });
  const light = await working(['light', 'light-2'], 4);
  const busy = await working(['busy', 'busy-2'], 8);
  return [
    {
      what: 'two loops against one, no work of policy',
      value: ratio(plain, 'impetus-2', 'impetus', 'perSecond'),
      unit: 'x',
      limit: { atLeast: 0.8 },
      note: rates(plain),
    },
    {
      what: 'two loops against one, 2 ms of policy a message',
      value: ratio(light, 'light-2', 'light', 'perSecond'),
      unit: 'x',
      limit: { atLeast: 1.6 },
      note: rates(light),
    },
    {
      what: 'two loops against one, 6 ms of policy a message',
      value: ratio(busy, 'busy-2', 'busy', 'perSecond'),
      unit: 'x',
      limit: { atLeast: 1.6 },
      note: rates(busy),
    },
    await besideSlow(),
  ];
}

/** One connection whose messages keep the policy of its loop busy for 50 ms each; how long the others wait for their 250. */
async function besideSlow(): Promise<Figure> {
  const dir = join(tmpdir(), 'impetus-bench', 'slow');
  mkdirSync(dir, { recursive: true });
  const job = { port: await freePort(), sink: 9, workload: 'accept' as const, dir };
  const child = startSystem('slow-2', job);
  try {
    await banner(job.port);
    await send(job.port, { sessions: CONNECTIONS, count: 2000, bytes: 5120, keep: true });
    const sent: Sent[][] = Array.from({ length: CONNECTIONS + 1 }, () => []);
    const clients = sent.map((list) => new PacedClient(job.port, (one) => list.push(one)));
    const end = performance.now() + SLOW_SECONDS * 1000;
    for (let number = 0; performance.now() < end;) {
      for (const [i, client] of clients.entries()) {
        if (client.trouble !== undefined) throw new Error(`a client was told: ${client.trouble}`);
        if (client.isFree) client.send((number += 1), i === 0 ? 'slow' : 'quick');
      }
      await sleep(5);
    }
    for (const client of clients) client.end();
    const loopOf = (list: readonly Sent[]): string => list[0]?.id.split('-')[1] ?? '';
    const slow = loopOf(sent[0] ?? []);
    const waits = (isSame: boolean): number[] =>
      sent.slice(1).flatMap((list) => ((loopOf(list) === slow) === isSame ? list.map(({ dotAt, answeredAt }) => answeredAt - dotAt) : []));
    const [same, other] = [waits(true), waits(false)];
    return {
      what: 'final dot to 250 on a loop beside one whose policy takes 50 ms a message, 99 of 100',
      value: other.length === 0 ? undefined : round(p99(other), 1),
      unit: 'ms',
      limit: { atMost: 20 },
      note: `${other.length} messages; on the slow loop itself ${round(p99(same), 1)} ms of ${same.length}`,
    };
  } finally {
    if (child.pid !== undefined) await endTree(child.pid);
  }
}

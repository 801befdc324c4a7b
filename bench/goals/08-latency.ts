/**
 * Goal 8: at half of the highest rate, 99 of 100 messages hear 250 within 10 ms of their final dot, and have reached the next hop 50 ms after it.
 *
 * The one rule: the highest rate is found with the same kind of load in the same run; the server says itself how long a turn of its loop took. Clients and
 * next hop run in this process, on the same processors: what they wait for one another is in the figures.
 */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConsoleClient } from '#control';
import { round, type Effort, type Figure } from '../goal.ts';
import { banner, endTree, send, sleep } from '../load.ts';
import { freePort, median } from '../measure.ts';
import { p99, sendPaced, type Sent } from '../paced-client.ts';
import { TimingSink } from '../sink.ts';
import { startSystem, type Workload } from '../systems.ts';

const SESSIONS = 50;

interface Paced {
  readonly half: number;
  readonly toAnswer: number[];
  /** Milliseconds from the 250 to the final dot at the next hop; below 0 when it was there first. */
  readonly toDelivery: number[];
  readonly turn: number;
}

/** What does not come within half a minute counts as never. */
async function allArrived(sink: TimingSink, sent: readonly Sent[]): Promise<void> {
  const end = performance.now() + 30_000;
  while (performance.now() < end && sent.some(({ number }) => !sink.arrivals.has(number))) await sleep(20);
}

async function paced(workload: Workload, count: number): Promise<Paced> {
  const dir = join(tmpdir(), 'impetus-bench', `latency-${workload}`);
  mkdirSync(dir, { recursive: true });
  const job = { port: await freePort(), sink: await freePort(), workload, dir };
  const sink = workload === 'relay' ? new TimingSink(job.sink) : undefined;
  const child = startSystem('impetus', job);
  try {
    await banner(job.port);
    const load = { sessions: SESSIONS, count, bytes: 5120, keep: true };
    await send(job.port, { ...load, count: count * 2 });
    const begun = performance.now();
    await send(job.port, load);
    const half = (count * 500) / (performance.now() - begun);
    // What is still under way is delivered first.
    await sleep(2000);
    const client = await ConsoleClient.open(join(dir, 'control'));
    await client.run('threads reset');
    const sent = await sendPaced(job.port, { perSecond: half, count, sessions: SESSIONS });
    const { text } = await client.run('threads');
    client.close();
    if (sink !== undefined) await allArrived(sink, sent);
    return {
      half,
      toAnswer: sent.map(({ dotAt, answeredAt }) => answeredAt - dotAt),
      toDelivery: sent.map(({ number, answeredAt }) => (sink?.arrivals.get(number) ?? Number.POSITIVE_INFINITY) - answeredAt),
      turn: Math.max(...[...text.matchAll(/^loop \d+ +([\d.]+) ms/gm)].map((match) => Number(match[1]))),
    };
  } finally {
    if (child.pid !== undefined) await endTree(child.pid);
    await sink?.stop();
  }
}

export async function latency({ count }: Effort): Promise<Figure[]> {
  const accept = await paced('accept', count);
  const relay = await paced('relay', count);
  const turn = Math.max(accept.turn, relay.turn);
  return [
    {
      what: 'latency: final dot to 250, 99 of 100',
      value: round(p99(accept.toAnswer), 1),
      unit: 'ms',
      limit: { atMost: 10 },
      note: `at ${Math.round(accept.half)}/s, median ${round(median([...accept.toAnswer]), 1)} ms`,
    },
    {
      what: 'latency: 250 to delivery, 99 of 100',
      value: round(p99(relay.toDelivery), 1),
      unit: 'ms',
      limit: { atMost: 50 },
      note: `relay at ${Math.round(relay.half)}/s, median ${round(median([...relay.toDelivery]), 1)} ms`,
    },
    {
      what: 'latency: longest turn of a loop meanwhile',
      value: Number.isFinite(turn) ? turn : undefined,
      unit: 'ms',
      limit: { atMost: 20 },
      note: `measured by the server itself (\`threads\`): ${accept.turn} ms in accept, ${relay.turn} ms in relay`,
    },
  ];
}

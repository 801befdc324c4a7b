/** Goal 9: an idle server: its resident memory and the time to its first banner, against bare Node.js with as many threads. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { here, round, type Effort, type Figure } from '../goal.ts';
import { banner, cpuSeconds, endTree, sleep } from '../load.ts';
import { freePort, median } from '../measure.ts';
import { startSystem } from '../systems.ts';

/** Bare Node.js: main, and the two threads that Impetus has with one loop, one of them greeting on a port. */
const bare = (port: number): string => `
const { Worker } = require('node:worker_threads');
const loop = "require('node:net').createServer((s) => s.end('220 bare\\\\r\\\\n')).listen(${port}, '127.0.0.1')";
new Worker(loop, { eval: true });
new Worker('setInterval(() => 0, 1000)', { eval: true });
`;

function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

interface Look {
  readonly startMs: number;
  readonly mb: number;
  readonly cpu: number;
}

async function look(pid: number | undefined, port: number, begun: number): Promise<Look> {
  if (pid === undefined) throw new Error('nothing was started');
  try {
    await banner(port);
    const startMs = performance.now() - begun;
    await sleep(3000);
    const before = cpuSeconds(pid);
    await sleep(5000);
    return { startMs, mb: residentMb(pid), cpu: (cpuSeconds(pid) - before) / 5 };
  } finally {
    await endTree(pid);
  }
}

export async function idle({ rounds }: Effort): Promise<Figure[]> {
  const base = join(tmpdir(), 'impetus-bench');
  mkdirSync(base, { recursive: true });
  const ours: Look[] = [];
  const theirs: Look[] = [];
  for (let i = 0; i < rounds; i += 1) {
    const port = await freePort();
    let begun = performance.now();
    ours.push(await look(startSystem('impetus', { port, sink: 9, workload: 'accept', dir: join(base, 'idle') }).pid, port, begun));
    const other = await freePort();
    begun = performance.now();
    const child = spawn(join(here, '../bin/node'), ['-e', bare(other)], { stdio: 'ignore', detached: true });
    theirs.push(await look(child.pid, other, begun));
  }
  const middle = (looks: Look[], of: keyof Look): number => median(looks.map((one) => one[of]));
  const against = (of: 'mb' | 'startMs'): number => round(middle(ours, of) / middle(theirs, of));
  return [
    {
      what: 'idle: resident memory against bare Node.js',
      value: against('mb'),
      unit: 'x',
      limit: { atMost: 1.6 },
      note: `${Math.round(middle(ours, 'mb'))} MB against ${Math.round(middle(theirs, 'mb'))} MB`,
    },
    {
      what: 'idle: start to first banner against bare Node.js',
      value: against('startMs'),
      unit: 'x',
      limit: { atMost: 2 },
      note: `${Math.round(middle(ours, 'startMs'))} ms against ${Math.round(middle(theirs, 'startMs'))} ms`,
    },
    {
      what: 'idle: share of a processor',
      value: round(middle(ours, 'cpu') * 100, 1),
      unit: '%',
      limit: { atMost: 1 },
      note: 'over five seconds',
    },
  ];
}

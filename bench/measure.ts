/**
 * One measured run of one system: start it, warm it up, send the load, end it.
 *
 * The one rule: everything is alike for every system; what a run says is one line of data, a failed one says its problem.
 * Not here: which systems and loads (run.ts, goals/).
 */
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { banner, cpuSeconds, endTree, residentMb, send, Sink, sleep, type Load } from './load.ts';
import { startSystem, type Workload } from './systems.ts';

export interface Result {
  readonly system: string;
  readonly workload: Workload;
  readonly run: number;
  readonly messages: number;
  /** Processes that wanted a processor in the minute before: a busy machine measures something else. */
  readonly load: number;
  readonly perSecond?: number;
  readonly cpuPer1000?: number;
  /** Megabytes of resident memory at most while the load came, and before it. */
  readonly peakMb?: number;
  readonly beforeMb?: number;
  readonly problem?: string;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

/**
 * Messages before the measured ones, for everybody the same warm caches: those on Node.js have twice the load, because V8 compiles the code of a mail server
 * during its first 20,000 messages (a sixth of the processor time then), which a server that runs for weeks does not pay; the others have theirs compiled.
 */
function warmUpOf(system: string, count: number): number {
  return ON_NODE.has(system.split('-', 1)[0] ?? '') ? count * 2 : Math.min(2000, Math.floor(count / 4));
}

/** Policies that compute do so for mail that is measured: the code around them is warm when they begin. */
const WARM = 'warm@bench.test';

const ON_NODE = new Set(['impetus', 'floor', 'policy', 'policies', 'busy', 'light', 'haraka']);

async function arrived(sink: Sink, count: number): Promise<void> {
  const end = performance.now() + 180_000;
  while (sink.count() < count) {
    if (performance.now() > end) throw new Error(`only ${sink.count()} of ${count} messages arrived within 180 s`);
    await sleep(10);
  }
}

export interface MeasureOptions {
  readonly warmUp?: number;
  readonly more?: string;
  readonly env?: Record<string, string>;
  /** Sends the load in place of smtp-source. */
  readonly send?: (port: number, load: Load) => Promise<void>;
}

export async function measure(system: string, workload: Workload, run: number, load: Load, o: MeasureOptions = {}): Promise<Result> {
  const base = join(tmpdir(), 'impetus-bench');
  const facts = { system, workload, run, messages: load.count, load: Number(loadavg()[0]!.toFixed(1)) };
  mkdirSync(base, { recursive: true });
  const job = {
    port: await freePort(),
    sink: await freePort(),
    workload,
    dir: join(base, system),
    ...(o.more === undefined ? {} : { more: o.more }),
    ...(o.env === undefined ? {} : { env: o.env }),
  };
  const give = o.send ?? send;
  const child = startSystem(system, job);
  const sink = workload === 'relay' ? new Sink(job.sink, base) : undefined;
  try {
    if (sink) await banner(job.sink);
    await banner(job.port);
    const warmUp = o.warmUp ?? warmUpOf(system, load.count);
    await give(job.port, { ...load, count: warmUp, from: WARM });
    if (sink) await arrived(sink, warmUp);
    await sleep(200);
    const cpu = cpuSeconds(child.pid!);
    const beforeMb = residentMb(child.pid!);
    const peak = watchResident(child.pid!);
    const start = performance.now();
    const [seconds] = await Promise.all([
      sink ? arrived(sink, warmUp + load.count).then(() => (performance.now() - start) / 1000) : undefined,
      give(job.port, load),
    ]);
    const peakMb = peak();
    const taken = seconds ?? (performance.now() - start) / 1000;
    return {
      ...facts,
      // Large messages come a few a second.
      perSecond: load.count / taken < 1000 ? Number((load.count / taken).toPrecision(4)) : Math.round(load.count / taken),
      cpuPer1000: Number((((cpuSeconds(child.pid!) - cpu) / load.count) * 1000).toFixed(3)),
      beforeMb,
      peakMb,
    };
  } catch (error) {
    return { ...facts, problem: String(error) };
  } finally {
    await endTree(child.pid!);
    await sink?.stop();
  }
}

/** Follows the resident memory of a tree, ten times a second, until it is asked for the most of it. */
function watchResident(pid: number): () => number {
  let most = residentMb(pid);
  const timer = setInterval(() => (most = Math.max(most, residentMb(pid))), 100);
  return () => {
    clearInterval(timer);
    return most;
  };
}

export function median(numbers: number[]): number {
  const sorted = numbers.sort((a, b) => a - b);
  return sorted.length % 2 ? sorted[sorted.length >> 1]! : (sorted[sorted.length / 2 - 1]! + sorted[sorted.length / 2]!) / 2;
}

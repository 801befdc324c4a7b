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
import { banner, cpuSeconds, endTree, send, Sink, sleep, type Load } from './load.ts';
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
  readonly problem?: string;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

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
  const child = startSystem(system, job);
  const sink = workload === 'relay' ? new Sink(job.sink, base) : undefined;
  try {
    if (sink) await banner(job.sink);
    await banner(job.port);
    const warmUp = o.warmUp ?? Math.min(2000, Math.floor(load.count / 4));
    await send(job.port, { ...load, count: warmUp });
    if (sink) await arrived(sink, warmUp);
    await sleep(200);
    const cpu = cpuSeconds(child.pid!);
    const start = performance.now();
    const [seconds] = await Promise.all([
      sink ? arrived(sink, warmUp + load.count).then(() => (performance.now() - start) / 1000) : undefined,
      send(job.port, load),
    ]);
    const taken = seconds ?? (performance.now() - start) / 1000;
    return {
      ...facts,
      perSecond: Math.round(load.count / taken),
      cpuPer1000: Number((((cpuSeconds(child.pid!) - cpu) / load.count) * 1000).toFixed(3)),
    };
  } catch (error) {
    return { ...facts, problem: String(error) };
  } finally {
    await endTree(child.pid!);
    await sink?.stop();
  }
}

export function median(numbers: number[]): number {
  const sorted = numbers.sort((a, b) => a - b);
  return sorted.length % 2 ? sorted[sorted.length >> 1]! : (sorted[sorted.length / 2 - 1]! + sorted[sorted.length / 2]!) / 2;
}

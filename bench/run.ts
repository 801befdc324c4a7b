/**
 * Messages a second and processor seconds per 1,000, of Impetus and its peers in turn: run 1 of each, run 2 of each, ...
 *
 * The one rule: a claim is a ratio of medians from one interleaved run; a single absolute figure is context only.
 * Usage: npm run bench -- --systems impetus,postfix --workload accept --count 10000 --runs 5 [--sessions 50] [--bytes 5120] [--once]
 * (`--once`: a connection per message; `--warm-up N`: messages before the measured ones.) One JSON line a run on standard output,
 * then one line per system with median and ratio. What to install for the peers, and figures: bench/README.md.
 */
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { banner, cpuSeconds, endTree, send, Sink, sleep, type Load } from './load.ts';
import { checkSystem, startSystem, type Workload } from './systems.ts';

const { values } = parseArgs({
  options: {
    systems: { type: 'string', default: 'impetus,postfix' },
    workload: { type: 'string', default: 'accept' },
    count: { type: 'string', default: '10000' },
    runs: { type: 'string', default: '5' },
    sessions: { type: 'string', default: '50' },
    bytes: { type: 'string', default: '5120' },
    'warm-up': { type: 'string' },
    once: { type: 'boolean', default: false },
  },
});

interface Result {
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

async function freePort(): Promise<number> {
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

async function measure(system: string, workload: Workload, run: number, load: Load): Promise<Result> {
  const base = join(tmpdir(), 'impetus-bench');
  const facts = { system, workload, run, messages: load.count, load: Number(loadavg()[0]!.toFixed(1)) };
  mkdirSync(base, { recursive: true });
  const job = { port: await freePort(), sink: await freePort(), workload, dir: join(base, system) };
  const child = startSystem(system, job);
  const sink = workload === 'relay' ? new Sink(job.sink, base) : undefined;
  try {
    if (sink) await banner(job.sink);
    await banner(job.port);
    const warmUp = Number(values['warm-up'] ?? Math.min(2000, Math.floor(load.count / 4)));
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

function median(numbers: number[]): number {
  const sorted = numbers.sort((a, b) => a - b);
  return sorted.length % 2 ? sorted[sorted.length >> 1]! : (sorted[sorted.length / 2 - 1]! + sorted[sorted.length / 2]!) / 2;
}

const names = values.systems.split(',');
for (const name of names) checkSystem(name);
const workload = values.workload as Workload;
const load: Load = { sessions: Number(values.sessions), count: Number(values.count), bytes: Number(values.bytes), keep: !values.once };
const results: Result[] = [];
for (let run = 1; run <= Number(values.runs); run++) {
  for (const name of names) {
    const result = await measure(name, workload, run, load);
    results.push(result);
    console.log(JSON.stringify(result));
  }
}
const first = median(results.filter((r) => r.system === names[0] && r.perSecond).map((r) => r.perSecond!));
for (const name of names) {
  const good = results.filter((r) => r.system === name && r.perSecond);
  if (good.length === 0) continue;
  const rates = good.map((r) => r.perSecond!);
  const middle = median(rates);
  console.log(
    `${name}: median ${Math.round(middle)} messages/s (${Math.min(...rates)}-${Math.max(...rates)}), ` +
      `${median(good.map((r) => r.cpuPer1000!)).toFixed(3)} CPU s per 1,000, ${names[0]} is ${(first / middle).toFixed(2)} times that, ${good.length} runs`,
  );
}

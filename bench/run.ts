/**
 * Messages a second and processor seconds per 1,000, of Impetus and its peers in turn: run 1 of each, run 2 of each, ...
 *
 * The one rule: a claim is a ratio of medians from one interleaved run; a single absolute figure is context only.
 * Usage: bin/node -C impetus-source bench/run.ts --systems impetus,postfix --workload accept --count 10000 --runs 5 [--sessions 50] [--bytes 5120] [--once]
 * (`--once`: a connection per message; `--warm-up N`: messages before the measured ones.) One JSON line a run on standard output,
 * then one line per system with median and ratio. What to install for the peers, and figures: bench/README.md.
 */
import { parseArgs } from 'node:util';
import type { Load } from './load.ts';
import { measure, median, type Result } from './measure.ts';
import { checkSystem, type Workload } from './systems.ts';

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

const names = values.systems.split(',');
for (const name of names) checkSystem(name);
const workload = values.workload as Workload;
const load: Load = { sessions: Number(values.sessions), count: Number(values.count), bytes: Number(values.bytes), keep: !values.once };
const results: Result[] = [];
for (let run = 1; run <= Number(values.runs); run++) {
  for (const name of names) {
    const result = await measure(name, workload, run, load, values['warm-up'] === undefined ? {} : { warmUp: Number(values['warm-up']) });
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

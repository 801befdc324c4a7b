/**
 * Every goal with its measured value and `ok` or the shortfall: npm run bench -- [--goals 1,3] [--rounds 3] [--count 10000] [--full]
 *
 * The one rule: a run that met other work on the machine says so and does not count. One JSON line a run and figure on standard output, then the
 * table; each whole run is added to bench/history.jsonl and drawn in bench/history.svg with --record. Reference: bench/README.md.
 */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { here, verdict, type Effort, type Figure, type Goal } from './goal.ts';
import { accept } from './goals/01-accept.ts';
import { relay } from './goals/02-relay.ts';
import { serial } from './goals/03-serial.ts';
import { large } from './goals/04-large.ts';
import { loops } from './goals/05-loops.ts';
import { million } from './goals/06-million.ts';
import { curve } from './goals/07-curve.ts';
import { latency } from './goals/08-latency.ts';
import { idle } from './goals/09-idle.ts';
import { slowDisk } from './goals/10-slow-disk.ts';
import { config } from './goals/11-config.ts';
import { bindings } from './goals/12-bindings.ts';
import { signing } from './goals/13-signing.ts';
import { plot, type Recorded } from './plot.ts';

const GOALS: readonly Goal[] = [
  { number: 1, title: 'accept, durable', run: accept },
  { number: 2, title: 'relay', run: relay },
  { number: 3, title: 'one serial connection', run: serial },
  { number: 4, title: 'large messages', run: large },
  { number: 5, title: 'event loops', run: loops },
  { number: 6, title: 'a million queued messages', run: million },
  { number: 7, title: 'the curve to ten million', run: curve },
  { number: 8, title: 'latency', run: latency },
  { number: 9, title: 'idle', run: idle },
  { number: 10, title: 'slow disks', run: slowDisk },
  { number: 11, title: 'configuration', run: config },
  { number: 12, title: 'many bindings and domains', run: bindings },
  { number: 13, title: 'signing', run: signing },
];
/** Processes that may want a processor before a run is called disturbed. */
const BUSY = availableParallelism() * 0.25;

const { values } = parseArgs({
  options: {
    goals: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    count: { type: 'string', default: '10000' },
    full: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
  },
});
const effort: Effort = { rounds: Number(values.rounds), count: Number(values.count), isFull: values.full };
const wanted = values.goals === undefined ? undefined : new Set(values.goals.split(',').map(Number));
const loadBefore = Number(loadavg()[0]?.toFixed(1));
const measured: (Figure & { goal: number })[] = [];
for (const goal of GOALS) {
  if (wanted !== undefined && !wanted.has(goal.number)) continue;
  let figures: Figure[];
  try {
    figures = await goal.run(effort);
  } catch (error) {
    figures = [{ what: goal.title, value: undefined, unit: '', limit: undefined, note: String(error) }];
  }
  for (const figure of figures) {
    measured.push({ ...figure, goal: goal.number });
    console.log(JSON.stringify({ goal: goal.number, verdict: verdict(figure), ...figure }));
  }
}

console.log('\n| goal | what | measured | |\n| --- | --- | --- | --- |');
for (const figure of measured) {
  const value = figure.value === undefined ? '-' : `${figure.value} ${figure.unit}`;
  console.log(`| ${figure.goal} | ${figure.what} | ${value} | ${verdict(figure)} (${figure.note}) |`);
}
const isBusy = loadBefore > BUSY;
if (isBusy)
  console.log(`\nThe machine was busy (load average ${loadBefore} before the first run, ${BUSY} allowed): these figures do not count.`);
if (values.record) {
  const file = join(here, 'history.jsonl');
  const line = {
    date: new Date().toISOString().slice(0, 10),
    load: loadBefore,
    isBusy,
    figures: measured.map(({ goal, what, value }) => ({ goal, what, value })),
  };
  appendFileSync(file, `${JSON.stringify(line)}\n`);
  const history = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text) as Recorded);
  writeFileSync(join(here, 'history.svg'), plot(history));
}

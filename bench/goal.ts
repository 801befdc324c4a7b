/**
 * What every goal's file is made of: figures with a limit, and runs of several systems in turn.
 *
 * The one rule: a figure says by itself whether it is reached; a figure that cannot be taken here says why and is never `ok`. Ratios are medians over
 * rounds of one system against another in the same round. Not here: starting servers (systems.ts, measure.ts).
 */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Load } from './load.ts';
import { measure, median, type MeasureOptions, type Result } from './measure.ts';
import type { Workload } from './systems.ts';

export interface Figure {
  readonly what: string;
  /** undefined: it could not be taken. */
  readonly value: number | undefined;
  readonly unit: string;
  readonly limit: { readonly atLeast: number } | { readonly atMost: number } | undefined;
  /** Context for people: absolute figures, or why there is no value. */
  readonly note: string;
}

/** How much work a run may be: rounds of each system, messages of a round in thousands, sizes of the largest goals. */
export interface Effort {
  readonly rounds: number;
  readonly count: number;
  readonly isFull: boolean;
}

export interface Goal {
  readonly number: number;
  readonly title: string;
  readonly run: (effort: Effort) => Promise<Figure[]> | Figure[];
}

export const here = dirname(fileURLToPath(import.meta.url));

export function verdict({ value, limit }: Figure): string {
  if (value === undefined) return 'not measured';
  if (limit === undefined) return 'context';
  if ('atLeast' in limit) return value >= limit.atLeast ? 'ok' : `short: at least ${limit.atLeast}`;
  return value <= limit.atMost ? 'ok' : `short: at most ${limit.atMost}`;
}

export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}

interface Case {
  readonly workload: Workload;
  readonly load: Load;
  readonly options?: MeasureOptions;
}

/** Every system in turn, round after round. */
export async function interleave(systems: readonly string[], rounds: number, one: Case): Promise<Map<string, Result[]>> {
  const all = new Map<string, Result[]>(systems.map((name) => [name, []]));
  for (let i = 1; i <= rounds; i += 1) {
    for (const name of systems) {
      const result = await measure(name, one.workload, i, one.load, one.options);
      all.get(name)?.push(result);
      console.log(JSON.stringify(result));
    }
  }
  return all;
}

/** The median over the rounds of one system's figure divided by another's; undefined when a round failed on both sides. */
export function ratio(all: Map<string, Result[]>, above: string, below: string, of: 'perSecond' | 'cpuPer1000'): number | undefined {
  const theirs = all.get(below) ?? [];
  const ratios = (all.get(above) ?? []).flatMap((mine, i) => {
    const [a, b] = [mine[of], theirs[i]?.[of]];
    return a === undefined || b === undefined || b === 0 ? [] : [a / b];
  });
  return ratios.length === 0 ? undefined : round(median(ratios));
}

/** "impetus 4,990/s, floor 7,100/s": the medians. */
export function rates(all: Map<string, Result[]>): string {
  return [...all]
    .map(([name, results]) => {
      const good = results.flatMap(({ perSecond }) => (perSecond === undefined ? [] : [perSecond]));
      return good.length === 0 ? `${name}: ${results[0]?.problem ?? 'no run'}` : `${name} ${Number(median(good).toPrecision(4))}/s`;
    })
    .join(', ');
}

/** Whether Postfix can be measured here: it needs the package and root. */
export function hasPostfix(): boolean {
  return process.getuid?.() === 0 && spawnSync('sh', ['-c', 'test -x /usr/lib/postfix/sbin/master']).status === 0;
}

/** The last line of JSON that a script of this folder prints, or why there is none. */
export function scriptFigures(args: readonly string[]): Record<string, number> | string {
  const child = spawnSync(join(here, '../bin/node'), ['-C', 'impetus-source', ...args], { encoding: 'utf8', cwd: join(here, '..') });
  const line = child.stdout.trim().split('\n').at(-1) ?? '';
  try {
    const figures = JSON.parse(line) as Record<string, number>;
    console.log(line);
    return figures;
  } catch {
    return `${args[0] ?? ''} ended with ${child.status}: ${child.stderr.slice(-200)}`;
  }
}

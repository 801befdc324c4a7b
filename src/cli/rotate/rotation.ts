/*
 * The steps of a rotation: old logs move on by one number, the log becomes number 1, the server opens new ones, old ones are compressed.
 *
 * The one rule: nothing is compressed before the server has said that it writes to new files, or lines could be lost; what is left
 * uncompressed for that reason is done by the next run. Symbolic links and what is no file are left alone, as the server leaves them.
 * Truth: LOG-24.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { RotatePlan } from './plan.ts';

/** What programs for compressing call their files. */
const suffixes: Readonly<Record<string, string>> = { bzip2: '.bz2', pbzip2: '.bz2', gzip: '.gz', pigz: '.gz', xz: '.xz', zstd: '.zst' };
const oldLog = /\.(\d{1,4})(\.bz2|\.gz|\.xz|\.zst)?$/;

export interface Told {
  readonly problems: string[];
  readonly steps: string[];
}

interface Logs {
  /** They can be rotated. */
  readonly present: readonly string[];
  /** They are not there, but old ones that are not compressed: the server may still write to these since an earlier run. */
  readonly waiting: readonly string[];
}

/** The logs of a plan. What may not be touched is told. */
export function logsOf(plan: RotatePlan, told: Told): Logs {
  const inFolders = plan.logdirs.flatMap((dir) => {
    if (!existsSync(dir)) return [];
    return readdirSync(dir)
      .map((name) => name.replace(oldLog, ''))
      .filter((name) => name.endsWith('.log'))
      .map((name) => join(dir, name));
  });
  const present: string[] = [];
  const waiting: string[] = [];
  for (const path of new Set([...plan.logfiles, ...inFolders])) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isFile() === true) present.push(path);
    else if (stat !== undefined)
      told.problems.push(`${path} was left alone: it is no file of its own (a link, a folder, a jlog, a device)`);
    else if (existsSync(dirname(path)) && uncompressed(path).length > 0) waiting.push(path);
  }
  return { present, waiting };
}

/** The old logs of one log, the oldest first. */
function oldOnes(path: string): { path: string; number: number; suffix: string }[] {
  const name = basename(path);
  return readdirSync(dirname(path))
    .filter((one) => one.startsWith(`${name}.`))
    .map((one) => ({ one, match: oldLog.exec(one) }))
    .filter(({ one, match }) => match !== null && one.length === name.length + match[0].length)
    .map(({ one, match }) => ({ path: join(dirname(path), one), number: Number(match?.[1]), suffix: match?.[2] ?? '' }))
    .sort((a, b) => b.number - a.number);
}

function uncompressed(log: string): string[] {
  return oldOnes(log)
    .filter(({ path, suffix }) => suffix === '' && lstatSync(path).isFile())
    .map(({ path }) => path);
}

/** Moves a log and its old ones on by one; those beyond the retention go. */
export function moveOn(log: string, retention: number, told: Told): void {
  for (const { path, number, suffix } of oldOnes(log)) {
    if (number >= retention) {
      rmSync(path);
      told.steps.push(`${path} removed`);
    } else renameSync(path, `${log}.${number + 1}${suffix}`);
  }
  renameSync(log, `${log}.1`);
  told.steps.push(`${log} is now ${log}.1`);
}

/** Compresses what of the old logs is not yet. */
export function compressOld(log: string, compressor: string, told: Told): void {
  for (const path of uncompressed(log)) {
    const { status, error, stderr } = spawnSync(compressor, ['-f', path], { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
    if (error !== undefined) {
      told.problems.push(`cannot run ${compressor}: ${error.message}; ${path} stays as it is: name another with -c, or say -n`);
      return;
    }
    if (status !== 0) told.problems.push(`${compressor} ${path} failed with status ${status}: ${stderr.trim()}`);
    else
      told.steps.push(
        `${path} compressed${suffixes[basename(compressor)] === undefined ? '' : `: ${path}${suffixes[basename(compressor)]}`}`,
      );
  }
}

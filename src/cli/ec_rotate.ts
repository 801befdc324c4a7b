/*
 * ec_rotate: moves log files aside, has the server open new ones, compresses the old and keeps so many of them.
 *
 * The one rule: no line is lost. A file is only renamed while the server may write to it; it is compressed when the server has
 * answered `reopen logs`. Where no server answers, old files stay uncompressed, that is said, and the exit status is 1; every later
 * run asks again, also when the log is not there because the server still writes to the moved one.
 * Two of them at work on the same logs would mix up the numbers: the second one ends with 75. Truth: LOG-24, CLI-06, ROT-01.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConsoleClient } from '#control';
import { lockFile, SystemError } from '#system';
import { DEFAULT_ENDPOINT, parseConsoleEndpoint } from './console/endpoint.ts';
import { visible } from './console/visible.ts';
import { within } from './console/within.ts';
import { defaultConf, defaults, parseRotateConf, parseRotateWords, retentionMax, type RotatePlan } from './rotate/plan.ts';
import { compressOld, logsOf, moveOn, type Told } from './rotate/rotation.ts';

const usage = `usage: ec_rotate [options]
  -c, -compress PROGRAM    what compresses old logs (default: ${defaults.compressor}; gzip works, too)
  -conf FILE               the settings (default: ${defaultConf}, if it is there)
  -d, -default             the same as -conf ${defaultConf}
  -l, -logfile FILE        a log to rotate, in the place of those of the settings; may be repeated
  -logdir DIR              a folder whose files *.log are rotated; may be repeated
  -n, -nocompress          do not compress
  -r, -retention NUMBER    keep so many old ones of each log (1 to ${retentionMax}; default: ${defaults.retention})
  -s, -socket ENDPOINT     the Control_Listener of the server (default: control_socket of the settings, else ${DEFAULT_ENDPOINT})
  -v                       say each step
  -h, -help                this text
Exit status: 0 done (or enabled=no), 1 something could not be done, 64 wrong words, 75 another one is at work, 78 wrong settings.`;

function complain(status: number, text: string): number {
  process.stderr.write(`ec_rotate: ${visible(text)}\n`);
  return status;
}

/** Asks the server to open its logs anew; its words, or why that failed. */
async function reopen(endpoint: string): Promise<{ readonly ok: boolean; readonly text: string }> {
  try {
    const client = await within(ConsoleClient.open(parseConsoleEndpoint(endpoint).address), endpoint);
    try {
      const { ok, text } = await within(client.run('reopen logs'), endpoint);
      return { ok, text: text.trim() };
    } finally {
      client.close();
    }
  } catch (error) {
    return { ok: false, text: (error as Error).message };
  }
}

async function rotate(plan: RotatePlan, told: Told): Promise<void> {
  const { present, waiting } = logsOf(plan, told);
  const moved: string[] = [];
  for (const log of present) {
    try {
      moveOn(log, plan.retention, told);
      moved.push(log);
    } catch (error) {
      told.problems.push(`cannot rotate ${log}: ${(error as Error).message}`);
    }
  }
  for (const log of waiting) told.steps.push(`${log} is not there, but old ones of it wait for the server to let go of them`);
  const logs = [...moved, ...waiting];
  if (logs.length === 0) {
    told.steps.push('there is no log to rotate');
    return;
  }
  const endpoint = plan.socket ?? DEFAULT_ENDPOINT;
  const { ok, text } = await reopen(endpoint);
  if (!ok) {
    told.problems.push(
      `the server at ${endpoint} did not open its logs anew: ${text}; it may still write to the old ones, so none is compressed`,
    );
    return;
  }
  told.steps.push('the server writes to new files');
  // What is no file was not moved: that it failed is told, but holds up nothing.
  told.steps.push(...text.split('\n').slice(1));
  if (plan.compressor !== '') for (const log of logs) compressOld(log, plan.compressor, told);
}

async function main(): Promise<number> {
  const words = parseRotateWords(process.argv.slice(2));
  if (typeof words === 'string') return complain(64, `${words}\n${usage}`);
  if (words.isHelp) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const path = words.conf ?? (existsSync(defaultConf) ? defaultConf : undefined);
  let settings: Partial<RotatePlan> | string = {};
  try {
    // With -d, a file that is not there means the defaults.
    if (path !== undefined && (path !== defaultConf || existsSync(path))) settings = parseRotateConf(readFileSync(path, 'utf8'), path);
  } catch (error) {
    return complain(78, `cannot read the settings: ${(error as Error).message}`);
  }
  if (typeof settings === 'string') return complain(78, settings);
  // Who names logs means those and no others.
  const isNamed = words.given.logfiles !== undefined || words.given.logdirs !== undefined;
  const plan: RotatePlan = { ...defaults, ...settings, ...(isNamed ? { logfiles: [], logdirs: [] } : {}), ...words.given };
  if (!plan.isEnabled) return 0;
  const told: Told = { problems: [], steps: [] };
  const first = [...plan.logfiles, ...plan.logdirs].find((path) => existsSync(dirname(path)));
  if (first === undefined) {
    if (words.isVerbose) process.stdout.write('there is no log to rotate\n');
    return 0;
  }
  const lock = lockFile(join(dirname(first), '.ec_rotate'));
  if (lock.kind === 'held') return complain(75, `another ec_rotate (process ${lock.heldBy}) is at work in ${dirname(first)}`);
  try {
    await rotate(plan, told);
  } finally {
    lock.release();
  }
  if (words.isVerbose) for (const step of told.steps) process.stdout.write(`${visible(step)}\n`);
  for (const problem of told.problems) complain(1, problem);
  return told.problems.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.exitCode = complain(error instanceof SystemError ? 1 : 70, (error as Error).message);
}

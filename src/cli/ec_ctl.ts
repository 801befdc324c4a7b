/*
 * ec_ctl: starts, stops, restarts the server and makes it reread its configuration (CLI-01).
 *
 * CONFFILE (or -c) names the configuration, TRY (10) how long a start may take: TRY + (TRY-1) + ... + 1 seconds (RT-10). The
 * server is found by the PidFile of that configuration. The exit status is 0 when the server did what was asked.
 * The one rule: what runs is not stopped or told to reread before the configuration was checked.
 * The launcher bin/ec_ctl sources the environment file and the scripts before this runs, and makes a restart of check, stop and start.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { checkSite, packageRoot, pidFileOf, runningPid } from '#main';
import { wrongWords } from './wrong-words.ts';

const usage = `usage: ec_ctl start|stop|restart|reload|check [-c FILE] [--allow-root]
  -c FILE       configuration; default: $CONFFILE, else ecelerity.conf, found by the search path
  --allow-root  with start and restart: run as root although no Security { User = ... } says whom to become
Exit status: 0 the server did what was asked, 1 it did not, 64 wrong words.`;
const verbs = ['start', 'stop', 'restart', 'reload', 'check'];
/** The server itself ends its work within 20 s. */
const stopSeconds = 30;
const lookMs = 50;

function options() {
  return parseArgs({
    allowPositionals: true,
    options: {
      c: { type: 'string', short: 'c' },
      'allow-root': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}

interface Task {
  readonly file: string;
  readonly allowRoot: boolean;
  readonly pidFile: string;
}

function say(text: string): void {
  console.log(`ec_ctl: ${text}`);
}

function complain(text: string): number {
  console.error(`ec_ctl: ${text}`);
  return 1;
}

function start(task: Task): number {
  const running = runningPid(task.pidFile);
  if (running !== undefined) {
    say(`the server runs already, as process ${running}`);
    return 0;
  }
  const tries = Math.min(100, Math.max(1, Math.floor(Number(process.env['TRY'])) || 10));
  const seconds = (tries * (tries + 1)) / 2;
  const args = [...(process.env['EXTRA_ARGS'] ?? '').split(/\s+/).filter(Boolean), ...(task.allowRoot ? ['--allow-root'] : [])];
  const { status, error } = spawnSync(join(packageRoot, 'bin/ecelerity'), ['-c', task.file, ...args], {
    stdio: 'inherit',
    timeout: seconds * 1000,
  });
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT')
    return complain(`the server was not ready within ${seconds} s (TRY=${tries}); it may still be starting`);
  if (error) return complain(`cannot run ${join(packageRoot, 'bin/ecelerity')}: ${error.message}`);
  return status ?? 1;
}

async function stop(task: Task): Promise<number> {
  const pid = runningPid(task.pidFile);
  if (pid === undefined) {
    say('the server is not running');
    return 0;
  }
  if (!signal(pid, 'SIGTERM')) return 1;
  for (let waited = 0; waited < stopSeconds * 1000; waited += lookMs) {
    await wait(lookMs);
    if (runningPid(task.pidFile) === pid) continue;
    say(`process ${pid} has stopped`);
    return 0;
  }
  return complain(`process ${pid} did not stop within ${stopSeconds} s`);
}

async function reload(task: Task): Promise<number> {
  const pid = runningPid(task.pidFile);
  if (pid === undefined) return complain('cannot reload: the server is not running');
  if (!(await isGood(task.file))) return complain('not reloaded: what runs goes on as it is');
  if (!signal(pid, 'SIGHUP')) return 1;
  say(`process ${pid} reads its configuration again; the paniclog says how it went`);
  return 0;
}

function signal(pid: number, name: 'SIGTERM' | 'SIGHUP'): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    complain(`cannot send ${name} to process ${pid}: ${(error as Error).message}`);
    return false;
  }
}

async function isGood(file: string): Promise<boolean> {
  const lines: string[] = [];
  if (await checkSite({ file, environment: process.env, isForeground: false }, (line) => lines.push(line))) return true;
  for (const line of lines) console.error(line);
  return false;
}

async function act(): Promise<number> {
  let parsed: ReturnType<typeof options>;
  try {
    parsed = options();
  } catch (error) {
    complain(`${wrongWords(error)}\n${usage}`);
    return 64;
  }
  const { values, positionals } = parsed;
  const verb = positionals[0] ?? '';
  if (values.help) {
    console.log(usage);
    return 0;
  }
  if (!verbs.includes(verb) || positionals.length > 1) {
    complain(
      verb === '' ? `say what to do\n${usage}` : `cannot do "${positionals.join(' ')}": expected one of ${verbs.join(', ')}\n${usage}`,
    );
    return 64;
  }
  const file = values.c ?? (process.env['CONFFILE'] || 'ecelerity.conf');
  if (verb === 'check') return (await isGood(file)) ? 0 : 1;
  const found = pidFileOf({ file, environment: process.env, isForeground: false });
  if (found.pidFile === undefined || (verb === 'start' && found.problems.length > 0)) {
    for (const line of found.problems) console.error(line);
    return complain(verb === 'start' ? `not started: ${file} has problems` : `${file} does not say which PidFile the server has`);
  }
  const task = { file, allowRoot: values['allow-root'] === true, pidFile: found.pidFile };
  if (verb === 'start') return start(task);
  return verb === 'reload' ? reload(task) : stop(task);
}

process.exitCode = await act();

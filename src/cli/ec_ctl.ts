/*
 * ec_ctl: starts, stops, restarts the server and makes it reread its configuration (CLI-01).
 *
 * CONFFILE (or -c) names the configuration, TRY (10) how long a start may take: TRY + (TRY-1) + ... + 1 seconds. The server
 * is found by the PidFile of that configuration. The exit status is 0 when the server did what was asked.
 * The launcher bin/ec_ctl sources the environment file and start-up scripts before this runs.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { packageRoot, pidFileOf, runningPid } from '#main';

const usage = 'usage: ec_ctl start|stop|restart|reload [-c FILE] [--allow-root]';
const stopSeconds = 30;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  strict: false,
  options: { c: { type: 'string', short: 'c' }, 'allow-root': { type: 'boolean' } },
});
const file = typeof values['c'] === 'string' ? values['c'] : (process.env['CONFFILE'] ?? 'ecelerity.conf');

function start(): number {
  const tries = Math.max(1, Number(process.env['TRY'] ?? 10) || 10);
  const extra = [...(process.env['EXTRA_ARGS'] ?? '').split(/\s+/).filter(Boolean), ...(values['allow-root'] ? ['--allow-root'] : [])];
  const seconds = (tries * (tries + 1)) / 2;
  const { status, signal } = spawnSync(join(packageRoot, 'bin/ecelerity'), ['-c', file, ...extra], { stdio: 'inherit', timeout: seconds * 1000 });
  if (signal !== null) console.error(`ec_ctl: the server was not ready within ${seconds} s (TRY=${tries}); it may still be starting`);
  return status ?? 1;
}

async function stop(pidFile: string): Promise<number> {
  const pid = runningPid(pidFile);
  if (pid === undefined) {
    console.log('ec_ctl: the server is not running');
    return 0;
  }
  process.kill(pid, 'SIGTERM');
  for (let i = 0; i < stopSeconds * 10; i++) {
    await wait(100);
    if (runningPid(pidFile) !== pid) {
      console.log(`ec_ctl: process ${pid} has stopped`);
      return 0;
    }
  }
  console.error(`ec_ctl: process ${pid} did not stop within ${stopSeconds} s`);
  return 1;
}

function reload(pidFile: string): number {
  const pid = runningPid(pidFile);
  if (pid === undefined) {
    console.error('ec_ctl: cannot reload: the server is not running');
    return 1;
  }
  process.kill(pid, 'SIGHUP');
  console.log(`ec_ctl: asked process ${pid} to read its configuration again; the paniclog says how it went`);
  return 0;
}

async function act(): Promise<number> {
  const verb = positionals[0];
  if (verb === 'start') return start();
  if (verb !== 'stop' && verb !== 'restart' && verb !== 'reload') {
    console.error(usage);
    return 64;
  }
  const found = pidFileOf({ file, environment: process.env, isForeground: false });
  if (found.pidFile === undefined) {
    console.error(`ec_ctl: cannot find out the PidFile of ${file}:\n${found.problems.join('\n')}`);
    return 1;
  }
  if (verb === 'reload') return reload(found.pidFile);
  const stopped = await stop(found.pidFile);
  return verb === 'stop' || stopped !== 0 ? stopped : start();
}

process.exitCode = await act();

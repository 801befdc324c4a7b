/*
 * Runs the server until a signal ends it: SIGTERM and SIGINT stop it in order, SIGHUP reads the configuration again and reopens logs.
 *
 * The one rule: a second SIGTERM does not make the stop less orderly; what does not end within the grace is cut off by the rooms
 * themselves. A signal that comes while the server starts is obeyed when it has started. When the terminal of a foreground
 * server is gone, SIGHUP means that, and the server stops. What nobody expected is said with its stack, and the process ends.
 */
import { closeSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { PidFileError } from './pid-file.ts';
import { Server, type RunOptions } from './server.ts';
import { readSite } from './site.ts';
import { StartError } from './start-error.ts';

/** Resolves with the exit status when the server has stopped, or could not start. */
export async function runServer(o: RunOptions): Promise<number> {
  const site = readSite(o.site);
  if (!site.snapshot) {
    for (const problem of site.problems) o.complain(problem);
    o.complain(`impetus: not started: ${site.problems.length} ${site.problems.length === 1 ? 'problem' : 'problems'} in the configuration`);
    return 1;
  }
  // A reload reads the file of the start, wherever the process stands then.
  const main = site.read.targets?.main.path;
  const server = new Server({ ...o, site: { ...o.site, file: main === undefined ? o.site.file : resolve(main) } }, site.snapshot);
  // Whoever reads our output may be gone while we run on.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  const started = server.start(site);
  const stopped = stopOnSignal(server, started, o);
  try {
    await started;
  } catch (error) {
    await server.stop();
    if (!(error instanceof StartError) && !(error instanceof PidFileError)) throw error;
    for (const line of error.message.split('\n')) o.complain(`impetus: ${line}`);
    return 1;
  }
  return stopped;
}

function stopOnSignal(server: Server, started: Promise<void>, o: RunOptions): Promise<number> {
  const hasTerminal = process.stdin.isTTY === true;
  return new Promise((done) => {
    let isStopping = false;
    const stop = async (why: string): Promise<void> => {
      if (isStopping) return;
      isStopping = true;
      try {
        await started;
      } catch {
        return;
      }
      o.say(`impetus: stopping (${why}); open sessions may end what they began`);
      await server.stop();
      o.say('impetus: stopped');
      done(0);
    };
    process.on('SIGTERM', () => void stop('SIGTERM'));
    process.on('SIGINT', () => void stop('SIGINT'));
    process.on('SIGHUP', () => {
      if (hasTerminal && !isTerminalThere()) void stop('the terminal was closed');
      else
        void started.then(
          () => server.reload({ andReopenLogs: true }),
          () => undefined,
        );
    });
  });
}

function isTerminalThere(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}

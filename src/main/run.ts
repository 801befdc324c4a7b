/*
 * Runs the server until a signal ends it: SIGTERM and SIGINT stop it in order, SIGHUP reads the configuration again and reopens logs.
 *
 * The one rule: a second SIGTERM does not make the stop less orderly; what does not end within the grace is cut off by the rooms
 * themselves. What nobody expected is said in the paniclog's words on standard error, and the process ends.
 */
import { resolve } from 'node:path';
import { Server, type RunOptions } from './server.ts';
import { StartError } from './start-error.ts';
import { PidFileError } from './pid-file.ts';
import { readSite } from './site.ts';

/** Resolves with the exit status when the server has stopped, or could not start. */
export async function runServer(o: RunOptions): Promise<number> {
  const site = readSite(o.site);
  if (!site.snapshot) {
    for (const problem of site.problems) o.complain(problem);
    o.complain('Global configuration error.');
    return 1;
  }
  const server = new Server({ ...o, site: { ...o.site, file: isPath(o.site.file) ? resolve(o.site.file) : o.site.file } }, site.snapshot);
  // Whoever reads our output may be gone while we run on.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  try {
    await server.start(site);
  } catch (error) {
    await server.stop();
    if (!(error instanceof StartError) && !(error instanceof PidFileError)) throw error;
    o.complain(`impetus: ${error.message}`);
    return 1;
  }
  return new Promise((done) => {
    const stop = () => void server.stop().then(() => done(0));
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    process.on('SIGHUP', () => {
      server.reopenLogs();
      void server.reload();
    });
  });
}

function isPath(file: string): boolean {
  return file.includes('/');
}

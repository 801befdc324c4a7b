/*
 * ecelerity: starts the mail server on a configuration (RT-09), in the background unless told otherwise.
 *
 * -c FILE, -d (foreground), -h, -n SERVICE (leave out esmtp, ecstream or queue; may be repeated), -s (accepted, the manual gives
 * it no meaning); ours: --check (read and check, start nothing), --foreground (as -d), --allow-root, --first-run (what npm start
 * says: the shipped configuration, in the foreground, with a message to try).
 * The server's own program is read last, and only where it is to run here: the words of the command, and a start in the background, need none of it.
 * Not here: the background (background.ts), everything the server does (main).
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startInBackground } from './background.ts';
import { beginThreads } from './early-threads.ts';
import { wrongWords } from './wrong-words.ts';

const services = ['esmtp', 'ecstream', 'queue'];

const usage = `usage: ecelerity [-c FILE] [--check] [-d | --foreground] [-n SERVICE] [--allow-root] [-h]
  -c FILE           configuration; default: ecelerity.conf, found by the search path
  --check           check the configuration and end
  -d, --foreground  stay in the foreground
  -n SERVICE        start without a service: ${services.join(', ')}; may be given more than once
  --allow-root      run as root although no Security { User = ... } says whom to become
  -s                accepted and without meaning
  -h, --help        this text
In the background the command ends when the server is ready or has failed; its exit status says which:
0 ready, 1 failed, 64 wrong words; with --check 0 valid, 1 there are problems.
Signals to the server: SIGTERM stops it in order, SIGHUP reads the configuration again and reopens the logs.`;

function options() {
  return parseArgs({
    options: {
      c: { type: 'string', short: 'c' },
      d: { type: 'boolean', short: 'd' },
      h: { type: 'boolean', short: 'h' },
      n: { type: 'string', short: 'n', multiple: true },
      s: { type: 'boolean', short: 's' },
      check: { type: 'boolean' },
      foreground: { type: 'boolean' },
      'allow-root': { type: 'boolean' },
      'first-run': { type: 'boolean' },
      detached: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
}

/** EC_STOP_GRACE, in seconds: for supervisors that wait less than 20 s before they kill. */
function stopGraceMs(): number {
  const seconds = Number(process.env['EC_STOP_GRACE'] || 15);
  return Math.min(15, Math.max(1, Number.isFinite(seconds) ? seconds : 15)) * 1000;
}

async function main(): Promise<number> {
  let values: ReturnType<typeof options>['values'];
  try {
    ({ values } = options());
  } catch (error) {
    console.error(`ecelerity: ${wrongWords(error)}\n${usage}`);
    return 64;
  }
  if (values.h || values.help) {
    console.log(usage);
    return 0;
  }
  const unknown = values.n?.find((service) => !services.includes(service));
  if (unknown !== undefined) {
    console.error(`ecelerity: cannot leave out the service "${unknown}": expected one of ${services.join(', ')}`);
    return 64;
  }
  const isCheck = values.check === true;
  const isFirstRun = values['first-run'] === true;
  const isForeground = values.d === true || values.foreground === true || isFirstRun;
  if (!isForeground && !isCheck) return startInBackground();
  const allowRoot = values['allow-root'] === true || isFirstRun;
  const begun = isCheck || (process.getuid?.() === 0 && !allowRoot) ? undefined : beginThreads();
  const { checkSite, packageRoot, runServer } = await import('#main');
  const site = {
    file: values.c ?? (isFirstRun ? join(packageRoot, 'etc/ecelerity.conf') : 'ecelerity.conf'),
    environment: process.env,
    // The child of a background start looks for files where its parent would have.
    isForeground: isForeground && values.detached !== true,
  };
  if (isCheck) return (await checkSite(site, (line) => console.log(line))) ? 0 : 1;
  return runServer({
    begun,
    site,
    without: values.n ?? [],
    allowRoot,
    isFirstRun,
    isDetached: values.detached === true,
    stopGraceMs: stopGraceMs(),
    say: (line) => console.log(line),
    complain: (line) => console.error(line),
  });
}

process.exitCode = await main();
// Whatever is still open must not keep a stopped server alive.
setTimeout(() => process.exit(), 1000).unref();

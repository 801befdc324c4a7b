/*
 * ecelerity: starts the mail server on a configuration (RT-09), in the background unless told otherwise.
 *
 * -c FILE, -d (foreground), -h, -n SERVICE (leave out esmtp, ecstream or queue; may be repeated), -s (accepted, the manual gives
 * it no meaning); ours: --check (read and check, start nothing), --foreground (as -d), --allow-root, --first-run (what npm start
 * says). In the background the command ends when the server is ready, or failed, and its exit status says which.
 * Not here: everything the server does (main).
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkSite, packageRoot, runServer } from '#main';

const services = ['esmtp', 'ecstream', 'queue'];

const usage = `usage: ecelerity [-c FILE] [--check] [-d | --foreground] [-n SERVICE] [--allow-root] [-h]
  -c FILE          configuration; default: ecelerity.conf, found by the search path
  --check          check the configuration and end
  -d, --foreground stay in the foreground
  -n SERVICE       start without a service: ${services.join(', ')}; may be given more than once
  --allow-root     run as root although no security { user = ... } says whom to become
  -h               this text`;

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

/** Starts this command again without a terminal and waits until it is ready; what it says until then is passed on. */
function detach(): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'ecelerity-'));
  const file = join(dir, 'output');
  const out = openSync(file, 'w');
  const args = [...process.execArgv, process.argv[1]!, ...process.argv.slice(2), '--foreground', '--detached'];
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', out, out] });
  closeSync(out);
  return new Promise((done) => {
    let said = 0;
    const finish = (status: number) => {
      clearInterval(look);
      pass();
      rmSync(dir, { recursive: true, force: true });
      child.unref();
      done(status);
    };
    const pass = (): string => {
      const text = readFileSync(file, 'utf8');
      process.stdout.write(text.slice(said));
      said = text.length;
      return text;
    };
    const look = setInterval(() => /^impetus: ready/m.test(pass()) && finish(0), 50);
    child.on('exit', (code) => finish(code ?? 1));
  });
}

async function main(): Promise<number | undefined> {
  let values: ReturnType<typeof options>['values'];
  try {
    ({ values } = options());
  } catch (error) {
    console.error(`ecelerity: ${(error as Error).message}\n${usage}`);
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
  const site = {
    file: values.c ?? (values['first-run'] ? join(packageRoot, 'etc/ecelerity.conf') : 'ecelerity.conf'),
    environment: process.env,
    isForeground: values.d === true || values.foreground === true,
  };
  if (values.check) return checkSite(site, (line) => console.log(line)) ? 0 : 1;
  if (!values.d && !values.foreground) return detach();
  if (values['first-run']) process.chdir(packageRoot);
  return runServer({
    site,
    without: values.n ?? [],
    allowRoot: values['allow-root'] === true || values['first-run'] === true,
    isFirstRun: values['first-run'] === true,
    isDetached: values.detached === true,
    say: (line) => console.log(line),
    complain: (line) => console.error(line),
  });
}

const status = await main();
if (status !== undefined) process.exitCode = status;

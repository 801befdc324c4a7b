/**
 * The servers that a run measures: how each one is configured for a workload and started in the foreground.
 *
 * The one rule: every system gets the same job, accept and hold (`accept`) or accept and deliver to 127.0.0.1:sink (`relay`),
 * with its spool in an empty folder of its own, tuned as its users would. Peers are used as Debian or npm ship them;
 * `postfix` needs the package postfix, `haraka` an installation named by $HARAKA. Settings of the peers: bench/README.md.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Workload = 'accept' | 'relay';

export interface Job {
  readonly port: number;
  readonly sink: number;
  readonly workload: Workload;
  readonly dir: string;
  /** More lines of configuration for Impetus. */
  readonly more?: string;
  /** More of the environment. */
  readonly env?: Record<string, string>;
  /** A second start on what the first one left. */
  readonly isRestart?: boolean;
}

const here = dirname(fileURLToPath(import.meta.url));

interface Command {
  readonly program: string;
  readonly args: string[];
  readonly env?: Record<string, string>;
  readonly cwd?: string;
}

const systems: Record<string, (job: Job) => Command> = {
  impetus,
  floor,
  floorlarge: floorLarge,
  policy: policyAtRcptto,
  policies: policyAtMost,
  busy: (job) => policyThatWorks(job, 6),
  light: (job) => policyThatWorks(job, 2),
  slow: policyThatIsSlowForOne,
  postfix,
  haraka,
  exim,
};

/** Throws before anything is started when a name is unknown or what it needs is not there. */
export function checkSystem(name: string): void {
  const kind = name.split('-', 1)[0]!;
  if (!(kind in systems))
    throw new Error(`no system is called "${name}": expected ${Object.keys(systems).join(', ')}, with -N for N loops or processes`);
  if (kind === 'haraka' && !process.env['HARAKA']) throw new Error('set HARAKA to a folder where `npm i Haraka` was run');
}

/** Starts `name` for the job; the caller waits for its banner. Several loops or processes: `impetus-2`, `haraka-2`. */
export function startSystem(name: string, job: Job): ChildProcess {
  if (job.isRestart !== true) rmSync(job.dir, { recursive: true, force: true });
  mkdirSync(job.dir, { recursive: true });
  const [kind, width] = name.split('-') as [string, string?];
  const command = systems[kind]!(job);
  const env = { ...process.env, ...command.env, ...job.env, ...(width === undefined ? {} : { BENCH_WIDTH: width }) };
  if (width !== undefined && OURS.has(kind)) widen(job, Number(width));
  if (width !== undefined && kind === 'haraka') appendFileSync(join(job.dir, 'config/smtp.ini'), `nodes=${width}\n`);
  const log = join(job.dir, 'bench-output');
  const shell = `ulimit -n 60000 2>/dev/null || ulimit -n 20000; exec "$0" "$@" >${JSON.stringify(log)} 2>&1`;
  return spawn('bash', ['-c', shell, command.program, ...command.args], {
    env,
    cwd: command.cwd ?? job.dir,
    stdio: 'ignore',
    detached: true,
  });
}

function impetus(job: Job): Command {
  writeFileSync(
    join(job.dir, 'ecelerity.conf'),
    `Hostname = "bench.test"
SpoolBase = "${job.dir}/spool"
PidFile = "${job.dir}/pid"
Relay_Hosts = ( 127.0.0.0/8 )
Gateway = "127.0.0.1:${job.sink}"
Max_Outbound_Connections = 20
${job.workload === 'accept' ? 'Suspend_Delivery = true' : ''}
${job.more ?? ''}
ESMTP_Listener { Listen "127.0.0.1:${job.port}" {} }
Control_Listener { Listen "${job.dir}/control" {} }
ec_logger { mainlog = "${job.dir}/mainlog.ec" paniclog = "${job.dir}/paniclog.ec" rejectlog = "${job.dir}/rejectlog.ec" }
`,
  );
  return { program: join(here, '../bin/ecelerity'), args: ['-c', join(job.dir, 'ecelerity.conf'), '--foreground', '--allow-root'] };
}

/** Impetus with a policy that is asked once a message. */
function policyAtRcptto(job: Job): Command {
  return withPolicy(
    job,
    "export const rcptto = (event) => (event.recipient.domain === 'never.test' ? { reject: 550, text: 'no' } : undefined);",
  );
}

/** Impetus with a policy that is asked five times a message, three of them with the message. */
function policyAtMost(job: Job): Command {
  const phases = ['mailfrom', 'rcptto', 'data', 'data_spool', 'set_binding'];
  return withPolicy(job, phases.map((phase) => `export const ${phase} = () => undefined;`).join('\n'));
}

/** Impetus with a policy that computes for `ms` a message, but not for those that warm it up (measure.ts). */
function policyThatWorks(job: Job, ms: number): Command {
  return withPolicy(
    job,
    `${BUSY}export const data_spool = (event) => (event.sender.address.startsWith('warm@') ? undefined : busy(${ms}));`,
  );
}

/** Impetus with a policy that computes for 50 ms for one sender and not at all for others. */
function policyThatIsSlowForOne(job: Job): Command {
  return withPolicy(job, `${BUSY}export const data_spool = (event) => (event.sender.address.startsWith('slow@') ? busy(50) : undefined);`);
}

const BUSY = `const busy = (ms) => {
  const end = performance.now() + ms;
  while (performance.now() < end);
  return undefined;
};
`;

/** Impetus by other names: with a policy. */
const OURS: ReadonlySet<string> = new Set(['impetus', 'policy', 'policies', 'busy', 'light', 'slow']);

function withPolicy(job: Job, text: string): Command {
  const command = impetus(job);
  writeFileSync(join(job.dir, 'policy.ts'), text);
  appendFileSync(join(job.dir, 'ecelerity.conf'), 'policy { file = "policy.ts" budget = 20000 timeout = 25 }\n');
  return command;
}

/** The bare Node.js server: what the machine and the runtime can do (floor.ts). */
function floor(job: Job): Command {
  const args = [join(here, 'floor.ts'), String(job.port), join(job.dir, 'log')];
  return { program: join(here, '../bin/node'), args: job.workload === 'relay' ? [...args, String(job.sink)] : args };
}

/** The same for large messages: a file each (floor-large.ts). */
function floorLarge(job: Job): Command {
  return { program: join(here, '../bin/node'), args: [join(here, 'floor-large.ts'), String(job.port), join(job.dir, 'files')] };
}

function widen(job: Job, loops: number): void {
  appendFileSync(join(job.dir, 'ecelerity.conf'), `EventLoop "pool" { Concurrency = ${loops} }\n`);
}

function fill(text: string, job: Job): string {
  return text.replaceAll('@PORT@', String(job.port)).replaceAll('@SINK@', String(job.sink)).replaceAll('@DIR@', job.dir);
}

function postfix(job: Job): Command {
  for (const dir of ['etc', 'spool', 'data']) mkdirSync(join(job.dir, dir), { recursive: true });
  let main = fill(readFileSync(join(here, 'peers/postfix-main.cf'), 'utf8'), job);
  if (job.workload === 'accept') main += 'smtpd_client_restrictions = check_client_access static:HOLD\n';
  writeFileSync(join(job.dir, 'etc/main.cf'), main);
  writeFileSync(join(job.dir, 'etc/master.cf'), fill(readFileSync(join(here, 'peers/postfix-master.cf'), 'utf8'), job));
  const uid = Number(spawnSync('id', ['-u', 'postfix'], { encoding: 'utf8' }).stdout);
  chownSync(join(job.dir, 'data'), uid, 0);
  for (const dir of [job.dir, join(job.dir, 'spool')]) chmodSync(dir, 0o755);
  // Postfix's set-gid helpers refuse a configuration folder that the main one does not name.
  appendFileSync('/etc/postfix/main.cf', '');
  const known = spawnSync('postconf', ['-h', 'alternate_config_directories'], { encoding: 'utf8' }).stdout.trim();
  if (!known.split(/\s+/).includes(join(job.dir, 'etc')))
    spawnSync('postconf', ['-c', '/etc/postfix', '-e', `alternate_config_directories=${known} ${join(job.dir, 'etc')}`]);
  spawnSync('postfix', ['-c', join(job.dir, 'etc'), 'check'], { stdio: 'ignore' });
  return { program: '/usr/lib/postfix/sbin/master', args: ['-c', join(job.dir, 'etc'), '-d'] };
}

function haraka(job: Job): Command {
  const home = process.env['HARAKA']!;
  cpSync(join(here, 'peers/haraka'), job.dir, { recursive: true });
  mkdirSync(join(job.dir, 'queue'), { recursive: true });
  writeFileSync(join(job.dir, 'config/smtp.ini'), fill(readFileSync(join(job.dir, 'config/smtp.ini'), 'utf8'), job));
  return {
    program: 'node',
    args: [join(home, 'node_modules/Haraka/bin/haraka'), '-c', job.dir],
    env: { BENCH_MODE: job.workload, BENCH_SINK: String(job.sink) },
  };
}

function exim(job: Job): Command {
  for (const dir of ['spool', 'log']) mkdirSync(join(job.dir, dir), { recursive: true });
  const program = process.env['EXIM'] ?? '/usr/sbin/exim4';
  // Exim starts itself anew for each delivery, by this path.
  let conf = fill(readFileSync(join(here, 'peers/exim.conf'), 'utf8'), job).replace(/^exim_path = .*/m, `exim_path = ${program}`);
  if (job.workload === 'accept') conf = conf.replace(/^queue_only = .*/m, 'queue_only = true');
  mkdirSync('/etc/exim4', { recursive: true });
  writeFileSync('/etc/exim4/exim4.conf', conf);
  spawnSync('chown', ['-R', 'Debian-exim:Debian-exim', job.dir]);
  const runner = job.workload === 'relay' ? ['-q5s'] : [];
  return { program, args: ['-bdf', ...runner, '-oX', String(job.port), '-oP', join(job.dir, 'pid')] };
}

/**
 * A real Unbound, started by hand in the foreground on loopback, which answers for the zone `test` from a file of its own folder.
 *
 * The one rule: nothing of it outlives the test and it asks nobody else. `sick.example` is SERVFAIL, `silent.test` is never answered, `refused.test`
 * refused; answers over UDP are cut at 512 octets, so that longer ones must be asked for over TCP.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePorts, until } from './server.ts';

const conf = `
server:
  interface: 127.0.0.1
  port: @PORT@
  username: ""
  chroot: ""
  directory: "@DIR@"
  pidfile: ""
  use-syslog: no
  logfile: "@DIR@/log"
  do-daemonize: no
  do-ip6: no
  module-config: "iterator"
  max-udp-size: 512
  local-zone: "test." transparent
  local-zone: "silent.test." deny
  local-zone: "refused.test." refuse
remote-control:
  control-enable: no
forward-zone:
  name: "sick.example."
  forward-addr: 127.0.0.1@1
auth-zone:
  name: "test."
  zonefile: "@DIR@/test.zone"
  for-downstream: yes
  for-upstream: no
`;

/** A verifying one: `secure.test` is signed and its key is the one that is trusted, `plain.test` is not signed. */
const verifyingConf = `
server:
  interface: 127.0.0.1
  port: @PORT@
  username: ""
  chroot: ""
  directory: "@DIR@"
  pidfile: ""
  use-syslog: no
  logfile: "@DIR@/log"
  do-daemonize: no
  do-ip6: no
  module-config: "validator iterator"
  trust-anchor-file: "@DIR@/anchor"
  local-zone: "test." nodefault
remote-control:
  control-enable: no
auth-zone:
  name: "secure.test."
  zonefile: "@DIR@/secure.test.zone.signed"
  for-downstream: no
  for-upstream: yes
  fallback-enabled: no
auth-zone:
  name: "plain.test."
  zonefile: "@DIR@/plain.test.zone"
  for-downstream: no
  for-upstream: yes
  fallback-enabled: no
`;

const program = '/usr/sbin/unbound';

export const hasUnbound = existsSync(program);
export const hasSigner = existsSync('/usr/bin/ldns-signzone');

export class Unbound {
  readonly port: number;
  readonly #dir: string;
  #child: ChildProcess | undefined;

  constructor(dir: string, port: number) {
    this.#dir = dir;
    this.port = port;
  }

  /** As a name server line of a resolver file. */
  get line(): string {
    return `nameserver [127.0.0.1]:${this.port}`;
  }

  /** Writes the zone anew; what is running is started again with it. */
  async serve(records: string): Promise<void> {
    await this.end();
    writeFileSync(join(this.#dir, 'test.zone'), `${head('test')}${records}\n`);
    await this.start();
  }

  async start(): Promise<void> {
    const child = spawn(program, ['-d', '-c', join(this.#dir, 'unbound.conf')], { stdio: ['ignore', 'ignore', 'pipe'], cwd: this.#dir });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    this.#child = child;
    await until(
      () =>
        new Promise<boolean>((done) => {
          const socket = createConnection(this.port, '127.0.0.1', () => (socket.destroy(), done(true)));
          socket.on('error', () => done(false));
        }),
      () => `Unbound to listen: ${said}`,
    );
  }

  async end(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    const ended = new Promise((done) => child.on('exit', done));
    child.kill();
    await ended;
  }
}

export async function startUnbound(t: TestContext, records: string): Promise<Unbound> {
  const dir = mkdtempSync(join(tmpdir(), 'impetus-unbound-'));
  const [port = 0] = await freePorts(1);
  writeFileSync(join(dir, 'unbound.conf'), conf.replaceAll('@DIR@', dir).replaceAll('@PORT@', String(port)));
  const unbound = new Unbound(dir, port);
  t.after(async () => {
    await unbound.end();
    rmSync(dir, { recursive: true, force: true });
  });
  await unbound.serve(records);
  return unbound;
}

function head(zone: string): string {
  return `$ORIGIN ${zone}.\n$TTL 300\n@ SOA ns.${zone}. root.${zone}. ( 1 3600 600 86400 60 )\n@ NS ns.${zone}.\nns A 127.0.0.1\n`;
}

/**
 * A name server that verifies DNSSEC.
 *
 * @param forge changes the signed zone as a liar would: whole lines in, whole lines out
 */
export async function startVerifyingUnbound(
  t: TestContext,
  zones: { readonly secure: string; readonly plain: string; readonly forge: (line: string) => string },
): Promise<Unbound> {
  const dir = mkdtempSync(join(tmpdir(), 'impetus-unbound-'));
  const [port = 0] = await freePorts(1);
  writeFileSync(join(dir, 'unbound.conf'), verifyingConf.replaceAll('@DIR@', dir).replaceAll('@PORT@', String(port)));
  writeFileSync(join(dir, 'secure.test.zone'), `${head('secure.test')}${zones.secure}\n`);
  writeFileSync(join(dir, 'plain.test.zone'), `${head('plain.test')}${zones.plain}\n`);
  const key = execFileSync('ldns-keygen', ['-a', 'ECDSAP256SHA256', '-k', 'secure.test'], { cwd: dir, encoding: 'utf8' }).trim();
  execFileSync('ldns-signzone', ['secure.test.zone', key], { cwd: dir });
  writeFileSync(join(dir, 'anchor'), readFileSync(join(dir, `${key}.key`), 'utf8'));
  const signed = join(dir, 'secure.test.zone.signed');
  writeFileSync(signed, readFileSync(signed, 'utf8').split('\n').map(zones.forge).join('\n'));
  const unbound = new Unbound(dir, port);
  t.after(async () => {
    await unbound.end();
    rmSync(dir, { recursive: true, force: true });
  });
  await unbound.start();
  return unbound;
}

/**
 * A real Unbound, started by hand in the foreground on loopback, which answers for the zone `test` from a file of its own folder.
 *
 * The one rule: nothing of it outlives the test and it asks nobody else. `sick.example` is SERVFAIL, `silent.test` is never answered, `refused.test`
 * refused; answers over UDP are cut at 512 octets, so that longer ones must be asked for over TCP.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

const program = '/usr/sbin/unbound';

export const hasUnbound = existsSync(program);

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
    const head = '$ORIGIN test.\n$TTL 300\n@ SOA ns.test. root.test. ( 1 3600 600 86400 60 )\n@ NS ns.test.\nns A 127.0.0.1\n';
    writeFileSync(join(this.#dir, 'test.zone'), `${head}${records}\n`);
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

/**
 * A real Exim, started by hand in the foreground on loopback as the user mail, that keeps what it takes in one maildir of its own folder.
 *
 * The one rule: nothing of it outlives the test. Debian will not install it beside Postfix, so scripts/test-clients.sh unpacks its program alone.
 * Each message it keeps says in headers in front what its envelope was: X-Mail, X-Rcpt (the commands as Exim read them).
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePorts, until } from './server.ts';
import { SmtpClient } from './smtp-client.ts';

const conf = `
exim_user = mail
exim_group = mail
deliver_drop_privilege
primary_hostname = exim.test
spool_directory = @DIR@/spool
log_file_path = @DIR@/log/%s
pid_file_path = @DIR@/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = @CHUNKS@ : @DATA@
keep_environment =
tls_advertise_hosts =
dsn_advertise_hosts = *
chunking_advertise_hosts = \${if ={$received_port}{@CHUNKS@}{*}{}}
host_lookup =
rfc1413_hosts =
smtp_accept_queue_per_connection = 0
acl_smtp_mail = note_mail
acl_smtp_rcpt = note_rcpt
acl_smtp_data = take
begin acl
note_mail:
  accept set acl_m_mail = $smtp_command
note_rcpt:
  accept set acl_m_rcpt = $smtp_command
take:
  accept
begin routers
box:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  maildir_format
  directory = @DIR@/mail
  create_directory
  headers_add = X-Mail: $acl_m_mail\\nX-Rcpt: $acl_m_rcpt
`;

const program = '/usr/local/lib/impetus-test/exim4/usr/sbin/exim4';

export const hasExim = existsSync(program) && process.getuid?.() === 0;

export class Exim {
  readonly dir: string;
  /** The door with CHUNKING, and the one without. */
  readonly ports: { readonly chunks: number; readonly data: number };

  constructor(dir: string, ports: { chunks: number; data: number }) {
    this.dir = dir;
    this.ports = ports;
  }

  /** What it delivered, latin1, with its own line ends (LF). */
  get mail(): string[] {
    const folder = join(this.dir, 'mail/new');
    return existsSync(folder) ? readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1')) : [];
  }
}

export async function startExim(t: TestContext): Promise<Exim> {
  const dir = mkdtempSync(join(tmpdir(), 'impetus-exim-'));
  const [chunks = 0, data = 0] = await freePorts(2);
  const idOf = (option: string): number => Number(spawnSync('id', [option, 'mail'], { encoding: 'utf8' }).stdout);
  const [uid, gid] = [idOf('-u'), idOf('-g')];
  chmodSync(dir, 0o755);
  for (const name of ['spool', 'log', 'mail']) {
    mkdirSync(join(dir, name));
    chownSync(join(dir, name), uid, gid);
  }
  writeFileSync(
    join(dir, 'exim.conf'),
    conf.replaceAll('@DIR@', dir).replaceAll('@CHUNKS@', String(chunks)).replaceAll('@DATA@', String(data)),
  );
  const child = spawn(program, ['-C', join(dir, 'exim.conf'), '-bdf', '-odf'], { stdio: ['ignore', 'ignore', 'pipe'], cwd: dir, uid, gid });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise((done) => child.on('exit', done));
  t.after(async () => {
    child.kill();
    await ended;
    rmSync(dir, { recursive: true, force: true });
  });
  await until(
    async () => {
      const client = await SmtpClient.open(data).catch(() => undefined);
      client?.socket.destroy();
      return client !== undefined;
    },
    () => `Exim to listen: ${said}`,
  );
  return new Exim(dir, { chunks, data });
}

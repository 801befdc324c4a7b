/**
 * A real Postfix, started by hand in the foreground on loopback, that keeps what it takes in maildirs of its own folder.
 *
 * The one rule: nothing of it outlives the test and nothing of the system's Postfix is touched; it needs root, as its master does.
 * Two doors: one that offers CHUNKING and one that does not.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePorts, until } from './server.ts';
import { SmtpClient } from './smtp-client.ts';

const main = `
compatibility_level = 3.6
queue_directory = @DIR@/spool
data_directory = @DIR@/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.test
mydestination =
mynetworks = 127.0.0.0/8
local_recipient_maps =
alias_maps =
alias_database =
smtpd_peername_lookup = no
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_relay_restrictions = permit_mynetworks, reject
virtual_mailbox_domains = chunks.test, data.test, victim.test
virtual_mailbox_base = @DIR@/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:@UID@
virtual_gid_maps = static:@GID@
virtual_minimum_uid = 1
message_size_limit = 10240000
mailbox_size_limit = 0
`;

const services = `
127.0.0.1:@CHUNKS@ inet n - n - 20 smtpd
127.0.0.1:@DATA@ inet n - n - 20 smtpd -o smtpd_discard_ehlo_keywords=chunking
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
`;

export class Postfix {
  readonly dir: string;
  /** The door with CHUNKING, and the one without. */
  readonly ports: { readonly chunks: number; readonly data: number };

  constructor(dir: string, ports: { chunks: number; data: number }) {
    this.dir = dir;
    this.ports = ports;
  }

  /** What it delivered, latin1, with its own line ends (LF). */
  get mail(): string[] {
    const folder = join(this.dir, 'mail/box/new');
    return existsSync(folder) ? readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1')) : [];
  }
}

const idOf = (option: string): number => Number(spawnSync('id', [option, 'postfix'], { encoding: 'utf8' }).stdout);

/** What makes it hand everything else on: to a port of ours, over TLS that must verify. */
function relayTo(o: { port: number; ca: string; name: string }): { main: string; services: string } {
  return {
    main: `
relayhost = [127.0.0.1]:${o.port}
disable_dns_lookups = yes
smtp_tls_security_level = verify
smtp_tls_CAfile = ${o.ca}
smtp_tls_verify_cert_match = ${o.name}
smtp_destination_concurrency_limit = 2
`,
    services: `
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
tlsmgr    unix  - - n 1000? 1 tlsmgr
`,
  };
}

export async function startPostfix(t: TestContext, relay?: { port: number; ca: string; name: string }): Promise<Postfix> {
  const more = relay === undefined ? { main: '', services: '' } : relayTo(relay);
  const dir = mkdtempSync(join(tmpdir(), 'impetus-postfix-'));
  const [chunks = 0, data = 0] = await freePorts(2);
  const [uid, gid] = [idOf('-u'), idOf('-g')];
  for (const name of ['etc', 'spool', 'data', 'mail']) mkdirSync(join(dir, name));
  const fill = (text: string): string =>
    Object.entries({ DIR: dir, CHUNKS: chunks, DATA: data, UID: uid, GID: gid }).reduce(
      (filled, [name, value]) => filled.replaceAll(`@${name}@`, String(value)),
      text,
    );
  writeFileSync(join(dir, 'etc/main.cf'), fill(main + more.main));
  writeFileSync(join(dir, 'etc/master.cf'), fill(services + more.services));
  for (const name of ['', 'spool']) chmodSync(join(dir, name), 0o755);
  for (const name of ['data', 'mail']) chownSync(join(dir, name), uid, gid);
  // Postfix makes the folders of its queue.
  spawnSync('postfix', ['-c', join(dir, 'etc'), 'check'], { stdio: 'ignore' });
  const child = spawn('/usr/lib/postfix/sbin/master', ['-c', join(dir, 'etc'), '-d'], { stdio: 'ignore', cwd: dir });
  const ended = new Promise((done) => child.on('exit', done));
  t.after(async () => {
    child.kill();
    await ended;
    rmSync(dir, { recursive: true, force: true });
  });
  await until(async () => {
    const client = await SmtpClient.open(data).catch(() => undefined);
    client?.socket.destroy();
    return client !== undefined;
  }, 'Postfix to listen');
  return new Postfix(dir, { chunks, data });
}

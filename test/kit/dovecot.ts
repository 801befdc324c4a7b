/**
 * A real Dovecot with LMTP alone, started by hand in the foreground, that keeps what it takes in maildirs of its own folder.
 *
 * The one rule: nothing of it outlives the test and nothing of the system's Dovecot is touched; it needs root, as its master does.
 * Two doors: a port of 127.0.0.1 and a Unix socket.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePorts, until } from './server.ts';
import { SmtpClient } from './smtp-client.ts';

const conf = `
protocols = lmtp
base_dir = @DIR@/run
state_dir = @DIR@/state
log_path = @DIR@/log
listen = 127.0.0.1
ssl = no
mail_location = maildir:@DIR@/mail/%n
default_login_user = dovenull
default_internal_user = dovecot
default_vsz_limit = 0
first_valid_uid = 1
first_valid_gid = 1
auth_username_chars =
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=@UID@ gid=@GID@ home=@DIR@/mail/%n allow_all_users=yes
}
lmtp_rcpt_check_quota = no
recipient_delimiter =
service lmtp {
  chroot =
  inet_listener lmtp {
    address = 127.0.0.1
    port = @PORT@
  }
  unix_listener @DIR@/Lmtp {
    mode = 0666
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
protocol lmtp {
  postmaster_address = postmaster@dovecot.test
}
`;

export const hasDovecot = existsSync('/usr/lib/dovecot/lmtp') && process.getuid?.() === 0;

export class Dovecot {
  readonly dir: string;
  readonly port: number;

  constructor(dir: string, port: number) {
    this.dir = dir;
    this.port = port;
  }

  get socket(): string {
    return join(this.dir, 'Lmtp');
  }

  /** What is in the mailbox of a local part, latin1, with Dovecot's line ends (LF). */
  mail(user: string): string[] {
    const folder = join(this.dir, 'mail', user, 'new');
    return existsSync(folder) ? readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1')) : [];
  }
}

export async function startDovecot(t: TestContext): Promise<Dovecot> {
  const dir = mkdtempSync(join(tmpdir(), 'impetus-dovecot-'));
  const [port = 0] = await freePorts(1);
  const idOf = (option: string): number => Number(spawnSync('id', [option, 'mail'], { encoding: 'utf8' }).stdout);
  chmodSync(dir, 0o755);
  for (const name of ['run', 'state', 'mail']) mkdirSync(join(dir, name));
  chownSync(join(dir, 'mail'), idOf('-u'), idOf('-g'));
  const filled = { DIR: dir, PORT: port, UID: idOf('-u'), GID: idOf('-g') };
  const text = Object.entries(filled).reduce((all, [name, value]) => all.replaceAll(`@${name}@`, String(value)), conf);
  writeFileSync(join(dir, 'dovecot.conf'), text);
  const child = spawn('/usr/sbin/dovecot', ['-F', '-c', join(dir, 'dovecot.conf')], { stdio: ['ignore', 'ignore', 'pipe'], cwd: dir });
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
      const client = await SmtpClient.open(port).catch(() => undefined);
      client?.socket.destroy();
      return client !== undefined;
    },
    () => `Dovecot to listen: ${said}`,
  );
  return new Dovecot(dir, port);
}

/**
 * Root is given up: the security scope, the capability that is kept, and whose the files are. These scenarios must run as root.
 */
import { test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { mailOf } from '../kit/mailbox.ts';
import { command, prepareServer, root, run, until, type Server } from '../kit/server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const isRoot = process.getuid?.() === 0;
const rootOnly = isRoot ? {} : { skip: 'only root can become somebody else' };
const [nobody, nogroup] = [65534, 65534];
const security = 'Security { User = "nobody" Group = "nogroup" Supplemental_Groups = ( "mail" ) Capabilities = "cap_net_bind_service+ep" }';

/** Everything in folders that do not exist yet; the outer one stays root's. */
const conf = `
SpoolBase = "{dir}/state/spool"
PidFile = "{dir}/server.pid"
Hostname = "mx.impetus.test"
Relay_Hosts = ( 127.0.0.0/8 )
Control_Listener { Listen "{dir}/run/control" { File_Mode = 0600 } }
ec_logger { mainlog = "{dir}/log/mainlog.ec" paniclog = "{dir}/log/paniclog.ec" rejectlog = "{dir}/log/rejectlog.ec" }
maildir { basedir = "{dir}/mail" all_domains = true createusers = true }
`;

/** Whatever runs on ecelerity.conf at the end, in the background, is stopped. */
async function prepare(t: TestContext, text: string): Promise<Server> {
  const server = await prepareServer({ bare: true, conf: text });
  t.after(async () => {
    await command('ec_ctl', ['stop', '-c', server.path('ecelerity.conf')]);
    await server.end();
  });
  chmodSync(server.dir, 0o755);
  return server;
}

/** A port below 1024 that is free on 127.0.0.1. */
async function lowPort(): Promise<number> {
  for (let port = 1023; port > 600; port--) {
    const isFree = await new Promise<boolean>((done) => {
      const server = createServer();
      server.once('error', () => done(false));
      server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
    });
    if (isFree) return port;
  }
  throw new Error('no port below 1024 is free');
}

function status(pid: string, field: string): string[] {
  const texts = readdirSync(`/proc/${pid}/task`).map((task) => readFileSync(`/proc/${pid}/task/${task}/status`, 'latin1'));
  return [...new Set(texts.map((text) => new RegExp(`^${field}:\\s*(.*?)\\s*$`, 'm').exec(text)![1]!))];
}

test('started as root without a user the server refuses, in words; --allow-root is the way around it', rootOnly, async (t) => {
  const server = await prepare(t, conf);
  const file = server.path('ecelerity.conf');
  for (const text of ['', 'Security { User = "root" Group = "root" }']) {
    writeFileSync(file, server.fill(conf + text));
    const refused = await command('ecelerity', ['-c', file, '--foreground']);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /Cannot run as root: name whom to become with Security/);
  }
  assert.deepEqual(readdirSync(server.dir), ['ecelerity.conf'], 'nothing was touched');
  const allowed = await command('ecelerity', ['-c', file, '--allow-root']);
  assert.equal(allowed.code, 0, allowed.err);
  assert.match(allowed.out, /warning +runs as root: for real use say whom to become with Security/);
});

test(
  'SEC-01 SEC-02 with --allow-root and a user, what was begun as root ends before root is given up: loops are the user and bind below 1024',
  rootOnly,
  async (t) => {
    const port = await lowPort();
    const server = await prepare(t, `${security}\n${conf}\nESMTP_Listener { Listen "127.0.0.1:${port}" {} }\n`);
    const file = server.path('ecelerity.conf');
    const started = await command('ecelerity', ['-c', file, '--allow-root'], { cwd: '/' });
    assert.equal(started.code, 0, started.err + started.out);
    const pid = server.read('server.pid').trim();
    assert.deepEqual(status(pid, 'Uid'), [`${nobody}\t${nobody}\t${nobody}\t${nobody}`]);
    assert.deepEqual(
      status(pid, 'Name')
        .filter((name) => /^(?:loop|writer)/.test(name))
        .sort(),
      ['loop 0', 'writer'],
    );
    await (await SmtpClient.greet(port)).quit();
    assert.equal((await command('ec_ctl', ['stop', '-c', file])).code, 0);
  },
);

test('a user, a group or a capability that does not exist refuses the start', rootOnly, async (t) => {
  const server = await prepare(t, conf);
  const file = server.path('ecelerity.conf');
  const refusals: [string, RegExp][] = [
    ['Security { User = "nosuchuser" Group = "nogroup" }', /there is no such user; make one with: useradd --system nosuchuser/],
    ['Security { User = "nobody" Group = "nosuchgroup" }', /there is no such group; make one with: groupadd --system nosuchgroup/],
    ['Security { User = "nobody" Group = "nogroup" Supplemental_Groups = ( "mail" "nosuchgroup" ) }', /group "nosuchgroup"/],
    ['Security { User = "nobody" Group = "nogroup" Capabilities = "cap_fly+ep" }', /"cap_fly" is no capability/],
  ];
  for (const [text, words] of refusals) {
    writeFileSync(file, server.fill(conf + text));
    const refused = await command('ecelerity', ['-c', file, '--foreground']);
    assert.deepEqual([refused.code, words.test(refused.err)], [1, true], refused.err);
  }
});

test(
  'SEC-01 SEC-02 SEC-03 root becomes the user in all threads, keeps one capability, binds below 1024, owns its files',
  rootOnly,
  async (t) => {
    const port = await lowPort();
    // SEC-03: of two security scopes the later text wins.
    const server = await prepare(
      t,
      `Security { User = "daemon" Group = "daemon" }\n${security}\n${conf}\nESMTP_Listener { Listen "127.0.0.1:${port}" {} }\n`,
    );
    const file = server.path('ecelerity.conf');
    const started = await command('ecelerity', ['-c', file], { cwd: '/' });
    assert.equal(started.code, 0, started.err + started.out);
    const pid = server.read('server.pid').trim();
    assert.deepEqual(status(pid, 'Uid'), [`${nobody}\t${nobody}\t${nobody}\t${nobody}`]);
    assert.deepEqual(status(pid, 'Gid'), [`${nogroup}\t${nogroup}\t${nogroup}\t${nogroup}`]);
    assert.deepEqual(status(pid, 'Groups'), ['8 65534'], 'none of root, all of the configuration');
    const bindOnly = (1n << 10n).toString(16).padStart(16, '0');
    for (const set of ['CapEff', 'CapPrm']) {
      assert.match(readFileSync(`/proc/${pid}/status`, 'latin1'), new RegExp(`^${set}:\\s*${bindOnly}$`, 'm'));
      // Helper threads that were there before root was given up have nothing at all.
      assert.deepEqual(
        status(pid, set).filter((value) => value !== bindOnly && !/^0+$/.test(value)),
        [],
        set,
      );
    }

    const client = await SmtpClient.greet(port);
    assert.match(await client.send('a@sender.test', 'you@inbox.test', 'Subject: as nobody\r\n'), /^250/);
    await client.quit();
    assert.equal(mailOf(server, 'you').length, 1);
    await until(() => server.read('log/mainlog.ec').includes('you@inbox.test'), 'the log line');
    for (const name of [
      'state',
      'state/spool',
      'state/spool/0',
      'run',
      'run/control',
      'log',
      'log/mainlog.ec',
      'mail',
      'mail/you',
      'server.pid',
    ])
      assert.deepEqual([name, statSync(server.path(name)).uid, statSync(server.path(name)).gid], [name, nobody, nogroup]);
    assert.equal(statSync(server.path('run/control')).mode & 0o777, 0o600);

    // A listener below 1024 can be added later, by the user that the server is now.
    const second = await lowPort();
    writeFileSync(
      file,
      server.fill(`${security}\n${conf}\nESMTP_Listener { Listen "127.0.0.1:${port}" {} Listen "127.0.0.1:${second}" {} }\n`),
    );
    const reloaded = await command('ec_console', [server.path('run/control'), 'config', 'reload']);
    assert.equal(reloaded.code, 0, reloaded.err);
    await (await SmtpClient.greet(second)).quit();

    const stopped = await command('ec_ctl', ['stop', '-c', file]);
    assert.equal(stopped.code, 0, stopped.err);
    // Only root may remove a file from this folder: an empty pidfile names nobody, and the next start takes it.
    assert.equal(server.read('server.pid'), '');
    assert.equal((await command('ec_ctl', ['start', '-c', file])).code, 0);
    assert.equal(statSync(server.path('server.pid')).uid, nobody);
  },
);

test('an ordinary user starts a server without a security scope, and is told what is not allowed', rootOnly, async (t) => {
  const server = await prepare(t, `${conf}\nESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }\n`);
  const asNobody = (args: readonly string[]) =>
    run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', '--bounding-set=-all', `${root}/bin/ecelerity`, ...args]);
  const denied = await asNobody(['-c', server.path('ecelerity.conf'), '--foreground']);
  assert.equal(denied.code, 1);
  assert.match(denied.err, /Cannot write PidFile ".*server\.pid": EACCES/);
  assert.doesNotMatch(denied.err, /^\s+at /m, 'no stack');
  mkdirSync(server.path('own'), { mode: 0o777 });
  chmodSync(server.path('own'), 0o777);
  const own = conf.replaceAll('{dir}', '{dir}/own');
  const port = await lowPort();
  writeFileSync(server.path('low.conf'), server.fill(`${own}\nESMTP_Listener { Listen "127.0.0.1:${port}" {} }`));
  const low = await asNobody(['-c', server.path('low.conf'), '--foreground']);
  assert.match(
    low.err,
    new RegExp(`Cannot listen on "127\\.0\\.0\\.1:${port}": ports below 1024 need root or the capability cap_net_bind_service`),
  );
  writeFileSync(server.path('ecelerity.conf'), server.fill(`${own}\nESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }`));
  const started = await asNobody(['-c', server.path('ecelerity.conf')]);
  assert.equal(started.code, 0, started.err);
  await (await SmtpClient.greet(server.ports['smtp']!)).quit();
});

/**
 * ec_ctl against the real server: start, stop, restart, reload; CONFFILE, TRY, EXTRA_ARGS, the environment file and rc.includes.
 */
import { test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { command, prepareServer, until, type Ran, type Server } from '../kit/server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const conf = 'ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }\n';

interface Site {
  readonly server: Server;
  readonly ctl: (...args: string[]) => Promise<Ran>;
}

/** A site with an etc folder of its own; whatever runs at the end is stopped. */
async function site(t: TestContext, environment = ''): Promise<Site> {
  const server = await prepareServer({ conf });
  mkdirSync(server.path('etc'));
  mkdirSync(server.path('bin/rc.includes'), { recursive: true });
  writeFileSync(server.path('etc/environment'), server.fill(`CONFFILE={dir}/ecelerity.conf\nEXTRA_ARGS=--allow-root\n${environment}`));
  const env = { EC_ETC: server.path('etc') };
  const ctl = (...args: string[]) => command('ec_ctl', args, { cwd: '/', env });
  t.after(async () => {
    server.configure(conf);
    await ctl('stop');
    await server.end();
  });
  return { server, ctl };
}

test('CLI-01 CFG-55 start, reload, restart and stop find the configuration by CONFFILE of the environment file', async (t) => {
  const { server, ctl } = await site(t);
  const pid = () => server.read('ecelerity.pid').trim();
  assert.deepEqual(await ctl('stop'), { code: 0, out: 'ec_ctl: the server is not running\n', err: '' });
  const reloadNothing = await ctl('reload');
  assert.deepEqual([reloadNothing.code, reloadNothing.err], [1, 'ec_ctl: cannot reload: the server is not running\n']);

  const started = await ctl('start');
  assert.equal(started.code, 0, started.err);
  assert.match(started.out, /impetus: ready/);
  const first = pid();
  assert.deepEqual(await ctl('start'), { code: 0, out: `ec_ctl: the server runs already, as process ${first}\n`, err: '' });

  server.configure(`${conf}ESMTP_Listener { Static_Banner = "220 reloaded" }`);
  assert.equal((await ctl('reload')).code, 0);
  await until(async () => {
    const client = await SmtpClient.open(server.ports['smtp']!);
    const banner = await client.reply();
    client.socket.destroy();
    return banner === '220 reloaded';
  }, 'the new banner');

  const restarted = await ctl('restart');
  assert.equal(restarted.code, 0, restarted.err);
  assert.notEqual(pid(), first);
  assert.match(restarted.out, new RegExp(`process ${first} has stopped[\\s\\S]*impetus: ready`));

  const second = pid();
  assert.deepEqual(await ctl('stop'), { code: 0, out: `ec_ctl: process ${second} has stopped\n`, err: '' });
  assert.equal(existsSync(server.path('ecelerity.pid')), false);
});

test('CLI-01 a bad configuration: start, reload and restart refuse and leave what runs, stop still works', async (t) => {
  const { server, ctl } = await site(t);
  assert.equal((await ctl('start')).code, 0);
  const pid = server.read('ecelerity.pid');
  server.configure(`${conf}Max_Retries = many\n`);
  for (const [verb, words] of [
    ['reload', 'ec_ctl: not reloaded: what runs goes on as it is'],
    ['restart', 'ec_ctl: not restarted: what runs goes on as it is'],
  ] as const) {
    const refused = await ctl(verb);
    assert.equal(refused.code, 1, verb);
    assert.match(refused.err, /ecelerity\.conf:\d+:\d+: .*Max_Retries/, verb);
    assert.ok(refused.err.includes(words), refused.err);
    assert.equal(server.read('ecelerity.pid'), pid, verb);
  }
  assert.doesNotMatch(server.read('paniclog.ec'), /Reconfigure failed/, 'the server was not even asked');
  assert.equal((await ctl('stop')).code, 0);
  const start = await ctl('start');
  assert.equal(start.code, 1);
  assert.match(start.err, /Max_Retries[\s\S]*not started/);
});

test('CFG-56 rc.includes: start.* is sourced at start, stop.* at stop, both at restart; what they set reaches the server', async (t) => {
  const { server, ctl } = await site(t);
  const script = (name: string, text: string) => writeFileSync(server.path(`bin/rc.includes/${name}`), server.fill(text));
  script('start.a', 'echo start.a >> {dir}/told; FROM_START=reached');
  script('start.b', 'echo start.b >> {dir}/told');
  script('stop.a', 'echo stop.a >> {dir}/told');
  script('unrelated', 'echo never >> {dir}/told');
  assert.equal((await ctl('start')).code, 0);
  assert.equal(server.read('told'), 'start.a\nstart.b\n');
  assert.match(readFileSync(`/proc/${server.read('ecelerity.pid').trim()}/environ`, 'latin1'), /\0FROM_START=reached\0/);
  assert.equal((await ctl('restart')).code, 0);
  assert.equal(server.read('told'), 'start.a\nstart.b\nstop.a\nstart.a\nstart.b\n');
  assert.equal((await ctl('stop')).code, 0);
  assert.match(server.read('told'), /stop\.a\n$/);
});

test('RT-10 TRY bounds how long a start is waited for: TRY=1 is one second', async (t) => {
  const { server, ctl } = await site(t, 'TRY=1\nEC_NODE={dir}/slow-node\n');
  writeFileSync(
    server.path('slow-node'),
    `#!/bin/sh\ncase "$*" in */ecelerity.js*) exec sleep 30 ;; esac\nexec "${process.execPath}" "$@"\n`,
  );
  chmodSync(server.path('slow-node'), 0o755);
  const late = await ctl('start');
  assert.equal(late.code, 1);
  assert.match(late.err, /the server was not ready within 1 s \(TRY=1\)/);
});

test('CLI-01 an unknown verb or option ends with 64 and the usage; -c names the file; CONFFILE of the caller counts, too', async (t) => {
  const { server } = await site(t);
  const plain = (args: readonly string[], env: Record<string, string> = {}) =>
    command('ec_ctl', args, { cwd: '/', env: { EC_ETC: server.path('none'), ...env } });
  for (const args of [[], ['dance'], ['stop', '--now'], ['stop', 'now']]) {
    const { code, err } = await plain(args);
    assert.deepEqual([code, /usage: ec_ctl start\|stop\|restart\|reload/.test(err)], [64, true], args.join(' '));
  }
  const file = server.path('ecelerity.conf');
  assert.equal((await plain(['-c', file, 'check'])).code, 0);
  assert.equal((await plain(['stop'], { CONFFILE: file })).out, 'ec_ctl: the server is not running\n');
  const missing = await plain(['stop', '-c', server.path('nowhere.conf')]);
  assert.equal(missing.code, 1);
  assert.match(missing.err, /nowhere\.conf does not say which PidFile the server has/);
});

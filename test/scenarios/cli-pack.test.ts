/**
 * What is published: packed by npm, installed into an empty folder by the machine's npm and Node.js, and used from there.
 *
 * The one rule: nothing of the clone helps, neither its packages nor the Node.js that npm brought for it.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts, root, run, until, type Ran } from '../kit/server.ts';

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { name: string; bin: Record<string, string> };

/** The environment of a shell that npm did not prepare. */
function plainEnvironment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(?:npm_|NODE_TEST)/.test(name) || ['npm_config_cache', 'npm_config_registry', 'npm_config_userconfig'].includes(name),
  );
  const path = (process.env['PATH'] ?? '').split(':').filter((dir) => !dir.includes('node_modules') && !dir.includes('node-gyp-bin'));
  return { ...(Object.fromEntries(kept) as Record<string, string>), PATH: path.join(':') };
}

/** Runs a program in the plain environment: whatever this process got from npm is taken out, since a child would inherit it. */
function plainly(cwd: string, program: string, ...args: string[]): Promise<Ran> {
  const words = Object.entries(plainEnvironment()).map(([name, value]) => `${name}=${value}`);
  return run('env', ['-i', ...words, program, ...args], { cwd });
}

test('every command of the package is there, may be run, and has a built program behind it', () => {
  const commands = readdirSync(join(root, 'bin')).filter((name) => name !== 'node');
  assert.deepEqual(Object.keys(manifest.bin).sort(), commands.sort());
  for (const [name, path] of Object.entries(manifest.bin)) {
    assert.equal(path, `bin/${name}`);
    accessSync(join(root, path), constants.X_OK);
    accessSync(join(root, 'dist/cli', `${name}.js`));
  }
});

test('the packed package, installed into an empty folder, gives working commands: check, validate, start, a message, the spool', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'impetus-pack-'));
  const home = join(dir, 'home');
  const conf = join(home, 'ecelerity.conf');
  const bin = (name: string, ...args: string[]) => plainly(home, join(home, 'node_modules/.bin', name), ...args);
  t.after(async () => {
    if (existsSync(join(home, 'pid'))) await bin('ec_ctl', 'stop', '-c', conf);
    rmSync(dir, { recursive: true, force: true });
  });
  const packed = await plainly(root, 'npm', 'pack', '--ignore-scripts', '--silent', '--pack-destination', dir);
  assert.equal(packed.code, 0, packed.err);
  const archive = packed.out.trim();
  const { out: list } = await run('tar', ['tzf', join(dir, archive)]);
  for (const wanted of [
    'package.json',
    'LICENSE',
    'README.md',
    'etc/ecelerity.conf',
    'bin/node',
    'dist/cli/ecelerity.js',
    'docs/quirks.md',
    'docs/policy.md',
    'docs/manual/policy-types.d.ts',
  ])
    assert.match(list, new RegExp(`^package/${wanted}$`, 'm'));
  assert.doesNotMatch(list, /\.test\.|(?<!\.d)\.ts$|\/src\/|\.built/m, 'no sources, no tests');

  mkdirSync(home);
  writeFileSync(join(home, 'package.json'), '{"private":true}');
  const installed = await plainly(
    home,
    'npm',
    'install',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    join(dir, archive),
  );
  assert.equal(installed.code, 0, installed.err);
  for (const name of Object.keys(manifest.bin)) assert.ok(existsSync(join(home, 'node_modules/.bin', name)), name);

  const [smtp = 0] = await freePorts(1);
  writeFileSync(
    conf,
    `SpoolBase = "${home}/spool"
     PidFile = "${home}/pid"
     Relay_Hosts = ( 127.0.0.1 )
     ESMTP_Listener { Listen "127.0.0.1:${smtp}" {} }
     Control_Listener { Listen "${home}/control" { File_Mode = 0600 } }
     ec_logger { mainlog = "${home}/mainlog" paniclog = "${home}/paniclog" rejectlog = "${home}/rejectlog" }
     Domain "later.test" { Suspend_Delivery = true }
     maildir { basedir = "${home}/mail" domain = ( "inbox.test" ) createusers = true }`,
  );
  for (const [name, ...args] of [
    ['ecelerity', '--check', '-c', conf],
    ['validate_config', conf],
  ] as const) {
    const { code, out, err } = await bin(name, ...args);
    assert.deepEqual([code, out], [0, 'Configuration valid\n'], name + err);
  }
  const started = await bin('ecelerity', '-c', conf, '--allow-root');
  assert.equal(started.code, 0, started.err);
  assert.match(started.out, new RegExp(`${home}/node_modules/${manifest.name}/bin/ec_console ${home}/control`));
  const message = (to: string) =>
    run(join(home, 'node_modules/.bin/ec_sendmail'), ['--server', `127.0.0.1:${smtp}`, to], {
      input: 'Subject: packed\n\nhello\n',
      cwd: home,
    });
  for (const to of ['you@inbox.test', 'me@later.test']) assert.equal((await message(to)).code, 0, to);
  const [file] = readdirSync(join(home, 'mail/you/new'));
  assert.match(readFileSync(join(home, 'mail/you/new', file!), 'latin1'), /Subject: packed/);
  assert.match((await bin('ec_console', join(home, 'control'), 'version')).out, /# ecelerity version: \S+ r\(release\)/);
  await until(() => readFileSync(join(home, 'mainlog'), 'utf8').includes('me@later.test'), 'the log line');
  const stopped = await bin('ec_ctl', 'stop', '-c', conf);
  assert.match(stopped.out, /has stopped/);
  const checked = await bin('ec_spool_check', join(home, 'spool'));
  assert.equal(checked.code, 0, checked.err);
  assert.match(checked.out, /1 (?:live )?(?:message|batch)/);
});

/**
 * Starting the real server: options (RT-09), --check, in the background, and what it says when it cannot start.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command, prepareServer, root, run, startServer, until, type Server } from '../kit/server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const esmtp = 'ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }';
let home: Server;

before(async () => {
  home = await prepareServer({
    conf: esmtp,
    files: { 'bad.conf': 'Hostname = "x.test"\nMax_Retries = many\n', 'sub/ecelerity.conf': 'Hostname = "found.test"\n' },
  });
});
after(() => home.end());

test('a command finds its Node.js although its own folder, where bin/node stands, is the first of PATH', async () => {
  const path = `${join(root, 'bin')}:${process.env['PATH']}`;
  const ran = await run('env', [`PATH=${path}`, 'EC_NODE=', join(root, 'bin/node'), '--which']);
  assert.equal(ran.code, 0, ran.err);
  assert.notEqual(ran.out.trim(), join(root, 'bin/node'));
  const itself = await run('env', [`EC_NODE=${join(root, 'bin/node')}`, join(root, 'bin/node'), '--which']);
  assert.deepEqual([itself.code, itself.out.trim() === join(root, 'bin/node')], [0, false], itself.err);
});

test('RT-09 -h tells the options; an unknown option or service ends with 64 and the usage', async () => {
  const help = await command('ecelerity', ['-h']);
  assert.equal(help.code, 0);
  for (const option of ['-c FILE', '-d', '-h', '-n SERVICE', '-s', '--check', '--foreground', '--allow-root'])
    assert.ok(help.out.includes(option), option);
  const unknown = await command('ecelerity', ['--frobnicate']);
  assert.equal(unknown.code, 64);
  assert.match(unknown.err, /frobnicate[\s\S]*usage:/);
  const service = await command('ecelerity', ['-n', 'web']);
  assert.equal(service.code, 64);
  assert.match(service.err, /cannot leave out the service "web": expected one of esmtp, ecstream, queue/);
});

test('--check says Configuration valid, or every problem with file and line, and starts nothing', async () => {
  const good = await command('ecelerity', ['--check', '-c', home.path('ecelerity.conf')]);
  assert.deepEqual([good.code, good.out], [0, 'Configuration valid\n']);
  assert.equal(home.read('ecelerity.pid'), '');
  const bad = await command('ecelerity', ['--check', '-c', home.path('bad.conf')]);
  assert.equal(bad.code, 1);
  assert.match(bad.out, /bad\.conf:2:\d+: .*Max_Retries.*many/);
});

test('the start of a bad configuration ends with 1 and the same words, in the foreground and in the background', async () => {
  for (const extra of [['--foreground'], []]) {
    const bad = await command('ecelerity', ['-c', home.path('bad.conf'), '--allow-root', ...extra]);
    assert.equal(bad.code, 1);
    assert.match(bad.err, /bad\.conf:2:\d+: .*Max_Retries.*many[\s\S]*not started: 1 problem in the configuration/);
    assert.doesNotMatch(bad.err + bad.out, /^\s+at /m, 'no stack');
  }
});

test('CFG-20: without -c the file is looked for along EC_CONF_SEARCH_PATH; when there is none, the places are named', async () => {
  const found = await command('ecelerity', ['--check'], { cwd: '/', env: { EC_CONF_SEARCH_PATH: home.path('sub') } });
  assert.deepEqual([found.code, found.out], [0, 'Configuration valid\n']);
  const none = await command('ecelerity', ['--check'], { cwd: '/', env: { EC_CONF_SEARCH_PATH: home.path('nowhere') } });
  assert.equal(none.code, 1);
  assert.match(none.out, /ecelerity\.conf/);
  assert.match(none.out, /nowhere/);
});

test('in the background the command ends when the server is ready, with what it printed; ec_ctl stop ends the server', async () => {
  const conf = home.path('ecelerity.conf');
  const started = await command('ecelerity', ['-c', conf, '--allow-root', '-s'], { cwd: home.dir });
  assert.equal(started.code, 0, started.err);
  assert.match(started.out, new RegExp(`mail +127\\.0\\.0\\.1:${home.ports['smtp']}[\\s\\S]*impetus: ready\\n$`));
  const client = await SmtpClient.open(home.ports['smtp']!);
  assert.match(await client.reply(), /^220 /);
  client.socket.destroy();
  const pid = home.read('ecelerity.pid').trim();
  assert.match(readFileSync(`/proc/${pid}/cmdline`, 'latin1'), /ecelerity/);
  // A session of its own, without a terminal.
  assert.equal(readFileSync(`/proc/${pid}/stat`, 'latin1').split(' ')[5], pid);
  const second = await command('ecelerity', ['-c', conf, '--allow-root'], { cwd: home.dir });
  assert.equal(second.code, 1);
  assert.match(second.err, new RegExp(`names process ${pid}, which is running`));
  const stopped = await command('ec_ctl', ['stop', '-c', conf], { cwd: home.dir });
  assert.deepEqual([stopped.code, stopped.out], [0, `ec_ctl: process ${pid} has stopped\n`]);
  assert.equal(home.read('ecelerity.pid'), '');
});

test('a second server is refused by pidfile, spool or port, in words; the first one is unharmed', async (t) => {
  const first = await startServer(t, { conf: esmtp });
  const { smtp = 0 } = first.ports;
  const attempt = async (name: string, text: string) => {
    writeFileSync(first.path(name), first.fill(text));
    const { code, err } = await command('ecelerity', ['-c', first.path(name), '--foreground', '--allow-root'], { cwd: first.dir });
    assert.equal(code, 1, name);
    assert.doesNotMatch(err, /^\s+at /m, 'no stack');
    return err;
  };
  const own = 'SpoolBase = "{dir}/spool2"\nPidFile = "{dir}/pid2"\n';
  assert.match(
    await attempt('same.conf', 'SpoolBase = "{dir}/spool2"\nPidFile = "{dir}/ecelerity.pid"\n'),
    /names process \d+, which is running; stop it first/,
  );
  assert.match(await attempt('spool.conf', 'SpoolBase = "{dir}/spool"\nPidFile = "{dir}/pid2"\n'), /Cannot use ".*spool" as SpoolBase: /);
  assert.match(
    await attempt('port.conf', own + esmtp),
    new RegExp(`Cannot listen on "127\\.0\\.0\\.1:${smtp}": another program listens there`),
  );
  assert.match(await attempt('all.conf', `${own}ESMTP_Listener { Listen "*:{port:smtp}" {} }`), /another program listens there/);
  assert.match(
    await attempt('console.conf', `${own}Control_Listener { Listen "{dir}/control" {} }`),
    /Cannot open Control_Listener ".*control": .*another live program listens on that Unix socket/,
  );
  assert.match((await command('ec_console', [first.path('control'), 'pid'])).out, new RegExp(`^${first.pid}$`, 'm'));
  assert.equal(first.read('ecelerity.pid'), `${first.pid}\n`);
  const client = await SmtpClient.greet(smtp);
  await client.quit();
});

test('what cannot be written is named at the start: pidfile, spool, folders of logs', async (t) => {
  const server = await prepareServer({ conf: '' });
  t.after(() => server.end());
  writeFileSync(server.path('plain'), 'a file');
  const attempt = async (text: string) => {
    writeFileSync(server.path('x.conf'), server.fill(text));
    return command('ecelerity', ['-c', server.path('x.conf'), '--foreground', '--allow-root'], { cwd: server.dir });
  };
  const pid = await attempt('SpoolBase = "{dir}/s"\nPidFile = "{dir}/plain/pid"\n');
  assert.deepEqual([pid.code, /Cannot write PidFile ".*plain\/pid"/.test(pid.err)], [1, true], pid.err);
  const spool = await attempt('SpoolBase = "{dir}/plain/spool"\nPidFile = "{dir}/pid"\n');
  assert.deepEqual([spool.code, /Cannot use ".*plain\/spool" as SpoolBase/.test(spool.err)], [1, true], spool.err);
  assert.equal(readFileSync(server.path('plain'), 'utf8'), 'a file');
});

test('LSN-20 -n leaves a service out: no port without esmtp, no delivery without queue', async (t) => {
  const server = await prepareServer({
    conf: `${esmtp}\nRelay_Hosts = ( 127.0.0.1 )\nDomain "hop.test" { Gateway = "127.0.0.1:{port:hop}" }`,
    args: ['-n', 'queue'],
  });
  t.after(() => server.end());
  await server.start();
  const client = await SmtpClient.greet(server.ports['smtp']!);
  assert.match(await client.send('a@sender.test', 'b@hop.test', 'Subject: kept\r\n'), /^250/);
  await until(
    async () => /A: +1 /.test((await command('ec_console', [server.path('control'), 'domains'])).out),
    'the message to be queued',
  );
  assert.match((await command('ec_console', [server.path('control'), 'summary'])).out, /Outbound Concurrency: +0\n/);
  await server.stop();
  const without = await command('ecelerity', ['-c', server.path('ecelerity.conf'), '--allow-root', '-n', 'esmtp', '-n', 'ecstream'], {
    cwd: server.dir,
  });
  assert.equal(without.code, 0, without.err);
  assert.match(without.out, /mail +no ESMTP_Listener is open/);
  await assert.rejects(SmtpClient.open(server.ports['smtp']!), /ECONNREFUSED/);
  assert.equal((await command('ec_ctl', ['stop', '-c', server.path('ecelerity.conf')])).code, 0);
});

test('Force_Fsync = false is obeyed, and said at start, on the terminal and in the paniclog', async (t) => {
  const server = await startServer(t, { conf: `${esmtp}\nForce_Fsync = false\n` });
  assert.match(server.output, /spool .*NOT durable: Force_Fsync is false/);
  await until(
    () => /Force_Fsync is false: a message may be answered 250 before it is on disk/.test(server.read('paniclog.ec')),
    'the panic line',
  );
});

test('a Node.js without known security fixes is named at start, in the paniclog and by version', async (t) => {
  const server = await startServer(t, { conf: '' });
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isOld = (major === 24 && minor < 22) || (major === 26 && minor < 12);
  const said = [server.output, (await command('ec_console', [server.path('control'), 'version'])).out];
  for (const text of said) assert.equal(/Node\.js \d+\.\d+\.\d+ lacks security fixes/.test(text), isOld, text);
  if (isOld) await until(() => server.read('paniclog.ec').includes('lacks security fixes'), 'the panic line');
});

test('the first-run text names places that exist and one line that sends a message', async (t) => {
  const server = await startServer(t, {
    conf: `Relay_Domains = ( "inbox.test" )\n${esmtp}\nmaildir { basedir = "{dir}/my mail" domain = ( "inbox.test" ) createusers = true }`,
    args: ['--first-run'],
  });
  const line = /^ +(printf .*you@inbox\.test)$/m.exec(server.output)?.[1];
  assert.ok(line, server.output);
  const folder = /as a file in (.*)\/new, and/.exec(server.output)?.[1];
  assert.equal(folder, server.path('my mail/you'));
  // Pasted into a shell that stands elsewhere.
  const pasted = await run('sh', ['-c', line], { cwd: '/' });
  assert.equal(pasted.code, 0, pasted.err);
  const [name] = readdirSync(`${folder}/new`);
  assert.match(readFileSync(`${folder}/new/${name}`, 'latin1'), /Subject: first\r?\n[\s\S]*Hello\./);
  await until(() => server.read('mainlog.ec').includes('you@inbox.test'), 'the log line');
});

/**
 * ec_rotate: what it does to files, what it refuses, how it ends, and how it mends what an earlier run left. Under load: logs-under-load.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { command, prepareServer, until } from '../kit/server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

function folder(t: TestContext, files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), 'rotate-'));
  t.after(() => rmSync(dir, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}

const names = (dir: string): string[] =>
  readdirSync(dir)
    .filter((name) => !name.startsWith('.') && name !== 'jlog.rt')
    .sort();

test('CLI-06 LOG-24 old logs move on by one, those beyond -r go, links and folders are left alone; where no server answers nothing is compressed', async (t) => {
  const dir = folder(t, {
    'a.ec': 'new',
    'a.ec.1': 'one',
    'a.ec.2.bz2': 'two',
    'a.ec.3': 'three',
    'a.ec.old': 'kept',
    'b.log': 'b',
    'b.txt': 'no',
  });
  symlinkSync('/etc/hostname', join(dir, 'link.ec'));
  mkdirSync(join(dir, 'jlog.rt'));
  const logs = ['a.ec', 'link.ec', 'jlog.rt', 'absent.ec'].flatMap((name) => ['-logfile', join(dir, name)]);
  const ran = await command('ec_rotate', [...logs, '-logdir', dir, '-r', '3', '-s', join(dir, 'nobody')]);
  assert.equal(ran.code, 1);
  assert.match(ran.err, /link\.ec was left alone/);
  assert.match(ran.err, /jlog\.rt was left alone/);
  assert.match(ran.err, /nobody did not open its logs anew: no console answers .* so none is compressed/);
  assert.deepEqual(names(dir), ['a.ec.1', 'a.ec.2', 'a.ec.3.bz2', 'a.ec.old', 'b.log.1', 'b.txt', 'link.ec']);
  assert.equal(readFileSync(join(dir, 'a.ec.1'), 'utf8') + readFileSync(join(dir, 'a.ec.2'), 'utf8'), 'newone');
});

test('CLI-06 ROT-01 the settings say what is rotated; enabled=no does nothing; a wrong line is told by file and line', async (t) => {
  const dir = folder(t, { 'a.ec': 'a', conf: '' });
  const conf = (text: string) => writeFileSync(join(dir, 'conf'), text);
  const run = (...more: string[]) => command('ec_rotate', ['-conf', join(dir, 'conf'), ...more]);
  conf(`enabled = no\nlogfiles = ${dir}/a.ec\n`);
  assert.deepEqual([(await run()).code, names(dir)], [0, ['a.ec', 'conf']]);
  conf('# x\nlogfile = x\n');
  const wrong = await run();
  assert.equal(wrong.code, 78);
  assert.match(wrong.err, /conf:2: "logfile = x" is none of enabled, logfiles/);
  // -s and -n of the command line count, not the file's.
  conf(
    `logfiles = ${dir}/a.ec # the log\nlogdirs = ${dir}/nowhere\ncontrol_socket = /nowhere\npath_to_bzip = /nowhere/bzip2\nrollup_passes = 10\n`,
  );
  const ran = await run('-n', '-s', join(dir, 'none'));
  assert.match(ran.err, /the server at .*none did not open/);
  assert.deepEqual(names(dir), ['a.ec.1', 'conf']);
});

test('CLI-06 a second ec_rotate at work on the same logs ends with 75 and touches nothing', async (t) => {
  const dir = folder(t, { 'a.ec': 'a', 'b.ec': 'b' });
  let hangUp = (): void => undefined;
  const silent = createServer((socket) => {
    hangUp = () => socket.destroy();
    socket.on('error', () => undefined);
  });
  await new Promise<void>((done) => silent.listen(join(dir, 'silent'), done));
  t.after(() => silent.close());
  const connected = once(silent, 'connection');
  const first = command('ec_rotate', ['-l', join(dir, 'a.ec'), '-s', join(dir, 'silent')]);
  await connected;
  const second = await command('ec_rotate', ['-l', join(dir, 'b.ec')]);
  assert.equal(second.code, 75);
  assert.match(second.err, /another ec_rotate \(process \d+\) is at work/);
  assert.ok(existsSync(join(dir, 'b.ec')));
  hangUp();
  assert.equal((await first).code, 1);
});

test('CLI-06 --help says the options; words that mean nothing end with 64', async () => {
  const help = await command('ec_rotate', ['--help']);
  assert.equal(help.code, 0);
  for (const word of ['-compress', '-conf', '-default', '-logfile', '-logdir', '-nocompress', '-retention', '-socket'])
    assert.ok(help.out.includes(word));
  assert.equal((await command('ec_rotate', ['-x'])).code, 64);
});

test('CLI-06 LOG-24 LOG-22 logs that were moved while no console answered are opened anew and compressed by the next run that finds one, dead syslog or not', async (t) => {
  const server = await prepareServer({
    conf: `
syslog_io {}
ec_logger "beside" { mainlog = "" paniclog = "" rejectlog = "syslog://?socket={dir}/nobody-logs" }
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
`,
  });
  await server.start();
  t.after(() => server.end());
  const refuse = async (name: string): Promise<void> => {
    const client = await SmtpClient.greet(server.ports['smtp']!);
    await client.say('MAIL FROM:<a@home.test>');
    assert.match(await client.say(`RCPT TO:<${name}@outside.test>`), /^550/);
    await client.quit();
  };
  const log = server.path('rejectlog.ec');
  const rotate = (socket: string, ...more: string[]) => command('ec_rotate', ['-v', '-l', log, '-s', server.path(socket), ...more]);
  const files = () => names(server.dir).filter((name) => name.startsWith('rejectlog.ec'));

  await refuse('first');
  await until(() => server.read('rejectlog.ec').includes('first'), 'the first line');
  for (const again of [false, true]) {
    const failed = await rotate('no-console');
    assert.equal(failed.code, 1, again ? 'a run that finds no log, but old ones, has not done its work' : '');
    assert.match(failed.err, /no-console did not open its logs anew: .* so none is compressed/);
    assert.equal(/rejectlog\.ec is not there, but old ones of it wait/.test(failed.out), again);
    assert.deepEqual(files(), ['rejectlog.ec.1'], 'nothing is moved twice');
  }
  await refuse('second');
  await until(() => server.read('rejectlog.ec.1').includes('second'), 'the server goes on in the file that was moved');

  const mended = await rotate('control', '-c', '/bin/gzip');
  assert.deepEqual([mended.code, mended.err], [0, '']);
  assert.match(mended.out, /the server writes to new files\nBut not syslog:.*nobody-logs.*\n.*rejectlog\.ec\.1 compressed: /);
  assert.deepEqual(files(), ['rejectlog.ec', 'rejectlog.ec.1.gz']);
  const old = gunzipSync(readFileSync(`${log}.1.gz`)).toString();
  assert.ok(old.includes('first') && old.includes('second'));
  await refuse('third');
  await until(() => server.read('rejectlog.ec').includes('third'), 'a line in the new log');

  // A file that cannot be opened anew stays in use, so it is not compressed; the console's answer names it.
  renameSync(log, `${log}.1`);
  mkdirSync(log);
  const refused = await command('ec_console', [server.path('control'), 'reopen', 'logs']);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /rejectlog\.ec.*\n(?:.*\n)*syslog:.*nobody-logs/);
});

test('CLI-06 with nothing to rotate -v says so, and a first log whose folder is missing hides no other', async (t) => {
  const dir = folder(t, { 'b.ec': 'b' });
  const ran = await command('ec_rotate', ['-v', '-l', join(dir, 'nowhere/a.ec')]);
  assert.deepEqual([ran.code, ran.out], [0, 'there is no log to rotate\n']);
  const both = await command('ec_rotate', ['-v', '-l', join(dir, 'nowhere/a.ec'), '-l', join(dir, 'b.ec'), '-s', join(dir, 'none')]);
  assert.equal(both.code, 1);
  assert.deepEqual(names(dir), ['b.ec.1']);
});

/**
 * Signals to the real server: SIGTERM drains it, SIGHUP reloads it and reopens its logs; a bad configuration changes nothing.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { mailOf, maildir } from '../kit/mailbox.ts';
import { panicMatching, panicTexts } from '../kit/log-lines.ts';
import { command, prepareServer, root, startServer, until } from '../kit/server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const relayHosts = 'Relay_Hosts = ( 127.0.0.1 )';
const esmtp = 'ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }';
const conf = `${relayHosts}\n${esmtp}\n${maildir}`;

/** What the port answers: a greeting, '' when it is closed at once, undefined when nothing listens. */
async function greeting(port: number): Promise<string | undefined> {
  try {
    const client = await SmtpClient.open(port);
    const text = await client.reply();
    client.socket.destroy();
    return text;
  } catch {
    return undefined;
  }
}

test('SIGTERM: what was begun may end, idle sessions are told 421, the process ends with 0 and leaves nothing behind', async (t) => {
  const server = await startServer(t, { conf });
  const idle = await SmtpClient.greet(server.ports['smtp']!);
  const busy = await SmtpClient.greet(server.ports['smtp']!);
  await busy.say('MAIL FROM:<a@sender.test>');
  await busy.say('RCPT TO:<last@inbox.test>');
  assert.match(await busy.say('DATA'), /^354/);
  busy.write('Subject: begun\r\n\r\nbefore the signal\r\n');
  server.signal('SIGTERM');
  assert.match(await idle.reply(), /^421 /);
  await until(async () => (await greeting(server.ports['smtp']!)) === undefined, 'the port to be closed');
  assert.equal(server.child!.exitCode, null, 'it waits for the message');
  // A second signal does not make it less orderly.
  server.signal('SIGTERM');
  busy.write('after it\r\n.\r\n');
  assert.match(await busy.reply(), /^250 /);
  assert.deepEqual(await server.exited, { code: 0, signal: null });
  assert.match(mailOf(server, 'last')[0]!, /before the signal\r?\nafter it/);
  assert.equal(existsSync(server.path('ecelerity.pid')), false);
  assert.equal(existsSync(server.path('control')), false);
  assert.match(server.output, /stopping \(SIGTERM\)[\s\S]*impetus: stopped/);
});

test('SIGTERM: a peer that never ends what it began is cut off when the grace is over (EC_STOP_GRACE)', async (t) => {
  const server = await startServer(t, { conf, env: { EC_STOP_GRACE: '1' } });
  const stuck = await SmtpClient.greet(server.ports['smtp']!);
  await stuck.say('MAIL FROM:<a@sender.test>');
  await stuck.say('RCPT TO:<never@inbox.test>');
  await stuck.say('DATA');
  stuck.write('Subject: endless\r\n');
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  assert.deepEqual(mailOf(server, 'never'), []);
});

test('SIGHUP with a bad file changes nothing and says why, with file and line, in the paniclog (CFG-12)', async (t) => {
  const server = await startServer(t, { conf });
  const session = await SmtpClient.greet(server.ports['smtp']!);
  server.configure(`${conf}\nMax_Retries = many\nNo_Such_Option = 1\n`);
  server.signal('SIGHUP');
  await panicMatching(server, /Reconfigure failed/);
  const said = panicTexts(server).join('\n');
  assert.match(said, /ecelerity\.conf:\d+:\d+: .*Max_Retries.*many/);
  assert.match(said, /ecelerity\.conf:\d+:\d+: .*No_Such_Option/i);
  assert.match(
    await session.send('a@sender.test', 'same@inbox.test', 'Subject: x\r\n'),
    /^250/,
    'the session goes on, not told to reconnect',
  );
  // The console says the same to whoever asks there.
  const asked = await command('ec_console', [server.path('control'), 'config', 'reload']);
  assert.equal(asked.code, 1);
  assert.match(asked.err, /No_Such_Option[\s\S]*Reconfigure failed/i);
});

test('SIGHUP with a good file: listeners come and go, options are in force, a session meets 421 at its next MAIL (LSN-04, LSN-10)', async (t) => {
  const server = await startServer(t, {
    conf: `${conf}\nESMTP_Listener { Reconfig_Message = "come again" Listen "127.0.0.1:{port:old}" {} }\n`,
    files: { unused: '{port:fresh}' },
  });
  const { smtp = 0, old = 0, fresh = 0 } = server.ports;
  const between = await SmtpClient.greet(smtp);
  const during = await SmtpClient.greet(smtp);
  await during.say('MAIL FROM:<a@sender.test>');
  server.configure(`
    ${relayHosts}
    ${maildir}
    ESMTP_Listener {
      Max_Recipients_Per_Message = 1
      Listen "127.0.0.1:{port:smtp}" {}
      Listen "127.0.0.1:{port:fresh}" { Static_Banner = "220 the fresh one" }
      Listen "127.0.0.1:{port:old}" { Enable = false }
    }`);
  server.signal('SIGHUP');
  await until(async () => (await greeting(fresh)) === '220 the fresh one', 'the new listener to greet', 15);
  await until(async () => (await greeting(old)) === undefined, 'the old port to be closed', 15);
  // A session keeps what was in force when it began; a transaction that was open is finished first.
  assert.match(await during.say('RCPT TO:<open@inbox.test>'), /^250/);
  assert.match(await during.say('DATA'), /^354/);
  during.write('Subject: open\r\n\r\n.\r\n');
  assert.match(await during.reply(), /^250/);
  assert.equal(await during.say('MAIL FROM:<b@sender.test>'), '421 come again');
  assert.equal(await between.say('RSET'), '421 come again');
  const later = await SmtpClient.greet(smtp);
  await later.say('MAIL FROM:<a@sender.test>');
  await later.say('RCPT TO:<one@inbox.test>');
  assert.match(await later.say('RCPT TO:<two@inbox.test>'), /^4/);
});

test('SIGHUP: a listener that cannot be opened, or a console path that is taken, refuses the whole new configuration', async (t) => {
  const server = await startServer(t, { conf });
  const other = await startServer(t, { conf });
  const taken = `127.0.0.1:${other.ports['smtp']}`;
  server.configure(`${conf}\nESMTP_Listener { Listen "${taken}" {} Banner_Hostname = "changed.test" }\n`);
  server.signal('SIGHUP');
  await panicMatching(server, new RegExp(`Cannot listen on "${taken}": another program listens there`));
  server.configure(
    `${conf}\nESMTP_Listener { Banner_Hostname = "changed.test" }\nControl_Listener { Listen "${other.path('control')}" {} }\n`,
  );
  server.signal('SIGHUP');
  await panicMatching(server, /Cannot open Control_Listener ".*": .*another live program listens/);
  assert.match((await greeting(server.ports['smtp']!))!, /^220 mx\.impetus\.test /, 'nothing of it is in force');
  assert.match((await command('ec_console', [other.path('control'), 'pid'])).out, new RegExp(`^${other.pid}$`, 'm'));
});

test('a listener moves from one address to all addresses by one reload', async (t) => {
  const server = await startServer(t, { conf });
  server.configure(conf.replace('127.0.0.1:{port:smtp}', '*:{port:smtp}'));
  server.signal('SIGHUP');
  await panicMatching(server, /configuration 2 is in force|Reconfigure failed/);
  const client = await SmtpClient.open(server.ports['smtp']!, '127.0.0.9');
  assert.match(await client.reply(), /^220/);
  client.socket.destroy();
});

test('SIGHUP reopens logs that were renamed: old lines stay in the old file, new ones go to the new one', async (t) => {
  const server = await startServer(t, { conf });
  const first = await SmtpClient.greet(server.ports['smtp']!);
  await first.send('a@sender.test', 'one@inbox.test', 'Subject: 1\r\n');
  await first.quit();
  await until(() => server.read('mainlog.ec').includes('one@inbox.test'), 'the first line');
  for (const name of ['mainlog.ec', 'paniclog.ec']) renameSync(server.path(name), server.path(`${name}.1`));
  server.signal('SIGHUP');
  await until(() => existsSync(server.path('mainlog.ec')) && existsSync(server.path('paniclog.ec')), 'the new files');
  // SIGHUP reads the configuration too: a session that began before that hears 421 (LSN-10) and comes again.
  await until(async () => {
    const second = await SmtpClient.greet(server.ports['smtp']!);
    const reply = await second.send('a@sender.test', 'two@inbox.test', 'Subject: 2\r\n');
    second.socket.destroy();
    return reply.startsWith('250');
  }, 'the second message to be taken');
  await until(() => server.read('mainlog.ec').includes('two@inbox.test'), 'the second line');
  assert.doesNotMatch(server.read('mainlog.ec'), /one@inbox/);
  assert.doesNotMatch(server.read('mainlog.ec.1'), /two@inbox/);
  // The console command does the same and names a log that cannot be opened.
  renameSync(server.path('mainlog.ec'), server.path('mainlog.ec.2'));
  const again = await command('ec_console', [server.path('control'), 'reopen', 'logs']);
  assert.equal(again.code, 0, again.err);
  assert.equal(readFileSync(server.path('mainlog.ec'), 'utf8'), '');
});

test('options that need a restart are accepted by a reload and named (CFG-50)', async (t) => {
  const server = await startServer(t, { conf });
  server.configure(`${conf}\nForce_Fsync = false\n`);
  const asked = await command('ec_console', [server.path('control'), 'config', 'reload']);
  assert.equal(asked.code, 0, asked.err);
  assert.match(asked.out, /Reconfigured\.[\s\S]*Force_Fsync has a new value; it takes effect at the next restart/);
});

test('a foreground server ends when its terminal is closed, instead of running on unseen; without one SIGHUP is a reload', async (t) => {
  const server = await prepareServer({ conf });
  t.after(() => server.end());
  const line = `${root}/bin/ecelerity -c ${server.path('ecelerity.conf')} --foreground --allow-root`;
  // `script` (on every Debian) is the terminal.
  const terminal = spawn('script', ['-qfc', `exec ${line}`, '/dev/null'], { cwd: server.dir, stdio: ['pipe', 'pipe', 'ignore'] });
  t.after(() => terminal.kill('SIGKILL'));
  await until(() => server.read('ecelerity.pid') !== '', 'the pidfile');
  await until(async () => (await greeting(server.ports['smtp']!))?.startsWith('220') === true, 'the greeting');
  const pid = Number(server.read('ecelerity.pid'));
  process.kill(pid, 'SIGHUP');
  await panicMatching(server, /configuration 2 is in force/);
  terminal.kill('SIGKILL');
  await until(() => server.read('ecelerity.pid') === '', 'the server to stop', 20);
  assert.equal(await greeting(server.ports['smtp']!), undefined);
});

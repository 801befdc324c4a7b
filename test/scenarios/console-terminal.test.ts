/**
 * ec_console as a person uses it, on a real pseudo-terminal: banner, prompt, editing, completion, history, pager, password.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { command, root, startServer } from '../kit/server.ts';
import { SharedServer } from '../kit/shared-server.ts';
import { onTerminal } from '../kit/terminal.ts';

const shared = new SharedServer({
  conf: `
    ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
    Control_Listener { Listen "127.0.0.1:{port:console}" { Enable_Authentication = true AuthScramSHA256Parameters = [ uri = "file://{dir}/passwords" ] } }
    Binding "marketing" { Max_Outbound_Connections = 5 }
    Binding "alerts" { }
  `,
  files: { passwords: 'tom:top secret\n' },
});
const control = () => shared.server.path('control');
const ecConsole = join(root, 'bin/ec_console');
const prompt = '\\d\\d:\\d\\d:\\d\\d \\S+> ';

test('CON-02 CON-03 CON-05 banner, prompt with the time, emacs keys, an unknown command, quit', async () => {
  const run = await onTerminal(
    [ecConsole, control()],
    [
      [`#{46}[\\r\\n]+# ecelerity version: [\\s\\S]*${prompt}`, 'ummary\x01s\x05 x\x17\x08\r'],
      ['Summary Statistics[\\s\\S]*' + prompt, 'garbage\x15pid\r'],
      [`${'pid'}[\\r\\n]+\\d+[\\r\\n]+${prompt}`, 'no such thing\r'],
      [`is no command here[\\s\\S]*${prompt}`, 'quit\r'],
    ],
    { env: { EC_CONSOLE_HISTORY: '' } },
  );
  assert.equal(run.missed, null, run.seen);
  assert.equal(run.status, 1, 'a refused command is in the exit status');
  assert.match(run.seen, new RegExp(`\\d\\d:\\d\\d:\\d\\d ${control()}> `));
});

test('CON-05 the tabulator completes commands, scopes, instances, options and values with what the server knows', async () => {
  const run = await onTerminal(
    [ecConsole, control()],
    [
      [prompt, 'conf'],
      ['conf', '\t'],
      ['ig ', 'ge'],
      ['ge', '\t'],
      ['t ', 'binding_gr'],
      ['gr', '\t'],
      ['oup ', '\x17binding mark'],
      ['mark', '\t'],
      ['eting ', 'max_outbound_conn'],
      ['max_outbound_conn', '\t'],
      ['ections ', '\r'],
      [`5[\\r\\n]+[\\s\\S]*${prompt}`, 'config set suspend_d'],
      ['suspend_d', '\t'],
      ['elivery ', 't'],
      ['t', '\t'],
      ['rue ', '\r'],
      [prompt, '\\pa'],
      ['pa', '\t'],
      ['ger ', '\r'],
      ['Pager is on', 'quit\r'],
    ],
    { env: { EC_CONSOLE_HISTORY: '' } },
  );
  assert.equal(run.missed, null, run.seen);
  assert.match((await command('ec_console', [control(), 'config', 'get', 'suspend_delivery'])).out, /true/);
});

test('CON-05 what was typed is there again in the next console, in a file that only its owner reads', async () => {
  const file = shared.server.path('history');
  writeFileSync(file, 'uptime\n', { mode: 0o644 });
  chmodSync(file, 0o644);
  const env = { EC_CONSOLE_HISTORY: file };
  const first = await onTerminal(
    [ecConsole, control()],
    [
      [prompt, 'pid\r'],
      [`\\d+[\\r\\n]+${prompt}`, 'pid\r'],
      [`\\d+[\\r\\n]+${prompt}`, '\x04'],
    ],
    { env },
  );
  assert.deepEqual([first.missed, first.status], [null, 0], first.seen);
  assert.equal(readFileSync(file, 'utf8'), 'uptime\npid\n', 'the same line twice is one line');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const second = await onTerminal(
    [ecConsole, control()],
    [
      [prompt, '\x10\r'],
      [`pid[\\s\\S]*[\\r\\n]+${shared.server.pid}[\\r\\n]+[\\s\\S]*${prompt}`, 'quit\r'],
    ],
    { env },
  );
  assert.equal(second.missed, null, second.seen);
});

test('CON-05 the pager shows long answers by the page, its own or $PAGER, and short ones at once', async () => {
  const own = await onTerminal(
    [ecConsole, control()],
    [
      [prompt, '\\pager\r'],
      [`Pager is on[\\s\\S]*${prompt}`, 'pid\r'],
      [`[\\r\\n]+\\d+[\\r\\n]+${prompt}`, 'help\r'],
      ['--More--\\(\\d+%\\)', ' '],
      ['--More--', '\r'],
      ['--More--', 'q'],
      [prompt, '\\pager\r'],
      [`Pager is off[\\s\\S]*${prompt}`, 'quit\r'],
    ],
    { rows: 8, env: { EC_CONSOLE_HISTORY: '' } },
  );
  assert.equal(own.missed, null, own.seen);
  const named = await onTerminal(
    [ecConsole, control()],
    [
      [prompt, '\\pager\r'],
      [prompt, 'help\r'],
      [`counted +\\d+[\\s\\S]*${prompt}`, 'quit\r'],
    ],
    { rows: 8, env: { EC_CONSOLE_HISTORY: '', PAGER: 'echo counted $(wc -l)' } },
  );
  assert.equal(named.missed, null, named.seen);
});

test('CON-01 CON-03 CON-06 user@host:port asks for the password without showing it, and is in the prompt', async () => {
  const endpoint = `tom@127.0.0.1:${shared.server.ports['console']}`;
  const run = await onTerminal(
    [ecConsole, endpoint],
    [
      ['Authorization required for console session[\\r\\n]+Password: ', 'top sekret\x7f\x7f\x7f\x7f\x7fecret\r'],
      [`${endpoint}> `, 'authz id\r'],
      ['username="tom"[\\s\\S]*> ', 'quit\r'],
    ],
    { env: { EC_CONSOLE_HISTORY: '' } },
  );
  assert.equal(run.missed, null, run.seen);
  assert.ok(!run.seen.includes('secret'), 'nothing of it was echoed');
  const wrong = await onTerminal([ecConsole, endpoint], [['Password: ', 'x\r']], { env: { EC_CONSOLE_HISTORY: '' } });
  assert.match(wrong.seen, /does not let tom in/);
  assert.equal(wrong.status, 1);
});

test('CON-01 every form of an endpoint: path, port, host:port, user with a password file, ssh; a password in one is refused', async () => {
  const port = String(shared.server.ports['console']);
  const file = shared.server.path('password');
  writeFileSync(file, 'top secret\n', { mode: 0o600 });
  const env = { EC_CONSOLE_PASSWORD_FILE: file };
  const good = { code: 0, out: `${shared.server.pid}\n`, err: '' };
  assert.deepEqual(await command('ec_console', [control(), 'pid']), good);
  assert.deepEqual(await command('ec_console', [`tom@127.0.0.1:${port}`, 'pid'], { env }), good);
  assert.match((await command('ec_console', [port, 'pid'])).err, /Authorization required for console session: name a user/);
  assert.match((await command('ec_console', [`127.0.0.1:${port}`, 'pid'])).err, /name a user/);
  assert.match((await command('ec_console', [`tom@127.0.0.1:${port}`, 'pid'], { input: '' })).err, /EC_CONSOLE_PASSWORD_FILE/);
  assert.match((await command('ec_console', [`tom:x@127.0.0.1:${port}`, 'pid'])).err, /a password does not belong into an endpoint/);
  assert.match((await command('ec_console', ['ssh://host/path', 'pid'])).err, /expected ssh:\/\/sshuser@host/);
  // A stand-in for ssh: -W connects its own input and output to the address.
  const bin = shared.server.path('fakebin');
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'ssh'),
    '#!/bin/sh\necho "$@" > "$0.args"\nexec python3 -c "\nimport socket,sys,threading,os\nh,p=sys.argv[1].rsplit(chr(58),1)\ns=socket.create_connection((h,int(p)))\ndef up():\n  while True:\n    b=os.read(0,65536)\n    if not b: break\n    s.sendall(b)\nthreading.Thread(target=up,daemon=True).start()\nwhile True:\n  b=s.recv(65536)\n  if not b: break\n  os.write(1,b)\n" "$2"\n',
    { mode: 0o755 },
  );
  const through = await command('ec_console', [`ssh://me@there/tom@*:${port}`, 'pid'], {
    env: { ...env, PATH: `${bin}:${process.env['PATH']}` },
  });
  assert.deepEqual(through, good);
  assert.equal(readFileSync(join(bin, 'ssh.args'), 'utf8'), `-W 127.0.0.1:${port} -- me@there\n`);
});

test('CON-08 an idle console is closed after Timeout, one that nobody has named himself on too', async (t) => {
  const server = await startServer(t, {
    conf: `ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
      Control_Listener { Timeout = 1 Listen "127.0.0.1:{port:console}" { Enable_Authentication = true AuthPlainParameters = [ uri = "file:///none" ] } }`,
  });
  const sockets = [connect(server.path('control')), connect(server.ports['console']!, '127.0.0.1')];
  for (const socket of sockets) socket.resume();
  await Promise.all(sockets.map((socket) => once(socket, 'close')));
  assert.equal((await command('ec_console', [server.path('control'), 'pid'])).code, 0);
});

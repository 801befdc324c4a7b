/**
 * ec_console: one command, commands from a pipe, exit status, what a hostile answer can do (nothing), and a server that goes away.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { createServer, connect } from 'node:net';
import { once } from 'node:events';
import { ConsoleClient } from '#control';
import { SharedServer } from '../kit/shared-server.ts';
import { command, startServer, until } from '../kit/server.ts';

const shared = new SharedServer({ conf: 'ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }' });
const control = () => shared.server.path('control');

test('CON-01 CON-04 words after the endpoint are one command; its answer goes to stdout, a refusal to stderr with status 1', async () => {
  assert.deepEqual(await command('ec_console', [control(), 'pid']), { code: 0, out: `${shared.server.pid}\n`, err: '' });
  const refused = await command('ec_console', [control(), 'sumary']);
  assert.deepEqual([refused.code, refused.out], [1, '']);
  assert.match(refused.err, /"sumary" is no command here: did you mean "summary"\?/);
  const relative = await command('ec_console', ['./control', 'pid'], { cwd: shared.server.dir });
  assert.equal(relative.out, `${shared.server.pid}\n`);
});

test('CON-04 commands from a pipe run one after the other, without banner or prompt; one refusal makes the status 1', async () => {
  const good = await command('ec_console', [control()], { input: 'pid\n\nPID\n' });
  assert.deepEqual(good, { code: 0, out: `${shared.server.pid}\n${shared.server.pid}\n`, err: '' });
  const mixed = await command('ec_console', [control()], { input: 'nonsense\npid\nquit\npid\n' });
  assert.equal(mixed.code, 1);
  assert.match(mixed.out, new RegExp(`^"nonsense" is no command here.*\\n${shared.server.pid}\\n$`), 'quit ends it');
  const noNewline = await command('ec_console', [control()], { input: 'pid' });
  assert.equal(noNewline.out, `${shared.server.pid}\n`);
});

test('CC-24 every command that help lists runs, or says what it wants, as text, as json and as xml', async () => {
  const user = await ConsoleClient.open(control());
  const { data } = JSON.parse((await user.run('json help')).text) as { data: { commands: { command: string }[] } };
  const lines = data.commands.map(({ command: line }) => line).filter((line) => line !== 'shutdown');
  assert.ok(lines.length >= 60, lines.join('\n'));
  for (const line of lines) {
    const { ok, text } = await user.run(line);
    assert.doesNotMatch(text, /failed:|undefined|NaN|is no command here/, line);
    assert.ok(text.trim().length > 0 || ok, `${line}: a refusal says why`);
    const json = JSON.parse((await user.run(`json ${line}`)).text) as { ok: boolean; data: unknown };
    assert.deepEqual([typeof json.ok, typeof json.data], ['boolean', 'object'], line);
    assert.match((await user.run(`xml ${line}`)).text, /^<reply ok="(true|false)"><data>[^]*<\/data><\/reply>\n$/, line);
  }
  user.close();
});

test('A74 escape codes and text that turns around in an answer are shown, not obeyed', async (t) => {
  const path = shared.server.path('fake');
  const evil = '\u001b]0;owned\u0007\u001b[2J\u009b31m\r\u202etxt.exe\u0000 plain ü\n';
  const fake = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(`${JSON.stringify({ kind: 'hello', protocol: 1, product: 'x', version: '1', revision: 'r' })}\n`);
    socket.on('data', () => {
      for (const frame of [
        { kind: 'part', id: 1, text: evil },
        { kind: 'end', id: 1, ok: true },
      ])
        socket.write(`${JSON.stringify(frame)}\n`);
    });
  });
  fake.listen(path);
  t.after(() => fake.close());
  await once(fake, 'listening');
  const { out } = await command('ec_console', [path, 'summary']);
  const shown = Buffer.from(out, 'latin1').toString('utf8');
  assert.equal(shown, '\\x1b]0;owned\\x07\\x1b[2J\\x9b31m\\x0d\\u{202e}txt.exe\\x00 plain ü\n');
});

test('nobody there, somebody else there, or a server that goes away: one sentence and status 1', async (t) => {
  const nobody = await command('ec_console', [shared.server.path('nobody'), 'pid']);
  assert.deepEqual([nobody.code, nobody.out], [1, '']);
  assert.match(
    nobody.err,
    /^ec_console: no console answers at .*nobody: .*ENOENT.*; does the server run, and is this its Control_Listener\?\n$/,
  );
  const smtp = await command('ec_console', [`127.0.0.1:${shared.port()}`, 'pid']);
  assert.equal(smtp.code, 1);
  assert.match(smtp.err, /^ec_console: .*\n$/);
  const path = shared.server.path('leaver');
  const leaver = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(`${JSON.stringify({ kind: 'hello', protocol: 1, product: 'x', version: '1', revision: 'r' })}\n`);
    socket.on('data', () => socket.destroy());
  });
  leaver.listen(path);
  t.after(() => leaver.close());
  await once(leaver, 'listening');
  const left = await command('ec_console', [path, 'pid']);
  assert.deepEqual([left.code, left.err], [1, `ec_console: the console at ${path} closed the connection\n`]);
  const option = await command('ec_console', ['--verbose']);
  assert.equal(option.code, 64);
});

test('a client that floods, sends no frames or stops reading harms neither the server nor other consoles', async () => {
  const speak = async (text: string): Promise<string> => {
    const socket = connect(control());
    let said = '';
    socket.on('data', (chunk) => (said += chunk.toString())).on('error', () => undefined);
    socket.write(text);
    await new Promise((done) => socket.on('close', done));
    return said;
  };
  assert.match(await speak('EHLO me\r\n'), /^{"kind":"hello"[^\n]*}\n$/);
  await speak(`${JSON.stringify({ kind: 'command', id: 1, line: 'help' })}\n`.repeat(70));
  await speak('x'.repeat(1_100_000));
  const deaf = connect(control());
  deaf.on('error', () => undefined).pause();
  for (let id = 1; id <= 60; id++) deaf.write(`${JSON.stringify({ kind: 'command', id, line: 'help' })}\n`);
  assert.equal((await command('ec_console', [control(), 'pid'])).code, 0);
  deaf.destroy();
  // A half-closed client gets its answer, and then the end.
  const half = connect({ path: control(), allowHalfOpen: true });
  let heard = '';
  half.on('data', (chunk) => (heard += chunk.toString()));
  half.end(`${JSON.stringify({ kind: 'command', id: 7, line: 'pid' })}\n`);
  await once(half, 'end');
  assert.match(heard, new RegExp(`"id":7,"text":"${shared.server.pid}\\\\n"[\\s\\S]*"kind":"end","id":7,"ok":true`));
});

test('CON-12 shutdown answers, then stops the server in order', async (t) => {
  const server = await startServer(t, { conf: '' });
  assert.deepEqual(await command('ec_console', [server.path('control'), 'shutdown']), { code: 0, out: 'Shutting down.\n', err: '' });
  assert.deepEqual(await server.exited, { code: 0, signal: null });
  await until(() => server.output.includes('impetus: stopped'), 'the last line');
});

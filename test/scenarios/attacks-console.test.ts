/**
 * Hostile and unlucky clients of the console: injected lines, frames of any kind, changes that cross each other.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { test } from 'node:test';
import { ConsoleClient } from '#control';
import { command, startServer, type Server } from '../kit/server.ts';

/** Sends bytes, gathers what comes until the server closes or has answered `ends` commands. */
async function raw(server: Server, bytes: string | Buffer, ends: number): Promise<Record<string, unknown>[]> {
  const socket = connect(server.path('control'));
  socket.setEncoding('utf8');
  socket.on('error', () => undefined);
  let text = '';
  const closed = new Promise((done) => socket.once('close', done));
  socket.on('data', (chunk: string) => {
    text += chunk;
    if (ends > 0 && text.split('"kind":"end"').length > ends) socket.destroy();
  });
  socket.write(bytes);
  await closed;
  const lines = text.trim().split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

const frame = (line: string, id = 1) => `${JSON.stringify({ kind: 'command', id, line })}\n`;

test('A74 line breaks and control characters in a command are blanks of that one command: nothing is injected, nobody crashes', async (t) => {
  const server = await startServer(t, {
    conf: 'ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }\nAuthorization { Role "nobody" { allow = ( "^pid$" ) } }',
  });
  const lines = [
    '\n',
    '\n\n\r\n',
    '\npid',
    'pid\nshutdown',
    'pid\r\nconfig set max_retries 99',
    '\0',
    'pid\0shutdown',
    '\x1b[2Jpid',
    `\u202epid`,
    '"',
    "'\\",
  ];
  const answers = await raw(server, lines.map((line, i) => frame(line, i)).join(''), lines.length);
  assert.equal(answers.filter((answer) => answer['kind'] === 'end').length, lines.length, 'each has its end');
  const user = await ConsoleClient.open(server.path('control'));
  assert.doesNotMatch((await user.run('config showrecurse')).text, /99/);
  assert.ok((await user.run('pid')).ok, 'the server runs on');
  user.close();
});

test('A75 what a console user types stands in the acctlog, the history and the paniclog as one line each, whatever it holds', async (t) => {
  const server = await startServer(t, {
    conf: `ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
      ec_logger "accounts" { mainlog = "{dir}/main2.ec" rejectlog = "{dir}/reject2.ec" paniclog = "{dir}/panic2.ec" acctlog = "{dir}/acctlog.ec" }`,
  });
  const user = await ConsoleClient.open(server.path('control'));
  const hostile = 'evil@x\\1242@Z@forged\u001b[2J\u0007\u2028"\u202e';
  await user.run(`config get ${hostile}`);
  await user.run(`config set binding "b\u001b" ehlo_hostname "x\u0007"`);
  const history = (await user.run('config history')).text;
  user.close();
  await server.stop();
  const lines = server.read('acctlog.ec').trimEnd().split('\n');
  assert.equal(lines.length, 4, 'who came, and three commands');
  for (const line of lines) assert.match(line, /^\d+@[NZ]@\/[^@]+@@[^@]+@[01](@(?:[^@\\\p{Cc}\u2028\u202e]|\\.)*)?$/u);
  assert.ok(history.split('\n').length < 20);
  for (const line of server.read('panic2.ec').split('\n').filter(Boolean)) assert.match(line, /^\d+:/);
});

test('A78 a frame that is too long, is no JSON or is not for us ends or ignores; others do not notice', async (t) => {
  const server = await startServer(t, { conf: 'ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }' });
  const other = await ConsoleClient.open(server.path('control'));
  for (const bytes of [
    'x\n',
    '[]\n',
    '"text"\n',
    Buffer.alloc(2_000_000, 97),
    Buffer.from([0xff, 0xfe, 0x0a]),
    `${'{"a":'.repeat(5000)}\n`,
  ])
    assert.ok(
      (await raw(server, bytes, 0)).every((answer) => answer['kind'] === 'hello'),
      'a greeting at most',
    );
  const odd = [
    { kind: 'unknown' },
    { kind: 'command' },
    { kind: 'command', id: 'x', line: 'pid' },
    { kind: 'auth' },
    { kind: 'complete', id: 1 },
    { __proto__: null, kind: 'command', id: 9, line: 'pid' },
  ];
  const answers = await raw(server, odd.map((one) => `${JSON.stringify(one)}\n`).join(''), 1);
  assert.deepEqual(
    answers.filter((answer) => answer['kind'] === 'end').map((answer) => answer['id']),
    [9],
  );
  assert.ok((await other.run('pid')).ok);
  other.close();
});

test('A78 reloads while others save and set: each is whole, the last files are what is in force, and the listener of a session may go', async (t) => {
  const server = await startServer(t, {
    conf: 'Max_Retries = 1\nESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }\nControl_Listener { Listen "{dir}/second" {} }',
  });
  const [a, b, c] = await Promise.all([1, 2, 3].map(() => ConsoleClient.open(server.path('control'))));
  const rounds = 12;
  const work = async (client: ConsoleClient, line: (i: number) => string) => {
    for (let i = 0; i < rounds; i += 1) await client.run(line(i));
  };
  await Promise.all([
    work(a!, (i) => `config set max_retries ${i + 2}`),
    work(b!, () => 'config writeback'),
    work(c!, () => 'config reload'),
  ]);
  assert.ok((await a!.run('config set max_retries 77')).ok);
  assert.ok((await a!.run('config writeback')).ok);
  assert.match(readFileSync(server.path('ecelerity.conf'), 'utf8'), /^Max_Retries = 77$/m);
  assert.equal((await command('validate_config', [server.path('ecelerity.conf')])).code, 0);
  const gone = await ConsoleClient.open(server.path('second'));
  assert.ok((await gone.run(`config unset control_listener listen ${server.path('second')}`)).ok);
  assert.ok((await gone.run('pid')).ok, 'a session goes on when its listener is gone');
  assert.notEqual((await command('ec_console', [server.path('second'), 'pid'])).code, 0);
  for (const client of [a, b, c, gone]) client!.close();
});

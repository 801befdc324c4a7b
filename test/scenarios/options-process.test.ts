/**
 * Options of the process itself: whom it runs as, what it asks of the system, how it speaks, what it refuses to run without.
 *
 * The one rule: each test shows what the value changes, read from outside: /proc, sockets, what is printed.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { prepareServer, root, run, startServer, until } from '../kit/server.ts';

/** A field of /proc/PID/status. */
function status(pid: number, field: string): string {
  return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]?.replace(/\s+/g, ' ') ?? '';
}

/** Number in a colon-separated table such as /etc/passwd. */
function idOf(table: string, name: string): string {
  return new RegExp(`^${name}:[^:]*:(\\d+)`, 'm').exec(readFileSync(table, 'latin1'))?.[1] ?? '';
}

test('SEC-01 the server becomes User, Group and Supplemental_Groups of Security, and keeps of its Capabilities only the one for low ports', async (t) => {
  const server = await prepareServer({
    conf: 'Security { User = daemon Group = mail Supplemental_Groups = ( games ) Capabilities = "cap_net_bind_service+ep" }',
  });
  t.after(() => server.end());
  // The folder of a test is private; whom the server becomes must reach it.
  chmodSync(server.dir, 0o777);
  await server.start();
  if (process.getuid?.() !== 0) {
    assert.equal(status(server.pid, 'Uid').split(' ')[0], String(process.getuid?.()), 'who is not root stays who he is');
    return;
  }
  const [user, group, games] = [idOf('/etc/passwd', 'daemon'), idOf('/etc/group', 'mail'), idOf('/etc/group', 'games')];
  assert.equal(status(server.pid, 'Uid'), `${user} ${user} ${user} ${user}`);
  assert.equal(status(server.pid, 'Gid'), `${group} ${group} ${group} ${group}`);
  assert.ok(status(server.pid, 'Groups').split(' ').includes(games), status(server.pid, 'Groups'));
  const capabilities = BigInt(`0x${status(server.pid, 'CapEff')}`);
  assert.equal(capabilities & ~(1n << 10n), 0n, 'nothing but CAP_NET_BIND_SERVICE');
  assert.equal(statSync(server.path('spool')).uid, Number(user));
});

test('Server_Max_File_Descriptors raises the limit that the process was started with', async (t) => {
  const server = await prepareServer({ conf: 'Server_Max_File_Descriptors = 700\n' });
  t.after(() => server.end());
  const child = spawn('sh', [
    '-c',
    'ulimit -n 400; exec "$0" "$@"',
    join(root, 'bin/ecelerity'),
    '-c',
    server.path('ecelerity.conf'),
    '--foreground',
    '--allow-root',
  ]);
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await until(
    () => said.includes('impetus: ready'),
    () => `the server: ${said}`,
  );
  // The runtime takes all of the hard limit by itself; to go beyond takes a right that a container's root may not have.
  const { code } = await run('sh', ['-c', 'ulimit -n 400 && ulimit -n 700']);
  const limit = /^Max open files\s+(\d+)\s/m.exec(readFileSync(`/proc/${child.pid}/limits`, 'latin1'))?.[1];
  assert.equal(limit, code === 0 ? '700' : '400');
});

test('TimestampFormat is the time in front of what goes to the terminal (RT-06)', async (t) => {
  const server = await startServer(t, { conf: 'TimestampFormat = "<%Y:stamp>"\n' });
  server.configure('No_Such_Option = 1\n');
  server.signal('SIGHUP');
  await until(
    () => server.output.includes('Reconfigure failed.'),
    () => server.output,
  );
  assert.match(server.output, /^<\d{4}:stamp>.*Reconfigure failed\./m);
});

test('Timeout of a Control_Listener ends a console session that says nothing (LSN-09)', async (t) => {
  const server = await startServer(t, { conf: 'Control_Listener { Timeout = 1 }\n' });
  const socket = connect(server.path('control'));
  t.after(() => socket.destroy());
  socket.on('error', () => undefined);
  socket.resume();
  await new Promise<void>((done) => socket.once('close', () => done()));
});

test('a guard that does not work yet stops the start with its place, and Accept_Unimplemented starts without it', async (t) => {
  const server = await prepareServer({ conf: 'clamav { }\n' });
  t.after(() => server.end());
  server.launch();
  const { code } = await server.exited;
  assert.notEqual(code, 0);
  assert.match(server.output, /ecelerity\.conf:\d+:\d+: clamav is a guard not working yet/);

  const accepted = await startServer(t, { conf: 'clamav { }\nAccept_Unimplemented = ( clamav )\n' });
  assert.match(accepted.output, /not enforced, accepted by Accept_Unimplemented: clamav/);
});

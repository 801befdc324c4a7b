/**
 * Paths that are not the server's own: nothing there is replaced, whether a file, a folder, a link or another program's socket.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server as NetServer } from 'node:net';
import { command, prepareServer, startServer, until, type Ran, type Server } from '../kit/server.ts';

let home: Server;
let foreign: NetServer;

before(async () => {
  home = await prepareServer({ conf: '' });
  writeFileSync(home.path('letter'), 'dear reader');
  mkdirSync(home.path('folder'));
  writeFileSync(home.path('folder/inside'), 'kept');
  symlinkSync(home.path('letter'), home.path('link'));
  symlinkSync(home.path('nowhere'), home.path('dangling'));
  foreign = createServer((socket) => socket.on('error', () => undefined).end('not yours'));
  await new Promise<void>((done) => foreign.listen(home.path('foreign'), done));
});
after(() => {
  foreign.close();
  return home.end();
});

function assertUnharmed(): void {
  assert.equal(readFileSync(home.path('letter'), 'utf8'), 'dear reader');
  assert.deepEqual(readdirSync(home.path('folder')), ['inside']);
  assert.ok(lstatSync(home.path('link')).isSymbolicLink());
  assert.ok(lstatSync(home.path('dangling')).isSymbolicLink());
  assert.ok(lstatSync(home.path('foreign')).isSocket());
  assert.ok(!readdirSync(home.dir).includes('nowhere'));
}

/** Starts a server on a configuration that names foreign things, and stops it if it runs after all. */
async function attempt(text: string): Promise<Ran> {
  writeFileSync(home.path('try.conf'), home.fill(text));
  for (const name of ['s', 'p', 'c']) rmSync(home.path(name), { recursive: true, force: true });
  const ran = await command('ecelerity', ['-c', home.path('try.conf'), '--allow-root'], { cwd: home.dir });
  if (ran.code === 0) await command('ec_ctl', ['stop', '-c', home.path('try.conf')], { cwd: home.dir });
  assert.doesNotMatch(ran.err, /^\s+at /m, 'no stack');
  return ran;
}

const own = 'SpoolBase = "{dir}/s"\nPidFile = "{dir}/p"\n';

test('a Control_Listener refuses a file, a folder, a link and a live socket of another program', async () => {
  for (const name of ['letter', 'folder', 'link', 'dangling', 'foreign']) {
    const { code, err } = await attempt(`${own}Control_Listener { Listen "{dir}/${name}" {} }`);
    assert.equal(code, 1, name);
    assert.match(err, new RegExp(`Cannot open Control_Listener ".*/${name}": `), name);
    assertUnharmed();
  }
});

test('an ESMTP_Listener on a Unix socket refuses them too', async () => {
  for (const name of ['letter', 'foreign']) {
    const { code, err } = await attempt(`${own}ESMTP_Listener { Listen "{dir}/${name}" {} }`);
    assert.equal(code, 1, name);
    assert.match(err, new RegExp(`Cannot listen on ".*/${name}": `), name);
    assertUnharmed();
  }
});

test('SpoolBase refuses a file and a folder with something else in it, and leaves them as they are', async () => {
  for (const name of ['letter', 'folder', 'link']) {
    const { code, err } = await attempt(`SpoolBase = "{dir}/${name}"\nPidFile = "{dir}/p"\n`);
    assert.equal(code, 1, name);
    assert.match(err, new RegExp(`Cannot use ".*/${name}" as SpoolBase: `), name);
    assertUnharmed();
  }
});

test('RT-10 PidFile refuses a file that holds no process id, a folder, a link and a socket', async () => {
  for (const name of ['letter', 'folder', 'link', 'dangling', 'foreign']) {
    const { code, err } = await attempt(`SpoolBase = "{dir}/s"\nPidFile = "{dir}/${name}"\n`);
    assert.equal(code, 1, name);
    assert.match(err, new RegExp(`"?.*/${name}"?.*PidFile|PidFile ".*/${name}"`), name);
    assertUnharmed();
  }
});

test('a log is not written through a link, into a folder or a socket: the server says so and runs', async () => {
  for (const name of ['link', 'dangling', 'folder', 'foreign']) {
    const { code, out, err } = await attempt(
      `${own}ec_logger { mainlog = "{dir}/${name}" paniclog = "{dir}/${name}" rejectlog = "{dir}/r" }`,
    );
    assert.equal(code, 0, err);
    assert.match(out, new RegExp(`warning .*${home.path(name)}`), name);
    assertUnharmed();
  }
});

test('the control socket has the mode of File_Mode, 0660 by default, and 0600 in the shipped configuration (CON-10)', async (t) => {
  const server = await startServer(t, { conf: 'Control_Listener { Listen "{dir}/standard" {} Listen "{dir}/open" { File_Mode = 0666 } }' });
  const modeOf = (name: string) => (statSync(server.path(name)).mode & 0o777).toString(8);
  assert.deepEqual([modeOf('control'), modeOf('standard'), modeOf('open')], ['600', '660', '666']);
  const shipped = readFileSync(new URL('../../etc/ecelerity.conf', import.meta.url), 'utf8');
  assert.match(shipped, /Listen "\/tmp\/2025" \{\s*File_Mode = 0600\s*\}/);
});

test('after a kill the next start takes over the dead socket, the stale pidfile and the spool', async (t) => {
  const server = await startServer(t, { conf: '' });
  const dead = server.pid;
  await server.kill();
  assert.equal(server.read('ecelerity.pid'), `${dead}\n`);
  assert.ok(lstatSync(server.path('control')).isSocket());
  await server.start();
  assert.equal((await command('ec_console', [server.path('control'), 'pid'])).out, `${server.pid}\n`);
  assert.equal(server.read('ecelerity.pid'), `${server.pid}\n`);
  await until(() => readdirSync(server.dir).filter((name) => name.startsWith('.')).length === 0, 'no leftover neighbour of the socket');
});

test('a pidfile that names a process of another program is stale, whatever its number', async (t) => {
  const server = await prepareServer({ conf: '' });
  t.after(() => server.end());
  writeFileSync(server.path('ecelerity.pid'), `${process.pid}\n`);
  await server.start();
  assert.equal(server.read('ecelerity.pid'), `${server.pid}\n`);
});

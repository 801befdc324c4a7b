/**
 * Who may use the console: users of this machine over the Unix socket, proven names over TCP, roles for single commands.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { ConsoleClient } from '#control';
import { command, startServer, type Server } from '../kit/server.ts';

const md5 = (text: string) => createHash('md5').update(text).digest('hex');

/** A server with a console on TCP besides the Unix socket of the kit; `tcp` is put into the TCP listen. */
async function tcpConsole(t: TestContext, tcp: string, more = '', files: Record<string, string> = {}): Promise<Server> {
  const conf = `
    Hostname = "mx.test"
    ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
    Control_Listener {
      Listen "127.0.0.1:{port:console}" { ${tcp} }
    }
    ${more}
  `;
  return startServer(t, {
    conf,
    files: {
      passwords: '# clear\ntom:tom\u00e4s secret\nann:annsecret\n',
      digests: `tom:mx.test:${md5('tom:mx.test:digest secret')}\n`,
      ...files,
      groups: '# group:users, or group:ignored:users\nadmins:ann\nreaders:x:tom,eve\n',
    },
  });
}

const open = (server: Server, user?: string, password = '') =>
  ConsoleClient.open(
    `127.0.0.1:${server.ports['console']}`,
    user === undefined ? undefined : { user, password: () => Promise.resolve(password) },
  );

async function says(client: ConsoleClient, line: string): Promise<string> {
  return (await client.run(line)).text.trim();
}

test('AUTH-09 CON-10 over the Unix socket the operating system names the user, asked for or not; the history knows the name', async (t) => {
  const server = await startServer(t, {
    conf: 'Control_Listener { Enable_Authentication = true }\nESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }',
  });
  const client = await ConsoleClient.open(server.path('control'));
  const name = (await command('/usr/bin/id', ['-un'], {}).catch(() => ({ out: 'root' }))).out.trim() || 'root';
  assert.equal(await says(client, 'authz id'), `<AuthzInformation username="${name}"><Roles/></AuthzInformation>`);
  assert.ok((await client.run('config set max_retries 7')).ok);
  assert.match(await says(client, 'config history'), new RegExp(`${name} \\(process ${process.pid}\\)`));
  client.close();
});

test('AUTH-01 AUTH-03 AUTH-04 AUTH-20 AUTH-21 CON-06 over TCP each mechanism lets in who knows the password, and nobody else', async (t) => {
  for (const [option, uri, password] of [
    ['AuthScramSHA256Parameters', 'file://{dir}/passwords', 'tom\u00e4s secret'],
    ['AuthDigestMD5Parameters', 'digest://{dir}/digests', 'digest secret'],
    ['AuthCramMD5Parameters', 'file://{dir}/passwords', 'tom\u00e4s secret'],
    ['AuthLoginParameters', 'file://{dir}/passwords', 'tom\u00e4s secret'],
    ['AuthPlainParameters', 'file://{dir}/passwords', 'tom\u00e4s secret'],
  ] as const) {
    await t.test(option, async (t2) => {
      const server = await tcpConsole(t2, `Enable_Authentication = true ${option} = [ uri = "${uri}" ]`);
      const client = await open(server, 'tom', password);
      assert.equal(await says(client, 'authz id'), '<AuthzInformation username="tom"><Roles/></AuthzInformation>');
      assert.ok((await client.run('config set max_retries 9')).ok);
      assert.match(await says(client, 'config history'), /tom from 127\.0\.0\.1:\d+/);
      client.close();
      await assert.rejects(open(server, 'tom', 'wrong'), /does not let tom in: the name or the password is wrong/);
      await assert.rejects(open(server, 'nobody', password), /does not let nobody in/);
      await assert.rejects(open(server), /Authorization required for console session/);
      assert.ok(!server.read('paniclog').includes(password), 'no secret in any log');
    });
  }
});

test('A41 A42 CON-06 nothing runs before somebody is let in; nonsense, foreign mechanisms and late answers are refused and bounded', async (t) => {
  const server = await tcpConsole(t, 'Enable_Authentication = true AuthCramMD5Parameters = [ uri = "file://{dir}/passwords" ]');
  const talk = async (frames: unknown[]): Promise<Record<string, unknown>[]> => {
    const socket = connect(server.ports['console']!, '127.0.0.1');
    socket.setEncoding('utf8');
    let text = '';
    socket.on('data', (chunk: string) => void (text += chunk));
    socket.on('error', () => undefined);
    socket.end(frames.map((frame) => `${JSON.stringify(frame)}\n`).join(''));
    await once(socket, 'close');
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  const [hello, ...rest] = await talk([
    { kind: 'command', id: 1, line: 'shutdown' },
    { kind: 'command', id: 2, line: 'pid' },
  ]);
  assert.deepEqual(hello?.['mechanisms'], ['CRAM-MD5']);
  assert.deepEqual(
    rest.map((frame) => frame['text'] ?? frame['ok']),
    ['Authorization required for console session\n', false, 'Authorization required for console session\n', false],
  );
  const nonsense = await talk([
    { kind: 'auth', mechanism: 'PLAIN', data: 'AHRvbQB4' },
    { kind: 'auth', data: '!!!' },
    { kind: 'auth', mechanism: 'CRAM-MD5', data: 'eHg=' },
    { kind: 'command', id: 1, line: 'pid' },
  ]);
  assert.deepEqual(
    nonsense.slice(1).map((frame) => frame['kind']),
    ['denied', 'denied', 'denied'],
    'after three attempts the connection is over',
  );
  const replay = await talk([{ kind: 'auth', data: Buffer.from('tom 00000000000000000000000000000000').toString('base64') }]);
  assert.deepEqual(
    replay.slice(1).map((frame) => frame['kind']),
    ['denied'],
    'an answer to no challenge',
  );
  assert.equal((await command('ec_console', [server.path('control'), 'pid'])).out, `${server.pid}\n`, 'the server runs on');
});

test('A41 passwords of one character and of 2, 4, ... 128 are what they are; 100 KB of base64 and zeros in wrong places are no answer', async (t) => {
  const lengths = [1, 2, 4, 8, 16, 32, 64, 128, 255];
  const passwords = lengths.map((length) => `u${length}:${'p'.repeat(length)}\n`).join('');
  for (const option of ['AuthScramSHA256Parameters', 'AuthPlainParameters', 'AuthCramMD5Parameters']) {
    const server = await tcpConsole(t, `Enable_Authentication = true ${option} = [ uri = "file://{dir}/lengths" ]`, '', {
      lengths: passwords,
    });
    for (const length of lengths) {
      const client = await open(server, `u${length}`, 'p'.repeat(length));
      assert.match(await says(client, 'authz id'), new RegExp(`"u${length}"`));
      client.close();
    }
    await assert.rejects(open(server, 'u4', 'ppp'), /does not let u4 in/);
    await assert.rejects(open(server, 'u4', 'ppppp'), /does not let u4 in/);
    if (option !== 'AuthPlainParameters') continue;
    const data = [Buffer.alloc(76_800, 0x70), Buffer.from('\0\0u1\0p'), Buffer.from('other\0u1\0p')].map((octets) =>
      octets.toString('base64'),
    );
    for (const one of data) {
      const socket = connect(server.ports['console']!, '127.0.0.1');
      let text = '';
      socket.on('data', (chunk: Buffer) => void (text += chunk.toString()));
      socket.on('error', () => undefined);
      socket.end(
        `${JSON.stringify({ kind: 'auth', mechanism: 'PLAIN', data: one })}\n${JSON.stringify({ kind: 'command', id: 1, line: 'pid' })}\n`,
      );
      await once(socket, 'close');
      assert.doesNotMatch(text, new RegExp(`"${server.pid}\\\\n"`), 'nothing runs');
      assert.doesNotMatch(text, /"kind":"welcome"/);
    }
    assert.equal((await command('ec_console', [server.path('control'), 'pid'])).out, `${server.pid}\n`);
  }
});

test('A43 an address that guesses is slowed down and shut out; the Unix socket is not', async (t) => {
  const server = await tcpConsole(t, 'Enable_Authentication = true AuthPlainParameters = [ uri = "file://{dir}/passwords" ]');
  const guesses = await Promise.all(
    Array.from({ length: 20 }, () =>
      open(server, 'tom', 'x').then(
        () => 'in',
        (error: Error) => error.message,
      ),
    ),
  );
  assert.ok(
    guesses.every((said) => /does not let tom in|refuses: too many/.test(said)),
    guesses.join('\n'),
  );
  await assert.rejects(open(server, 'tom', 'tom\u00e4s secret'), /refuses: too many failed attempts from this address/);
  assert.equal((await command('ec_console', [server.path('control'), 'pid'])).code, 0);
});

test('A44 AUTH-21 a password file that is gone or that everybody may write to lets nobody in, and says that it could not be asked', async (t) => {
  const server = await tcpConsole(t, 'Enable_Authentication = true AuthPlainParameters = [ uri = "file://{dir}/passwords" ]');
  chmodSync(server.path('passwords'), 0o666);
  await assert.rejects(open(server, 'tom', 'tom\u00e4s secret'), /the back end cannot be asked at the moment/);
  chmodSync(server.path('passwords'), 0o600);
  (await open(server, 'tom', 'tom\u00e4s secret')).close();
  writeFileSync(server.path('passwords'), 'tom:new\n');
  await assert.rejects(open(server, 'tom', 'tom\u00e4s secret'), /wrong/);
  (await open(server, 'tom', 'new')).close();
});

test('AUTH-07 AUTH-08 Always_Allow, Always_Deny and Enable_Authentication by listener, listen and peer; deny wins', async (t) => {
  const server = await tcpConsole(t, 'Always_Deny = true Peer 127.0.0.2 { Always_Deny = false Always_Allow = true }');
  await assert.rejects(open(server), /refuses: Always_Deny is set for this listener/);
  const from = connect({ port: server.ports['console']!, host: '127.0.0.1', localAddress: '127.0.0.2' });
  from.setEncoding('utf8');
  const [hello] = (await once(from, 'data')) as [string];
  assert.equal((JSON.parse(hello) as Record<string, unknown>)['user'], 'anonymous');
  from.destroy();
  const user = await ConsoleClient.open(server.path('control'));
  assert.ok((await user.run(`config set control_listener listen 127.0.0.1:${server.ports['console']} peer 127.0.0.2 always_deny true`)).ok);
  await assert.rejects(ConsoleClient.open(`127.0.0.1:${server.ports['console']}`), /Always_Deny/);
  assert.ok((await user.run(`config set control_listener listen 127.0.0.1:${server.ports['console']} always_deny false`)).ok);
  await assert.rejects(
    open(server),
    /refuses: over TCP the console needs Enable_Authentication = true/,
    'it never stands open by omission',
  );
  user.close();
});

test('AUTH-22 AUTH-40 AUTH-41 AUTH-42 AUTH-43 AUTH-44 CON-07 with authorization a command runs when a role of the user allows it', async (t) => {
  const server = await tcpConsole(
    t,
    `Enable_Authentication = true AuthPlainParameters = [ uri = "file://{dir}/passwords" ]
     Enable_Authorization = true AuthorizationParameters = [ uri = "groups://{dir}/groups" ]`,
    'Authorization { Role "admins" { allow = ( ".*" ) } Role "readers" { allow = ( "^summary$" "^config (get|show)" ) } Role "tom" { allow = ( "^pid$" "^authz" ) } Role "slow" { allow = ( "(a+)+$" ) } }',
  );
  const tom = await open(server, 'tom', 'tom\u00e4s secret');
  assert.equal(
    await says(tom, 'authz id'),
    '<AuthzInformation username="tom"><Roles><Role name="readers"/><Role name="tom"/></Roles></AuthzInformation>',
  );
  assert.equal(
    await says(tom, 'authz roles list'),
    '<Roles><Role name="admins"/><Role name="readers"/><Role name="tom"/><Role name="slow"/></Roles>',
  );
  for (const allowed of ['pid', 'SUMMARY', ' config   SHOW ']) assert.ok((await tom.run(allowed)).ok, allowed);
  for (const refused of ['summary reset', 'config set max_retries 1', 'shutdown', 'version']) {
    assert.deepEqual(await tom.run(refused), { ok: false, text: 'Not Authorized for this command\n' }, refused);
  }
  const ann = await open(server, 'ann', 'annsecret');
  assert.ok((await ann.run('config set max_retries 4')).ok);
  assert.ok((await ann.run(`write config ${server.path('dump')}`)).ok, 'a role that allows it may name files');
  // A role that is taken away counts for the next command of an open connection.
  assert.ok((await ann.run('config set authorization role admins allow ( "^config" )')).ok);
  assert.deepEqual(await ann.run('version'), { ok: false, text: 'Not Authorized for this command\n' });
  chmodSync(server.path('groups'), 0o666);
  assert.match((await ann.run('config show')).text, /Not Authorized for this command: groups file .* everybody may write to it/);
  tom.close();
  ann.close();
});

test('AUTH-41 A49 a role whose pattern explodes hangs nobody and allows nothing; one that could is not taken', async (t) => {
  const server = await tcpConsole(
    t,
    'Enable_Authentication = true AuthPlainParameters = [ uri = "file://{dir}/passwords" ] Enable_Authorization = true',
    'Authorization { Role "tom" { allow = ( "^config get (a+)+$" "^config (set|get) authorization" ) } }',
  );
  const tom = await open(server, 'tom', 'tom\u00e4s secret');
  assert.equal(await says(tom, `config get ${'a'.repeat(100_000)}!`), 'Not Authorized for this command');
  const refused = await tom.run('config set authorization role tom allow ( "^(a+)\\\\1$" )');
  assert.match(refused.text, /Cannot compile the pattern "\^\(a\+\)\\1\$" of Allow: back-references cannot be matched in linear time/);
  assert.ok((await tom.run('config get authorization role tom allow')).ok, 'the old role stays');
  assert.equal((await command('ec_console', [server.path('control'), 'pid'])).code, 0);
  tom.close();
});

test('AUTH-40 without authorization only the user of the server, or root, on the Unix socket may name files', async (t) => {
  const server = await tcpConsole(t, 'Enable_Authentication = true AuthPlainParameters = [ uri = "file://{dir}/passwords" ]');
  const tom = await open(server, 'tom', 'tom\u00e4s secret');
  for (const line of [
    `config writeback ${server.path('new.conf')}`,
    `write config ${server.path('new.conf')}`,
    'config reload /etc/shadow',
  ])
    assert.match(await says(tom, line), /^Not Authorized for this command: it names a file of the server/);
  assert.ok(!existsSync(server.path('new.conf')));
  assert.ok((await tom.run('write config')).ok);
  assert.ok((await command('ec_console', [server.path('control'), 'write', 'config', server.path('new.conf')])).code === 0);
  tom.close();
});

test('AUTH-10 passwords in clear are taken on loopback addresses only; a back end that cannot serve refuses the start', async (t) => {
  const server = await tcpConsole(t, 'Enable_Authentication = true AuthCramMD5Parameters = [ uri = "file://{dir}/passwords" ]');
  const user = await ConsoleClient.open(server.path('control'));
  const where = `control_listener listen 127.0.0.1:${server.ports['console']}`;
  const refused = await user.run(`config set ${where} AuthCramMD5Parameters [ uri = "digest://${server.path('digests')}" ]`);
  assert.ok(!refused.ok);
  assert.match(refused.text, /CRAM-MD5: uri .* holds hashes/);
  user.close();
});

/**
 * ec_md5passwd: the lines it prints and the files it keeps, and that the console takes what it wrote.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ConsoleClient } from '#control';
import { command, startServer } from '../kit/server.ts';

const md5 = (text: string) => createHash('md5').update(text).digest('hex');

test("CLI-04 AUTH-04 prints user:realm:hash; the realm is -r, else EC_DIGEST_REALM, else the manual's", async () => {
  const run = (args: string[], env: Record<string, string> = {}) => command('ec_md5passwd', args, { env });
  assert.deepEqual(await run(['tom', 'secret']), { code: 0, out: `tom:Momentum Console:${md5('tom:Momentum Console:secret')}\n`, err: '' });
  assert.equal((await run(['tom', 'secret'], { EC_DIGEST_REALM: 'here' })).out, `tom:here:${md5('tom:here:secret')}\n`);
  assert.equal((await run(['-r', 'there', 'tom', 'secret'], { EC_DIGEST_REALM: 'here' })).out, `tom:there:${md5('tom:there:secret')}\n`);
  assert.equal(
    (await command('ec_md5passwd', ['tom'], { input: 'typed\n' })).out,
    `tom:Momentum Console:${md5('tom:Momentum Console:typed')}\n`,
  );
  assert.equal((await run(['--help'])).code, 0);
  for (const [args, status] of [
    [['a:b', 'x'], 1],
    [['tom', ''], 1],
    [['tom', 'x', 'y'], 64],
    [['--nothing'], 64],
    [['--delete', 'tom'], 64],
  ] as const)
    assert.equal((await run([...args])).code, status, args.join(' '));
});

test("CLI-04 AUTH-21 keeps a file: replaces the line of a user, keeps comments and others, is only its owner's; deletes", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'md5passwd-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'users');
  writeFileSync(file, '# people\nann:r:00000000000000000000000000000000\ntom:r:00000000000000000000000000000000\ntom:other:1\n', {
    mode: 0o644,
  });
  assert.equal((await command('ec_md5passwd', ['-f', file, '-r', 'r', 'tom', 'new'])).code, 0);
  assert.equal(readFileSync(file, 'utf8'), `# people\nann:r:00000000000000000000000000000000\ntom:r:${md5('tom:r:new')}\ntom:other:1\n`);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal((await command('ec_md5passwd', ['-f', file, '-r', 'r', '--delete', 'ann'])).code, 0);
  const gone = await command('ec_md5passwd', ['-f', file, '-r', 'r', '--delete', 'ann']);
  assert.deepEqual([gone.code, gone.err], [1, `ec_md5passwd: ann does not stand in ${file}\n`]);
  assert.equal(readFileSync(file, 'utf8'), `# people\ntom:r:${md5('tom:r:new')}\ntom:other:1\n`);
});

test('AUTH-04 AUTH-09 AUTH-21 the console takes both kinds of file, and writes who came and what he ran into the acctlog', async (t) => {
  const server = await startServer(t, {
    conf: `
      ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
      Control_Listener {
        Listen "127.0.0.1:{port:digest}" { Enable_Authentication = true AuthDigestMD5Parameters = [ uri = "digest://{dir}/digests" realm = "Momentum Console" log_authentication = "true" ] }
        Listen "127.0.0.1:{port:scram}" { Enable_Authentication = true AuthScramSHA256Parameters = [ uri = "file://{dir}/verifiers" ] }
      }
      ec_logger "accounts" { mainlog = "{dir}/main2.ec" rejectlog = "{dir}/reject2.ec" paniclog = "{dir}/panic2.ec" acctlog = "{dir}/acctlog.ec" }
    `,
  });
  assert.equal((await command('ec_md5passwd', ['-f', server.path('digests'), 'tom', 'one'])).code, 0);
  assert.equal((await command('ec_md5passwd', ['-f', server.path('verifiers'), '--scram', 'ann', 'two'])).code, 0);
  const open = (port: string, user: string, password: string) =>
    ConsoleClient.open(`127.0.0.1:${server.ports[port]}`, { user, password: () => Promise.resolve(password) });
  const tom = await open('digest', 'tom', 'one');
  assert.ok((await tom.run('SUMMARY')).ok);
  tom.close();
  await assert.rejects(open('digest', 'tom', 'two'), /does not let tom in/);
  const ann = await open('scram', 'ann', 'two');
  assert.ok((await ann.run('pid')).ok);
  ann.close();
  assert.equal((await command('ec_console', [server.path('control'), 'write', 'config', server.path('dump')])).code, 0);
  await server.stop();
  const lines = server
    .read('acctlog.ec')
    .trim()
    .split('\n')
    .map((line) => line.replace(/^\d+@/, '').replace(/127\.0\.0\.1:\d+/g, 'tcp'));
  assert.deepEqual(lines.slice(0, 3), ['N@tcp@tcp@tom@1', 'Z@tcp@tcp@tom@1@summary', 'N@tcp@tcp@tom@0']);
  assert.ok(!lines.some((line) => line.includes('ann')), 'over TCP only where log_authentication says so');
  assert.match(lines.slice(3).join('\n'), /^N@\/\S+control@@\S+@1\nZ@\/\S+control@@\S+@1@write config \/\S+dump$/);
});

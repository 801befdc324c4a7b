/**
 * Transactions of console users on the real server: private, first to commit wins, gone with their connection, remembered with who did it.
 *
 * The one rule: what is refused leaves the running configuration and the file as they were.
 */
import assert from 'node:assert/strict';
import { userInfo } from 'node:os';
import { test } from 'node:test';
import { ConsoleUser, raceCommits } from '../kit/console.ts';
import { command, startServer } from '../kit/server.ts';

test('CC-14 CC-15 CC-16 CC-18 two users, one transaction each: private, the first commit wins, the later is a conflict', async (t) => {
  const server = await startServer(t, { conf: 'Max_Retries = 1\n' });
  const [tom, eve] = [await ConsoleUser.open(server), await ConsoleUser.open(server)];
  assert.equal(await tom.run('config begin'), 'Transaction started.');
  assert.equal(await tom.run('config set max_retries 5'), 'Max_Retries = 5');
  assert.equal(await eve.run('config get max_retries'), 'Max_Retries = 1');
  assert.equal(await eve.run('config set Suspend_Delivery = enabled'), 'Suspend_Delivery = enabled');
  assert.match(await tom.refused('config commit'), /^Cannot commit: conflict, the configuration was changed by \S+ \(process \d+\)/);
  assert.equal(await tom.run('config replay'), 'config set Max_Retries 5');
  assert.match(await tom.refused('config reload'), /transaction is open/);
  await tom.run('config rollback');
  assert.equal(await tom.run('config get max_retries'), 'Max_Retries = 1');
  assert.equal(await tom.run('config eval suspend_delivery'), 'Suspend_Delivery = enabled');
  tom.close();
  eve.close();
});

test('CC-14 a transaction ends with its connection', async (t) => {
  const server = await startServer(t, { conf: '' });
  const tom = await ConsoleUser.open(server);
  await tom.run('config begin');
  await tom.run('config set max_retries 5');
  tom.close();
  const eve = await ConsoleUser.open(server);
  assert.equal(await eve.refused('config get max_retries'), "Option 'Max_Retries' is not set in scope ''.");
  assert.match(await eve.refused('config commit'), /no transaction/);
  eve.close();
});

test('CC-15 of two commits at the same moment exactly one wins, each time, and the file at the end is what is in force', async (t) => {
  const server = await startServer(t, { conf: 'Max_Retries = 1\n' });
  const last = await raceCommits(server, 20);
  assert.match(server.read('ecelerity.conf'), new RegExp(`^Max_Retries = ${last}$`, 'm'));
});

test('the history names the user of the Unix socket, old and new value; undo takes it back', async (t) => {
  const server = await startServer(t, { conf: 'Max_Retries = 1\n' });
  const user = await ConsoleUser.open(server);
  await user.run('config set max_retries 5');
  const history = await user.run('config history');
  assert.match(
    history,
    new RegExp(
      `^1 .* UTC {2}${userInfo().username} \\(process ${process.pid}\\) {2}config set\n {2}- Max_Retries = 1\n {2}\\+ Max_Retries = 5$`,
    ),
  );
  assert.match(await user.run('config undo 1'), /^Undone: 1 /);
  assert.equal(await user.run('config get max_retries'), 'Max_Retries = 1');
  user.close();
});

test('CC-05 CC-07 CC-12 CC-21 the commands of a shell: texts to the letter, and an exit status that says whether it was done', async (t) => {
  const server = await startServer(t, { conf: 'Message_Expiration = 99\nEsmtp_Listener { Listen "127.0.0.1:{port:smtp}" { } }\n' });
  const ask = (...words: string[]) => command('ec_console', [server.path('control'), ...words]);
  const unset = await ask('config', 'unset', 'message_expiration');
  assert.equal(unset.out, '"Message_Expiration" has been unset. Effective value is now:\n  Message_Expiration = 86400\n');
  const get = await ask('config', 'get', 'blackhole');
  assert.deepEqual([get.code, get.err], [1, "Option 'Blackhole' is not set in scope ''.\n"]);
  const port = server.ports['smtp'];
  const located = await ask('config', 'locate', 'listen', `127.0.0.1:${port}`);
  assert.equal(located.out, `Listen "127.0.0.1:${port}"\n  is at Esmtp_Listener::Listen:127.0.0.1\\:${port}:\n`);
  const words = await ask('config', 'set', 'esmtp_listener', 'reconfig_message', 'please come back');
  assert.equal(words.out, '  Reconfig_Message = "please come back"\n', 'a word of the shell stays one word');
  const dump = await ask('write', 'config', server.path('dump.conf'));
  assert.equal(dump.code, 0);
  assert.match(server.read('dump.conf'), /Reconfig_Message = "?please come back/);
  assert.equal((await command('validate_config', [server.path('dump.conf')])).code, 0);
});

/**
 * Where a change at the console is written: the example and the sentences of the page "Using the readonly_include Directive", on real files.
 *
 * The one rule: nothing reaches the disk before writeback, and what was not changed keeps every byte.
 */
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { ConsoleUser } from '../kit/console.ts';
import { basics, startServer } from '../kit/server.ts';

const seed = {
  'foo.conf': 'Domain yahoo.com {\n  Gateway = "server.yahoo.com"\n  include "bar.conf"\n}\n',
  'bar.conf': '# bar, by hand\n',
  'baz.conf': '# baz\n',
};

test('CFG-34 CFG-35 CFG-44 CFG-45 CFG-46 the yahoo.com example: a new option and a replaced Gateway both land in bar.conf', async (t) => {
  const server = await startServer(t, { conf: 'readonly_include "foo.conf"\ninclude "baz.conf"\n', files: seed });
  chmodSync(server.path('bar.conf'), 0o604);
  const before = server.read('ecelerity.conf');
  const user = await ConsoleUser.open(server);
  await user.run('config set Domain yahoo.com max_retries 3');
  await user.run('config set Domain yahoo.com gateway "server2.yahoo.com"');
  assert.equal(await user.run('config get Domain yahoo.com gateway'), '  Gateway = server2.yahoo.com');
  assert.equal(server.read('bar.conf'), seed['bar.conf'], 'not before writeback');
  assert.equal(await user.run('config writeback'), `Saved ${server.path('bar.conf')}`);
  assert.equal(server.read('bar.conf'), '# bar, by hand\nMax_Retries = 3\nGateway = server2.yahoo.com\n');
  assert.equal(statSync(server.path('bar.conf')).mode & 0o777, 0o604);
  assert.deepEqual(
    [server.read('ecelerity.conf'), server.read('foo.conf'), server.read('baz.conf')],
    [before, seed['foo.conf'], seed['baz.conf']],
  );
  assert.equal(await user.run('config reload'), 'Reconfigured.');
  assert.equal(await user.run('config get Domain yahoo.com gateway'), '  Gateway = server2.yahoo.com');
  assert.ok(!readdirSync(server.dir).some((name) => name.includes('impetus-new')));
  user.close();
});

test('CFG-40 CFG-41 CFG-44 in place where writable; else Local_Changes_File, which is read last and made at writeback', async (t) => {
  const server = await startServer(t, {
    conf: 'Local_Changes_File = "{dir}/local.conf"\nMax_Retries = 4   # by hand\nreadonly_include "ro.conf"\n',
    files: { 'ro.conf': 'Domain a.test { Max_Retries = 1 }\n' },
  });
  const user = await ConsoleUser.open(server);
  await user.run('config set max_retries 9');
  await user.run('config set domain a.test max_retries 2');
  await user.run('config writeback');
  assert.match(server.read('ecelerity.conf'), /^Max_Retries = 9 {3}# by hand$/m);
  assert.equal(server.read('local.conf'), 'Domain "a.test" {\n  Max_Retries = 2\n}\n');
  assert.match(await user.refused('config unset domain a.test'), /ro\.conf:1:1, and that file is read-only/);
  await user.run('config reload');
  assert.equal(await user.run('config get domain a.test max_retries'), '  Max_Retries = 2');
  user.close();
});

test('CFG-46 CFG-47 a file that was edited meanwhile is not overwritten; reload takes it and drops what was not saved', async (t) => {
  const server = await startServer(t, { conf: 'Max_Retries = 1\n' });
  const user = await ConsoleUser.open(server);
  await user.run('config set max_retries 5');
  const edited = `${basics}Max_Retries = 7\n`;
  writeFileSync(server.path('ecelerity.conf'), server.fill(edited));
  assert.match(await user.refused('config writeback'), /it was changed on disk since it was read[^]*Nothing was saved\./);
  assert.equal(server.read('ecelerity.conf'), server.fill(edited));
  assert.equal(await user.run('config diff'), 'Limits:\n  - Max_Retries = 5\n  + Max_Retries = 7');
  await user.run('config reload');
  assert.equal(await user.run('config get max_retries'), 'Max_Retries = 7');
  assert.equal(await user.run('config writeback'), 'There is nothing to save.');
  user.close();
});

test('CFG-12 CC-19 a reload of a bad file changes nothing and says where it is bad', async (t) => {
  const server = await startServer(t, { conf: 'Max_Retries = 1\n' });
  const user = await ConsoleUser.open(server);
  server.configure('Max_Retrys = 1\n');
  const refused = await user.refused('config reload');
  assert.match(refused, /^No module provides capability 'config\.Global:Max_Retrys'\n[^]*ecelerity\.conf:\d+:1[^]*\nReconfigure failed\.$/);
  assert.equal(await user.run('config get max_retries'), 'Max_Retries = 1');
  user.close();
});

test('CFG-46 SIGKILL in the middle of a writeback leaves the old file or the new one, whole', async (t) => {
  // Large enough that writing it takes a while.
  const filler = Array.from({ length: 20_000 }, (_, index) => `# line ${index} of a comment that stays as it is\n`).join('');
  const server = await startServer(t, { conf: `Max_Retries = 1\n${filler}` });
  const before = server.read('ecelerity.conf');
  let value = 1;
  for (const waitMs of [0, 1, 2, 4, 8]) {
    const user = await ConsoleUser.open(server);
    await user.run(`config set max_retries ${value + 1}`);
    const saving = user.ask('config writeback').catch(() => undefined);
    await new Promise((done) => setTimeout(done, waitMs));
    await server.kill();
    await saving;
    user.close();
    const now = server.read('ecelerity.conf');
    const [old, fresh] = [value, value + 1].map((number) => before.replace('Max_Retries = 1\n', `Max_Retries = ${number}\n`));
    assert.ok(now === old || now === fresh, 'a part of a file');
    if (now === fresh) value += 1;
    await server.start();
  }
});

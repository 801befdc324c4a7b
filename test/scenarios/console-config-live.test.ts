/**
 * What a change at the console does to the running server: listeners come and go, options count, and what is refused has changed nothing.
 *
 * The one rule: it is looked at from outside, with connections.
 */
import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { ConsoleUser } from '../kit/console.ts';
import { startServer } from '../kit/server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const conf = 'Esmtp_Listener { Listen "127.0.0.1:{port:smtp}" { } }\n# {port:other}\n';

async function answers(port: number): Promise<boolean> {
  try {
    const client = await SmtpClient.greet(port);
    await client.quit();
    return true;
  } catch {
    return false;
  }
}

test('CC-18 CC-08 a listener is opened by set, closed by enable false, and gone with unset, at once; the other is not touched', async (t) => {
  const server = await startServer(t, { conf });
  const [smtp, other] = [server.ports['smtp']!, server.ports['other']!];
  const user = await ConsoleUser.open(server);
  assert.equal(await user.run(`config set esmtp_listener listen 127.0.0.1:${other} enable true`), '  Enable = true');
  assert.ok(await answers(other));
  assert.equal(await user.run(`config set esmtp_listener listen 127.0.0.1:${other} enable false`), '  Enable = false');
  assert.ok(!(await answers(other)));
  await user.run(`config set esmtp_listener listen 127.0.0.1:${other} enable true`);
  assert.ok(await answers(other));
  assert.equal(
    await user.run(`config unset esmtp_listener listen 127.0.0.1:${other}`),
    `Esmtp_Listener Listen "127.0.0.1:${other}" has been unset.`,
  );
  assert.ok(!(await answers(other)));
  assert.ok(await answers(smtp));
  user.close();
});

test('CC-14 a listener of a transaction is opened by the commit and not before', async (t) => {
  const server = await startServer(t, { conf });
  const other = server.ports['other']!;
  const user = await ConsoleUser.open(server);
  await user.run('config begin');
  await user.run(`config set esmtp_listener listen 127.0.0.1:${other} enable true`);
  assert.ok(!(await answers(other)));
  assert.match(await user.run('config diff'), new RegExp(`^Listeners:\n {2}\\+ Esmtp_Listener Listen "127\\.0\\.0\\.1:${other}" \\{ \\}`));
  await user.run('config commit');
  assert.ok(await answers(other));
  user.close();
});

test('CFG-12 an address that cannot be had refuses the change, in a transaction the commit, and nothing has changed', async (t) => {
  const taken = createServer();
  await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const server = await startServer(t, { conf });
  const user = await ConsoleUser.open(server);
  const before = await user.run('write config');
  assert.match(await user.refused(`config set esmtp_listener listen 127.0.0.1:${port} enable true`), /another program listens there/);
  assert.equal(await user.run('write config'), before);
  await user.run('config begin');
  await user.run(`config set esmtp_listener listen 127.0.0.1:${port} enable true`);
  await user.run('config set max_retries 5');
  assert.match(await user.refused('config commit'), /another program listens there/);
  assert.equal(await user.run('write config'), before);
  await user.run(`config unset esmtp_listener listen 127.0.0.1:${port}`);
  assert.equal(await user.run('config commit'), 'Transaction committed.');
  assert.equal(await user.run('config get max_retries'), 'Max_Retries = 5');
  assert.ok(await answers(server.ports['smtp']!));
  user.close();
});

test('CC-22 CFG-50 an option of the next restart is accepted, and the reply says so once', async (t) => {
  const server = await startServer(t, { conf });
  const user = await ConsoleUser.open(server);
  assert.equal(
    await user.run(`config set spoolbase "${server.path('other-spool')}"`),
    `SpoolBase = "${server.path('other-spool')}"\nSpoolBase has a new value; it takes effect at the next restart`,
  );
  user.close();
});

test('CC-01 CFG-11 what nobody knows is refused with the manual’s line and the nearest name', async (t) => {
  const server = await startServer(t, { conf });
  const user = await ConsoleUser.open(server);
  assert.match(
    await user.refused('config set max_retrys 5'),
    /^No module provides capability 'config\.Global:max_retrys'\n.*did you mean "Max_Retries"\?$/,
  );
  assert.match(
    await user.refused('config set domain a.test max_retries many'),
    /^Cannot set "Max_Retries" to "many" in scope Domain a\.test: expected /,
  );
  assert.match(await user.refused('config set spoolbase'), /there is no value/);
  user.close();
});

test('LSN-10 CC-18 sending options leave sessions alone; options of their own listener, and a reload, ask them to come again after the message', async (t) => {
  const server = await startServer(t, {
    conf: `${conf}Relay_Hosts = ( 127.0.0.1 )
      Esmtp_Listener { Reconfig_Message = "come again" Listen "127.0.0.1:{port:second}" { } }`,
  });
  const user = await ConsoleUser.open(server);
  const { smtp, second } = server.ports;
  const [busy, idle, elsewhere] = await Promise.all([smtp, smtp, second].map((port) => SmtpClient.greet(port!)));
  const mail = 'MAIL FROM:<a@client.test>';
  for (const line of [
    'config set max_retries 7',
    'config set domain a.test max_outbound_connections 2',
    'config set binding b { }',
    'config set binding b max_outbound_connections 2',
    'config unset domain a.test',
  ])
    await user.ask(line);
  await user.run('config begin');
  for (let i = 0; i < 300; i += 1) await user.run(`config set domain many${i}.test max_retries 3`);
  await user.run('config commit');
  for (const client of [busy!, idle!, elsewhere!]) {
    assert.match(await client.say('RSET'), /^250/);
    assert.match(await client.say(mail), /^250/);
    assert.match(await client.say('RSET'), /^250/);
  }
  assert.match(await busy!.say(mail), /^250/);
  await user.run(`config set esmtp_listener listen 127.0.0.1:${smtp} max_recipients_per_message 5`);
  assert.match(await busy!.say('RCPT TO:<b@a.test>'), /^250/, 'the message that was begun is finished');
  assert.equal(await busy!.say('RSET'), '421 come again');
  assert.equal(await idle!.say(mail), '421 come again');
  assert.match(await elsewhere!.say(mail), /^250/, 'another listener');
  assert.match(await elsewhere!.say('RSET'), /^250/);
  await user.run('config reload');
  assert.equal(await elsewhere!.say('RSET'), '421 come again');
  user.close();
});

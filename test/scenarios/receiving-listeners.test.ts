/**
 * Where the server listens: IPv4, IPv6, Unix sockets, several at once, switched on and off while it runs, and how many may come in.
 */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { panicMatching, rejectMatching } from '../kit/log-lines.ts';
import { maildir, mailOf, onlyMail, whole } from '../kit/mailbox.ts';
import { startServer, until } from '../kit/server.ts';
import { SharedServer } from '../kit/shared-server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const body = `Subject: x\r\n${whole}\r\ntext\r\n`;
const shared = new SharedServer({
  conf: `
Relay_Domains = ( "inbox.test" )
ESMTP_Listener {
  Listen "127.0.0.1:{port:four}" {}
  Listen "[::1]:{port:six}" {}
  Listen "{dir}/smtp.sock" { File_Mode = 0600 }
  Listen "*:{port:all}" {}
  Listen "[*]:{port:all}" {}
  Listen "127.0.0.1:{port:off}" { Enable = false }
  Listen "127.0.0.1:{port:limited}" { Listener_Sessions = 2 }
}
${maildir}`,
});

async function send(client: SmtpClient, user: string): Promise<string> {
  await client.reply();
  await client.say('EHLO client.test');
  const reply = await client.send('a@client.test', `${user}@inbox.test`, body.slice(0, -2));
  await client.quit();
  return reply;
}

const refused = async (port: number): Promise<boolean> => {
  try {
    (await SmtpClient.open(port)).socket.destroy();
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
  }
};

test('IPv4, IPv6 and Unix sockets take mail, and the trace header names the peer in its form (LSN-02, SMTP-16)', async () => {
  const four = await SmtpClient.open(shared.port('four'));
  assert.match(await send(four, 'four'), /^250 OK/);
  const six = await SmtpClient.open(shared.port('six'), undefined, '::1');
  assert.match(await send(six, 'six'), /^250 OK/);
  const unix = await SmtpClient.open(shared.server.path('smtp.sock'));
  assert.match(await send(unix, 'unix'), /^250 OK/);
  for (const user of ['four', 'six', 'unix']) assert.equal(onlyMail(shared.server, user), body);
  assert.match(mailOf(shared.server, 'four')[0]!, /\r\nReceived: from \[127\.0\.0\.1\] \(\[127\.0\.0\.1:\d+\] helo=/);
  assert.match(mailOf(shared.server, 'six')[0]!, /\r\nReceived: from \[IPv6:::1\] \(\[::1\]:\d+ helo=/);
  assert.match(mailOf(shared.server, 'unix')[0]!, /\r\nReceived: from local \(helo=client\.test\)\r\n/);
});

test('* is every IPv4 address and [*] every IPv6 address, side by side on one port (LSN-02)', async () => {
  for (const host of ['127.0.0.1', '127.0.0.77', '::1']) {
    const client = await SmtpClient.open(shared.port('all'), undefined, host);
    assert.match(await client.reply(), /^220 /, host);
    await client.quit();
  }
});

test('File_Mode is the mode of a Unix socket (LSN-06)', () => {
  const found = statSync(shared.server.path('smtp.sock'));
  assert.ok(found.isSocket());
  assert.equal(found.mode & 0o777, 0o600);
});

test('Listener_Sessions refuses one more with 421 4.4.5 and a record, and takes the next when one has gone (LSN-08, SMTP-21)', async () => {
  const port = shared.port('limited');
  const [first, second] = [await SmtpClient.greet(port), await SmtpClient.greet(port)];
  const third = await SmtpClient.open(port);
  assert.equal(await third.reply(), '421 Service unavailable, concurrency limit reached');
  assert.equal(await third.codesToEnd(), '');
  const record = await rejectMatching(shared.server, ({ phase }) => phase === 'concurrency limit');
  assert.equal(`${record.code} ${record.text}`, '421 4.4.5 Service unavailable, concurrency limit reached');
  await first.quit();
  await until(async () => {
    const next = await SmtpClient.open(port);
    const isWelcome = (await next.reply()).startsWith('220');
    next.socket.destroy();
    return isWelcome;
  }, 'the place to be free again');
  assert.equal(await second.say('NOOP'), '250 OK', 'who was inside stayed inside');
  await second.quit();
});

test('Listen stanzas are switched on and off by a reload, live; a session on one that goes keeps its connection (LSN-04)', async () => {
  const { server } = shared;
  assert.ok(await refused(shared.port('off')));
  const inside = await SmtpClient.greet(shared.port('four'));
  const conf = (four: boolean) => `
Relay_Domains = ( "inbox.test" )
ESMTP_Listener {
  Listen "127.0.0.1:{port:four}" { Enable = ${four} }
  Listen "[::1]:{port:six}" {}
  Listen "127.0.0.1:{port:off}" { Enable = ${!four} }
}
${maildir}`;
  server.configure(conf(false));
  server.signal('SIGHUP');
  await panicMatching(server, /configuration 2 is in force/);
  assert.ok(await refused(shared.port('four')));
  assert.equal(await refused(shared.port('off')), false);
  assert.equal(await inside.say('NOOP'), '250 OK');
  assert.match(await inside.say('RSET'), /^421 4\.3\.2 Reconfiguration in progress/);
  const six = await SmtpClient.open(shared.port('six'), undefined, '::1');
  assert.match(await send(six, 'six2'), /^250 OK/);
  server.configure(conf(true));
  server.signal('SIGHUP');
  await panicMatching(server, /configuration 3 is in force/);
  assert.equal(await refused(shared.port('four')), false);
  assert.ok(await refused(shared.port('off')));
});

test('enable = false on the listener itself closes all of its stanzas, Service_Sessions counts over them, and -n esmtp opens none (LSN-04, LSN-08, LSN-20)', async (t) => {
  const server = await startServer(t, {
    conf: `
Relay_Domains = ( "inbox.test" )
ESMTP_Listener {
  Service_Sessions = 2
  Listen "127.0.0.1:{port:a}" {}
  Listen "127.0.0.1:{port:b}" {}
}
${maildir}`,
  });
  const [a, b] = [await SmtpClient.greet(server.ports['a']!), await SmtpClient.greet(server.ports['b']!)];
  for (const port of ['a', 'b']) assert.match(await (await SmtpClient.open(server.ports[port]!)).reply(), /^421 /);
  await Promise.all([a.quit(), b.quit()]);
  server.configure('ESMTP_Listener { Enable = false Listen "127.0.0.1:{port:a}" {} Listen "127.0.0.1:{port:b}" {} }');
  server.signal('SIGHUP');
  await panicMatching(server, /configuration 2 is in force/);
  assert.ok((await refused(server.ports['a']!)) && (await refused(server.ports['b']!)));
  await server.stop();
  const silent = await startServer(t, { conf: 'ESMTP_Listener { Listen "127.0.0.1:{port:a}" {} }', args: ['-n', 'esmtp'] });
  assert.ok(await refused(silent.ports['a']!));
});

/**
 * Clients that hold on to the server: silent, dripping, never reading. Others are served, memory a connection is bounded.
 *
 * The one rule: a client keeps its connection only as long as it makes progress within each idle time. The times here are small;
 * what is asserted is who is still connected and what was said, never how long it took.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rejectMatching } from '../kit/log-lines.ts';
import { maildir, mailOf, onlyMail, whole } from '../kit/mailbox.ts';
import { descriptors, residentKb } from '../kit/process.ts';
import { until } from '../kit/server.ts';
import { SharedServer } from '../kit/shared-server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const shared = new SharedServer({
  conf: `
Relay_Domains = ( "inbox.test" )
ESMTP_Listener {
  Listen "127.0.0.1:{port:smtp}" {}
  Listen "127.0.0.1:{port:quick}" { Idle_Time = 1 }
  Listen "127.0.0.1:{port:forever}" { Idle_Time = 0 }
}
${maildir}`,
});
const body = `Subject: x\r\n${whole}\r\ntext\r\n`;

/** Brings a connection into a state of the session in which it then does nothing. */
const states: Readonly<Record<string, (port: number) => Promise<SmtpClient>>> = {
  connected: async (port) => {
    const client = await SmtpClient.open(port);
    await client.reply();
    return client;
  },
  'half a command': async (port) => {
    const client = await SmtpClient.greet(port);
    client.write('MAIL FR');
    return client;
  },
  'behind MAIL': async (port) => {
    const client = await SmtpClient.greet(port);
    await client.say('MAIL FROM:<a@client.test>');
    return client;
  },
  'behind RCPT': async (port) => {
    const client = await SmtpClient.greet(port);
    await client.codes('MAIL FROM:<a@client.test>', 'RCPT TO:<slow@inbox.test>');
    return client;
  },
  'behind 354': async (port) => {
    const client = await SmtpClient.greet(port);
    await client.codes('MAIL FROM:<a@client.test>', 'RCPT TO:<slow@inbox.test>', 'DATA');
    return client;
  },
  'in the body': async (port) => {
    const client = await SmtpClient.greet(port);
    await client.codes('MAIL FROM:<a@client.test>', 'RCPT TO:<slow@inbox.test>', 'DATA');
    client.write(`${body}x`);
    return client;
  },
  'in a chunk': async (port) => {
    const client = await SmtpClient.greet(port);
    await client.codes('MAIL FROM:<a@client.test>', 'RCPT TO:<slow@inbox.test>');
    client.write(`BDAT 1000 LAST\r\n${body}`);
    return client;
  },
};

test('Idle_Time ends a silent connection in every state with 421, after 354 too, and stores nothing (A59, LSN-09)', async () => {
  const clients = await Promise.all(Object.values(states).map((begin) => begin(shared.port('quick'))));
  for (const [i, client] of clients.entries()) assert.equal(await client.codesToEnd(), '421', Object.keys(states)[i]);
  assert.deepEqual(mailOf(shared.server, 'slow'), []);
  const record = await rejectMatching(shared.server, ({ code, phase }) => code === 421 && phase === 'reading body');
  assert.match(record.text, /idle/);
});

test('A client that drips an octet now and then makes no progress and is ended all the same, in commands and in bodies (A58, LSN-09)', async () => {
  for (const state of ['half a command', 'in the body']) {
    const client = await states[state]!(shared.port('quick'));
    let drops = 0;
    const timer = setInterval(() => {
      drops++;
      client.write('x');
    }, 100);
    assert.equal(await client.codesToEnd(), '421', state);
    clearInterval(timer);
    assert.ok(drops > 2, `${state}: ${drops} octets were dripped`);
  }
});

test('Idle_Time = 0, the default, never ends a connection, and a slow message of several idle times arrives where it makes progress (LSN-09)', async () => {
  const forever = await states['connected']!(shared.port('forever'));
  const client = await SmtpClient.greet(shared.port('quick'));
  await client.codes('MAIL FROM:<a@client.test>', 'RCPT TO:<steady@inbox.test>', 'DATA');
  client.write(`Subject: x\r\n${whole}\r\n`);
  const line = `${'x'.repeat(1498)}\r\n`;
  for (let i = 0; i < 10; i++) {
    await new Promise((done) => setTimeout(done, 250));
    client.write(line);
  }
  client.write('.\r\n');
  assert.match(await client.reply(), /^250 OK/);
  assert.equal(onlyMail(shared.server, 'steady'), `Subject: x\r\n${whole}\r\n${line.repeat(10)}`);
  assert.equal(await forever.say('NOOP'), '250 OK');
  await Promise.all([client.quit(), forever.quit()]);
});

test('Hundreds of connections held in every state cost at most 20 KB each, mail goes on meanwhile, and all is given back (A58, A60)', async () => {
  const { pid } = shared.server;
  const files = descriptors(pid);
  const held: SmtpClient[] = [];
  const holdRounds = async (rounds: number): Promise<void> => {
    for (let i = 0; i < rounds; i++) held.push(...(await Promise.all(Object.values(states).map((begin) => begin(shared.port())))));
  };
  // The first ones pay for code that is compiled at its first use and for the room in which a heap breathes: what the next ones add counts.
  await holdRounds(60);
  const [memory, first] = [residentKb(pid), held.length];
  await holdRounds(90);
  assert.ok(descriptors(pid) >= held.length);
  const each = (residentKb(pid) - memory) / (held.length - first);
  assert.ok(each <= 20 + 8, `${each.toFixed(1)} kB a connection (8 of them allowed to the runtime's garbage)`);
  const client = await shared.greet();
  assert.match(await client.send('a@client.test', 'meanwhile@inbox.test', body.slice(0, -2)), /^250 OK/);
  assert.equal(onlyMail(shared.server, 'meanwhile'), body);
  await client.quit();
  for (const other of held) other.socket.destroy();
  await until(
    () => descriptors(pid) <= files + 5,
    () => `the connections to be given back; ${descriptors(pid)} of ${files} descriptors are open`,
  );
});

test('A client that pipelines without ever reading is not read any more, ends by the idle time, and costs little (A60)', async () => {
  const { pid } = shared.server;
  const before = residentKb(pid);
  const client = await SmtpClient.open(shared.port('quick'));
  client.socket.pause();
  const commands = Buffer.from(`EHLO ${'x'.repeat(200)}\r\n`.repeat(2000));
  let sent = 0;
  while (!client.isClosed && sent < 400 * 1024 * 1024) {
    await client.writeDrained(commands);
    sent += commands.length;
  }
  assert.ok(client.isClosed, `${sent} octets were taken from a client that reads nothing`);
  assert.ok(residentKb(pid) - before < 80_000, `grew by ${residentKb(pid) - before} kB`);
});

/**
 * A dead event loop has a successor: it takes up the queues and the sockets of the dead one while the others keep serving.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { panicMatching } from '../kit/log-lines.ts';
import { arrivals, handIn, mailFor } from '../kit/outgoing.ts';
import { command, freePorts, startServer, until } from '../kit/server.ts';
import { startSink } from '../kit/sink.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const messages = 12;

test('an event loop that ends is replaced, mail that waited on it is delivered once, the other loop goes on; so is the writer', async (t) => {
  const [hop = 0] = await freePorts(1);
  const server = await startServer(t, {
    conf: `
      EventLoop "loops" { Concurrency = 2 }
      Relay_Hosts = ( 127.0.0.1 )
      Retry_Interval = 1
      Max_Retry_Interval = 1
      Host_Failure_Retry = 1
      ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
      Gateway = "127.0.0.1:{port:hop}"`,
    ports: { hop },
  });
  const console = (...words: string[]) => command('ec_console', [server.path('control'), ...words]);
  // Nobody listens at the next hop yet: the mail waits on both loops.
  for (let i = 0; i < messages; i++) assert.match(await handIn(server, `u@d${i}.test`), /^250/);
  const sessions = await Promise.all(Array.from({ length: 24 }, () => SmtpClient.greet(server.ports['smtp']!)));

  for (const name of ['0', 'writer']) assert.equal((await console('threads', 'restart', name)).out, `Thread ${name} is restarted.\n`);
  await panicMatching(server, /thread 0 died/);
  await panicMatching(server, /thread writer died/);
  const survivors = await Promise.all(sessions.map(async (session) => (await session.say('NOOP')).startsWith('250')));
  // The kernel dealt two dozen connections to two loops: one of them lost its share, and one kept it.
  assert.deepEqual(new Set(survivors), new Set([true, false]));

  const sink = await startSink(t, { port: hop });
  for (let i = 0; i < messages; i++) await arrivals(sink, `d${i}.test`);
  // The successor listens, too: many connections, all served.
  for (let i = 0; i < 16; i++) await (await SmtpClient.greet(server.ports['smtp']!)).quit();
  assert.match(await handIn(server, 'u@after.test'), /^250/);
  await arrivals(sink, 'after.test');
  for (let i = 0; i < messages; i++) assert.equal(mailFor(sink, `d${i}.test`).length, 1, `d${i}.test`);
  await until(async () => /Total Queue Size: +0\n/.test((await console('summary')).out), 'the queues to be empty');

  for (const name of ['2', 'main', '']) {
    const refused = await console('threads', 'restart', name);
    assert.deepEqual([refused.code, refused.err.includes('expected the number of an event loop')], [1, true], name);
  }
});

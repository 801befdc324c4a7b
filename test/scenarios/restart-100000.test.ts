/**
 * 100,000 queued messages over two restarts, one of them by SIGKILL while they load.
 *
 * The one rule: new mail is answered 250 before the old mail is all there, and afterwards every message is there, old and new, by its
 * id. The queue is filled through the spool itself, as an earlier life of the server would have left it; nothing is timed.
 * Not here: kills under load (kill-campaign), what is remembered of each attempt (delivery-restart).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Spool } from '#spool';
import { command, prepareServer, until, type Server } from '../kit/server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';
import { testBody, testEnvelope, testId, testSpool } from '../kit/spool.ts';

const messages = 100_000;

const conf = `
Relay_Hosts = ( 127.0.0.1 )
Suspend_Delivery = true
Message_Expiration = 4000000000
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
`;

/** Leaves `messages` messages in the spool directory, from 500 committers at a time. */
async function fill(directory: string): Promise<void> {
  const made = await testSpool(undefined, directory);
  const spool = await made.open({ segmentBytes: 64 * 1024 * 1024 });
  let begun = 0;
  const commitOne = (): Promise<void> | undefined => (begun < messages ? commit(spool, begun++) : undefined);
  const committer = async (): Promise<void> => {
    for (let one = commitOne(); one !== undefined; one = commitOne()) await one;
  };
  await Promise.all(Array.from({ length: 500 }, committer));
  await spool.close();
  assert.deepEqual(made.panics, []);
}

function commit(spool: Spool, n: number): Promise<void> {
  const draft = spool.openDraft();
  draft.append(testBody(n));
  return new Promise((done, fail) => draft.commit(testEnvelope(n), (error) => (error === undefined ? done() : fail(error))));
}

async function queued(server: Server): Promise<number> {
  const { out } = await command('ec_console', [server.path('control'), 'summary']);
  return Number(/Total Queue Size:\s+(\d+)$/m.exec(out)?.[1]);
}

/** Sends one message; its batch id. */
async function sendOne(client: SmtpClient): Promise<string> {
  const reply = await client.send('new@client.test', 'someone@example.com', 'Subject: new\r\n\r\nnew\r\n');
  assert.match(reply, /^250 /);
  return /\b[0-9A-F]{2}\/[0-9A-F]{2}-\d{5}-[0-9A-F]{8}\b/.exec(reply)![0];
}

test(`${messages} queued messages survive a restart and a kill, and new mail is accepted while they load`, async (t) => {
  const server = await prepareServer({ conf });
  t.after(() => server.end());
  await fill(server.path('spool'));
  await server.start();
  const client = await SmtpClient.greet(server.ports['smtp']!);
  const fresh: string[] = [];
  fresh.push(await sendOne(client));
  const whileLoading = await queued(server);
  assert.ok(whileLoading < messages, `${whileLoading} are queued already: nothing was proven about loading`);
  for (let i = 0; i < 10; i++) fresh.push(await sendOne(client));
  await server.kill();

  const list = await command('ec_spool_check', [server.path('spool'), '--list']);
  const found = new Set(list.out.split('\n').map((line) => line.split(/\s/, 1)[0]!));
  const lost = Array.from({ length: messages }, (_, n) => testId(n)).filter((id) => !found.has(id));
  assert.deepEqual([lost.length, lost.slice(0, 3)], [0, []], 'old messages');
  assert.deepEqual(
    fresh.filter((id) => !found.has(id)),
    [],
    'messages answered while the old ones loaded',
  );

  await server.start();
  const all = messages + fresh.length;
  await until(
    async () => (await queued(server)) >= all,
    () => `${all} messages to be queued again`,
    240,
  );
  assert.equal(await queued(server), all, 'none twice');
});

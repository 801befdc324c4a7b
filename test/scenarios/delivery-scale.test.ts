/**
 * Much mail of which little may go, and a message that is larger than what may be kept in memory: both on the real server.
 *
 * The one rule: what is judged is what the hop got and what the process used of its processor, never how long something took.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { arrivals, handIn, mailFor } from '../kit/outgoing.ts';
import { command, startServer, until, type Server } from '../kit/server.ts';
import { startSink } from '../kit/sink.ts';
import { SmtpClient } from '../kit/smtp-client.ts';
import { whole } from '../kit/mailbox.ts';

/** Seconds of processor time that the server has used, all threads. */
function processor(server: Server): number {
  const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function queued(server: Server): Promise<number> {
  const { out } = await command('ec_console', [server.path('control'), 'summary']);
  return Number(/Total Queue Size:\s+(\d+)/.exec(out)?.[1] ?? -1);
}

test('SHP-05, Q-01: of 10,000 queues 9,990 are parked at a throttle: they use no processor, and the ten that may send do', async (t) => {
  const hop = await startSink(t);
  const server = await startServer(t, {
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Routes = ( "127.0.0.1:{port:hop}" )
Idle_Timeout = 1
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
Domain "/^park\\d+\\.test$/" { Outbound_Throttle_Messages = "1/86400" }
`,
    ports: { hop: hop.port },
  });
  const client = await SmtpClient.greet(server.ports['smtp']!);
  for (let hundred = 0; hundred < 9_990; hundred += 90) {
    const lines = Array.from({ length: 90 }, (_, i) => `RCPT TO:<u@park${hundred + i}.test>`);
    client.write(['MAIL FROM:<>', ...lines, 'DATA', ''].join('\r\n'));
    for (let i = 0; i < 91; i += 1) assert.match(await client.reply(), /^250 /);
    assert.match(await client.reply(), /^354 /);
    client.write('Subject: x\r\n\r\nparked\r\n.\r\n');
    assert.match(await client.reply(), /^250 /);
  }
  await client.quit();
  await until(() => hop.messages.length === 1, 'the one message that the throttle lets through');
  assert.equal(await queued(server), 9_989);
  const { out: parked } = await command('ec_console', [server.path('control'), 'explain queue default park9000.test']);
  assert.match(parked, /Outbound_Throttle_Messages = 1\/86400[\s\S]*Next wake-up:  in (2[0-4]|1\d) h/);
  // Whatever the arrival of so many left to do is done when the processor is quiet.
  const quietFor = async (seconds: number): Promise<number> => {
    const before = processor(server);
    await new Promise((done) => setTimeout(done, seconds * 1000));
    return processor(server) - before;
  };
  await until(async () => (await quietFor(1)) < 0.2, 'the server to be quiet', 30);
  const used = await quietFor(3);
  assert.ok(used < 0.5, `${used} s of processor time in three seconds of nothing to do`);
  for (let i = 0; i < 10; i += 1) {
    assert.match(await handIn(server, `u@free${i}.test`), /^250 /);
    await arrivals(hop, `free${i}.test`);
  }
  assert.equal(hop.messages.length, 11);
});

test('SPL-08, SPL-09: a message larger than anything that may be kept in memory arrives whole, also where the hop has it twice to ask for', async (t) => {
  let refusals = 1;
  const hop = await startSink(t, {
    extensions: ['PIPELINING', 'CHUNKING'],
    replies: { '.': () => (refusals-- > 0 ? '451 4.3.0 once more' : undefined) },
  });
  const server = await startServer(t, {
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Routes = ( "127.0.0.1:{port:hop}" )
Retry_Interval = 3600
Large_Message_Threshold = 65536
Max_Resident_Messages = 1
Max_Resident_Active_Queue = 0
Drop_Body_After_Trans_Fail = 0
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
`,
    ports: { hop: hop.port },
  });
  const text = `${'0123456789abcdef'.repeat(4)}\r\n`;
  const body = Buffer.from(text.repeat(Math.ceil((16 * 1_048_576) / text.length)), 'latin1');
  const client = await SmtpClient.greet(server.ports['smtp']!);
  assert.equal(await client.codes('MAIL FROM:<a@sender.test>', 'RCPT TO:<u@large.test>'), '250 250');
  const head = Buffer.from(`${whole}\r\n`, 'latin1');
  await client.writeDrained(Buffer.concat([Buffer.from(`BDAT ${head.length + body.length} LAST\r\n`), head, body]));
  assert.match(await client.reply(), /^250 /);
  await client.quit();
  const ask = async (words: string): Promise<string> => (await command('ec_console', [server.path('control'), words])).out;
  let why = '';
  await until(
    async () => {
      why = await ask('explain queue default large.test');
      return why.includes('451 4.3.0 once more');
    },
    () => `the first answer of the hop; explain says:\n${why}`,
    120,
  );
  const line =
    server
      .read('ecelerity.conf')
      .split('\n')
      .findIndex((each) => each.startsWith('Retry_Interval')) + 1;
  assert.match(why, new RegExp(`waits for its next attempt[^]*ecelerity.conf:${line}\\n[^]*Next wake-up: {2}in (59|60) min`));
  const [id = ''] = [...(await ask('showqueue large.test')).matchAll(/^\[delayed\/default\] (\S+)/gm)].map((match) => match[1]!);
  assert.match(await ask(`explain message ${id}`), /Attempts: {6}1; the last one ended with: 451 4\.3\.0 once more/);
  await ask('flush domain large.test');
  await until(() => mailFor(hop, 'large.test').length === 1, 'the large message', 120);
  const [message] = mailFor(hop, 'large.test');
  const got = message?.data.subarray(message.data.length - body.length) ?? Buffer.alloc(0);
  const sum = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  assert.equal(sum(got), sum(body));
  assert.equal(await queued(server), 0);
});

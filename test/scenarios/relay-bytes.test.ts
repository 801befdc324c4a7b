/**
 * What goes to the next hop, byte for byte: lone CR and LF, dot lines, NUL and false ends, by DATA and by BDAT.
 *
 * The one rule: on the wire there is CRLF only, one message stays one message, and behind the repair nothing is changed.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { spawn, type ChildProcess } from 'node:child_process';
import { mainMatching } from '../kit/log-lines.ts';
import { whole, withoutTrace } from '../kit/mailbox.ts';
import { freePorts, hasProgram, until } from '../kit/server.ts';
import { SharedServer } from '../kit/shared-server.ts';
import { Sink } from '../kit/sink.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const dataSink = new Sink({ extensions: ['PIPELINING', '8BITMIME'] });
const chunkSink = new Sink({ extensions: ['PIPELINING', '8BITMIME', 'CHUNKING'] });
const bareSink = new Sink({ replies: { EHLO: '502 no' } });
let postfix: ChildProcess | undefined;
const sinks = [dataSink, chunkSink, bareSink];
await Promise.all(sinks.map((sink) => sink.listen()));
const ports = { data: dataSink.port, chunk: chunkSink.port, bare: bareSink.port, postfix: (await freePorts(1))[0]! };
const shared = new SharedServer({
  conf: `
Relay_Hosts = ( 127.0.0.0/8 )
Retry_Interval = 1
Host_Failure_Retry = 1
Domain "data.test" { Gateway = "127.0.0.1:{port:data}" }
Domain "chunk.test" { Gateway = "127.0.0.1:{port:chunk}" }
Domain "bare.test" { Gateway = "127.0.0.1:{port:bare}" }
Domain "postfix.test" { Gateway = "127.0.0.1:{port:postfix}" }
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }`,
  ports,
});
after(async () => {
  postfix?.kill();
  await Promise.all(sinks.map((sink) => sink.close()));
});

const head = `Subject: x\r\n${whole}\r\n`;
const second = 'MAIL FROM:<evil@client.test>\r\nRCPT TO:<victim@data.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nsecond';
/** Bodies as they are stored; false ends among them with a second envelope behind. */
const bodies: readonly string[] = [
  ...['\n.\n', '\n.\r', '\r.\n', '\r.\r', '\n.\r\n', '\r.\r\n', '\r\n\0.\r\n', '\r\n.\r', '\r\n.\n', '\r\n.\r\r\n', '\r\r\n.\r\r\n'].map(
    (end) => `first${end}${second}\r\n`,
  ),
  '.\r\n',
  '..\r\n.x\r\n\r\n.\r\n.\r\n',
  'a\r\n.\r\nMAIL FROM:<evil@client.test>\r\n',
  '\0\0\r\n\x01\x1a\x7f\r\n',
  'no line end',
  'ends with CR\r',
  'ends with LF\n',
  'ends with a dot\r\n.',
  '\r\n\r\n\r\n',
  '\r\r\r\n\n\n\r\r',
  `${'x'.repeat(65_535)}\r\n.${'y'.repeat(70_000)}\n.\n`,
];

/** A body as it must stand on the wire: each line end is CRLF (CR CRLF counts as one), and the last line has one. */
function wireOf(body: string): string {
  const fixed = body.replace(/\r\r?\n|\r|\n/g, '\r\n');
  return fixed === '' || fixed.endsWith('\r\n') ? fixed : `${fixed}\r\n`;
}

const stuff = (text: string) => text.replace(/(^|\r\n)\./g, '$1..');

/** Sends every body by BDAT, which keeps every octet as it is, to one domain; gives them in the order sent. */
async function sendAll(domain: string): Promise<void> {
  const client = await shared.greet();
  for (const [i, body] of bodies.entries()) {
    assert.equal(await client.codes(`MAIL FROM:<m${i}@client.test>`, `RCPT TO:<m${i}@${domain}>`), '250 250');
    const bytes = Buffer.from(head + body, 'latin1');
    await client.writeDrained(Buffer.concat([Buffer.from(`BDAT ${bytes.length} LAST\r\n`), bytes]));
    assert.match(await client.reply(), /^250 OK/);
  }
  await client.quit();
}

async function arrived(sink: Sink): Promise<void> {
  await until(
    () => sink.messages.length >= bodies.length,
    () => `${bodies.length} messages; ${sink.messages.length} came`,
    30,
  );
  assert.equal(sink.messages.length, bodies.length);
  assert.ok(!sink.commands.some((command) => /evil|victim/.test(command)), 'a second envelope was begun');
}

for (const [sink, domain, by] of [
  [dataSink, 'data.test', 'DATA'],
  [bareSink, 'bare.test', 'DATA'],
  [chunkSink, 'chunk.test', 'BDAT'],
] as const) {
  test(`To ${domain} every body goes by ${by} with CRLF only, dots stuffed where they must be, and nothing else changed (A13, A14)`, async () => {
    await sendAll(domain);
    await arrived(sink);
    for (const message of sink.messages) {
      const i = Number(/<m(\d+)@/.exec(message.mailFrom)![1]);
      const expected = head + wireOf(bodies[i]!);
      const wire = message.wire.toString('latin1');
      const at = wire.indexOf('Subject: x\r\n');
      assert.equal(message.by, by);
      assert.doesNotMatch(wire, /\r(?!\n)|(?<!\r)\n/, `body ${i}`);
      assert.ok(
        wire.slice(at) === (by === 'DATA' ? stuff(expected) : expected),
        `body ${i} changed: ${JSON.stringify(wire.slice(at, at + 300))}`,
      );
      assert.ok(withoutTrace(message.data.toString('latin1')) === expected, `body ${i}`);
    }
  });
}

test('The same to Postfix: smtp-sink dumps one message for each, with the bytes that were meant (A13, A14)', async (t) => {
  if (!hasProgram('smtp-sink')) return t.skip('smtp-sink is not installed');
  const folder = shared.server.path('dumps');
  mkdirSync(folder, { mode: 0o777 });
  postfix = spawn('/usr/sbin/smtp-sink', ['-u', 'root', '-R', folder, '-d', '%M.', `127.0.0.1:${ports.postfix}`, '100'], {
    stdio: 'ignore',
  });
  await until(async () => {
    const client = await SmtpClient.open(ports.postfix).catch(() => undefined);
    client?.socket.destroy();
    return client !== undefined;
  }, 'smtp-sink to listen');
  await sendAll('postfix.test');
  await mainMatching(shared.server, 'D', bodies.length, ({ fields }) => fields[0] === `127.0.0.1:${ports.postfix}`);
  const dumps = readdirSync(folder).map((name) => readFileSync(`${folder}/${name}`, 'latin1'));
  assert.equal(dumps.length, bodies.length);
  for (const dump of dumps) {
    const i = Number(/^X-Mail-Args: <m(\d+)@/m.exec(dump)![1]);
    // smtp-sink writes what it read with LF in place of CRLF, dots unstuffed.
    const text = dump.slice(dump.indexOf('Subject: x\n'));
    assert.ok(text.startsWith((head + wireOf(bodies[i]!)).replaceAll('\r\n', '\n')), `body ${i}: ${JSON.stringify(text.slice(0, 300))}`);
  }
  return undefined;
});

test('8-bit content, CR and LF and dots with the eighth bit among it, goes to a next hop with 8BITMIME as it is (A48)', async () => {
  const text = `Subject: 8-bit\r\n${whole}\r\n\xe4\xf6\xfc\x8d\x8a\xae\x8d\x8aMAIL FROM:<evil@client.test>\r\n\xff\xfe\r\n`;
  const client = await shared.greet();
  assert.match(await client.send('eight@client.test', 'u@data.test', text.slice(0, -2)), /^250 OK/);
  await client.quit();
  const eight = () => dataSink.messages.filter(({ mailFrom }) => mailFrom.includes('eight@'));
  await until(() => eight().length > 0, 'the message', 15);
  assert.equal(withoutTrace(eight()[0]!.wire.toString('latin1')), text);
});

test('Every message has one D record, and none was tried twice (A13, LOG-10)', async () => {
  for (const port of Object.values(ports)) {
    const count = bodies.length + (port === ports.data ? 1 : 0);
    const records = await mainMatching(shared.server, 'D', count, ({ fields }) => fields[0] === `127.0.0.1:${port}`);
    assert.equal(records.length, count);
    assert.ok(
      records.every(({ fields }) => fields[4] === '0'),
      'no retries',
    );
  }
});

/**
 * What is sent is what lies in the spool, octet by octet: the real service on loopback sockets, the real spool on the disk.
 *
 * The one rule: connections take turns at random, so that reads of all of them go through the memory that they share, which is
 * spoilt behind each of them, and each message is compared with what was sent. Sizes lie around the bounds of reads, parts and small messages; bodies are made of what a reader may trip over.
 * Not here: what ends a body in theory (data-reader.test.ts), what a smuggler tries (attacks-smuggling.test.ts).
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { seededRandom, type Random } from '#base';
import { EsmtpService, type SessionCell } from '#inbound';
import { ResidentBudget } from '#intake';
import type { Spool } from '#spool';
import { World, type WorldOptions } from '../kit/inbound.ts';
import { load, testSpool } from '../kit/spool.ts';
import { reads } from '../kit/spoil-reads.ts';

const CELL: SessionCell = { acquire: () => true, release: () => undefined };
const HEADER = 'Subject: x\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@a.test>\r\n\r\n';
const TRIPS = [
  '\r\n.',
  '\r\n..',
  '\r\n.\r\n',
  '.',
  '\r',
  '\n',
  '\r\n',
  '\n.\n',
  '\r.\r',
  '\n.\r\n',
  '\r\n.\r',
  '\r\r\n.\r\r\n',
  '\0',
  '\xff',
  '\r\n\r\n',
];
/** A small message, a read, a part, a large read, and more. */
const SIZES = [0, 1, 500, 512, 4096, 5000, 65_536, 131_072, 196_608, 262_144, 300_000, 524_288, 900_000];
const CONNECTIONS = 6;
const MESSAGES = 5;

interface Sent {
  readonly sender: string;
  readonly content: Buffer;
}

function pick<T>(random: Random, of: readonly T[]): T {
  return of[random.int(of.length)] as T;
}

/** About `size` octets, the last of them CRLF. */
function makeContent(random: Random, size: number): Buffer {
  const pieces: string[] = [HEADER];
  const isTricky = random.float() < 0.5;
  const line = `${'x'.repeat(random.int(120))}\r\n`;
  for (let length = 0; length < size; length += pieces.at(-1)?.length ?? 0) {
    if (isTricky || random.float() < 0.002) pieces.push(pick(random, TRIPS));
    pieces.push(random.float() < 0.1 ? String(random.float()) : line.repeat(isTricky ? 1 + random.int(3) : 40));
  }
  return Buffer.from(`${pieces.join('')}\r\n`, 'latin1');
}

/** The message as commands: by DATA with its dots stuffed, or in chunks. */
function wireOf(random: Random, { sender, content }: Sent): Buffer[] {
  const envelope = Buffer.from(`MAIL FROM:<${sender}>\r\nRCPT TO:<b@here.test>\r\n`);
  if (random.float() < 0.6) {
    const stuffed = Buffer.from(content.toString('latin1').replaceAll('\r\n.', '\r\n..'), 'latin1');
    return [envelope, Buffer.from('DATA\r\n'), stuffed, Buffer.from('.\r\n')];
  }
  const chunks: Buffer[] = [envelope];
  for (let at = 0; at < content.length;) {
    const part = content.subarray(at, at + 1 + random.int(200_000));
    at += part.length;
    chunks.push(Buffer.from(`BDAT ${part.length}${at >= content.length ? ' LAST' : ''}\r\n`), part);
  }
  return chunks;
}

async function send(socket: Socket, wire: Buffer, random: Random): Promise<void> {
  for (let at = 0; at < wire.length;) {
    const piece = wire.subarray(at, at + 1 + random.int(pick(random, [1, 3, 100, 5000, 70_000, 300_000, 1_000_000])));
    at += piece.length;
    if (!socket.write(piece)) await once(socket, 'drain');
    else if (random.float() < 0.5) await new Promise((resolve) => setImmediate(resolve));
  }
}

interface Running {
  readonly world: World;
  readonly spool: Spool;
  readonly port: number;
}

async function start(t: TestContext, options: WorldOptions = {}): Promise<Running> {
  const s = await testSpool();
  const spool = await s.open();
  const world = new World({ options: { relayDomains: ['here.test'] }, durable: spool, ...options });
  const service = new EsmtpService({
    ports: world.ports,
    optionsFor: () => world.options,
    serviceCell: CELL,
    listenerCell: () => CELL,
    reusePort: false,
  });
  assert.equal(await new Promise((resolve) => service.apply([{ address: '127.0.0.1:0', enable: true }], resolve)), undefined);
  const port = service.bound().get('127.0.0.1:0')?.port ?? assert.fail('not bound');
  t.after(async () => {
    await new Promise<void>((resolve) => service.stop(0, resolve));
    await spool.close();
    s.remove();
  });
  return { world, spool, port };
}

/** Sends messages on several connections at a time and compares each with what was kept. */
async function exchange(seed: number, { world, spool, port }: Running): Promise<readonly Sent[]> {
  const random = seededRandom(seed);
  const sent: Sent[] = [];
  const talk = async (n: number): Promise<void> => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let said = '';
    socket.setEncoding('latin1').on('data', (text: string) => (said += text));
    const wire: Buffer[] = [Buffer.from('EHLO c.test\r\n')];
    for (let i = 0; i < MESSAGES; i++) {
      const size = Math.max(0, pick(random, SIZES) - 200 + random.int(400));
      const one = { sender: `m${n}-${i}@a.test`, content: makeContent(random, size) };
      sent.push(one);
      wire.push(...wireOf(random, one));
    }
    wire.push(Buffer.from('QUIT\r\n'));
    await send(socket, Buffer.concat(wire), random);
    await once(socket, 'close');
    assert.match(said, /^221 /m, said.slice(-300));
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, n) => talk(n)));
  const kept = new Map(world.accepted.map(({ envelope, body }) => [envelope.sender, { id: envelope.batchId, body }]));
  assert.equal(kept.size, sent.length);
  assert.ok(reads.spoilt > 0);
  for (const { sender, content } of sent) {
    const { id, body } = kept.get(sender) ?? assert.fail(`nothing of ${sender}`);
    for (const stored of [await load(spool, id), ...(body === undefined ? [] : [body])]) {
      const trace = stored.length - content.length;
      assert.ok(trace > 0 && trace < 1000 && stored.subarray(trace).equals(content), `${sender} of ${content.length} octets, seed ${seed}`);
      assert.match(stored.toString('latin1', 0, trace), /^(?:Return-Path: .*\r\n)?Received: from [^]* helo=c\.test\)\r\n\tby [^]*\r\n$/);
    }
  }
  return sent;
}

for (const seed of [1, 2, 3]) {
  test(`Messages of all sizes, sent on several connections at a time and cut anywhere, are stored octet by octet, seed ${seed} (A12, SMTP-14, SPL-08)`, async (t) => {
    await exchange(seed, await start(t));
  });
}

test('The same where nothing is kept in memory besides the spool, so that every message may be lent early', async (t) => {
  await exchange(4, await start(t, { resident: new ResidentBudget({ perMessage: 0 }) }));
});

test('The same where a module keeps what it reads of each message', async (t) => {
  const read: Buffer[][] = [];
  const reader = (): { append(chunk: Buffer): void } => {
    const chunks: Buffer[] = [];
    read.push(chunks);
    return { append: (chunk) => void chunks.push(chunk) };
  };
  const sent = await exchange(5, await start(t, { modules: [{ name: 'reader', hooks: {}, reader }] }));
  const inOrder = (messages: readonly Buffer[]): string[] => messages.map((message) => message.toString('base64')).sort();
  assert.deepEqual(inOrder(read.map((chunks) => Buffer.concat(chunks))), inOrder(sent.map(({ content }) => content)));
});

/**
 * Mail of many sessions through reads that they share: each octet of each message arrives as it was sent, in all that a message may pass. `npm run soak` runs it.
 *
 * The one rule: the server's shared memory is spoilt behind every read (test/kit/spoil-reads.ts), and each message says its own digest, so that one kept slice shows at once.
 * Sessions are plain, under TLS, behind PROXY headers and on a Unix socket; pipelined or not; by DATA or BDAT; cut at random, and some break off in the midst of a message.
 * ROUNDS, SESSIONS and SEED may be set.
 */
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { seededRandom, type Random } from '#base';
import { makeAuthority, makeCertificate } from '../kit/certificates.ts';
import { DnsServer } from '../kit/dns-server.ts';
import { mailboxes, mailOf } from '../kit/mailbox.ts';
import { root, startServer, until, type Server } from '../kit/server.ts';
import { startSink } from '../kit/sink.ts';
import { SPOILT } from '../kit/spoil-reads.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 4);
const SESSIONS = Number(process.env['SESSIONS'] ?? 40);
const SEED = Number(process.env['SEED'] ?? 1);

const dir = mkdtempSync(join(tmpdir(), 'impetus-lent-'));
after(() => rmSync(dir, { recursive: true, force: true }));
makeAuthority(dir);
const mx = makeCertificate(dir, 'mx');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const published = `v=DKIM1; k=rsa; p=${rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`;

/** Around each bound: a gathered piece, a read, a part, a large read, Large_Message_Threshold, what is held for modules. */
const SIZES = [0, 1, 255, 256, 511, 512, 4096, 16_384, 60_000, 65_536, 131_072, 196_608, 262_144, 524_288, 1_048_576, 3_000_000];
const WEIGHTS = [1, 1, 1, 1, 1, 2, 4, 4, 4, 6, 6, 4, 4, 2, 1, 1];
const DOORS = ['plain', 'plain', 'starttls', 'smtps', 'proxied', 'proxied-tls', 'unix'] as const;
type Door = (typeof DOORS)[number];

function pick<T>(random: Random, of: readonly T[]): T {
  return of[random.int(of.length)] as T;
}

function sizeOf(random: Random): number {
  let at = random.int(WEIGHTS.reduce((sum, weight) => sum + weight, 0));
  const index = WEIGHTS.findIndex((weight) => (at -= weight) < 0);
  return Math.max(0, (SIZES[index] ?? 0) + random.int(7) - 3);
}

function digestOf(body: string): string {
  return createHash('sha256').update(body.replaceAll('\r\n', '\n'), 'latin1').digest('hex');
}

/** Random octets in lines, some of which begin with dots or are nothing else; the octet of spoilt memory is not among them. */
function makeBody(random: Random, size: number): string {
  const lines: string[] = [];
  const dots = pick(random, [0, 0.02, 0.5]);
  for (let length = 0; length < size;) {
    const noise = Array.from({ length: 30 + random.int(90) }, () => {
      const octet = 33 + random.int(222);
      return octet === SPOILT || octet === 0x7f ? 'x' : String.fromCharCode(octet);
    }).join('');
    const line = `${random.float() < dots ? pick(random, ['.', '..', '.\r\n', '\r\n.']) : ''}${noise}\r\n`;
    const many = Math.min(size - length, line.length * (size > 20_000 ? 1 + random.int(8) : 1));
    const piece = line.repeat(Math.ceil(many / line.length));
    lines.push(piece);
    length += piece.length;
  }
  const body = lines
    .join('')
    .slice(0, size)
    .replaceAll(/\r(?!\n)/g, 'x');
  return body === '' || body.endsWith('\r\n') ? body : `${body}\r\n`;
}

interface Letter {
  readonly id: string;
  readonly text: string;
}

function makeLetter(random: Random, id: string): Letter {
  const body = makeBody(random, sizeOf(random));
  const head = `From: a@ours.test\r\nSubject: x\r\nX-Id: ${id}\r\nX-Digest: ${digestOf(body)}\r\n`;
  return { id, text: `${head}${random.float() < 0.3 ? `X-Fill: ${'y'.repeat(random.int(3000))}\r\n` : ''}\r\n${body}` };
}

/** A letter that arrived: what it calls itself, and whether it is what it says. */
function look(message: string): { id: string; isWhole: boolean } {
  const text = message.replaceAll('\r\n', '\n');
  const end = text.indexOf('\n\n');
  const head = text.slice(0, end + 1);
  const id = /^X-Id: (.*)$/m.exec(head)?.[1] ?? `nameless ${JSON.stringify(head.slice(0, 300))}`;
  return {
    id,
    isWhole: digestOf(text.slice(end + 2)) === /^X-Digest: (\w+)$/m.exec(head)?.[1] && !head.includes(String.fromCharCode(SPOILT)),
  };
}

/** One session of a client: writes cut anywhere, replies counted. */
class Talk {
  readonly #random: Random;
  #socket: Socket;
  #said = '';
  #isOver = false;
  #wake: (() => void) | undefined;

  constructor(socket: Socket, random: Random) {
    this.#socket = socket;
    this.#random = random;
    this.#listen(socket);
  }

  get socket(): Socket {
    return this.#socket;
  }

  #listen(socket: Socket): void {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString('latin1');
      this.#wake?.();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isOver = true;
      this.#wake?.();
    });
  }

  /** Until more was said, or nothing more will be. */
  #more(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }

  async secure(): Promise<void> {
    this.#socket.removeAllListeners('data');
    const tls = connectTls({ socket: this.#socket, rejectUnauthorized: false });
    await once(tls, 'secureConnect');
    this.#said = '';
    this.#listen(tls);
  }

  async write(text: string | Buffer, cuts: readonly number[] = [1, 3, 100, 5000, 70_000, 300_000, 1_000_000]): Promise<void> {
    const wire = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
    const random = this.#random;
    for (let at = 0; at < wire.length && !this.#isOver;) {
      const piece = wire.subarray(at, at + 1 + random.int(wire.length > 3000 && random.float() < 0.7 ? 300_000 : pick(random, cuts)));
      at += piece.length;
      await new Promise((resolve) => this.#socket.write(piece, resolve));
      if (random.float() < 0.3) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The next whole reply. */
  async reply(): Promise<string> {
    const whole = /^(?:\d{3}-[^\n]*\n)*\d{3} [^\n]*\n/;
    let found = whole.exec(this.#said);
    while (found === null) {
      if (this.#isOver) throw new Error(`the server went away; last said: ${this.#said}`);
      await this.#more();
      found = whole.exec(this.#said);
    }
    this.#said = this.#said.slice(found[0].length);
    return found[0];
  }

  async expect(code: number): Promise<void> {
    const reply = await this.reply();
    assert.match(reply, new RegExp(`^${code}`), reply);
  }
}

async function enter(server: Server, door: Door, random: Random): Promise<Talk> {
  const raw =
    door === 'unix'
      ? connect(server.path('smtp.sock'))
      : connect({ host: '127.0.0.1', port: server.ports[door === 'starttls' ? 'plain' : door.replace('-', '_')]!, noDelay: true });
  await once(raw, 'connect');
  const talk = new Talk(raw, random);
  const isProxied = door.startsWith('proxied');
  // Behind the header, in the same write, comes what the client says first.
  if (isProxied && random.float() < 0.5) await talk.write('PROXY TCP4 198.51.100.7 203.0.113.1 40000 25\r\n');
  else if (isProxied) raw.write('PROXY TCP4 198.51.100.7 203.0.113.1 40000 25\r\n');
  if (door === 'smtps' || door === 'proxied-tls') await talk.secure();
  await talk.expect(220);
  if (door === 'starttls') {
    await talk.write('EHLO c.test\r\nSTARTTLS\r\n');
    await talk.expect(250);
    await talk.expect(220);
    await talk.secure();
  }
  await talk.write('EHLO c.test\r\n');
  await talk.expect(250);
  return talk;
}

interface Piece {
  readonly text: string;
  readonly code: number;
}

/** The message as what is said and the reply awaited. */
function piecesOf(random: Random, { id, text }: Letter, to: string): readonly Piece[] {
  const pieces: Piece[] = [
    { text: `MAIL FROM:<${id}@ours.test>\r\n`, code: 250 },
    { text: `RCPT TO:<${to}>\r\n`, code: 250 },
  ];
  if (random.float() < 0.55) {
    pieces.push({ text: 'DATA\r\n', code: 354 }, { text: `${text.replaceAll('\r\n.', '\r\n..')}.\r\n`, code: 250 });
    return pieces;
  }
  for (let at = 0; at < text.length;) {
    const chunk = text.slice(at, at + 1 + random.int(pick(random, [10, 1000, 70_000, 400_000])));
    at += chunk.length;
    pieces.push({ text: `BDAT ${chunk.length}${at >= text.length ? ' LAST' : ''}\r\n${chunk}`, code: 250 });
    if (pieces.length > 60) at = finish(pieces, text, at);
  }
  return pieces;
}

function finish(pieces: Piece[], text: string, at: number): number {
  if (at < text.length) pieces.push({ text: `BDAT ${text.length - at} LAST\r\n${text.slice(at)}`, code: 250 });
  return text.length;
}

async function hand(talk: Talk, pieces: readonly Piece[], isPipelined: boolean): Promise<void> {
  if (isPipelined) await talk.write(pieces.map(({ text }) => text).join(''));
  for (const { text, code } of pieces) {
    if (!isPipelined) await talk.write(text);
    await talk.expect(code);
  }
}

/** A session with some messages; gives their ids. */
async function session(server: Server, name: string, random: Random): Promise<string[]> {
  const talk = await enter(server, pick(random, DOORS), random);
  const isPipelined = random.float() < 0.5;
  const to = (): string => `${pick(random, ['u', 'v'])}@${pick(random, ['far.test', 'inbox.test'])}`;
  const letters = Array.from({ length: ROUNDS }, (_, i) => makeLetter(random, `${name}-${i}`));
  const pieces = letters.map((letter) => piecesOf(random, letter, to()));
  // All messages of a session in one go, or one after the other.
  if (isPipelined && random.float() < 0.5) await hand(talk, pieces.flat(), true);
  else for (const of of pieces) await hand(talk, of, isPipelined);
  if (random.float() < 0.3) {
    // One more, given up in the midst.
    const last = piecesOf(random, makeLetter(random, `${name}-broken`), to())
      .map(({ text }) => text)
      .join('');
    await talk.write(last.slice(0, Math.floor(last.length * (0.2 + 0.7 * random.float()))));
  } else {
    await talk.write('QUIT\r\n');
    await talk.expect(221);
  }
  talk.socket.destroy();
  return letters.map(({ id }) => id);
}

interface Course {
  readonly name: string;
  readonly conf: string;
  readonly files?: Readonly<Record<string, string>>;
  /** Another module that is loaded before the server. */
  readonly preload?: string;
}

const COURSES: readonly Course[] = [
  { name: 'nothing but the spool', conf: '' },
  {
    name: 'a low Large_Message_Threshold and a slow disk',
    conf: 'Large_Message_Threshold = 60000\n',
    preload: join(root, 'bench/slow-disk.mjs'),
  },
  {
    name: 'a policy that waits and edits',
    conf: 'policy { file = "policy.ts" timeout = 25 budget = 20000 }\n',
    files: {
      'policy.ts': `export const mailfrom = () => new Promise((done) => setTimeout(done, 5));
export const data_spool = async (event) => {
  await new Promise((done) => setTimeout(done, 10));
  event.headers.add('X-Policy', String(event.message.size), event.message.size % 2 === 0 ? { last: true } : {});
};\n`,
    },
  },
  {
    name: 'signatures, judgement and seals',
    conf: `Resolv_Conf = "{dir}/resolv.conf"
spf_macros { }
spf_v1 "spf_v1" { default_rule = "?all" add_headers = true }
dkim_validate "one" { }
openarc { signing_domain = "mx.impetus.test"  selector = "s"  keyfile = "{dir}/arc.key" }
opendkim { header_canon = relaxed  key = "{dir}/arc.key"  dkim_domain "ours.test" { selector = "s" } }
dmarc { action = "context" }
Large_Message_Threshold = 60000
`,
    files: { 'arc.key': key },
  },
  {
    name: 'bounces and complaints looked for',
    conf: 'Bounce_Domains = ( "bounces.test" )\nEnable_FBL_Header_Insertion = enabled\nfbl { Auto_Log = true Log_Path = "{dir}/fbllog.ec" Addresses = ( "^.*@fbl\\\\.here\\\\.test$" ) Token_Key = "a secret of this site only" }\n',
  },
  { name: 'mailboxes beside the spool', conf: 'maildir { basedir = "{dir}/mail" domains = ( "inbox.test" ) createusers = true }\n' },
];

/** Which of these messages have a signature of the server that does not verify: what was signed is what was sent on. */
async function badlySigned(messages: readonly Buffer[]): Promise<string[]> {
  const bad: string[] = [];
  for (const message of messages) {
    const { results } = await dkimVerify(message, { resolver: () => Promise.resolve([[published]]) });
    const found = results.map(({ status }) => status.result).join();
    if (found !== 'pass') bad.push(`${look(message.toString('latin1')).id}: ${found}`);
  }
  return bad;
}

async function start(t: TestContext, o: Course, loops: number, ports: Record<string, number>): Promise<Server> {
  const dns =
    o.files?.['arc.key'] === undefined ? undefined : new DnsServer({ zones: { 'ours.test': { TXT: ['v=spf1 ip4:127.0.0.1 -all'] } } });
  await dns?.listen();
  t.after(() => dns?.close());
  const preloads = [join(root, 'test/kit/spoil-reads.ts'), ...(o.preload === undefined ? [] : [o.preload])];
  return startServer(t, {
    conf: `
EventLoop "pool" { Concurrency = ${loops} }
Relay_Domains = ( "far.test" "inbox.test" )
Routes = ( "127.0.0.1:{port:hop}" )
ESMTP_Listener {
  TLS_Certificate = "${mx.cert}"
  TLS_Key = "${mx.key}"
  SMTP_Extensions = ( "PIPELINING" "8BITMIME" "CHUNKING" "STARTTLS" )
  Listen "127.0.0.1:{port:plain}" { }
  Listen "127.0.0.1:{port:smtps}" { Use_SSL = true }
  Listen "127.0.0.1:{port:proxied}" { Proxy_Protocol_Hosts = ( 127.0.0.0/8 ) }
  Listen "127.0.0.1:{port:proxied_tls}" { Proxy_Protocol_Hosts = ( 127.0.0.0/8 ) Use_SSL = true }
  Listen "{dir}/smtp.sock" { File_Mode = 0600 }
}
${o.conf}`,
    files: { ...(dns === undefined ? {} : { 'resolv.conf': `${dns.line}\noptions timeout:1 attempts:1\n` }), ...o.files },
    ports,
    env: { NODE_OPTIONS: preloads.map((path) => `--import=${path}`).join(' ') },
  });
}

for (const course of COURSES) {
  for (const loops of [1, 2]) {
    test(`Each of ${SESSIONS} sessions has its own octets and no others with ${course.name}, ${loops} event loops (A12, SMTP-14, SPL-08)`, async (t) => {
      const hop = await startSink(t, { extensions: ['PIPELINING', '8BITMIME', 'CHUNKING'] });
      const server = await start(t, course, loops, { hop: hop.port });
      const random = seededRandom(SEED * 100 + loops);
      const ids = (
        await Promise.all(Array.from({ length: SESSIONS }, (_, n) => session(server, `s${n}`, seededRandom(random.int(2 ** 30)))))
      ).flat();
      const stored = (): string[] => mailboxes(server).flatMap((user) => mailOf(server, user));
      await until(
        () => hop.messages.length + stored().length >= ids.length,
        () => `${ids.length} messages; ${hop.messages.length} at the hop`,
        300,
      );
      const arrived = [...hop.messages.map(({ data }) => data.toString('latin1')), ...stored()].map(look);
      assert.deepEqual(
        arrived.filter(({ isWhole }) => !isWhole),
        [],
      );
      const sent = new Set(ids);
      for (const { id } of arrived) assert.ok(sent.delete(id), `${id} is there twice, or was never finished`);
      assert.deepEqual([...sent], []);
      assert.equal(server.output.match(/reads are spoilt/g)?.length, loops);
      if (course.files?.['arc.key'] !== undefined) assert.deepEqual(await badlySigned(hop.messages.map(({ data }) => data)), []);
      t.diagnostic(`${arrived.length} messages, ${hop.messages.reduce((sum, { data }) => sum + data.length, 0)} octets at the hop`);
    });
  }
}

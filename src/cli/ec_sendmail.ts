/*
 * ec_sendmail: takes a message on standard input and hands it to a running server over SMTP.
 *
 * Options -f sender, -F full name, -i (a lone dot does not end the input; it never does here), -t (recipients from To, Cc
 * and Bcc, whose Bcc lines are removed) as in rule CLI-05; ours: --server host:port or a socket path (default 127.0.0.1:25).
 * Words that programs give to every sendmail are understood: -bs speaks SMTP with the server, -r is -f, -oi is -i; -bm, -v, -B, -e and
 * other -o mean nothing here. Modes that do something else (-bp, -bd, -q, ...) are refused, so that nobody believes they were done.
 * The exit status is 0 when the server took the message, 75 when it may be tried again later, 69 when it was refused.
 * Not here: queueing. What the server does not take stays with the caller. Truth: RFC 5321.
 */
import { connect, type Socket } from 'node:net';
import { hostname, userInfo } from 'node:os';
import { parseArgs } from 'node:util';
import { wrongWords } from './wrong-words.ts';

const usage = `usage: ec_sendmail [--server host:port|/path] [-f sender] [-F "full name"] [-i] [-t] [recipient ...]
       ec_sendmail [--server host:port|/path] -bs
  -f, -r ADDRESS  the sender of the envelope       -F NAME  the full name in From
  -t              recipients from To, Cc and Bcc   -i       a line with a single dot does not end the message (it never does here)
  -bs             SMTP on standard input and output, with the server behind it (ours)
  --server        default: $EC_SENDMAIL_SERVER, else 127.0.0.1:25
  -h, --help      this text
Exit status: 0 taken, 64 wrong words, 69 refused, 75 try again later.`;
/** Words with a value, behind which the next word is no word of its own. */
const withValue = ['-f', '-F', '-r', '--server'];
const dataReplySeconds = 600;

class Refusal extends Error {
  readonly status: number;
  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

/** The words of other sendmails in those of this one. */
function ownWords(words: readonly string[]): string[] {
  const own: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (word === '--') return [...own, ...words.slice(i)];
    if (withValue.includes(word)) own.push(word === '-r' ? '-f' : word, ...words.slice(++i, i + 1));
    else if (/^-r./.test(word)) own.push('-f', word.slice(2));
    else if (word === '-oi' || word === '-oitrue') own.push('-i');
    else if (word === '-o') i++;
    else if (word === '-bs') own.push('--bs');
    else if (!/^-(?:bm|v|B.*|e[mpqwe]|o.+)$/.test(word)) own.push(word);
  }
  return own;
}

function options() {
  return parseArgs({
    args: ownWords(process.argv.slice(2)),
    allowPositionals: true,
    options: {
      server: { type: 'string', default: process.env['EC_SENDMAIL_SERVER'] ?? '127.0.0.1:25' },
      f: { type: 'string', short: 'f' },
      F: { type: 'string', short: 'F' },
      i: { type: 'boolean', short: 'i' },
      t: { type: 'boolean', short: 't' },
      bs: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}

/** Lines end in CRLF, whatever the input used; RFC 5322 allows no lone CR or LF. */
function normalise(input: Buffer): string {
  return input.toString('latin1').replace(/\r\n|\r|\n/g, '\r\n');
}

function split(message: string): { head: string; body: string } {
  const looksLikeHeader = /^[!-9;-~]+[ \t]*:/.test(message);
  if (!looksLikeHeader) return { head: '', body: message };
  const end = message.indexOf('\r\n\r\n');
  return end === -1
    ? { head: message.replace(/(\r\n)?$/, '\r\n'), body: '' }
    : { head: message.slice(0, end + 2), body: message.slice(end + 4) };
}

function addressesIn(head: string): string[] {
  const unfolded = head.replace(/\r\n[ \t]+/g, ' ');
  const fields = [...unfolded.matchAll(/^(?:to|cc|bcc)[ \t]*:(.*)$/gim)].map((m) => m[1]!);
  return fields.flatMap((field) => [...field.matchAll(/<([^<>]+)>|([^\s,;:<>"()]+@[^\s,;:<>"()]+)/g)].map((m) => m[1] ?? m[2]!));
}

function withHeaders(head: string, sender: string, fullName: string | undefined): string {
  const has = (name: string) => new RegExp(`^${name}[ \\t]*:`, 'im').test(head);
  const from = fullName ? `"${fullName.replace(/["\\\r\n]/g, '')}" <${sender}>` : sender;
  return (has('from') ? '' : `From: ${from}\r\n`) + head;
}

/** Reads whole replies, one per call. */
class Dialogue {
  #text = '';
  #wake: (() => void) | undefined;
  #isOver = false;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    const over = () => {
      this.#isOver = true;
      this.#wake?.();
    };
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1');
      this.#wake?.();
    });
    socket.on('close', over).on('error', over);
    socket.setTimeout(dataReplySeconds * 1000, () => socket.destroy());
  }

  async reply(): Promise<string> {
    for (;;) {
      const m = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\n/.exec(this.#text);
      if (m) {
        this.#text = this.#text.slice(m[0].length);
        return m[0].trimEnd();
      }
      if (this.#isOver) throw new Refusal(75, 'the server closed the connection before it answered');
      await new Promise<void>((done) => (this.#wake = done));
    }
  }

  async say(what: string, expected: string, line?: string): Promise<void> {
    if (line !== undefined) this.#socket.write(`${line}\r\n`, 'latin1');
    const reply = await this.reply();
    if (!reply.startsWith(expected)) throw new Refusal(reply.startsWith('4') ? 75 : 69, `the server refused ${what}: ${reply}`);
  }
}

function open(server: string): Promise<Socket> {
  const m = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(server);
  const socket = m ? connect({ host: m[1] ?? m[2]!, port: Number(m[3]) }) : connect(server);
  return new Promise((done, fail) => {
    socket.once('connect', () => done(socket));
    socket.once('error', (error) =>
      fail(new Refusal(75, `no server answers at ${server}: ${error.message}; name it with --server host:port`)),
    );
  });
}

async function submit(o: { server: string; sender: string; recipients: string[]; message: string }): Promise<void> {
  const socket = await open(o.server);
  try {
    await converse(socket, o);
  } finally {
    // Whatever was said: the server is told the end, and nobody waits for its answer.
    socket.end('QUIT\r\n');
    socket.unref();
  }
}

async function converse(socket: Socket, o: { sender: string; recipients: string[]; message: string }): Promise<void> {
  const dialogue = new Dialogue(socket);
  await dialogue.say('the connection', '220');
  await dialogue.say('EHLO', '250', `EHLO ${hostname()}`);
  await dialogue.say(`the sender <${o.sender}>`, '250', `MAIL FROM:<${o.sender}>`);
  for (const recipient of o.recipients) await dialogue.say(`the recipient <${recipient}>`, '25', `RCPT TO:<${recipient}>`);
  await dialogue.say('the message', '354', 'DATA');
  socket.write(o.message.replace(/(^|\r\n)\./g, '$1..').replace(/(\r\n)?$/, '\r\n.\r\n'), 'latin1');
  await dialogue.say('the message', '250');
}

/** SMTP between our caller and the server, byte for byte, until one of them ends it. */
async function speak(server: string): Promise<void> {
  const socket = await open(server);
  let isBroken = false;
  socket.on('error', () => (isBroken = true));
  process.stdin.pipe(socket);
  socket.pipe(process.stdout, { end: false });
  await new Promise((done) => socket.once('close', done));
  process.stdin.destroy();
  if (isBroken) throw new Refusal(75, 'the connection to the server broke');
}

/** A user without an entry in the password database has a number. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.());
  }
}

async function main(): Promise<number> {
  let parsed: ReturnType<typeof options>;
  try {
    parsed = options();
  } catch (error) {
    console.error(`ec_sendmail: ${wrongWords(error)}\n${usage}`);
    return 64;
  }
  const { values, positionals } = parsed;
  if (values.help) {
    console.log(usage);
    return 0;
  }
  if (values.bs === true) {
    await speak(values.server);
    return 0;
  }
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const { head, body } = split(normalise(Buffer.concat(chunks)));
  const recipients = [...positionals, ...(values.t ? addressesIn(head) : [])];
  if (recipients.length === 0) {
    console.error(`ec_sendmail: no recipient: name one, or give -t to take them from To, Cc and Bcc\n${usage}`);
    return 64;
  }
  const bad = [...recipients, values.f ?? ''].find((address) => /[\r\n<>\0]/.test(address));
  if (bad !== undefined) {
    console.error(`ec_sendmail: ${JSON.stringify(bad)} is no address: expected user@domain`);
    return 64;
  }
  const sender = values.f ?? `${userName()}@${hostname()}`;
  const warning =
    values.f !== undefined && process.getuid?.() !== 0
      ? `X-Authentication-Warning: ${hostname()}: ${userName()} set sender to ${values.f} using -f\r\n`
      : '';
  const shown = values.t ? head.replace(/^bcc[ \t]*:.*\r\n(?:[ \t].*\r\n)*/gim, '') : head;
  await submit({ server: values.server, sender, recipients, message: `${warning}${withHeaders(shown, sender, values.F)}\r\n${body}` });
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`ec_sendmail: ${(error as Error).message}`);
  process.exitCode = error instanceof Refusal ? error.status : 70;
}

/**
 * A next hop under the test's control: takes mail on a free port of 127.0.0.1 and keeps what it got, byte for byte.
 *
 * The one rule: it answers as the script says (`replies` by verb), and by default as an ordinary server with PIPELINING.
 * BDAT is understood whether or not CHUNKING is offered. Speed and correctness against foreign software are proven with Postfix's smtp-sink instead.
 */
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface Taken {
  readonly mailFrom: string;
  readonly rcptTo: string[];
  readonly data: Buffer;
  /** The octets as they stood on the wire: behind DATA dot-stuffed and without the end mark, or the chunks of BDAT. */
  readonly wire: Buffer;
  readonly by: 'DATA' | 'BDAT';
  readonly connection: number;
}

export interface SinkOptions {
  readonly extensions?: readonly string[];
  /** Answers by verb (`MAIL`, `RCPT`, `DATA`, `.`, `EHLO`, `banner`): a line, or a function of the command line. */
  readonly replies?: Readonly<Record<string, string | ((line: string) => string | undefined)>>;
  readonly port?: number;
}

/** A chunk that is being read, and what of the message came before it. */
interface Chunks {
  size: number;
  isLast: boolean;
  readonly taken: Buffer[];
}

export class Sink {
  readonly messages: Taken[] = [];
  readonly commands: string[] = [];
  connections = 0;
  open = 0;
  server: NetServer | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #options: SinkOptions;

  constructor(options: SinkOptions) {
    this.#options = options;
  }

  get port(): number {
    return (this.server!.address() as { port: number }).port;
  }

  async listen(): Promise<this> {
    this.server = createServer((socket) => this.#serve(socket));
    await new Promise<void>((done) => this.server!.listen(this.#options.port ?? 0, '127.0.0.1', done));
    return this;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((done) => this.server!.close(done));
  }

  #answer(verb: string, line: string, otherwise: string): string {
    const scripted = this.#options.replies?.[verb];
    return (typeof scripted === 'function' ? scripted(line) : scripted) ?? otherwise;
  }

  #serve(socket: Socket): void {
    const connection = this.connections++;
    this.open++;
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    let buffer = Buffer.alloc(0);
    let inData = false;
    let chunks: Chunks | undefined;
    let isInChunk = false;
    let mailFrom = '';
    let rcptTo: string[] = [];
    const say = (text: string) => {
      socket.write(`${text}\r\n`);
      if (text.startsWith('421')) socket.end();
    };
    say(this.#answer('banner', '', '220 sink.test ESMTP'));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.open--;
      this.#sockets.delete(socket);
    });
    socket.on('data', (chunk: Buffer) => {
      buffer = Buffer.concat([buffer, chunk]);
      for (;;) {
        if (isInChunk && chunks !== undefined) {
          if (buffer.length < chunks.size) return;
          chunks.taken.push(Buffer.from(buffer.subarray(0, chunks.size)));
          buffer = buffer.subarray(chunks.size);
          isInChunk = false;
          const reply = this.#answer(chunks.isLast ? '.' : 'BDAT', '', '250 2.0.0 taken');
          if (chunks.isLast) {
            const wire = Buffer.concat(chunks.taken);
            chunks = undefined;
            if (reply.startsWith('2')) this.messages.push({ mailFrom, rcptTo, data: wire, wire, by: 'BDAT', connection });
            rcptTo = [];
          }
          say(reply);
          continue;
        }
        if (inData) {
          const end = buffer.subarray(0, 3).equals(Buffer.from('.\r\n')) ? -2 : buffer.indexOf('\r\n.\r\n');
          if (end === -1) return;
          const data = end === -2 ? Buffer.alloc(0) : Buffer.from(buffer.subarray(0, end + 2));
          buffer = buffer.subarray(end === -2 ? 3 : end + 5);
          inData = false;
          const reply = this.#answer('.', '', '250 2.0.0 taken');
          if (reply.startsWith('2')) this.messages.push({ mailFrom, rcptTo, data: unstuff(data), wire: data, by: 'DATA', connection });
          rcptTo = [];
          say(reply);
          continue;
        }
        const end = buffer.indexOf('\r\n');
        if (end === -1) return;
        const line = buffer.subarray(0, end).toString('latin1');
        buffer = buffer.subarray(end + 2);
        this.commands.push(line);
        const verb = line.slice(0, 4).toUpperCase();
        if (verb === 'EHLO') {
          const words = ['sink.test', ...(this.#options.extensions ?? ['PIPELINING', '8BITMIME'])];
          say(this.#answer('EHLO', line, words.map((word, i) => `250${i === words.length - 1 ? ' ' : '-'}${word}`).join('\r\n')));
        } else if (verb === 'MAIL') {
          mailFrom = line;
          rcptTo = [];
          say(this.#answer('MAIL', line, '250 ok'));
        } else if (verb === 'RCPT') {
          const reply = this.#answer('RCPT', line, '250 ok');
          if (reply.startsWith('2')) rcptTo.push(line);
          say(reply);
        } else if (verb === 'DATA') {
          const reply = this.#answer('DATA', line, rcptTo.length > 0 ? '354 go on' : '554 no recipients');
          inData = reply.startsWith('354');
          say(reply);
        } else if (verb === 'BDAT') {
          const m = /^BDAT (\d+)( LAST)?$/i.exec(line);
          if (m === null) {
            say('501 no chunk');
            continue;
          }
          chunks = { size: Number(m[1]), isLast: m[2] !== undefined, taken: chunks?.taken ?? [] };
          isInChunk = true;
        } else if (verb === 'QUIT') {
          say('221 bye');
          socket.end();
        } else say(this.#answer(verb, line, '250 ok'));
      }
    });
  }
}

function unstuff(data: Buffer): Buffer {
  return Buffer.from(data.toString('latin1').replace(/(^|\r\n)\.\./g, '$1.'), 'latin1');
}

/** A sink that ends with its test. */
export async function startSink(t: TestContext, options: SinkOptions = {}): Promise<Sink> {
  const sink = await new Sink(options).listen();
  t.after(() => sink.close());
  return sink;
}

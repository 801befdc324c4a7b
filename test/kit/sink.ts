/**
 * A next hop under the test's control: takes mail on a free port of a loopback address and keeps what it got, byte for byte.
 *
 * The one rule: it answers as the script says (`replies` by verb), and by default as an ordinary server with PIPELINING; BDAT is
 * understood whether or not CHUNKING is offered, STARTTLS where `tls` has a certificate.
 * Speed and correctness against foreign software are proven with Postfix's smtp-sink instead.
 */
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { createSecureContext, TLSSocket, type SecureContext } from 'node:tls';

export interface Taken {
  readonly mailFrom: string;
  readonly rcptTo: string[];
  readonly data: Buffer;
  /** The octets as they stood on the wire: behind DATA dot-stuffed and without the end mark, or the chunks of BDAT. */
  readonly wire: Buffer;
  readonly by: 'DATA' | 'BDAT';
  readonly connection: number;
  /** It came in BDAT chunks, so many; 0: by DATA. */
  readonly chunks: number;
  readonly isTls: boolean;
  /** Over a TLS session that was taken up again. */
  readonly isResumed: boolean;
  /** The address that the sender connected from. */
  readonly from: string;
  /** Milliseconds (monotonic) at which its MAIL FROM was read. */
  readonly at: number;
}

/** Exactly these bytes (latin1) instead of a line, and the connection ended behind them if wished. */
export interface RawReply {
  readonly raw: string | Buffer;
  readonly ends?: boolean;
}

export type ScriptedReply = string | RawReply;

export interface SinkOptions {
  readonly extensions?: readonly string[];
  /** Answers by verb (`MAIL`, `RCPT`, `DATA`, `BDAT` for a chunk before the last, `.`, `EHLO`, `banner`): a reply, or a function of the command line. */
  readonly replies?: Readonly<Record<string, ScriptedReply | ((line: string) => ScriptedReply | undefined)>>;
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** A Unix socket instead of a port. */
  readonly path?: string;
  /** PEM texts; STARTTLS is offered and works. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Messages (`.` or BDAT LAST) are answered when the promise that it gives is kept. */
  readonly hold?: () => Promise<void>;
}

export class Sink {
  readonly messages: Taken[] = [];
  readonly commands: string[] = [];
  connections = 0;
  open = 0;
  /** The most connections that were open at a time. */
  peak = 0;
  /** Commands that came in one piece with the one before them. */
  pipelined = 0;
  server: NetServer | undefined;
  readonly options: SinkOptions;
  readonly #sockets = new Set<Socket>();
  #context: SecureContext | undefined;

  constructor(options: SinkOptions) {
    this.options = options;
  }

  get port(): number {
    return (this.server!.address() as { port: number }).port;
  }

  async listen(): Promise<this> {
    this.server = createServer((socket) => this.#serve(socket));
    await new Promise<void>((done, fail) => {
      this.server!.once('error', fail);
      const { path } = this.options;
      if (path === undefined) this.server!.listen(this.options.port ?? 0, this.options.host ?? '127.0.0.1', done);
      else this.server!.listen(path, done);
    });
    return this;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((done) => this.server!.close(done));
  }

  /** Commands of a verb. */
  said(verb: string): string[] {
    return this.commands.filter((line) => line.toUpperCase().startsWith(verb));
  }

  /** One for all connections, so that sessions can be taken up again. */
  secureContext(tls: { readonly key: string; readonly cert: string }): SecureContext {
    return (this.#context ??= createSecureContext(tls));
  }

  #serve(socket: Socket): void {
    const number = this.connections++;
    this.open++;
    this.peak = Math.max(this.peak, this.open);
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    let isOpen = true;
    // After QUIT it is over for both, whenever the system tells us so.
    const gone = (): void => {
      if (isOpen) this.open--;
      isOpen = false;
    };
    socket.on('close', () => {
      gone();
      this.#sockets.delete(socket);
    });
    void new SinkConnection(this, socket, number, gone);
  }
}

/** One connection: commands, and bodies by DATA or BDAT, each answered in its turn. */
class SinkConnection {
  readonly #sink: Sink;
  readonly #number: number;
  readonly #from: string;
  #socket: Socket;
  #buffer = Buffer.alloc(0);
  #inData = false;
  /** Octets of a BDAT chunk that are awaited. */
  #chunkLeft = -1;
  #isLast = false;
  #chunks: Buffer[] = [];
  #isHeld = false;
  /** Something of the bytes that came last was handled already. */
  #isMore = false;
  #mailFrom = '';
  #mailAt = 0;
  #rcptTo: string[] = [];

  readonly #gone: () => void;

  constructor(sink: Sink, socket: Socket, number: number, gone: () => void) {
    this.#sink = sink;
    this.#gone = gone;
    this.#socket = socket;
    this.#number = number;
    this.#from = socket.remoteAddress ?? '';
    this.#say(this.#answer('banner', '', '220 sink.test ESMTP'));
    socket.on('data', this.#onData);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    this.#isMore = false;
    this.#go();
  };

  #go(): void {
    while (!this.#isHeld) {
      const isProgress = this.#inData ? this.#data() : this.#chunkLeft >= 0 ? this.#chunk() : this.#line();
      if (!isProgress) return;
    }
  }

  #answer(verb: string, line: string, otherwise: string): ScriptedReply {
    const scripted = this.#sink.options.replies?.[verb];
    return (typeof scripted === 'function' ? scripted(line) : scripted) ?? otherwise;
  }

  #say(reply: ScriptedReply): void {
    if (typeof reply === 'object') {
      this.#socket.write(typeof reply.raw === 'string' ? Buffer.from(reply.raw, 'latin1') : reply.raw);
      if (reply.ends === true) this.#socket.end();
      return;
    }
    this.#socket.write(`${reply}\r\n`);
    if (reply.startsWith('421')) this.#socket.end();
  }

  #data(): boolean {
    const buffer = this.#buffer;
    const isEmpty = buffer.subarray(0, 3).equals(Buffer.from('.\r\n'));
    const end = isEmpty ? -2 : buffer.indexOf('\r\n.\r\n');
    if (end === -1) return false;
    const data = isEmpty ? Buffer.alloc(0) : Buffer.from(buffer.subarray(0, end + 2));
    this.#buffer = buffer.subarray(isEmpty ? 3 : end + 5);
    this.#inData = false;
    this.#taken(data, 0, this.#answer('.', '', '250 2.0.0 taken'));
    return true;
  }

  #chunk(): boolean {
    if (this.#buffer.length < this.#chunkLeft) return false;
    this.#chunks.push(Buffer.from(this.#buffer.subarray(0, this.#chunkLeft)));
    this.#buffer = this.#buffer.subarray(this.#chunkLeft);
    this.#chunkLeft = -1;
    const otherwise = this.#rcptTo.length > 0 ? '250 2.0.0 taken' : '503 5.5.1 no recipients';
    const reply = this.#answer(this.#isLast ? '.' : 'BDAT', '', otherwise);
    if (!this.#isLast) {
      this.#say(reply);
      return true;
    }
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#taken(Buffer.concat(chunks), chunks.length, reply);
    return true;
  }

  /** The whole message is there; the answer to it may be held back. */
  #taken(wire: Buffer, chunks: number, reply: ScriptedReply): void {
    const isGood = typeof reply === 'string' && reply.startsWith('2');
    const message = {
      mailFrom: this.#mailFrom,
      rcptTo: this.#rcptTo,
      data: chunks > 0 ? wire : unstuff(wire),
      wire,
      by: chunks > 0 ? ('BDAT' as const) : ('DATA' as const),
      connection: this.#number,
      chunks,
      isTls: this.#socket instanceof TLSSocket,
      isResumed: this.#socket instanceof TLSSocket && this.#socket.isSessionReused(),
      from: this.#from,
      at: this.#mailAt,
    };
    if (isGood) this.#sink.messages.push(message);
    this.#rcptTo = [];
    const { hold } = this.#sink.options;
    if (!hold) {
      this.#say(reply);
      return;
    }
    this.#isHeld = true;
    void hold().then(() => {
      this.#isHeld = false;
      this.#say(reply);
      this.#go();
    });
  }

  #line(): boolean {
    const end = this.#buffer.indexOf('\r\n');
    if (end === -1) return false;
    const line = this.#buffer.subarray(0, end).toString('latin1');
    this.#buffer = this.#buffer.subarray(end + 2);
    this.#sink.commands.push(line);
    if (this.#isMore) this.#sink.pipelined += 1;
    this.#isMore = true;
    this.#command(line.slice(0, 4).toUpperCase(), line);
    return true;
  }

  #command(verb: string, line: string): void {
    switch (verb) {
      case 'EHLO':
        this.#say(this.#answer(verb, line, this.#capabilities()));
        return;
      case 'MAIL':
        this.#mailFrom = line;
        this.#mailAt = performance.now();
        this.#rcptTo = [];
        this.#say(this.#answer(verb, line, '250 ok'));
        return;
      case 'RCPT': {
        const reply = this.#answer(verb, line, '250 ok');
        if (typeof reply === 'string' && reply.startsWith('2')) this.#rcptTo.push(line);
        this.#say(reply);
        return;
      }
      case 'DATA': {
        const reply = this.#answer(verb, line, this.#rcptTo.length > 0 ? '354 go on' : '554 no recipients');
        this.#inData = typeof reply === 'string' && reply.startsWith('354');
        this.#say(reply);
        return;
      }
      case 'BDAT': {
        const [, octets = '0', last] = line.split(' ');
        this.#chunkLeft = Number(octets);
        this.#isLast = last?.toUpperCase() === 'LAST';
        return;
      }
      case 'STAR':
        this.#startTls(line);
        return;
      case 'QUIT':
        this.#say('221 bye');
        this.#gone();
        this.#socket.end();
        return;
      default:
        this.#say(this.#answer(verb, line, '250 ok'));
    }
  }

  #capabilities(): string {
    const { tls, extensions } = this.#sink.options;
    const isOffered = tls !== undefined && !(this.#socket instanceof TLSSocket);
    const words = ['sink.test', ...(extensions ?? ['PIPELINING', '8BITMIME']), ...(isOffered ? ['STARTTLS'] : [])];
    return words.map((word, i) => `250${i === words.length - 1 ? ' ' : '-'}${word}`).join('\r\n');
  }

  #startTls(line: string): void {
    const { tls } = this.#sink.options;
    const reply = this.#answer('STAR', line, tls === undefined ? '502 no' : '220 go on');
    this.#say(reply);
    if (tls === undefined || typeof reply !== 'string' || !reply.startsWith('220')) return;
    const raw = this.#socket;
    raw.off('data', this.#onData);
    this.#buffer = Buffer.alloc(0);
    this.#socket = new TLSSocket(raw, { isServer: true, secureContext: this.#sink.secureContext(tls) });
    this.#socket.on('error', () => raw.destroy());
    this.#socket.on('data', this.#onData);
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

/**
 * A plain SMTP client for scenarios: says exactly the bytes it is told and gives back exactly the replies it hears.
 *
 * The one rule: it has no opinions; malformed dialogue is what it is for. Real clients (swaks, smtp-source) stand beside it.
 */
import { connect, type Socket } from 'node:net';

export class SmtpClient {
  readonly socket: Socket;
  #text = '';
  #waiting: (() => void) | undefined;
  isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1');
      this.#wake();
    });
    const over = () => {
      this.isClosed = true;
      this.#wake();
    };
    socket.on('close', over);
    socket.on('end', over);
    socket.on('error', over);
  }

  /** @param at a port of 127.0.0.1 (or of `host`), or the path of a Unix socket */
  static async open(at: number | string, localAddress?: string, host = '127.0.0.1'): Promise<SmtpClient> {
    const socket = typeof at === 'string' ? connect(at) : connect({ port: at, host, ...(localAddress ? { localAddress } : {}) });
    socket.setNoDelay(true);
    await new Promise<void>((done, fail) => socket.once('connect', done).once('error', fail));
    return new SmtpClient(socket);
  }

  /** Opens, reads the greeting and says EHLO. */
  static async greet(at: number | string): Promise<SmtpClient> {
    const client = await SmtpClient.open(at);
    await client.reply();
    await client.say('EHLO client.test');
    return client;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }

  write(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Each piece in a segment of its own, as far as loopback allows. */
  async writePieces(pieces: Iterable<string>, pauseMs = 0): Promise<void> {
    for (const piece of pieces) {
      this.write(piece);
      await new Promise<void>((done) => (pauseMs > 0 ? setTimeout(done, pauseMs) : setImmediate(done)));
    }
  }

  /** Writes and waits until the operating system took it; at once when the connection is over. */
  async writeDrained(bytes: Buffer): Promise<void> {
    if (this.isClosed || this.socket.write(bytes)) return;
    await new Promise<void>((done) => {
      const over = () => {
        this.socket.off('drain', over).off('close', over);
        done();
      };
      this.socket.on('drain', over).on('close', over);
    });
  }

  /** Everything said until the server closes, the codes of the replies, e.g. '250 221'. */
  async codesToEnd(): Promise<string> {
    const codes: string[] = [];
    for (let reply = await this.reply(); reply !== ''; reply = await this.reply()) codes.push(reply.slice(0, 3));
    return codes.join(' ');
  }

  /** The next whole reply, lines joined by \n; '' when the server closed instead. */
  async reply(): Promise<string> {
    for (;;) {
      const m = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\r?\n/.exec(this.#text);
      if (m) {
        this.#text = this.#text.slice(m[0].length);
        return m[0].replaceAll('\r', '').trimEnd();
      }
      if (this.isClosed) return '';
      await new Promise<void>((done) => (this.#waiting = done));
    }
  }

  async say(line: string): Promise<string> {
    this.write(`${line}\r\n`);
    return this.reply();
  }

  /** One message by DATA; the body is sent as given, followed by the final dot. Gives the reply to the dot. */
  async send(from: string, to: string | readonly string[], body: string): Promise<string> {
    const replies = [await this.say(`MAIL FROM:<${from}>`)];
    for (const recipient of [to].flat()) replies.push(await this.say(`RCPT TO:<${recipient}>`));
    const bad = replies.find((reply) => !reply.startsWith('2'));
    if (bad !== undefined) return bad;
    const go = await this.say('DATA');
    if (!go.startsWith('354')) return go;
    this.write(`${body}\r\n.\r\n`);
    return this.reply();
  }

  /** Several commands, one after the other; the codes of the replies. */
  async codes(...lines: readonly string[]): Promise<string> {
    const codes: string[] = [];
    for (const line of lines) codes.push((await this.say(line)).slice(0, 3));
    return codes.join(' ');
  }

  async quit(): Promise<void> {
    await this.say('QUIT');
    this.socket.destroy();
  }
}

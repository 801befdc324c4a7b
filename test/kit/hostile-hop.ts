/**
 * A next hop that does at each step what chance says: it answers late, in pieces, twice, not at all, with floods or octets, with 4xx, 5xx and 421,
 * resets, closes, promises other things in each session, offers STARTTLS and breaks it, shows another certificate than before.
 *
 * The one rule: it writes down what it really did with each message, as a judge: taken for certain (its 250 was sent whole behind a whole message and
 * nothing strange came before it on this connection), perhaps taken, refused for good. What the sender logs is held against that.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { TLSSocket, type SecureContext } from 'node:tls';
import type { Random } from '#base';

type Mood =
  | 'good'
  | 'pieces'
  | 'late'
  | 'lines'
  | 'later'
  | 'never'
  | 'leaving'
  | 'leaving-open'
  | 'reset'
  | 'close'
  | 'twice'
  | 'silent'
  | 'octets'
  | 'endless'
  | 'close-behind';

const BAD: readonly Mood[] = [
  'pieces',
  'late',
  'lines',
  'later',
  'never',
  'leaving',
  'leaving-open',
  'reset',
  'close',
  'twice',
  'silent',
  'octets',
  'endless',
  'close-behind',
];

interface Verdicts {
  /** Times that it was certainly taken, and times that it may have been taken as far as the sender can know. */
  taken: number;
  perhaps: number;
}

interface HopOptions {
  readonly random: Random;
  /** Of a hundred steps, so many are not good. */
  badness: number;
  readonly contexts?: readonly SecureContext[];
}

export class HostileHop {
  readonly verdicts = new Map<string, Verdicts>();
  readonly o: HopOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  port = 0;
  sessions = 0;
  steps = new Map<string, number>();

  constructor(o: HopOptions) {
    this.o = o;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      this.sessions += 1;
      new HopSession(this, socket).open();
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    this.port = (this.#server.address() as { port: number }).port;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  of(address: string): Verdicts {
    let verdicts = this.verdicts.get(address);
    if (verdicts === undefined) this.verdicts.set(address, (verdicts = { taken: 0, perhaps: 0 }));
    return verdicts;
  }

  mood(step: string): Mood {
    const { random } = this.o;
    if (random.int(100) >= this.o.badness) return 'good';
    const mood = BAD[random.int(BAD.length)]!;
    this.steps.set(`${step} ${mood}`, (this.steps.get(`${step} ${mood}`) ?? 0) + 1);
    return mood;
  }
}

class HopSession {
  readonly #hop: HostileHop;
  #socket: Socket;
  readonly #raw: Socket;
  #text = '';
  #inBody = false;
  #chunkLeft = -1;
  #isLastChunk = false;
  #recipients: string[] = [];
  #lastTaken: readonly string[] = [];
  #all: string[] = [];
  #isTls = false;
  #isBegun = false;
  /** Something strange was said: nothing behind it is certain. */
  #isStrange = false;
  #promises: readonly string[];

  constructor(hop: HostileHop, socket: Socket) {
    this.#hop = hop;
    this.#socket = this.#raw = socket;
    const { random, contexts } = hop.o;
    const offers = ['PIPELINING', 'CHUNKING', '8BITMIME', 'SIZE 100000', 'SMTPUTF8', 'DSN', 'XNONSENSE a b c', 'ENHANCEDSTATUSCODES'];
    if (contexts !== undefined) offers.push('STARTTLS');
    this.#promises = offers.filter(() => random.int(2) === 0);
  }

  open(): void {
    this.#listen();
    this.#answer('banner', '220 hop ESMTP');
  }

  #listen(): void {
    this.#socket.on('error', () => undefined);
    this.#socket.on('data', this.#hear);
  }

  readonly #hear = (chunk: Buffer): void => {
    this.#text += chunk.toString('latin1');
    while (this.#step());
  };

  /** One command, body or chunk; false when it is not there whole. */
  #step(): boolean {
    if (this.#socket.destroyed) return false;
    if (this.#chunkLeft >= 0) {
      const got = Math.min(this.#chunkLeft, this.#text.length);
      this.#text = this.#text.slice(got);
      this.#chunkLeft -= got;
      if (this.#chunkLeft > 0) return false;
      this.#chunkLeft = -1;
      if (this.#isLastChunk) this.#whole();
      else if (this.#answer('chunk', '250 more') !== 'yes') this.#recipients = [];
      return true;
    }
    const mark = this.#inBody ? '\r\n.\r\n' : '\r\n';
    const end = this.#text.indexOf(mark);
    if (end < 0) return false;
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + mark.length);
    if (!this.#inBody) return this.#command(line);
    this.#inBody = false;
    this.#whole();
    return true;
  }

  #command(line: string): boolean {
    const verb = line.slice(0, 4).toUpperCase();
    switch (verb) {
      case 'EHLO':
      case 'HELO':
        this.#answer('ehlo', ['250-hop', ...this.#promises.map((one) => `250-${one}`), '250 HELP'].join('\r\n'));
        return true;
      case 'STAR':
        return this.#startTls();
      case 'MAIL':
        this.#recipients = [];
        this.#all = [];
        this.#isBegun = ['yes', 'unsure'].includes(this.#answer('mail', '250 ok'));
        return true;
      case 'RCPT': {
        const address = /<([^>]*)>/.exec(line)?.[1] ?? '';
        this.#all.push(address);
        const said = this.#answer('rcpt', this.#isBegun ? '250 ok' : '503 MAIL first');
        if (said === 'yes' || said === 'unsure') this.#recipients.push(address);
        return true;
      }
      case 'DATA':
        if (['yes', 'unsure'].includes(this.#answer('data', this.#recipients.length > 0 ? '354 go' : '503 nobody')))
          this.#inBody = this.#recipients.length > 0;
        return true;
      case 'BDAT': {
        const [, size = '0', last] = line.split(' ');
        this.#chunkLeft = Number(size);
        this.#isLastChunk = last?.toUpperCase() === 'LAST';
        return true;
      }
      case 'QUIT':
        this.#socket.end('221 bye\r\n');
        return false;
      default:
        this.#answer('other', '250 ok');
        return true;
    }
  }

  #whole(): void {
    const recipients = this.#isStrange ? this.#all : this.#recipients;
    const wasStrange = this.#isStrange;
    if (recipients.length === 0) {
      this.#answer('dot', '554 nobody');
      return;
    }
    for (const address of recipients) this.#hop.of(address).perhaps += 1;
    const said = this.#answer('dot', '250 taken');
    for (const address of recipients) {
      const verdicts = this.#hop.of(address);
      // Where replies are out of step, the sender takes another one for this one.
      if (said !== 'yes' && said !== 'unsure' && !wasStrange) verdicts.perhaps -= 1;
      if (said === 'yes' && !wasStrange) {
        verdicts.taken += 1;
        verdicts.perhaps -= 1;
      }
    }
    this.#lastTaken = said === 'yes' && !wasStrange ? recipients : [];
    this.#recipients = [];
  }

  /** Says the good reply, or what the mood makes of it. What a peer that hears everything must think of it. */
  #answer(step: string, good: string): 'yes' | 'no' | 'not-now' | 'unsure' {
    const socket = this.#socket;
    // It has taken its leave: what is said from here on, nobody hears.
    if (socket.writableEnded || socket.destroyed) return 'unsure';
    const mood = this.#hop.mood(step);
    const isYes = good.startsWith('2') || good.startsWith('3');
    switch (mood) {
      case 'good':
        socket.write(`${good}\r\n`);
        return isYes ? 'yes' : 'no';
      case 'pieces':
        socket.setNoDelay(true);
        for (const char of `${good}\r\n`) socket.write(char);
        return isYes ? 'yes' : 'no';
      case 'late':
        // What follows waits behind it: one writes in order.
        socket.cork();
        socket.write(`${good}\r\n`);
        setTimeout(() => socket.uncork(), 50);
        return isYes ? 'yes' : 'no';
      case 'lines':
        if (good.includes('\r\n')) socket.write(`${good}\r\n`);
        else socket.write(`${`${good.slice(0, 3)}-more\r\n`.repeat(20)}${good}\r\n`);
        return isYes ? 'yes' : 'no';
      case 'later':
        socket.write('451 4.3.0 later\r\n');
        return 'not-now';
      case 'never':
        socket.write('554 5.7.1 never\r\n');
        return 'no';
      case 'leaving':
        socket.end('421 4.3.2 leaving\r\n');
        return 'not-now';
      case 'leaving-open':
        this.#isStrange = true;
        socket.write('421 4.3.2 leaving\r\n');
        return 'not-now';
      case 'reset':
        // It takes what was said just before along.
        for (const address of this.#lastTaken) {
          this.#hop.of(address).taken -= 1;
          this.#hop.of(address).perhaps += 1;
        }
        this.#lastTaken = [];
        this.#raw.resetAndDestroy();
        return 'unsure';
      case 'close':
        socket.end();
        return 'unsure';
      case 'twice':
        this.#isStrange = true;
        socket.write(`${good}\r\n${good}\r\n`);
        return isYes ? 'unsure' : 'no';
      case 'silent':
        this.#isStrange = true;
        return 'unsure';
      case 'octets':
        this.#isStrange = true;
        socket.write(Buffer.from([0x00, 0xff, 0x0d, 0x80, 0x0a, 0x1b, 0x5b, 0x0d, 0x0a]));
        return 'unsure';
      case 'endless':
        this.#isStrange = true;
        socket.write('2'.repeat(100_000));
        return 'unsure';
      case 'close-behind':
        socket.end(`${good}\r\n`);
        return isYes ? 'unsure' : 'no';
    }
  }

  #startTls(): boolean {
    const { random, contexts = [] } = this.#hop.o;
    const raw = this.#socket;
    const isBad = random.int(100) < this.#hop.o.badness;
    const how = isBad ? random.int(5) : -1;
    if (this.#isTls || how === 0) {
      raw.write('454 4.7.0 no TLS now\r\n');
      return true;
    }
    if (how === 1) {
      raw.write('220 go\r\n250-and in clear\r\n250 injected\r\n');
      return false;
    }
    if (how === 2) {
      raw.end('220 go\r\n');
      return false;
    }
    raw.write('220 go\r\n');
    if (how === 3) {
      raw.write(Buffer.alloc(300, 0x41));
      return false;
    }
    if (how === 4) return false;
    raw.removeListener('data', this.#hear);
    this.#text = '';
    this.#isTls = true;
    const secureContext = contexts[random.int(contexts.length)];
    this.#socket = new TLSSocket(raw, { isServer: true, ...(secureContext === undefined ? {} : { secureContext }) });
    this.#listen();
    return false;
  }
}

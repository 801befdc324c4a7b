/**
 * The floor: what a bare Node.js server of the same job does on this machine. One thread, one file, one group commit for all that wait; as a
 * relay also twenty pipelined connections to the next hop, and with $BENCH_KEY a signature for each message (floor-signer.ts).
 * No envelope rules, no recovery, no logs, no retries: a ceiling to measure by, not a server.
 *
 * The one rule: 250 is said after fdatasync, as by everybody who is measured here.
 * Usage: bin/node bench/floor.ts PORT FILE [SINK-PORT]
 */
import { fdatasync, openSync, write, writev } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { signer } from './floor-signer.ts';

const [port = '2525', file = '/dev/null', sink] = process.argv.slice(2);
const CONNECTIONS = 20;
const END = Buffer.from('\r\n.\r\n');
const fd = openSync(file, 'w');

let waiting: { body: Buffer; done: () => void }[] = [];
let isWriting = false;

function commit(): void {
  if (isWriting || waiting.length === 0) return;
  const batch = waiting;
  waiting = [];
  isWriting = true;
  const buffers = batch.map(({ body }) => body);
  writev(fd, buffers, (error) => {
    if (error) throw error;
    fdatasync(fd, (failure) => {
      if (failure) throw failure;
      isWriting = false;
      for (const { done } of batch) done();
      commit();
    });
  });
}

const keyFile = process.env['BENCH_KEY'];
const signed = keyFile === undefined ? (body: Buffer, done: (same: Buffer) => void): void => done(body) : signer(keyFile);

function store(body: Buffer, done: () => void): void {
  waiting.push({ body, done });
  if (!isWriting && waiting.length === 1) setImmediate(commit);
}

let queue: Buffer[] = [];
let first = 0;
const idle: (() => void)[] = [];
let open = 0;
let notes = 0;

function nextBody(): Buffer | undefined {
  const body = queue[first];
  if (body === undefined) {
    queue = [];
    first = 0;
    return undefined;
  }
  first += 1;
  return body;
}

/** One connection to the next hop: banner, EHLO, then three commands at once and the body, again and again. */
function deliverOn(socket: Socket): void {
  let awaited = 1;
  let step: 'banner' | 'ehlo' | 'envelope' | 'body' = 'banner';
  let body: Buffer | undefined;
  let rest = '';
  const begin = (): void => {
    body = nextBody();
    if (body === undefined) {
      idle.push(begin);
      return;
    }
    step = 'envelope';
    awaited = 3;
    socket.write('MAIL FROM:<from@bench.test>\r\nRCPT TO:<to@sink.test>\r\nDATA\r\n');
  };
  const answered = (): void => {
    if (step === 'banner') {
      step = 'ehlo';
      awaited = 1;
      socket.write('EHLO floor.test\r\n');
    } else if (step === 'envelope' && body !== undefined) {
      step = 'body';
      awaited = 1;
      socket.write(body);
    } else {
      if (step === 'body') notes += 1;
      begin();
    }
  };
  socket.on('data', (chunk) => {
    const lines = (rest + chunk.toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line[3] === '-') continue;
      awaited -= 1;
      if (awaited === 0) answered();
    }
  });
}

function deliver(body: Buffer): void {
  queue.push(body);
  const rested = idle.pop();
  if (rested !== undefined) rested();
  else if (open < CONNECTIONS) {
    open += 1;
    deliverOn(connect({ port: Number(sink), host: '127.0.0.1', noDelay: true }));
  }
}

setInterval(() => {
  if (notes === 0) return;
  const text = 'delivered\n'.repeat(notes);
  notes = 0;
  write(fd, text, () => undefined);
}, 50).unref();

class Session {
  readonly #socket: Socket;
  #held: Buffer = Buffer.alloc(0);
  #isData = false;
  #isWaiting = false;
  #searched = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.write('220 floor.test ESMTP\r\n');
    socket.on('data', (chunk) => {
      this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
      this.#run();
    });
  }

  #run(): void {
    while (!this.#isWaiting && this.#held.length > 0) if (!(this.#isData ? this.#body() : this.#command())) return;
  }

  #command(): boolean {
    const end = this.#held.indexOf(10);
    if (end < 0) return false;
    const letter = (this.#held[0] ?? 0) | 32;
    this.#held = this.#held.subarray(end + 1);
    if (letter === 113) this.#socket.end('221 bye\r\n');
    else if (letter === 100) {
      this.#isData = true;
      this.#searched = 0;
      this.#socket.write('354 go on\r\n');
    } else this.#socket.write(letter === 101 ? '250-floor.test\r\n250 PIPELINING\r\n' : '250 ok\r\n');
    return true;
  }

  #body(): boolean {
    const end = this.#held.indexOf(END, this.#searched);
    if (end < 0) {
      this.#searched = Math.max(0, this.#held.length - 4);
      return false;
    }
    const body = Buffer.from(this.#held.subarray(0, end + 5));
    this.#held = this.#held.subarray(end + 5);
    this.#isData = false;
    this.#isWaiting = true;
    signed(body, (whole) =>
      store(whole, () => {
        this.#isWaiting = false;
        this.#socket.write('250 stored\r\n');
        if (sink !== undefined) deliver(whole);
        this.#run();
      }),
    );
    return true;
  }
}

createServer({ noDelay: true }, (socket) => new Session(socket)).listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });

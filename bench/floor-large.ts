/**
 * The floor for large messages: a bare Node.js server that streams each body to a file of its own and says 250 behind one fdatasync. No envelope, no rules,
 * no checksum, no name that is made durable: a ceiling to measure by, not a server.
 *
 * The one rule: what comes is copied into a piece of memory used again, and at most one write of a message is in flight; a full one stops the reading.
 * Usage: bin/node bench/floor-large.ts PORT FOLDER
 */
import { close, fdatasync, mkdirSync, open, write } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';

const [port = '2525', folder = '.'] = process.argv.slice(2);
const PART = 256 * 1024;
const END = '\r\n.\r\n';
mkdirSync(folder, { recursive: true });
let files = 0;

function check(error: Error | null): void {
  if (error) throw error;
}

class Session {
  readonly #socket: Socket;
  readonly #parts = [Buffer.allocUnsafeSlow(PART), Buffer.allocUnsafeSlow(PART)] as const;
  #turn: 0 | 1 = 0;
  #filled = 0;
  #fd = -1;
  #isWriting = false;
  #isData = false;
  #isEnded = false;
  #text = '';
  /** The last octets of the body so far: the end mark may come in two reads. */
  #tail = '';

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.write('220 floor.test ESMTP\r\n');
    socket.on('data', (chunk) => (this.#isData ? this.#body(chunk) : this.#commands(chunk)));
  }

  #commands(chunk: Buffer): void {
    const lines = (this.#text + chunk.toString('latin1')).split('\n');
    this.#text = lines.pop() ?? '';
    for (const line of lines) {
      const letter = (line.charCodeAt(0) || 0) | 32;
      if (letter === 113) this.#socket.end('221 bye\r\n');
      else if (letter === 100) {
        this.#isData = true;
        this.#tail = '';
        open(join(folder, String((files += 1))), 'w', (error, fd) => {
          check(error);
          this.#fd = fd;
          this.#socket.write('354 go on\r\n');
        });
      } else this.#socket.write(letter === 101 ? '250-floor.test\r\n250 PIPELINING\r\n' : '250 ok\r\n');
    }
  }

  #body(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      const copied = chunk.copy(this.#parts[this.#turn], this.#filled, at);
      if (copied === 0) break;
      this.#filled += copied;
      at += copied;
      this.#write();
    }
    // The load ends a message with its read: it waits for the answer.
    this.#tail = (this.#tail + chunk.toString('latin1', Math.max(0, at - END.length), at)).slice(-END.length);
    this.#isEnded = this.#tail === END;
    this.#write();
    if (at === chunk.length) return;
    // Both pieces are full: the rest waits, and so does the socket.
    this.#socket.pause();
    this.#socket.unshift(chunk.subarray(at));
  }

  #write(): void {
    if (this.#isWriting || (this.#filled < PART && !this.#isEnded)) return;
    if (this.#filled === 0) return this.#finish();
    const part = this.#parts[this.#turn];
    const length = this.#filled;
    this.#turn = this.#turn === 0 ? 1 : 0;
    this.#filled = 0;
    this.#isWriting = true;
    write(this.#fd, part, 0, length, (error) => {
      check(error);
      this.#isWriting = false;
      this.#socket.resume();
      this.#write();
    });
  }

  #finish(): void {
    const fd = this.#fd;
    this.#isEnded = false;
    this.#isData = false;
    fdatasync(fd, (error) => {
      check(error);
      close(fd, check);
      this.#socket.write('250 stored\r\n');
    });
  }
}

createServer({ noDelay: true }, (socket) => new Session(socket)).listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });
